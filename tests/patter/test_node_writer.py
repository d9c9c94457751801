"""The writer for Node writes what the Python writer writes: the vectors that both are held to, and whole calls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from node_writer import JS, VECTORS, needs_node, run_node

from callscope import CallLogger
from callscope.archive.paths import safe_name
from callscope.config import Settings
from callscope.model import event, usage, wire
from callscope.redaction import keys, phone, policy, secrets
from callscope.redaction.policy import Policy
from callscope.testing import call_dirs, metadata
from callscope.version import __version__


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def record_in_python(root: Path, *, settings: Settings) -> None:
    logger = CallLogger(root, settings=settings)
    for given in vectors("calls"):
        call = logger.start_call(given["call_id"], **given["start"])
        for kind, at_ms, *rest in given["steps"]:
            if kind == "turn":
                call.turn(*rest[:2], at_ms=at_ms, **rest[2])
            elif kind == "row":
                call.row(rest[0], at_ms=at_ms)
            elif kind == "usage":
                call.usage(rest[0], at_ms=at_ms, **rest[1])
            else:
                call.event(rest[0], rest[1], at_ms=at_ms)
        call.end(**given["end"])
    assert logger.close()


def test_the_vectors_are_what_the_python_writer_does() -> None:
    assert [safe_name(each["call_id"]) for each in vectors("names")] == [each["name"] for each in vectors("names")]
    for each in vectors("phones"):
        raw = each["raw"]
        found = phone.mask(raw), phone.hashed(raw), phone.hashed(raw, key="a key"), phone.is_number(raw)
        assert found == (each["mask"], each["hash_only"], each["hash_only_keyed"], each["is_number"]), raw
    times = vectors("timestamps")
    assert [wire.format_ts(each["ms"]) for each in times["format"]] == [each["text"] for each in times["format"]]
    assert [wire.parse_ts(each["value"]) for each in times["parse"]] == [each["ms"] for each in times["parse"]]
    for each in vectors("secrets"):
        assert (secrets.mask(each["text"]), secrets.mask_id(each["text"])) == (each["masked"], each["masked_id"])
    for each in vectors("redaction"):
        allowed = Policy(phone=each["phone"], hash_key="a key")
        assert policy.event_data("tool_call", each["given"], allowed) == each["written"]


@needs_node
def test_the_names_that_redaction_goes_by_are_the_same(tmp_path: Path) -> None:
    names = ("MACHINE", "WORD_KEYS", "MACHINE_IN_KNOWN_EVENTS", "KNOWN_EVENTS", "PARTIES", "AMOUNTS", "TIMES", "UNITS")
    program = tmp_path / "names.mjs"
    program.write_text(
        f"import * as keys from {json.dumps((JS / 'src' / 'keys.js').as_uri())};\n"
        f"const names = {json.dumps(names)};\n"
        "console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, [...keys[name]]]))));\n",
        encoding="utf-8",
    )
    told = json.loads(run_node(program, root=tmp_path).stdout)

    ours = {name: getattr(keys, f"_{name}", None) for name in names}
    ours |= {"WORD_KEYS": event.WORD_KEYS, "UNITS": usage.UNITS}
    assert {name: sorted(values) for name, values in told.items()} == {
        name: sorted(values or ()) for name, values in ours.items()
    }


@needs_node
@pytest.mark.parametrize("mode", ["mask", "full", "hash_only"])
def test_whole_calls_are_written_alike_to_the_byte(tmp_path: Path, mode: Any) -> None:
    ours, theirs = tmp_path / "python", tmp_path / "node"
    record_in_python(ours, settings=Settings(phone=mode, hash_key="a key"))
    run_node(
        JS / "test" / "replay.js",
        VECTORS / "calls.json",
        root=theirs,
        PATTER_LOG_REDACT_PHONE=mode,
        PATTER_LOG_HASH_KEY="a key",
    )

    places = [path.relative_to(ours) for path in call_dirs(ours)]
    assert places == [path.relative_to(theirs) for path in call_dirs(theirs)]
    assert len(places) == 3
    for place in places:
        for name in ("transcript.jsonl", "events.jsonl"):
            assert _told(theirs / place / name) == _told(ours / place / name)
        one, other = metadata(ours / place), metadata(theirs / place)
        mine, others = one.pop("callscope"), other.pop("callscope")
        assert list(one.items()) == list(other.items())
        assert {key: mine[key] for key in others if key != "writer"} == {
            key: value for key, value in others.items() if key != "writer"
        }
        assert _head(theirs / place) == _head(ours / place)


@needs_node
def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    run_node(JS / "test" / "replay.js", VECTORS / "calls.json", root=tmp_path / "root")

    made = [path for path in (tmp_path / "root").rglob("*") if path != tmp_path / "root"]
    assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {0o600}


def test_its_version_is_ours() -> None:
    package = json.loads((JS / "package.json").read_text(encoding="utf-8"))
    told = re.search(r'VERSION = "(.+?)"', (JS / "src" / "version.js").read_text(encoding="utf-8"))

    assert package["version"] == __version__
    assert told is not None
    assert told.group(1) == __version__
    assert "dependencies" not in package


def _told(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _head(call: Path) -> bytes:
    """Metadata as it is written, up to what says who wrote it."""
    head, mark, _ = (call / "metadata.json").read_bytes().partition(b'  "callscope": {')
    assert mark
    return head
