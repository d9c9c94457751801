"""The days of Let's Go!, a telephone bot that told when buses go, as calls with a label that says how they went."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import NamedTuple

from alert_index import DAY_MS, filled

from callscope.index.call_waits import COLUMNS
from callscope.index.grains import WHOLE, number_of

FILE = Path(__file__).parents[3] / "shared" / "data" / "traces" / "letsgo_daily_2006_2011.csv"
_EPOCH = dt.date(1970, 1, 1)
_OF_CALL = (
    "id, path, call_id, started_at_ms, status, dimensions, exchanges, unanswered, interruptions, errors, unpriced, "
    "lost, has_recording, problems, stamp"
)
_UNASKED = (
    "call_by_status", "call_by_call_id", "call_by_cost", "call_by_p95", "call_by_worst", "call_by_duration",
    "call_by_ended", "call_by_turns", "call_by_exchanges", "call_by_p50", "call_by_p99", "call_by_caller",
)  # fmt: skip
"""Indexes that no question of these tests needs: making them would take most of the time."""


class Day(NamedTuple):
    """One day: calls of four turns and more, and how many of them succeeded, as the bot's makers estimated."""

    date: dt.date
    calls: int
    successes: int

    @property
    def begins_ms(self) -> int:
        return int((self.date - _EPOCH).days * DAY_MS)


def days() -> list[Day]:
    """All days of which the file knows how they went."""
    with FILE.open(newline="") as file:
        return [
            Day(dt.date.fromisoformat(row["date"]), int(row["sessions_ge4_turns"]), int(row["estimated_successes"]))
            for row in csv.DictReader(file)
            if row["estimated_successes"]
        ]


def put_days(root: Path, found: list[Day]) -> None:
    """An index with their calls; when in the day nobody knows, so they are spread over it."""
    with filled(root, rollups=False) as db:
        for name in _UNASKED:
            db.execute(f"DROP INDEX {name}")
        dimensions = number_of(db, ("bus", "", "", "", "", "completed", ""), WHOLE)
        calls, labels = [], []
        for day in found:
            for number in range(day.calls):
                at_ms = day.begins_ms + number * (DAY_MS // day.calls)
                name = f"{day.date}-{number}"
                key = (at_ms // 1000 - 1_577_836_800) * 4096
                calls.append((key, name, name, at_ms, "completed", dimensions, 0, 0, 0, 0, 0, 0, 0, 0, ""))
                # Spread over the day, as many as succeeded: no hour is better than another.
                is_good = (number + 1) * day.successes // day.calls > number * day.successes // day.calls
                labels.append((key, "outcome", "success" if is_good else "failure"))
        db.executemany(f"INSERT INTO call ({_OF_CALL}) VALUES ({', '.join('?' * 15)})", calls)  # noqa: S608 -- our names
        db.executemany("INSERT INTO label VALUES (?, ?, ?)", labels)
        nothing = (0, *(b"" for _ in COLUMNS[1:]))
        marks = ", ".join("?" * (1 + len(COLUMNS)))
        db.executemany(f"INSERT INTO call_waits VALUES ({marks})", [(call[0], *nothing) for call in calls])  # noqa: S608 -- our names
