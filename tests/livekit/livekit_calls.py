"""What the adapter left on disk, read as plain files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec


class Kept(msgspec.Struct, frozen=True):
    """One recorded call."""

    path: Path
    metadata: dict[str, Any]
    turns: list[dict[str, Any]]
    events: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The facts of all events of a type."""
        return [event["data"] for event in self.events if event["type"] == kind]

    def moments(self, kind: str) -> list[float]:
        """The Unix milliseconds of all events of a type."""
        told = [event["ts"] for event in self.events if event["type"] == kind]
        return [datetime.fromisoformat(at).timestamp() * 1000 for at in told]

    def types(self) -> list[str]:
        """The types of all events, in order."""
        return [event["type"] for event in self.events]

    def usage(self, service: str) -> dict[str, Any]:
        """What was used of a service, over the call."""
        lines = [line for line in self.metadata["callscope"]["usage"] if line["service"] == service]
        return {unit: count for line in lines for unit, count in line["units"].items()}

    @property
    def said(self) -> list[tuple[str, str]]:
        """Role and text of each turn."""
        return [(turn["role"], turn["text"]) for turn in self.turns]

    @property
    def all_text(self) -> str:
        """Everything that is on disk."""
        return "".join(file.read_text() for file in self.path.rglob("*.json*"))


def kept_calls(root: Path) -> dict[str, Kept]:
    """All calls under a root, by their id."""
    found = [_kept(path.parent) for path in root.rglob("metadata.json")]
    return {each.metadata["call_id"]: each for each in found}


def _kept(path: Path) -> Kept:
    def rows(name: str) -> list[dict[str, Any]]:
        file = path / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    return Kept(path, json.loads((path / "metadata.json").read_text()), rows("transcript.jsonl"), rows("events.jsonl"))
