"""A real LiveKit session's spans and report, and a call of it as its files have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from callscope.interop import spans
from callscope.interop.spans import Record

SESSIONS = Path(__file__).parent / "sessions"


def records(story: str) -> list[Record]:
    return [spans.decode(line) for line in (SESSIONS / f"{story}.spans.jsonl").read_bytes().splitlines()]


def document(story: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SESSIONS / f"{story}.report.json").read_text())
    return found


def with_events(story: str) -> dict[str, Any]:
    """As `session_report.json` has it, and no upload: with the session's events."""
    told = document(story)
    close = {"type": "close", "reason": "job_shutdown", "created_at": told["timestamp"]}
    return {**told, "events": [close]}


def written(path: Path, content: dict[str, Any] | list[Record]) -> Path:
    if isinstance(content, dict):
        path.write_text(json.dumps(content, indent=1))
    else:
        path.write_bytes(b"".join(spans.encode(each) + b"\n" for each in content))
    return path


def calls(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("calls/*/*/*/[!.]*/metadata.json"))


def content(path: Path) -> dict[str, Any]:
    """All of a call, but for who wrote it and when."""
    found: dict[str, Any] = {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }
    metadata = json.loads(found.pop("metadata.json"))
    metadata["callscope"].pop("writer")
    metadata["callscope"]["source"].pop("at")
    return {**found, "metadata": metadata}
