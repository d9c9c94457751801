"""LiveKit Agents' traces, 1.3 to 1.8: ``agent_session`` > ``user_turn``, ``agent_turn`` > nodes > requests.

What they tell, measured against a caller's own clock: ``user_speaking`` and ``agent_speaking`` are what was spoken and
heard. An ``agent_turn`` has the words of its last generation, of one that was cut off those that were heard; what was
generated is on its ``llm_node``s. A failed attempt is on the innermost span, and again on all around it. The seconds
that the recogniser listened to are in no span: they come as a metric, or nobody knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from callscope.interop import aliases, livekit_tools, stages
from callscope.interop.spans import ERROR, Point, Record, Span
from callscope.interop.told import Told, provider_named, tokens_of, who
from callscope.interop.tree import Tree
from callscope.model import event as events
from callscope.model.call import TEXT_MODE

SCOPE: Final = "livekit-agents"
_MS: Final = 1000
_SESSION: Final = "agent_session"
_SURE: Final = frozenset({_SESSION, "user_turn", "agent_turn"})
_WORDLESS: Final = frozenset(
    {
        "job_entrypoint", "session_start", "start_agent_activity", "setup_toolsets", "on_enter", "on_exit", "eou_wait",
        "eou_detection", "on_user_turn_completed", "drain_agent_activity", "llm_node", "tts_node", "llm_request_run",
        "tts_request_run", "tts_stream_adapter", "tts_fallback_adapter", "llm_fallback_adapter", "job_shutdown",
        "on_session_end", "session_end_upload", "room_disconnect", "shutdown_callback", "user_speaking",
        "agent_speaking", "room_connect", "job_dispatch", "keyterm_detection", "start_room_io",
    }
)  # fmt: skip
"""Spans that say nothing which their parents or children do not say."""
_ATTEMPTS: Final = frozenset({"llm_request_run", "tts_request_run"})
_FALLBACKS: Final = frozenset({"llm_fallback_adapter", "tts_fallback_adapter"})
_STAGES: Final = {"llm": "llm", "tts": "tts", "function": "tool", "realtime": "llm", "user": "stt"}
_BY_CALLER: Final = frozenset({"audio_activity", "user_turn"})
_REASONS: Final = {
    "error": ("an error ended the call", "system"),
    "participant_disconnected": ("the caller hung up", "caller"),
    "job_shutdown": ("the job was shut down", "system"),
    "task_completed": ("the agent's task was completed", "agent"),
    "user_initiated": ("the agent ended the call", "agent"),
}
_BY_SYSTEM: Final = (
    "room disconnected", "parent process", "crash", "timeout", "timed out", "worker", "drain",
)  # fmt: skip
"""What LiveKit gives as a job's reason when it was not the agent's own code that shut it down."""
_SOUNDS: Final = frozenset({"user_speaking", "user_turn", "tts_node", "tts_request", "realtime_inference"})
_STT_SECONDS: Final = "lk.agents.usage.stt_audio_duration"


def is_of(span: Span) -> bool:
    """Whether a span is one of LiveKit's own."""
    return span.scope == SCOPE


def is_sure(span: Span) -> bool:
    """Whether it is one that would say which conversation it is of, if its version did so at all."""
    return is_of(span) and span.name in _SURE


def tell(told: Told, spans: list[Span], records: Sequence[Record]) -> None:
    """Tell of a session, from its spans in the order of their beginnings, and from all that came of it."""
    told.fields["framework"] = {"name": "livekit-agents"}
    tree = Tree(spans)
    is_typed = not any(each.name in _SOUNDS for each in spans)
    if is_typed and any(each.name == "agent_turn" for each in spans):
        told.fields["provider_mode"] = TEXT_MODE
    failures = livekit_tools.failures(records)
    heard = {text for each in spans if each.name == "user_turn" and (text := _user_text(each))}
    for each in spans:
        if not is_of(each):
            told.missed(f"span {each.name}")
        elif each.name == _SESSION:
            _tell_session(told, each)
        elif each.name == "user_turn":
            _tell_user(told, each, tree)
        elif each.name == "agent_turn":
            _tell_typed(told, each, heard)
            _tell_agent(told, each, tree, is_typed=is_typed)
        elif each.name == livekit_tools.SPAN:
            stages.tool(told, each, failure=failures.get(each.span_id), is_own_error=False)
        else:
            _tell_work(told, each, tree)
        if is_of(each) and not tree.has_failed_below(each):
            _tell_error(told, each, tree)
    _tell_job(told, spans)
    _tell_seconds(told, [each for each in records if isinstance(each, Point)])
    if "stt" not in told.reported:
        _tell_unknown_seconds(told, spans)


def _tell_session(told: Told, span: Span) -> None:
    told.started_ms = span.start_ms if told.started_ms is None else min(told.started_ms, span.start_ms)
    told.ended_ms = span.end_ms if told.ended_ms is None else max(told.ended_ms, span.end_ms)
    for name, names in (("caller", aliases.CALLER), ("callee", aliases.CALLEE)):
        number = aliases.text(span.attributes, names)
        if number is not None:
            told.fields[name] = number
            told.fields["telephony_provider"] = "livekit"
    label = aliases.text(span.attributes, ("lk.agent_label",))
    if label is not None:
        told.about.setdefault("agent_label", label)


def _tell_job(told: Told, spans: list[Span]) -> None:
    for each in spans:
        name = aliases.text(each.attributes, ("lk.agent_name",))
        if name is not None:
            told.labels |= {"agent_name": name, "agent": name}
        room = aliases.text(each.attributes, ("lk.pii.room_name", "lk.room_name"))
        if room is not None:
            told.about["room"] = room
        for key in ("lk.job_id", "lk.room_sid"):
            told.about.update({key.removeprefix("lk."): each.attributes[key]} if each.attributes.get(key) else {})
    shutdown = next((each for each in spans if each.name == "job_shutdown"), None)
    close = next((each for each in spans if each.name == "session_close"), None)
    if close is None:
        return
    word = aliases.text(close.attributes, ("lk.close_reason",)) or ""
    reason, initiator = _REASONS.get(word, (word, "system"))
    told.about["close_reason"] = word
    real = aliases.text(shutdown.attributes, ("lk.shutdown.reason",)) if shutdown is not None else None
    if real and real != "user requested" and word in {"user_initiated", "job_shutdown"}:
        reason, initiator = real, "system" if any(each in real.lower() for each in _BY_SYSTEM) else "agent"
        if any(each in real.lower() for each in ("participant", "hang up", "hung up", "hangup")):
            reason, initiator = "the caller hung up", "caller"
    told.end["reason"] = reason or None
    if word == "error":
        told.end["status"] = "failed"
    told.event(events.CALL_ENDED, close.start_ms, reason=reason or None, initiator=initiator)


def _tell_user(told: Told, span: Span, tree: Tree) -> None:
    text = _user_text(span)
    spoken = tree.below(span, "user_speaking")
    stopped_ms = spoken[-1].end_ms if spoken else None
    lag_s = aliases.number(span.attributes, ("lk.transcription_delay",))
    decided_s = aliases.number(span.attributes, ("lk.end_of_turn_delay",))
    text_ms = stopped_ms + lag_s * _MS if stopped_ms is not None and lag_s is not None else span.end_ms
    # The delay is counted from the last sound: in it is the silence that the VAD waits for, and nobody tells how long.
    stages.stt(told, span, text, at_ms=text_ms, is_alone=stopped_ms is None or lag_s is None)
    if stopped_ms is not None and decided_s is not None:
        told.event(events.USER_TURN_STOPPED, stopped_ms + decided_s * _MS)
    elif text is not None and not spoken:
        told.event(events.USER_TURN_STOPPED, span.end_ms)
    if text is None and decided_s is None:
        return  # a sound that was no turn
    began_ms = spoken[0].start_ms if spoken else span.start_ms
    extra = {}
    confidence = aliases.number(span.attributes, ("lk.transcript_confidence",))
    if confidence:
        extra["confidence"] = confidence
    duration_ms = stopped_ms - began_ms if stopped_ms is not None else None
    told.turn("user", text, began_ms, duration_ms=duration_ms, extra=extra)


def _user_text(span: Span) -> str | None:
    return aliases.text(span.attributes, aliases.USER_TEXT)


def _tell_typed(told: Told, span: Span, heard: set[str]) -> None:
    """What the agent answers to and nobody spoke."""
    text = aliases.text(span.attributes, aliases.USER_INPUT)
    if text is not None and text not in heard and "lk.parent_generation_id" not in span.attributes:
        told.turn("user", text, span.start_ms)


def _tell_agent(told: Told, span: Span, tree: Tree, *, is_typed: bool) -> None:
    nodes = tree.below(span, "llm_node")
    written = [text for each in nodes if (text := aliases.text(each.attributes, aliases.AGENT_TEXT))]
    last = aliases.text(span.attributes, aliases.AGENT_TEXT)
    is_cut = span.attributes.get("lk.interrupted") is True
    spoken = tree.below(span, "agent_speaking")
    text = last
    if len(written) > 1 or (written and (last is None or is_cut)):
        text = " ".join(written)
    source = aliases.text(span.attributes, ("lk.interruption.source",))
    by_caller = is_cut and bool(spoken) and (source in _BY_CALLER or source is None)
    if is_typed:
        if text is not None:
            began_ms = spoken[0].start_ms if spoken else span.end_ms
            told.computed.add("latency")
            told.turn("assistant", text, began_ms, latency={"response_ms": began_ms - span.start_ms})
        return
    for each in spoken:
        told.event(events.AGENT_STARTED_SPEAKING, each.start_ms)
        cut = by_caller and each is spoken[-1]
        if cut:
            told.event(events.BARGE_IN, each.end_ms)
        told.event(events.AGENT_STOPPED_SPEAKING, each.end_ms, interrupted=cut or None)
    if text is None and not spoken:
        return
    if not spoken:  # nobody heard it
        told.turn("assistant", text, span.end_ms, heard="")
        return
    heard = (last or "") if is_cut and text != last else None
    duration_ms = spoken[-1].end_ms - spoken[0].start_ms
    told.turn("assistant", text, spoken[0].start_ms, interrupted=by_caller, heard=heard, duration_ms=duration_ms)


def _tell_work(told: Told, span: Span, tree: Tree) -> None:
    if span.name == "user_speaking":
        told.event(events.USER_STARTED_SPEAKING, span.start_ms)
        told.event(events.USER_STOPPED_SPEAKING, span.end_ms)
    elif span.name == "llm_request":
        stages.llm(told, span, units=_request_units(span), is_told_within=tree.has_failed_below(span))
        stages.agent_of(told, span)
    elif span.name == "tts_request":
        _tell_synthesis(told, span)
    elif span.name in {"realtime_inference", "realtime_metrics"}:
        if span.name == "realtime_inference":
            told.fields["provider_mode"] = "realtime"
            stages.llm(told, span, service="realtime")
            stages.agent_of(told, span)
        else:  # what a cancelled response used
            told.usage("realtime", span.end_ms, tokens_of(span), **who(span))
    elif span.name == "update_agent":
        before = aliases.text(span.attributes, ("lk.previous_agent_label",))
        after = aliases.text(span.attributes, ("lk.agent_label",))
        told.event("handoff", span.start_ms, **{"from": before, "to": after})
    elif span.name == "event_loop_blocked":
        seconds = aliases.number(span.attributes, ("lk.blocking.duration",)) or 0
        message = f"the agent's event loop stood still for {seconds:.2f} s"
        told.event(events.WARNING, span.start_ms, message=message, code="event_loop_blocked")
    elif span.name not in _WORDLESS and span.name != "session_close":
        told.missed(f"span {span.name}")


def _request_units(span: Span) -> dict[str, float]:
    """Tokens of a request; up to 1.6 the cached ones are in a text of JSON alone."""
    units = tokens_of(span)
    told = _object(aliases.structure(span.attributes.get("lk.llm_metrics")))
    for unit, key in (
        ("input_tokens", "prompt_tokens"),
        ("output_tokens", "completion_tokens"),
        ("cache_read_input_tokens", "prompt_cached_tokens"),
    ):
        value = aliases.figure(told.get(key))
        if unit not in units and value:
            units[unit] = value
    return units


def _tell_synthesis(told: Told, span: Span) -> None:
    """A request to the synthesizer; its figures are in a text of JSON."""
    figures = _object(aliases.structure(span.attributes.get("lk.tts_metrics")))
    units = tokens_of(span)
    for unit, key in (("characters", "characters_count"), ("audio_seconds", "audio_duration")):
        value = aliases.figure(figures.get(key))
        if value:
            units[unit] = value
    facts = who(span)
    text = aliases.text(span.attributes, aliases.SPOKEN)
    length = len(text) if text is not None else None
    told.event(events.TTS_STARTED, span.start_ms, request_id=span.span_id, text_length=length, **facts)
    ttfb_s = aliases.figure(figures.get("ttfb"))
    # A synthesis of streamed text counts from its first word, which may come long after its span begins.
    if ttfb_s and span.attributes.get("lk.tts.streaming") is False:
        told.event(
            events.TTS_FIRST_AUDIO,
            span.start_ms + ttfb_s * _MS,
            request_id=span.span_id,
            ttfb_ms=round(ttfb_s * _MS),
        )
    seconds = aliases.figure(figures.get("audio_duration"))
    told.event(events.TTS_STOPPED, span.end_ms, request_id=span.span_id, audio_seconds=seconds)
    told.usage("tts", span.end_ms, units, request_id=span.span_id, **facts)


def _tell_error(told: Told, span: Span, tree: Tree) -> None:
    """What failed here and not further in; what was tried again with success is recovered."""
    if span.name in {"llm_request", "realtime_inference", "function_tool", "user_turn"} or (
        span.status != ERROR and not any(each.name == "exception" for each in span.events)
    ):
        return  # told with the stage, or nothing to tell
    outermost = span
    for each in tree.above(span):
        if each.status != ERROR:
            break
        outermost = each
    around = tree.parent(outermost)
    recovered = outermost.name in _ATTEMPTS or (around is not None and around.name in _FALLBACKS)
    stage = _STAGES.get(span.name.partition("_")[0])
    told.errors(span, stage, recovered=recovered or None, **who(span))


def _tell_seconds(told: Told, points: list[Point]) -> None:
    """The seconds that the recogniser listened to: the sum of what came, or the last of what was summed up already."""
    series: dict[tuple[Any, ...], dict[int, float]] = {}
    last_ns = 0
    for each in points:
        if each.name != _STT_SECONDS:
            continue
        key = tuple(str(each.attributes.get(name) or "") for name in ("model_provider", "model_name"))
        place = each.at_ns if each.is_delta else each.start_ns
        held = series.setdefault((*key, each.is_delta), {})
        held[place] = max(held.get(place, 0), each.value)
        last_ns = max(last_ns, each.at_ns)
    for (provider, model, _), held in sorted(series.items()):
        seconds = sum(held.values())
        if seconds > 0:
            told.usage(
                "stt",
                told.ended_ms if told.ended_ms is not None else last_ns / 1e6,
                {"audio_seconds": round(seconds, 6)},
                provider=provider_named(provider) if provider else None,
                model=model or None,
            )


def _tell_unknown_seconds(told: Told, spans: list[Span]) -> None:
    """Recognitions whose seconds nobody told: they are billed, and it is not known how much."""
    for each in spans:
        if each.name == "user_turn" and who(each):
            told.event(events.USAGE, each.end_ms, service="stt", unreported_requests=1, **who(each))


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
