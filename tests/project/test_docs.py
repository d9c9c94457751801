"""The documentation cannot lag: what it names exists, what exists is named, what it shows runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from callscope import config
from callscope.model import documents, event
from callscope.testing import call_dirs, metadata

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def programs() -> list[tuple[str, str]]:
    """Every Python example of the documentation that stands on its own, with where it is."""
    found = []
    for page in PAGES:
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
            if "from callscope import" in code and "import pipecat" not in code:
                found.append((f"{page.relative_to(ROOT)}#{number}", code))
    return found


@pytest.mark.parametrize(("where", "code"), programs(), ids=[where for where, _ in programs()])
def test_an_example_runs_and_records_a_call(where: str, code: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATTER_LOG_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert result.returncode == 0, f"{where}: {result.stderr}"
    assert [metadata(directory)["status"] for directory in call_dirs(tmp_path)] == ["completed"]


def test_there_are_examples() -> None:
    assert len(programs()) >= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_setting_is_explained() -> None:
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    variables = {
        value for name, value in vars(config).items()
        if name.isupper() and isinstance(value, str) and value.startswith(("PATTER_LOG_", "CALLSCOPE_"))
    }  # fmt: skip

    assert len(variables) >= 7
    assert {variable for variable in variables if f"`{variable}`" not in page} == set()


def test_every_command_has_a_heading() -> None:
    from callscope.cli.main import COMMANDS

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    commands = list(COMMANDS)

    assert {"ls", "show", "tail", "verify", "repair", "prune", "doctor", "demo", "pipecat-setup"} <= set(commands)
    assert [
        command for command in commands if not re.search(rf"^##+ .*`?(callscope )?{command}\b", page, re.MULTILINE)
    ] == []


def test_every_type_of_event_is_explained() -> None:
    page = (ROOT / "docs" / "file-format.md").read_text(encoding="utf-8")
    types = {value for name, value in vars(event).items() if name.isupper() and isinstance(value, str)}

    assert len(types) >= 20
    assert {kind for kind in types if f"`{kind}`" not in page} == set()


def test_nothing_names_the_machine_it_was_made_on() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    never = re.compile(rb"(?:^|[^A-Za-z0-9_.-])/(?:work|farm|root)/|https?://[^ ]*(?:pypi|npmjs|pythonhosted|debian)\.")
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and path != Path(__file__):
            assert not never.search(path.read_bytes()), name


def test_the_published_schema_is_that_of_the_types() -> None:
    for name, document in {
        "metadata": documents.Metadata,
        "turn": documents.TurnRow,
        "event": documents.EventRow,
    }.items():
        published = json.loads((ROOT / "docs" / "schema" / f"{name}.json").read_text(encoding="utf-8"))
        published.pop("$schema")
        assert published == json.loads(json.dumps(msgspec.json.schema(document))), "run scripts/schema"
