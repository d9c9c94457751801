"""Reports of LiveKit sessions: real ones, and the shapes that older versions would have given them.

``reports/*-1.8.9.json`` and ``reports/typed-1.*.json`` are what those versions of livekit-agents made of calls of the
harness (`insights_agent.py`; the typed ones of the other versions of the same three lines, without a job). The path of
the sound is changed. Reports of speech of older versions are derived here, by what each version has (`as_of`).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from callscope.config import Settings
from callscope.importers import livekit
from callscope.importers.base.original import Original
from callscope.model.whole import WholeCall, WholeTurn

REPORTS = Path(__file__).parent / "reports"
SETTINGS = Settings(retention_days=0)
NOW_MS = 1_795_400_000_000
SPOKEN = ("tools", "barge-in", "cough", "no-voice", "hang-up", "handoff", "llm-recovers")
REAL = tuple(sorted(path.stem for path in REPORTS.glob("*.json")))
DERIVED = tuple(f"{story} as of {version}" for story in SPOKEN for version in ("1.7", "1.5", "1.4"))
_SINCE_1_8_9 = ("agent_name", "tags", "duration_ms", "user_turns", "errors", "close_reason")


def report(name: str) -> dict[str, Any]:
    """A real report by its file's name, or one that is derived: ``tools as of 1.4``."""
    story, _, version = name.partition(" as of ")
    found: dict[str, Any] = json.loads(
        (REPORTS / f"{story}-1.8.9.json" if version else REPORTS / f"{name}.json").read_text()
    )
    return as_of(found, version) if version else found


def as_of(document: dict[str, Any], version: str) -> dict[str, Any]:
    """A report of 1.8.9 as an older version would have made it: 1.7, 1.5 or 1.4."""
    older = {name: value for name, value in copy.deepcopy(document).items() if name not in _SINCE_1_8_9}
    for line in older["usage"] or ():
        line.pop("type")
    if version in {"1.5", "1.4"}:
        older["options"].pop("recording_options")
        older["events"] = [each for each in older["events"] if each["type"] != "tool_execution_updated"]
    if version == "1.4":
        older = {name: value for name, value in older.items() if name not in {"usage", "sdk_version"}}
        older["events"] = [each for each in older["events"] if each["type"] != "session_usage_updated"]
        items = older["chat_history"]["items"]
        older["chat_history"]["items"] = [each for each in items if each["type"] != "agent_config_update"]
    else:
        older["sdk_version"] = f"{version}.0"
    return older


def content_of(document: dict[str, Any]) -> bytes:
    """As a file would hold it."""
    return json.dumps(document, indent=1).encode()


def call_of(document: dict[str, Any]) -> WholeCall:
    """The call that the importer makes of a report."""
    (call,) = livekit.translate(Original(place="report.json", name="report.json", content=content_of(document)))
    return call


def said(call: WholeCall) -> list[tuple[str, str | None]]:
    """Who said what."""
    return [(row.role, row.text) for row in call.rows if isinstance(row, WholeTurn)]


def happened(call: WholeCall, kind: str) -> list[dict[str, Any]]:
    """The facts of all events of a type."""
    return [row.data for row in call.rows if not isinstance(row, WholeTurn) and row.type == kind]
