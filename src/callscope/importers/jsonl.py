"""Calls in the plainest form: lines of JSON, each with the id of its call.

A line is a turn when it has ``role``, an event when it has ``type``, else it tells of the call itself: what it has of
metadata.json's keys, and it may have ``turns`` and ``events`` as lists. Lines of a call may stand anywhere in the file.
See docs/import.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from callscope.archive import rows as row_shapes
from callscope.archive.envelope import status_of
from callscope.errors import UnreadableError
from callscope.importers.base.original import Original
from callscope.importers.base.shapes import Unknown, known, mapping, moment, number, objects, text
from callscope.model import wire
from callscope.model.call import ABANDONED
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.model.whole import UNKNOWN_LENGTH, WholeCall, WholeTurn

HELP: Final = "Lines of JSON of your own making: calls, turns and events, as docs/import.md has it."
UNIT: Final = "file"
_FORMAT: Final = "jsonl.call"
_WORDS: Final = ("caller", "callee", "direction", "telephony_provider", "provider_mode", "trace_id")
_OBJECTS: Final = ("agent", "labels", "framework")
_END: Final = ("status", "error", "reason", "duration_ms", "cost", "latency", "recording_path")
_CALL_KEYS: Final = frozenset(
    {*_WORDS, *_OBJECTS, *_END, "call_id", "id", "started_at", "ended_at", "turns", "events", "end_reason", "source",
     "schema_version"}
)  # fmt: skip


def translate(original: Original) -> list[WholeCall]:
    """The calls of a file, in the order of their first lines.

    Raises:
        UnreadableError: a line is no object or has no ``call_id``, or a call tells no moment.
    """
    calls: dict[str, _Lines] = {}
    for number_of_line, line in enumerate(original.content.split(b"\n"), 1):
        if line.strip():
            row = _object(original, number_of_line, line)
            call_id = text(row.get("call_id")) or text(row.get("id"))
            if call_id is None:
                raise UnreadableError(f"{original.place}:{number_of_line} has no call_id")
            calls.setdefault(call_id, _Lines(call_id, number_of_line)).add(row, line)
    return [call.whole(original) for call in calls.values()]


def _object(original: Original, number_of_line: int, line: bytes) -> dict[str, Any]:
    try:
        row = wire.decode(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{original.place}:{number_of_line} is no JSON ({error})") from error
    if not isinstance(row, dict):
        raise UnreadableError(f"{original.place}:{number_of_line} is no JSON object")
    return row


class _Lines:
    """The lines of one call."""

    def __init__(self, call_id: str, line: int) -> None:
        self._id = call_id
        self._line = line
        self._about: dict[str, Any] = {}
        self._rows: list[tuple[int | None, WholeTurn | Event]] = []
        self._content: list[bytes] = []
        self._unknown = Unknown()

    def add(self, row: dict[str, Any], line: bytes) -> None:
        """Take a line."""
        self._content.append(line)
        if "role" in row:
            self._turn(row)
        elif "type" in row:
            self._event(row)
        else:
            self._about |= {name: value for name, value in row.items() if value is not None}
            for each in objects(row.get("turns")):
                self._turn(each)
            for each in objects(row.get("events")):
                self._event(each)

    def whole(self, original: Original) -> WholeCall:
        """The call."""
        about = self._about
        moments = [at_ms for at_ms, _ in self._rows if at_ms is not None]
        computed = []
        started_at_ms, ended_at_ms = moment(about.get("started_at")), moment(about.get("ended_at"))
        if started_at_ms is None:
            computed.append("started_at")
            started_at_ms = min(moments, default=None)
        if started_at_ms is None:
            raise UnreadableError(
                f"{original.place}:{self._line} call {self._id!r} tells no moment: give started_at, or ts in a row"
            )
        if ended_at_ms is None:
            computed.append("ended_at")
            length_ms = number(about.get("duration_ms"))
            ended_at_ms = max([started_at_ms + round(length_ms or 0), *moments])
            if ended_at_ms == started_at_ms and length_ms is None:
                about["duration_ms"] = UNKNOWN_LENGTH
        for name in sorted(about.keys() - _CALL_KEYS):
            self._unknown.add(f"key {name}")
        return WholeCall(
            call_id=self._id,
            started_at_ms=started_at_ms,
            ended_at_ms=max(started_at_ms, ended_at_ms),
            fields={
                **{name: text(about.get(name)) or "" for name in _WORDS},
                **{name: mapping(about.get(name)) for name in _OBJECTS},
            },
            rows=tuple(self._in_order(started_at_ms)),
            end=self._end(),
            source={"format": _FORMAT, "id": self._id, "computed": computed, **self._unknown.told()},
            originals={"calls.jsonl": b"\n".join([*self._content, b""])},
        )

    def _end(self) -> dict[str, Any]:
        about = self._about
        status, length_ms = text(about.get("status")), about.get("duration_ms")
        if status is not None and status_of(status) is None:
            self._unknown.add(f"status {status}")
        if status is not None and status_of(status) == "in_progress":
            status = ABANDONED
        return known(
            status=status,
            error=text(about.get("error")),
            reason=text(about.get("reason")) or text(about.get("end_reason")),
            duration_ms=UNKNOWN_LENGTH if length_ms == UNKNOWN_LENGTH else number(length_ms),
            cost=mapping(about.get("cost")) or None,
            latency=mapping(about.get("latency")) or None,
            recording_path=text(about.get("recording_path")),
        )

    def _turn(self, row: dict[str, Any]) -> None:
        for turn in row_shapes.turns_of({name: value for name, value in row.items() if name != "call_id"}):
            self._rows.append((turn.ts_ms, _whole(turn)))

    def _event(self, row: dict[str, Any]) -> None:
        event = row_shapes.event_of({name: value for name, value in row.items() if name != "call_id"})
        if event is None:
            self._unknown.add("event without a type")
        else:
            self._rows.append((event.ts_ms, event))

    def _in_order(self, started_at_ms: int) -> Iterable[WholeTurn | Event]:
        """By their moments; a row without one stays behind the row before it."""
        placed, last_ms = [], started_at_ms
        for at_ms, row in self._rows:
            last_ms = last_ms if at_ms is None else at_ms
            is_turn = isinstance(row, WholeTurn)
            moved = row if at_ms is not None else _at(row, last_ms)
            placed.append((last_ms, is_turn, moved))
        return (row for _, _, row in sorted(placed, key=lambda item: item[:2]))


def _whole(turn: Turn) -> WholeTurn:
    return WholeTurn(
        role=turn.role,
        text=turn.text,
        at_ms=turn.ts_ms or 0,
        duration_ms=turn.duration_ms,
        latency=turn.latency,
        cost=turn.cost,
        interrupted=turn.interrupted,
        heard=turn.heard,
        extra=turn.extra or {},
    )


def _at(row: WholeTurn | Event, at_ms: int) -> WholeTurn | Event:
    if isinstance(row, Event):
        return Event(ts_ms=at_ms, type=row.type, data=row.data)
    return WholeTurn(
        role=row.role,
        text=row.text,
        at_ms=at_ms,
        duration_ms=row.duration_ms,
        latency=row.latency,
        cost=row.cost,
        interrupted=row.interrupted,
        heard=row.heard,
        extra=row.extra,
    )
