"""A call as a trace: its span, under it its exchanges, under those their stages and tools.

::

    invoke_workflow {agent}             the call
      invoke_agent {agent}              an exchange: from the caller's first sound to the end of the answer
        speech_to_text {model}          a transcript
        chat {model}                    a request; generate_content where the model hears and speaks itself
        execute_tool {name}
        text_to_speech {model}

What is not known is absent, never 0. What the spans say is in `callscope.interop.gen_ai`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callscope.interop import gen_ai, trace_call, trace_exchange, trace_ids, trace_rows, trace_stage
from callscope.interop.spans import Span, SpanEvent
from callscope.interop.trace_places import Places
from callscope.interop.trace_stages import Stage, Stages
from callscope.model import event as events
from callscope.model import wire
from callscope.model.call import Call
from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.timeline.summary import summarise
from callscope.version import __version__

_OF_THE_CALL: Final = frozenset(
    {events.CLIENT_CONNECTED, events.CLIENT_DISCONNECTED, events.AGENT_CONNECTED, events.CALL_ENDED, events.BUDGET}
)


class TraceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace tells."""

    content: bool = False
    """Also words, without personal data: what was said, arguments and results of tools, texts of errors."""
    openinference: bool = False
    """Also OpenInference's names."""
    rows: bool = True
    """Also the rows that only a way back needs."""
    service: str = "callscope"
    """The resource's ``service.name``."""


def trace_of(
    call: Call, turns: Sequence[Turn], rows: Sequence[Event], options: TraceOptions | None = None
) -> tuple[Span, ...]:
    """A call's spans, its own first, parents before children; none where nothing tells of any moment."""
    return _Trace(call, turns, rows, options or TraceOptions()).spans()


class _Trace:
    def __init__(self, call: Call, turns: Sequence[Turn], rows: Sequence[Event], options: TraceOptions) -> None:
        self._call = call
        self._options = options
        self._policy = trace_rows.WITH_WORDS if options.content else trace_rows.WITHOUT_WORDS
        self._turns = turns
        self._rows = rows
        self._moments = _moments(call.started_at_ms, [row.ts_ms for row in rows])
        self._turn_moments = _moments(call.started_at_ms, [turn.ts_ms for turn in turns])
        self._timeline = summarise(call.started_at_ms, call.ended_at_ms, turns, rows, call=call)
        self._places = Places(self._timeline.exchanges, turns, self._turn_moments)
        self._stages = Stages(rows, self._moments)
        self._trace_id = trace_ids.trace_id(call)
        self._agent = trace_call.agent_name(call)
        self._events: dict[str, list[tuple[int, int, SpanEvent]]] = {}
        self._played_until_ms: dict[int, int] = {}  # by exchange: the agent's last sound
        self._root_id = trace_ids.span_id(call, "call")
        self._exchange_ids = {
            each.index: trace_ids.span_id(call, "exchange", each.index) for each in self._timeline.exchanges
        }
        self._stage_ids = {
            id(each): trace_ids.span_id(call, each.kind, each.place, each.key) for each in self._stages.found
        }

    def spans(self) -> tuple[Span, ...]:
        known = [each for each in (*self._moments, *self._turn_moments) if each]
        start_ms = self._call.started_at_ms if self._call.started_at_ms is not None else min(known, default=None)
        if start_ms is None:
            return ()
        self._spread_rows()
        end_ms = max(start_ms, self._call.ended_at_ms or max(known, default=start_ms))
        stages: dict[int | None, list[Stage]] = {}
        for stage in self._stages.found:
            owner = self._places.at(stage.start_ms)
            stages.setdefault(None if owner is None else owner.index, []).append(stage)
        made = [self._root(start_ms, end_ms)]
        made += [self._stage(stage, self._root_id, end_ms, alone=False) for stage in stages.get(None, ())]
        for exchange in self._timeline.exchanges:
            made += self._exchange(exchange, stages.get(exchange.index, []), start_ms)
        if self._options.openinference:
            placed = [usd for span in made if (usd := span.attributes.get(gen_ai.OI_COST)) is not None]
            made[0] = _with(made[0], trace_call.unplaced_cost(self._call, placed))
        return tuple(made)

    def _exchange_id(self, exchange: Exchange | None) -> str:
        """Of the call's span where it is none."""
        return self._root_id if exchange is None else self._exchange_ids[exchange.index]

    def _stage_id(self, stage: Stage) -> str:
        return self._stage_ids[id(stage)]

    def _root(self, start_ms: int, end_ms: int) -> Span:
        errors = [row.data for row in self._rows if row.type == events.ERROR and row.data.get("duplicate_of") is None]
        failure = trace_rows.error_type(errors[-1]) if errors else None
        attributes = trace_call.attributes(self._call, self._timeline, failure, self._policy)
        if self._options.rows:
            attributes |= {gen_ai.EVENT_ROWS: len(self._rows), gen_ai.TURN_ROWS: len(self._turns)}
        if self._options.openinference:
            attributes |= trace_call.openinference(self._call)
        span = self._span(
            _named(gen_ai.INVOKE_WORKFLOW, self._agent), self._root_id, None, start_ms, end_ms, attributes
        )
        status, message = trace_call.status(self._call, self._policy)
        return msgspec.structs.replace(span, status=status, status_message=wire.name(message))

    def _exchange(self, exchange: Exchange, stages: list[Stage], call_start_ms: int) -> list[Span]:
        turns = self._places.turns_of(exchange)
        span_id, start_ms = self._exchange_id(exchange), exchange.started_at_ms or call_start_ms
        end_ms = self._played_until_ms.get(exchange.index) or trace_exchange.spoken_until(exchange, turns)
        if end_ms is None:
            end_ms = max((stage.end_ms for stage in stages if stage.end_ms is not None), default=start_ms)
        end_ms = max(start_ms, end_ms)
        is_last = exchange is self._timeline.exchanges[-1]
        attributes = trace_exchange.attributes(exchange, turns, is_last=is_last, policy=self._policy)
        attributes = {gen_ai.OPERATION: gen_ai.INVOKE_AGENT, **self._common(), **attributes}
        children = [self._stage(stage, span_id, end_ms, alone=_is_alone(stage, stages)) for stage in stages]
        if self._options.openinference:
            attributes |= {**self._session(), **trace_exchange.openinference(turns, self._policy)}
            usd = trace_exchange.costs(turns).get("llm")
            requests = [place for place, stage in enumerate(stages) if stage.kind == "llm"]
            if usd is not None and len(requests) == 1:
                children[requests[0]] = _with(children[requests[0]], {gen_ai.OI_COST: usd})
            elif usd is not None:  # it cannot be told apart: it stands once, where readers that add up find it
                attributes[gen_ai.OI_COST] = usd
        return [
            self._span(_named(gen_ai.INVOKE_AGENT, self._agent), span_id, self._root_id, start_ms, end_ms, attributes),
            *children,
        ]

    def _stage(self, stage: Stage, parent_id: str, parent_end_ms: int, *, alone: bool) -> Span:
        made = trace_stage.made(stage, self._usages(stage, alone=alone), self._call, self._policy)
        attributes = {**made.attributes, **self._common()}
        if self._options.openinference:
            attributes |= {**self._session(), **trace_stage.openinference(stage, attributes, self._policy)}
        end_ms = stage.end_ms if stage.end_ms is not None else max(parent_end_ms, stage.start_ms)
        span = self._span(made.name, self._stage_id(stage), parent_id, stage.start_ms, end_ms, attributes)
        return msgspec.structs.replace(span, kind=made.kind, status=made.status)

    def _usages(self, stage: Stage, *, alone: bool) -> list[dict[str, Any]]:
        """What a stage used: where that cannot be told apart from what others used, only what names it."""
        services = ("llm", "realtime") if stage.kind == "llm" else (stage.kind,)
        owner = self._places.at(stage.start_ms)
        unnamed = [
            data
            for row, data in self._stages.usages.items()
            if data.get("service") in services and self._places.at(self._moments[row]) is owner
        ]
        if alone or not unnamed:
            return [*stage.usages, *stage.meanwhile, *unnamed]
        return stage.usages

    def _common(self) -> dict[str, Any]:
        common = {gen_ai.CONVERSATION: trace_rows.conversation(self._call.call_id)}
        return common if self._agent is None else {**common, gen_ai.AGENT_NAME: self._agent}

    def _session(self) -> dict[str, Any]:
        return {gen_ai.SESSION: trace_rows.conversation(self._call.call_id)}

    def _span(
        self, name: str, span_id: str, parent_id: str | None, start_ms: int, end_ms: int, attributes: dict[str, Any]
    ) -> Span:
        rows = sorted(self._events.get(span_id, ()), key=lambda each: each[:2])
        return Span(
            trace_id=self._trace_id,
            span_id=span_id,
            parent_id=parent_id,
            name=wire.name(name),
            scope=gen_ai.SCOPE,
            scope_version=__version__,
            kind=trace_call.INTERNAL,
            start_ns=trace_rows.nanoseconds(start_ms),
            end_ns=trace_rows.nanoseconds(max(start_ms, end_ms)),
            attributes=trace_call.known(wire.plain(attributes)),
            events=tuple(event for _, _, event in rows),
            resource={gen_ai.SERVICE_NAME: wire.name(self._options.service)},
        )

    def _spread_rows(self) -> None:
        """Each row to the span that it is about."""
        for row, (event, at_ms) in enumerate(zip(self._rows, self._moments, strict=True)):
            owner = None if event.type in _OF_THE_CALL else self._places.of_event(event, at_ms)
            if event.type == events.AGENT_STOPPED_SPEAKING and owner is not None:
                self._played_until_ms[owner.index] = max(at_ms, self._played_until_ms.get(owner.index, at_ms))
            if self._options.rows or event.type in trace_rows.TELLING:
                stage = self._stages.rows_of.get(row)
                span_id = self._exchange_id(owner) if stage is None else self._stage_id(stage)
                told = trace_rows.event_row(row if self._options.rows else None, event, at_ms, self._policy)
                self._events.setdefault(span_id, []).append((at_ms, row, told))
        if self._options.rows:
            for row, (turn, at_ms) in enumerate(zip(self._turns, self._turn_moments, strict=True)):
                span_id = self._exchange_id(self._places.of_turn(turn, at_ms))
                told = trace_rows.turn_row(row, turn, at_ms, self._policy)
                self._events.setdefault(span_id, []).append((at_ms, len(self._rows) + row, told))


def _moments(started_at_ms: int | None, told: Sequence[int | None]) -> list[int]:
    """Where rows stand in time: those without a moment stand where the one before them does."""
    at_ms = started_at_ms if started_at_ms is not None else next((each for each in told if each is not None), 0)
    moments = []
    for each in told:
        at_ms = each if each is not None else at_ms
        moments.append(at_ms)
    return moments


def _is_alone(stage: Stage, stages: Sequence[Stage]) -> bool:
    """Whether usage that names no request can only be this one's."""
    return sum(each.kind == stage.kind for each in stages) == 1


def _with(span: Span, attributes: dict[str, Any]) -> Span:
    return msgspec.structs.replace(span, attributes={**span.attributes, **attributes})


def _named(operation: str, name: str | None) -> str:
    return operation if name is None else f"{operation} {name}"
