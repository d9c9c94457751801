"""One root that every way into an archive has filled: it lists, searches and sums as one, and as its parts do."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callscope import CallLogger
from callscope.archive.reader import read_call
from callscope.archive.spend import spend_of
from callscope.clock import now_ms
from callscope.config import Settings
from callscope.importers.base.run import run
from callscope.recorder.keeper import Keeper

TESTS = Path(__file__).parents[1]
JS = TESTS.parent / "js" / "src" / "index.js"
FIXTURES = TESTS / "importers" / "fixtures"
SETTINGS = Settings(retention_days=0)
IMPORTS = {
    "vapi": [FIXTURES / "vapi_calls.json", FIXTURES / "vapi_report.json"],
    "retell": [FIXTURES / "retell_call.json"],
    "openai-realtime": [FIXTURES / "realtime_session.jsonl"],
    "jsonl": [FIXTURES / "calls.jsonl"],
    "patter": [FIXTURES / "patter_tree"],
    "livekit": [TESTS / "livekit_reports" / "reports" / "barge-in-1.8.9.json"],
    "otlp": [TESTS / "receivers" / "fixtures" / "livekit-1.8-tools.pb"],
}
UNREADABLE = {
    "torn": b'{"a": [1,',
    "binary": b"\x00\x01\xff\xfe",
    "of something else": b'{"foo": 1}',
    "deep": b"[" * 99_999 + b"]" * 99_999,
}
NODE = """
import { CallLogger } from "INDEX";
const logger = CallLogger.fromEnv();
const now = Date.now();
const call = logger.startCall("CA-node", { agent: { model: "gpt-4.1" } });
call.event("user_started_speaking", null, { atMs: now });
call.event("user_stopped_speaking", null, { atMs: now + 200 });
call.turn("user", "where is my parcel", { atMs: now });
call.event("agent_started_speaking", null, { atMs: now + 1000 });
call.turn("assistant", "on its way", { atMs: now + 1000 });
call.end({ cost: { total: 0.0625, llm: 0.0625 } });
await logger.close();
"""
PATTER = """
import sys
from getpatter.services.call_log import CallLogger
logger = CallLogger(sys.argv[1])
logger.log_call_start("CA-patter", caller="+15551234567", agent={"model": "gpt-4.1"})
logger.log_turn("CA-patter", {"turn_index": 0, "user_text": "a parcel, please", "agent_text": "sure"})
logger.log_call_end("CA-patter", duration_seconds=12.5, turns=2, cost={"total": 0.25, "llm": 0.25})
"""


@dataclass(frozen=True)
class Mixed:
    root: Path
    parts: tuple[Path, ...]
    """One archive for each way; together they hold what the root holds."""


def program(*arguments: str | Path, root: Path) -> None:
    path = os.environ["PATH"]
    environment = {"PATH": path, "HOME": str(root), "PATTER_LOG_DIR": str(root), "PATTER_LOG_RETENTION_DAYS": "0"}
    quiet = {"PATTER_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}
    command = [str(argument) for argument in arguments]
    env = environment | quiet
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def recorded(root: Path) -> None:
    framework = {"name": "pipecat", "version": "1.14"}
    with closing(CallLogger(root, settings=SETTINGS)) as log, log.start_call("CA-pipecat", framework=framework) as call:
        call.event("user_started_speaking")
        call.event("user_stopped_speaking")
        call.turn("user", "my parcel is late")
        call.event("agent_started_speaking")
        call.turn("assistant", "I am sorry")
        call.event("error", {"message": "the calendar did not answer", "stage": "tool"})
        call.end(cost={"total": 0.5, "llm": 0.5})


def imported(root: Path, form: str, *paths: Path) -> list[Any]:
    with Keeper(root, SETTINGS) as keeper:
        return list(run(form, map(str, paths), keeper=keeper).errors)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    base = tmp_path_factory.mktemp("mixed")
    root, parts = base / "root", []
    for form, paths in IMPORTS.items():
        part = base / form
        assert imported(part, form, *paths) == []
        assert imported(root, form, *paths) == []
        parts.append(part)
    recorded(base / "recorded")
    parts.append(base / "recorded")
    node = shutil.which("node")
    if node is not None:
        (base / "agent.mjs").write_text(NODE.replace("INDEX", JS.as_uri()), encoding="utf-8")
        program(node, base / "agent.mjs", root=base / "node")
        parts.append(base / "node")
    (base / "patter.py").write_text(PATTER, encoding="utf-8")
    if _has_patter():
        program(sys.executable, base / "patter.py", base / "sdk", root=base / "sdk")
        parts.append(base / "sdk")
    for part in parts[len(IMPORTS) :]:
        shutil.copytree(part / "calls", root / "calls", dirs_exist_ok=True)
    return Mixed(root, tuple(parts))


def _has_patter() -> bool:
    try:
        import getpatter.services.call_log  # noqa: F401 - is it there
    except ImportError:
        return False
    return True


def told(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "callscope", *arguments, "--root", str(root)],
        env={"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": os.devnull, "HOME": str(root)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def directories(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("calls/*/*/*/*/metadata.json"))


def known_usd(root: Path) -> Decimal:
    """What is known of each call's cost, read from its files."""
    lines = [line.usd for call in spend_of(root, now_ms=now_ms()) for line in call.lines]
    return sum((usd for usd in lines if usd is not None), Decimal(0))


@pytest.mark.e2e
def test_a_mixed_root_lists_every_call_and_verifies_as_its_parts_do(mixed: Mixed) -> None:
    listed = json.loads(told(mixed.root, "ls", "--json", "--limit", "100"))["calls"]
    of_parts = [json.loads(path.joinpath("metadata.json").read_bytes())["call_id"] for part in mixed.parts
                for path in directories(part)]  # fmt: skip
    assert sorted(call["call_id"] for call in listed) == sorted(of_parts)
    assert len(of_parts) >= 11
    assert json.loads(told(mixed.root, "verify", "--json"))["bad"] == []


@pytest.mark.e2e
def test_a_mixed_root_finds_a_word_in_whichever_call_has_it(mixed: Mixed) -> None:
    for word in ("order", "parcel", "booking", "hello"):
        having = {
            path.relative_to(mixed.root / "calls").as_posix()
            for path in directories(mixed.root)
            if any(word in (turn.text or "").lower() for turn in read_call(path, now_ms=now_ms()).turns)
        }
        hits = json.loads(told(mixed.root, "search", word, "--json"))["hits"]
        assert having <= {hit["path"] for hit in hits}, word


@pytest.mark.e2e
def test_a_mixed_root_sums_up_to_its_parts(mixed: Mixed) -> None:
    def counted(root: Path) -> dict[str, Any]:
        (row,) = json.loads(told(root, "stats", "--json"))["rows"]
        return {key: row[key] for key in ("calls", "ended", "turns", "exchanges", "unanswered", "unpriced_calls")} | {
            "waits": row["response"]["n"], "minutes": row["minutes"], "usd": row["cost_usd"] or 0,
        }  # fmt: skip

    whole, parts = counted(mixed.root), [counted(part) for part in mixed.parts]
    for key, figure in whole.items():
        assert sum(part[key] for part in parts) == pytest.approx(figure), key
    calls = [read_call(path, now_ms=now_ms()).call for path in directories(mixed.root)]
    assert whole["calls"] == len(calls)
    assert whole["turns"] == sum(call.turns or 0 for call in calls)
    assert whole["minutes"] == pytest.approx(sum(call.duration_ms or 0 for call in calls) / 60_000)
    table = told(mixed.root, "export", "--format", "csv", "--table", "cost_lines")
    rows = list(csv.DictReader(io.StringIO(table)))
    known = known_usd(mixed.root)
    assert known == sum(map(known_usd, mixed.parts), Decimal(0)) > 0
    assert whole["usd"] == pytest.approx(float(known))
    assert sum(Decimal(row["cost_usd"]) for row in rows if row["cost_usd"]) == pytest.approx(known)


@pytest.mark.e2e
@pytest.mark.parametrize("form", IMPORTS)
def test_what_cannot_be_read_leaves_a_mixed_root_as_it_was(form: str, mixed: Mixed, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in mixed.root.joinpath("calls").rglob("*")}
    for what, content in UNREADABLE.items():
        path = tmp_path / "original.json"
        path.write_bytes(content)
        assert len(imported(mixed.root, form, path)) == 1, what
    assert {path: path.stat().st_mtime_ns for path in mixed.root.joinpath("calls").rglob("*")} == before
