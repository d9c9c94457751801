"""Where a wait went: from the caller's last sound to the agent's first one, cut into parts with owners.

Each stage of the work covers an interval, known only when both of its ends were seen before the answer.
Intervals overlap (a recogniser may still work when the turn is already over), so each moment belongs to the
stage furthest upstream, in the order of `_STAGES`. Moments that no interval covers are *unexplained* parts:
shown, never spread over the others. The parts follow each other without gap or overlap, so they add up to the
wait by construction.
"""

from __future__ import annotations

from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final

import msgspec

from callscope.model import event as events
from callscope.model.exchange import (
    AGGREGATION,
    ENDPOINTING,
    HANDOVER,
    LLM,
    OUTPUT,
    SYNTHESIS,
    TOOL,
    TRANSCRIPTION,
    TURN_DETECTION,
    UNEXPLAINED,
    OwnerKind,
    Part,
)

if TYPE_CHECKING:
    from callscope.model.exchange import Exchange
    from callscope.timeline.running import Mark, Running

_STAGES: Final = (
    ENDPOINTING,
    TRANSCRIPTION,
    TURN_DETECTION,
    HANDOVER,
    LLM,
    TOOL,
    AGGREGATION,
    SYNTHESIS,
    OUTPUT,
)
_RANKS: Final = {stage: rank for rank, stage in enumerate(_STAGES)}
_LABELS: Final = {
    ENDPOINTING: "Endpointing wait",
    TRANSCRIPTION: "Transcription",
    TURN_DETECTION: "Turn detection",
    HANDOVER: "Handover",
    LLM: "LLM",
    TOOL: "Tool",
    AGGREGATION: "Sentence built",
    SYNTHESIS: "Synthesis",
    OUTPUT: "Output",
    UNEXPLAINED: "Unexplained",
}
_KINDS: Final[dict[str, OwnerKind]] = {
    ENDPOINTING: "setting",
    TRANSCRIPTION: "service",
    TURN_DETECTION: "setting",
    HANDOVER: "pipeline",
    LLM: "service",
    TOOL: "code",
    AGGREGATION: "pipeline",
    SYNTHESIS: "service",
    OUTPUT: "pipeline",
    UNEXPLAINED: "unknown",
}
_ORDINALS: Final = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)
_NAMED: Final = frozenset({TOOL, LLM})
"""Stages whose parts may have names of their own."""
_OF_TOOLS: Final = frozenset({events.TOOL_CALL, events.TOOL_RESULT})
_OF_SYNTHESIS: Final = frozenset({events.TTS_STARTED, events.TTS_FIRST_AUDIO})
_ENDPOINTING_OWNER: Final = "VAD stop_secs"
_ENDPOINTING_OWNERS: Final = {"livekit-agents": "VAD min_silence_duration", "pipecat": _ENDPOINTING_OWNER}
"""By framework: the setting of its local voice activity detection."""
_ENDPOINTING_OF_PROVIDER: Final = "turn_detection silence_duration_ms"
"""Of a speech-to-speech session, whose provider decides when the caller's turn is over."""
_PIPELINE: Final = "pipeline"


_Interval = tuple[int, int, str, str, str]
"""Start, end, stage, owner, detail. Plain tuples: an index makes millions of them.

The detail tells two intervals of one stage apart: a tool's name, or an LLM request's place.
"""
_START: Final = 0
_END: Final = 1
_STAGE: Final = 2
_BY_START: Final = itemgetter(_START)
_BY_MOMENT: Final = attrgetter("ts_ms")
"""Of a mark."""


def waterfall(running: Running, start_ms: int, answered_at_ms: int) -> tuple[Part, ...]:
    """The parts of the wait between two moments in Unix milliseconds; they add up to it exactly."""
    intervals: list[_Interval] = []
    found = _caller_side(running, start_ms, answered_at_ms)
    found += _AnswerSide(running, start_ms, answered_at_ms).intervals()
    for interval in found:
        begin_ms, end_ms, stage, owner, detail = interval
        if begin_ms >= start_ms and end_ms <= answered_at_ms:
            if begin_ms < end_ms:
                intervals.append(interval)
            continue
        begin_ms, end_ms = max(start_ms, begin_ms), min(answered_at_ms, end_ms)
        if begin_ms < end_ms:
            intervals.append((begin_ms, end_ms, stage, owner, detail))
    intervals.sort(key=_BY_START)
    pieces = _in_a_row(intervals, start_ms, answered_at_ms)
    if pieces is None:
        pieces = _paint(intervals, start_ms, answered_at_ms)
    requests = list(dict.fromkeys([piece[4] for piece in pieces if piece[_STAGE] == LLM]))
    return tuple(
        [
            Part(
                stage=stage,
                label=_label(stage, detail, requests) if stage in _NAMED else _LABELS[stage],
                owner=owner,
                owner_kind=_KINDS[stage],
                start_ms=begin_ms - start_ms,
                duration_ms=end_ms - begin_ms,
            )
            for begin_ms, end_ms, stage, owner, detail in pieces
        ]
    )


def endpointing_owner(*, framework: str, provider_mode: str) -> str:
    """The setting that the wait for the end of the caller's turn is, by what a call's metadata tell."""
    if framework != "pipecat" and "realtime" in provider_mode:
        return _ENDPOINTING_OF_PROVIDER
    return _ENDPOINTING_OWNERS.get(framework, _ENDPOINTING_OWNER)


def with_endpointing_owner(exchange: Exchange, owner: str) -> Exchange:
    """The same with that setting named."""
    if not any(part.stage == ENDPOINTING and part.owner != owner for part in exchange.parts):
        return exchange
    parts = [
        msgspec.structs.replace(part, owner=owner) if part.stage == ENDPOINTING else part for part in exchange.parts
    ]
    return msgspec.structs.replace(exchange, parts=tuple(parts))


def _in_a_row(intervals: list[_Interval], start_ms: int, end_ms: int) -> list[_Interval] | None:
    """What `_paint` gives for intervals in order of which no two overlap, as most are; None when some do."""
    pieces: list[_Interval] = []
    at_ms = start_ms
    for interval in intervals:
        begin_ms = interval[_START]
        if begin_ms < at_ms:
            return None
        if begin_ms > at_ms:
            pieces.append((at_ms, begin_ms, UNEXPLAINED, "", ""))
        at_ms = interval[_END]
        last = pieces[-1] if pieces else None
        if last is not None and last[_STAGE] == interval[_STAGE] and last[_STAGE:] == interval[_STAGE:]:
            pieces[-1] = (last[_START], at_ms, *interval[_STAGE:])
        else:
            pieces.append(interval)
    if at_ms < end_ms:
        pieces.append((at_ms, end_ms, UNEXPLAINED, "", ""))
    return pieces


def _paint(intervals: list[_Interval], start_ms: int, end_ms: int) -> list[_Interval]:
    """A partition of the wait: each stretch to the stage furthest upstream, of two alike to the earlier."""
    ranked = sorted(intervals, key=lambda each: (_RANKS[each[_STAGE]], each[_START]))
    cuts = sorted({start_ms, end_ms, *[each[_START] for each in ranked], *[each[_END] for each in ranked]})
    pieces: list[_Interval] = []
    for left, right in pairwise(cuts):
        whose: tuple[str, str, str] = (UNEXPLAINED, "", "")
        for each in ranked:
            if each[_START] <= left and right <= each[_END]:
                whose = each[2:]
                break
        if pieces and pieces[-1][2:] == whose:
            pieces[-1] = (pieces[-1][_START], right, *whose)
        else:
            pieces.append((left, right, *whose))
    return pieces


def _label(stage: str, detail: str, requests: list[str]) -> str:
    label = _LABELS[stage]
    if stage == TOOL:
        return f"{label} {detail}".rstrip()
    if stage == LLM and len(requests) > 1:
        place = requests.index(detail)
        return f"{label}, {_ORDINALS[place]} call" if place < len(_ORDINALS) else f"{label}, call {place + 1}"
    return label


def _caller_side(running: Running, start_ms: int, answered_at_ms: int) -> list[_Interval]:
    """From the caller's last sound until the agent's side has the turn."""
    stops = [stop for stop in running.turn_stops if start_ms < stop.ts_ms <= answered_at_ms]
    requests = [
        mark.ts_ms
        for mark in running.marks
        if mark.type == events.LLM_STARTED and start_ms < mark.ts_ms <= answered_at_ms
    ]
    # What comes later than this did not hold up the answer: a transcript for the record only, or an
    # endpointing delay that a quicker judge of turns did not wait for.
    taken_ms = min(requests) if requests else answered_at_ms
    if stops:
        taken_ms = max(taken_ms, stops[-1].ts_ms) if requests else stops[-1].ts_ms
    delay_ms = max([end.delay_ms for end in running.ends if end.ts_ms == start_ms], default=0)
    decided_ms = min(start_ms + delay_ms, taken_ms)
    found: list[_Interval] = [(start_ms, decided_ms, ENDPOINTING, _ENDPOINTING_OWNER, "")]
    heard = [said for said in running.transcripts if start_ms < said.ts_ms <= taken_ms]
    if heard:
        found.append((decided_ms, heard[-1].ts_ms, TRANSCRIPTION, heard[-1].owner, ""))
    if stops:
        found.append((decided_ms, stops[-1].ts_ms, TURN_DETECTION, running.detector or stops[-1].owner, ""))
    return found


class _Request:
    __slots__ = ("end_ms", "mark", "stopped", "token_ms")

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.token_ms: int | None = None
        self.end_ms: int | None = None
        self.stopped = False


class _AnswerSide:
    """From the end of the caller's turn until the agent is heard: pairs of marks, in order of moments."""

    def __init__(self, running: Running, start_ms: int, answered_at_ms: int) -> None:
        self._start_ms = start_ms
        self._answered_at_ms = answered_at_ms
        self._marks = [mark for mark in running.marks if mark.ts_ms <= answered_at_ms]
        self._marks.sort(key=_BY_MOMENT)
        stops = [stop.ts_ms for stop in running.turn_stops if stop.ts_ms >= start_ms]
        self._ready = stops or [said.ts_ms for said in running.transcripts if said.ts_ms >= start_ms]
        self._found: list[_Interval] = []
        self._requests: list[_Request] = []
        self._tools: dict[str, Mark] = {}
        self._texts: dict[str, Mark] = {}
        self._token_ms: int | None = None
        self._sound_ms: int | None = None

    def intervals(self) -> list[_Interval]:
        for mark in self._marks:
            kind = mark.type
            if kind in _OF_SYNTHESIS:
                self._synthesis(mark)
            elif kind in _OF_TOOLS:
                self._tool(mark)
            else:
                self._llm(mark)
        for place, request in enumerate(self._requests):
            end_ms = request.token_ms if request.end_ms is None else request.end_ms
            if end_ms is not None:
                started = request.mark
                self._found.append((started.ts_ms, end_ms, LLM, started.owner, str(place)))
        if self._sound_ms is not None:
            self._found.append((self._sound_ms, self._answered_at_ms, OUTPUT, _PIPELINE, ""))
        return self._found

    def _llm(self, mark: Mark) -> None:
        if mark.type == events.LLM_STARTED:
            self._handover(mark.ts_ms)
            self._requests.append(_Request(mark))
            return
        request = next((each for each in reversed(self._requests) if each.mark.key == mark.key), None)
        if request is None or request.stopped:
            return
        if mark.type == events.LLM_FIRST_TOKEN:
            if request.token_ms is None:
                request.token_ms = self._token_ms = mark.ts_ms
        else:
            request.stopped = True
            if request.end_ms is None and (request.token_ms is None or mark.name == "tool_call"):
                request.end_ms = mark.ts_ms

    def _handover(self, ts_ms: int) -> None:
        """A request left: since the turn's end or a tool's result, unless another request took that up."""
        taken_up_ms = self._requests[-1].mark.ts_ms if self._requests else None
        ready = [each for each in self._ready if each <= ts_ms and (taken_up_ms is None or each >= taken_up_ms)]
        if ready:
            self._found.append((max(ready), ts_ms, HANDOVER, _PIPELINE, ""))

    def _tool(self, mark: Mark) -> None:
        if mark.type == events.TOOL_CALL:
            writing = next((each for each in reversed(self._requests) if not each.stopped), None)
            if writing is not None:
                writing.end_ms = mark.ts_ms
            self._tools[mark.key] = mark
            return
        called = self._tools.pop(mark.key, None)
        if called is not None:
            self._found.append((called.ts_ms, mark.ts_ms, TOOL, called.name, called.name))
            self._ready.append(mark.ts_ms)

    def _synthesis(self, mark: Mark) -> None:
        if mark.type == events.TTS_STARTED:
            self._texts[mark.key] = mark
            if self._token_ms is not None:
                self._found.append((self._token_ms, mark.ts_ms, AGGREGATION, _PIPELINE, ""))
                self._token_ms = None
            return
        text = self._texts.pop(mark.key, None)
        if text is not None:
            sound_ms = mark.ts_ms + mark.lag_ms
            self._found.append((text.ts_ms, sound_ms, SYNTHESIS, text.owner, ""))
            if self._sound_ms is None and mark.ts_ms >= self._start_ms:
                self._sound_ms = sound_ms
