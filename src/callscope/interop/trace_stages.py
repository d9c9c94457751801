"""Which pieces of work a call's events tell of: recognition, requests, syntheses and tools, each with its rows.

A beginning and its end are tied by their id. What has no end is left open, and a transcript, which has no beginning
of its own, begins with the sound that it is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from callscope.model import event as events
from callscope.model.event import Event

Kind = Literal["stt", "llm", "tts", "tool"]
FAILED: Final = "failed"
"""An outcome of requests and tools."""

_BEGINNINGS: Final[dict[str, Kind]] = {
    events.LLM_STARTED: "llm",
    events.TTS_STARTED: "tts",
    events.TOOL_CALL: "tool",
}
_FIRSTS: Final[dict[str, Kind]] = {events.LLM_FIRST_TOKEN: "llm", events.TTS_FIRST_AUDIO: "tts"}
_ENDS: Final[dict[str, Kind]] = {events.LLM_STOPPED: "llm", events.TTS_STOPPED: "tts", events.TOOL_RESULT: "tool"}
_IDS: Final[dict[Kind, str]] = {"llm": "request_id", "tts": "request_id", "tool": "tool_call_id"}
_USERS: Final[dict[str, Kind]] = {"llm": "llm", "realtime": "llm", "tts": "tts"}
"""Services whose usage names the request that it is of."""
_ERRORS_OF: Final[dict[str, Kind]] = {"llm": "llm", "tts": "tts"}


class Stage:
    """One piece of work."""

    __slots__ = (
        "beginning_known", "data", "end_ms", "errors", "first_ms", "key", "kind", "meanwhile", "place", "rows",
        "start_ms", "usages",
    )  # fmt: skip

    def __init__(self, kind: Kind, key: str, place: int, start_ms: int) -> None:
        self.kind = kind
        self.key = key
        """The id that its rows have in common."""
        self.place = place
        """0-based, among all stages of the call of its kind."""
        self.start_ms = start_ms
        self.first_ms: int | None = None
        """When its first token or sound came."""
        self.end_ms: int | None = None
        self.beginning_known = True
        self.data: dict[str, Any] = {}
        """The facts of its rows together."""
        self.rows: list[int] = []
        """Which rows of the call are its own."""
        self.usages: list[dict[str, Any]] = []
        """Usage that names it."""
        self.meanwhile: list[dict[str, Any]] = []
        """Usage that names nothing, told while it alone was at work."""
        self.errors: list[dict[str, Any]] = []


class Stages:
    """The stages of a call.

    Args:
        rows: its events, in the order of the file.
        moments_ms: Unix milliseconds at which each of them stands.

    Attributes:
        found: all stages, in the order of their beginning.
        rows_of: which stage a row is of, by the row's place.
        usages: usage that names no request and was told while none or several were at work, by its row's place.
    """

    def __init__(self, rows: Sequence[Event], moments_ms: Sequence[int]) -> None:
        self.found: list[Stage] = []
        self.rows_of: dict[int, Stage] = {}
        self.usages: dict[int, dict[str, Any]] = {}
        self._counts: dict[Kind, int] = {}
        self._open: dict[tuple[Kind, str], Stage] = {}
        self._known: dict[tuple[Kind, str], Stage] = {}
        self._failed: dict[Kind, Stage] = {}  # the last one that did, until its error is told
        self._speech: tuple[int | None, int | None] = (None, None)
        for row, (event, at_ms) in enumerate(zip(rows, moments_ms, strict=True)):
            self._take(row, event, at_ms)

    def _take(self, row: int, event: Event, at_ms: int) -> None:
        kind = _BEGINNINGS.get(event.type)
        if kind is not None:
            stage = self._begin(kind, _id_of(kind, event), at_ms)
            self._open[kind, stage.key] = self._known[kind, stage.key] = stage
            self._give(row, event, stage)
        elif event.type in _FIRSTS:
            self._first(row, event, at_ms)
        elif event.type in _ENDS:
            self._end(row, event, at_ms)
        elif event.type == events.TRANSCRIPT:
            self._transcript(row, event, at_ms)
        elif event.type == events.USAGE:
            self._usage(row, event)
        elif event.type == events.ERROR:
            self._error(row, event)
        elif event.type == events.USER_STARTED_SPEAKING:
            self._speech = (at_ms, None)
        elif event.type == events.USER_STOPPED_SPEAKING:
            self._speech = (self._speech[0], at_ms)

    def _begin(self, kind: Kind, key: str, at_ms: int) -> Stage:
        place = self._counts.get(kind, 0)
        self._counts[kind] = place + 1
        stage = Stage(kind, key, place, at_ms)
        self.found.append(stage)
        return stage

    def _give(self, row: int, event: Event, stage: Stage) -> None:
        self.rows_of[row] = stage
        stage.rows.append(row)
        for key, value in event.data.items():
            if value is not None:
                stage.data[key] = value

    def _first(self, row: int, event: Event, at_ms: int) -> None:
        kind = _FIRSTS[event.type]
        stage = self._known.get((kind, _id_of(kind, event)))
        if stage is not None:
            stage.first_ms = at_ms if stage.first_ms is None else stage.first_ms
            self._give(row, event, stage)

    def _end(self, row: int, event: Event, at_ms: int) -> None:
        kind = _ENDS[event.type]
        stage = self._open.pop((kind, _id_of(kind, event)), None)
        if stage is None and kind == "tool":  # a result whose call nobody told
            stage = self._begin(kind, _id_of(kind, event), at_ms)
            stage.beginning_known = False
        if stage is not None:
            stage.end_ms = max(stage.start_ms, at_ms)
            self._give(row, event, stage)
            if event.data.get("outcome") == FAILED and not stage.errors:
                self._failed[kind] = stage

    def _transcript(self, row: int, event: Event, at_ms: int) -> None:
        began_ms, stopped_ms = self._speech
        known = began_ms is not None and began_ms <= at_ms
        stage = self._begin("stt", "", began_ms if known and began_ms is not None else at_ms)
        stage.beginning_known = known
        stage.end_ms = at_ms
        self._give(row, event, stage)
        if stopped_ms is not None and stopped_ms <= at_ms:
            stage.data["finalize_ms"] = at_ms - stopped_ms
        self._speech = (at_ms, None) if stopped_ms is None else (None, None)  # a long speech has several transcripts

    def _usage(self, row: int, event: Event) -> None:
        """Usage is of the request that it names; where it names none, of the only one at work, perhaps."""
        kind = _USERS.get(str(event.data.get("service")))
        stage: Stage | None = None
        if kind is not None and "request_id" in event.data:
            stage = self._known.get((kind, _id_of(kind, event)))
            if stage is None:
                return
            stage.usages.append(event.data)
        else:
            at_work = [] if kind is None else self._at_work(kind)
            if len(at_work) != 1:
                self.usages[row] = event.data
                return
            stage = at_work[0]
            stage.meanwhile.append(event.data)
        stage.rows.append(row)
        self.rows_of[row] = stage

    def _at_work(self, kind: Kind) -> list[Stage]:
        return [stage for (each, _), stage in self._open.items() if each == kind]

    def _error(self, row: int, event: Event) -> None:
        """An error is of the stage that is at work or has just failed; of several at once nobody knows which."""
        kind = _ERRORS_OF.get(str(event.data.get("stage")))
        if kind is None:
            return
        failed = self._failed.pop(kind, None)
        at_work = self._at_work(kind) if failed is None else [failed]
        if len(at_work) == 1:
            stage = at_work[0]
            stage.errors.append(event.data)
            stage.rows.append(row)
            self.rows_of[row] = stage


def _id_of(kind: Kind, event: Event) -> str:
    value = event.data.get(_IDS[kind])
    return value if isinstance(value, str) else "" if value is None else str(value)
