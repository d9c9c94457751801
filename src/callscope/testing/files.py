"""A strict look at what was written: anything that is not exactly as specified raises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from callscope.archive.paths import CALLS, EVENTS, METADATA, TRANSCRIPT


def call_dirs(root: Path) -> list[Path]:
    """The directories of all calls, oldest day first."""
    return sorted(path for path in root.glob(f"{CALLS}/*/*/*/*") if path.is_dir())


def metadata(directory: Path) -> dict[str, Any]:
    """A call's envelope."""
    document = json.loads((directory / METADATA).read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise TypeError(f"{directory / METADATA} is no JSON object")
    return document


def rows(directory: Path, name: str = TRANSCRIPT) -> list[dict[str, Any]]:
    """A call's turns, or with ``name="events.jsonl"`` its events; every line must be whole."""
    path = directory / name
    if name not in {TRANSCRIPT, EVENTS} or not path.exists():
        return []
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        raise ValueError(f"{path} ends in the middle of a line")
    return [json.loads(line) for line in content.split(b"\n")[:-1]]
