"""Pipecat's traces: ``conversation`` > ``turn`` > ``stt``, ``llm``, ``tts``.

What they tell, measured against the frames of real calls:

- An ``stt`` span begins with the caller's first sound and ends with the text; its ``metrics.ttfb`` counts from the
  caller's last sound to the text. So both edges of the caller's speech are known to a few milliseconds.
- ``turn.user_bot_latency_seconds`` counts from that last sound until the caller hears the agent: so the moment of the
  agent's first sound is known. A greeting has none: there, the first sound of the synthesis stands in for it.
- A turn begins when the framework opens the caller's turn; the one before it ends there. ``turn.was_interrupted`` is
  true on the last turn of every call, too, so it tells of a barge-in only where another turn follows.
- When the agent fell silent by itself is not told, only that it was silent when the next turn began: this is the moment
  that is given, as ``at_latest``. What was heard of an answer that was cut off is not told either.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import msgspec

from callscope.interop import aliases, messages, stages
from callscope.interop.spans import Span
from callscope.interop.told import Told
from callscope.interop.tree import Tree
from callscope.model import event as events

_MS: Final = 1000
_SETTING: Final = frozenset({"llm_setup"})
_WRITES: Final = ("tts", "llm", "llm_response")
_CONVERSATION: Final = "conversation"
_TURN: Final = "turn"
_CONVERSATION_KEYS: Final = frozenset({"conversation.id", "conversation.type"})


class _Turn(msgspec.Struct, kw_only=True):
    """A turn's span, as far as it came, and what belongs to it."""

    span: Span | None = None
    work: list[Span] = []
    followed: bool = False
    """Whether another one comes after it."""

    @property
    def start_ms(self) -> int:
        return self.span.start_ms if self.span is not None else min(each.start_ms for each in self.work)

    def named(self, *names: str) -> list[Span]:
        return [each for each in self.work if each.name in names]


def is_of(span: Span) -> bool:
    """Whether a span is one of Pipecat's own."""
    return span.scope == "pipecat" or span.scope.startswith("pipecat.")


def tell(told: Told, spans: list[Span]) -> None:
    """Tell of a conversation, from its spans in the order of their beginnings."""
    told.fields["framework"] = {"name": "pipecat", **_version(spans)}
    told.fields["provider_mode"] = "realtime" if any(each.name.startswith("llm_") for each in spans) else "pipeline"
    ours = [each for each in spans if is_of(each)]
    for each in ours:
        if each.name == _CONVERSATION:
            told.started_ms, told.ended_ms = each.start_ms, each.end_ms
            more = {key: value for key, value in each.attributes.items() if key not in _CONVERSATION_KEYS}
            told.labels.update({key: value for key, value in more.items() if isinstance(value, str | int | float)})
    for turn in _turns(ours):
        _tell_turn(told, turn)
    for each in spans:
        if not is_of(each):
            told.missed(f"span {each.name}")


def _version(spans: list[Span]) -> dict[str, str]:
    return next(({"version": each.scope_version} for each in spans if is_of(each) and each.scope_version), {})


def _turns(spans: list[Span]) -> list[_Turn]:
    """The turns in order; work whose turn has not come makes one, work outside of turns goes to the next."""
    tree = Tree(spans)
    held: dict[str, _Turn] = {each.identity: _Turn(span=each, work=[]) for each in spans if each.name == _TURN}
    loose = []
    for each in spans:
        if each.name in {_TURN, _CONVERSATION} or each.name in _SETTING:
            continue
        line = [each, *tree.above(each)]
        over = next((one for one in line if one.name == _TURN), None)
        top = line[-1]
        if over is not None:
            held[over.identity].work.append(each)
        elif top.name == _CONVERSATION or top.parent_id is None:
            loose.append(each)
        else:
            held.setdefault(f"{top.trace_id}:{top.parent_id}", _Turn(work=[])).work.append(each)
    turns = sorted((each for each in held.values() if each.span or each.work), key=lambda turn: turn.start_ms)
    for span in loose:
        turn = next((each for each in turns if each.span is None or each.span.end_ms >= span.start_ms), None)
        if turn is None:
            turn = _Turn(work=[])
            turns.append(turn)
        turn.work.append(span)
    for before, _ in pairwise(turns):
        before.followed = True
    return turns


def _tell_turn(told: Told, turn: _Turn) -> None:
    texts = [each for each in turn.work if _heard(each) is not None]
    stopped_ms = _tell_caller(told, turn, texts)
    _tell_work(told, turn, texts)
    text = _said(turn)
    answered_ms = _answered_ms(told, turn, stopped_ms)
    span = turn.span
    was_cut = span is not None and turn.followed and span.attributes.get("turn.was_interrupted") is True
    if answered_ms is None or (was_cut and span is not None and answered_ms >= span.end_ms):
        if text is not None:  # generated; whether anybody heard it, nothing tells, or it was cut off before
            told.turn("assistant", text, turn.named(*_WRITES)[-1].end_ms, heard=None if answered_ms is None else "")
        return
    told.event(events.AGENT_STARTED_SPEAKING, answered_ms)
    if was_cut and span is not None:
        told.event(events.BARGE_IN, span.end_ms)
        told.event(events.AGENT_STOPPED_SPEAKING, span.end_ms, interrupted=True)
    elif span is not None and turn.followed:
        told.computed.add("agent_stopped_speaking")
        told.event(events.AGENT_STOPPED_SPEAKING, span.end_ms, at_latest=True)
    told.turn("assistant", text, answered_ms, interrupted=was_cut)


def _tell_caller(told: Told, turn: _Turn, texts: list[Span]) -> float | None:
    """The caller's side; the moment of the caller's last sound, None where nobody told."""
    if not texts:
        _tell_asked(told, turn)
        return None
    stopped_ms = None
    started_ms: float | None = None
    if turn.span is not None:
        told.event(events.USER_TURN_STARTED, turn.span.start_ms)
    for each in texts:
        lag_s = aliases.number(each.attributes, ("metrics.ttfb",))
        spoken = lag_s is not None and each.end_ms - lag_s * _MS > each.start_ms
        if spoken and lag_s is not None:
            stopped_ms = each.end_ms - lag_s * _MS
            started_ms = each.start_ms if started_ms is None else started_ms
            told.event(events.USER_STARTED_SPEAKING, each.start_ms)
            told.event(events.USER_STOPPED_SPEAKING, stopped_ms)
    text = " ".join(heard for each in texts if (heard := _heard(each)))
    at_ms = started_ms if started_ms is not None else texts[0].start_ms
    duration_ms = stopped_ms - at_ms if stopped_ms is not None else None
    told.turn("user", text, at_ms, duration_ms=None if duration_ms is None else round(duration_ms))
    return stopped_ms


def _tell_asked(told: Told, turn: _Turn) -> None:
    """The caller's words where the recogniser traces nothing: those that the model was asked with."""
    texts = [text for each in turn.named("llm") if (text := messages.said_to(each.attributes))]
    if not texts or turn.span is None:
        return
    told.computed.add("caller's words")
    told.event(events.USER_TURN_STARTED, turn.span.start_ms)
    told.turn("user", texts[0], turn.span.start_ms)


def _tell_work(told: Told, turn: _Turn, texts: list[Span]) -> None:
    for each in turn.work:
        if each in texts:
            stages.stt(told, each, _heard(each))
        elif each.name == "stt":
            stages.stt(told, each, None)
        elif each.name == "tts":
            stages.tts(told, each, text=aliases.text(each.attributes, ("text",)))
            stages.agent_of(told, each, voice=True)
        elif each.name == "llm":
            stages.llm(told, each)
            stages.agent_of(told, each)
        elif each.name in {"llm_response", "llm_request"}:
            if each.name == "llm_response":
                stages.llm(told, each, service="realtime")
            stages.agent_of(told, each)
        elif each.attributes.get("tool.function_name") or "tool" in each.name:
            _tell_tool(told, each)
        else:
            told.missed(f"span {each.name}")


def _tell_tool(told: Told, span: Span) -> None:
    """Of a speech-to-speech model: the call and its result are two spans."""
    name = aliases.text(span.attributes, aliases.TOOL_NAME)
    call_id = aliases.text(span.attributes, aliases.TOOL_ID) or span.span_id
    result = aliases.structure(span.attributes.get("tool.result"))
    if result is None:
        arguments = aliases.structure(span.attributes.get("tool.arguments"))
        told.event(events.TOOL_CALL, span.start_ms, tool_call_id=call_id, name=name, arguments=arguments)
        return
    failed = span.attributes.get("tool.result_status") == "error"
    outcome = "failed" if failed else "completed"
    told.event(events.TOOL_RESULT, span.end_ms, tool_call_id=call_id, name=name, result=result, outcome=outcome)


def _heard(span: Span) -> str | None:
    """The caller's final words in a span."""
    if span.attributes.get("is_final") is False:
        return None
    if span.name == "stt" or span.attributes.get("transcript.is_input") is True:
        return aliases.text(span.attributes, ("transcript",))
    return None


def _said(turn: _Turn) -> str | None:
    """The agent's words: what was synthesized, else what was generated."""
    for names, keys in ((("tts",), ("text",)), (("llm",), ("output",)), (("llm_response",), ("output", "text_output"))):
        texts = [text for each in turn.named(*names) if (text := aliases.text(each.attributes, keys))]
        if texts:
            return " ".join(texts)
    spoken = [each for each in turn.work if each.attributes.get("transcript.is_input") is False]
    return " ".join(text for each in spoken if (text := aliases.text(each.attributes, ("transcript",)))) or None


def _answered_ms(told: Told, turn: _Turn, stopped_ms: float | None) -> float | None:
    """The moment at which the caller heard the agent; None where nothing tells of it."""
    sound_ms = _first_sound_ms(turn)
    attributes = turn.span.attributes if turn.span is not None else {}
    latency_s = aliases.number(attributes, ("turn.user_bot_latency_seconds",))
    if latency_s is None:
        if not turn.named("tts"):
            return None
        if sound_ms is not None:
            told.computed.add("agent_started_speaking")
        return sound_ms
    if stopped_ms is not None:
        return stopped_ms + latency_s * _MS
    if sound_ms is not None:
        told.computed.add("user_stopped_speaking")
        told.event(events.USER_STOPPED_SPEAKING, sound_ms - latency_s * _MS)
    return sound_ms


def _first_sound_ms(turn: _Turn) -> float | None:
    """The first sound of a turn's synthesis; of a synthesizer that traces nothing, the first word that it was given."""
    for name in _WRITES:
        known = [first for each in turn.named(name) if (first := stages.first_sound_ms(each)) is not None]
        if known:
            return min(known)
    return min((each.end_ms for each in turn.named("llm")), default=None)
