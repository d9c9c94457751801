"""An archive with rules, watched by a clock that a test moves."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from noticed import AT_MS

from callscope.alerts import store
from callscope.alerts.store import State
from callscope.alerts.watch import Told, Watch
from callscope.archive.paths import CALLS
from callscope.index.index import Index
from callscope.model.wire import format_ts

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
NOBODY_CALLS = '[[rule]]\nname = "nobody calls"\nkind = "no_calls"\nwindow = "1h"\nseverity = "critical"\n'
"""Fires while no call began in the last hour."""


def target(name: str, kind: str, *lines: str) -> str:
    """A ``[[target]]``."""
    return "\n".join(["[[target]]", f'name = "{name}"', f'kind = "{kind}"', *lines, ""])


class Watched:
    """The archive, its rules, and who watches it."""

    def __init__(self, place: Path, *parts: str) -> None:
        self.root = place / "calls-of-mine"
        (self.root / CALLS).mkdir(parents=True)
        self.file = place / "rules.toml"
        self.write(*parts)
        self.now_ms = AT_MS
        self.told: list[Told] = []
        self._indexes: list[Index] = []
        self.watch = self.begin()

    def write(self, *parts: str) -> None:
        """The rules."""
        before = self.file.stat().st_mtime_ns if self.file.exists() else 0
        self.file.write_text("\n".join(["schema = 1", *parts]))
        if self.file.stat().st_mtime_ns == before:  # two writes within a tick of the file system
            import os

            os.utime(self.file, ns=(before + 1, before + 1))

    def begin(self, file: Path | None = None) -> Watch:
        """A watch as after a restart; by other rules where a file is given."""
        index = Index.open(self.root, place=self.root.parent / "index.sqlite", now_ms=lambda: self.now_ms)
        self._indexes.append(index)

        def ready() -> None:
            index.refresh()

        self.watch = Watch(
            self.root,
            index,
            rules_file=file or self.file,
            who="a test",
            ready=ready,
            now_ms=lambda: self.now_ms,
            jitter=lambda: 0.5,
            tell=self.told.append,
        )
        return self.watch

    @property
    def state(self) -> State:
        """Where the rules stand, by what is on disk."""
        return store.load(self.root).of(self.file)

    def call(self, name: str, at_ms: int) -> None:
        """One call that began then."""
        day = dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC).strftime("%Y/%m/%d")
        directory = self.root / CALLS / day / name
        directory.mkdir(parents=True)
        document = {
            "schema_version": "1.0",
            "call_id": name,
            "started_at": format_ts(at_ms),
            "ended_at": format_ts(at_ms + MINUTE_MS),
            "duration_ms": MINUTE_MS,
            "status": "completed",
        }
        (directory / "metadata.json").write_text(json.dumps(document))

    def look(self, *, after_ms: int = 0) -> list[str]:
        """Let time pass, look, and send what is due; gives the states of the notices that were decided."""
        self.now_ms += after_ms
        notices = self.watch.look()
        self.watch.drain(patience_seconds=30)
        return [notice.state for notice in notices]

    def close(self) -> None:
        """Let go of the indexes."""
        for index in self._indexes:
            index.close()
