"""Spans of one piece of work: a request to a model, a synthesis, a recognition, a tool."""

from __future__ import annotations

from typing import Any, Final

from callscope.interop import aliases
from callscope.interop.spans import ERROR, Span
from callscope.interop.told import Told, tokens_of, who
from callscope.model import event as events

_MS: Final = 1000
_NO_TTFT: Final = 1e-9


def llm(
    told: Told,
    span: Span,
    *,
    service: str = "llm",
    units: dict[str, float] | None = None,
    is_told_within: bool = False,
) -> None:
    """A request to a language model, or to one that speaks itself (``realtime``).

    Args:
        told: where it is told.
        span: the request.
        service: whose usage it is.
        units: what it used; None: as its attributes have it.
        is_told_within: one of its parts tells what failed.
    """
    facts = who(span)
    told.event(events.LLM_STARTED, span.start_ms, request_id=span.span_id, **facts)
    ttft_s = aliases.number(span.attributes, aliases.TTFT_SECONDS)
    if ttft_s is not None and ttft_s > _NO_TTFT and _is_within(span, ttft_s):
        first_ms = span.start_ms + ttft_s * _MS
        told.event(events.LLM_FIRST_TOKEN, first_ms, request_id=span.span_id, ttft_ms=round(ttft_s * _MS))
    units = tokens_of(span) if units is None else units
    failed = not is_told_within and told.errors(span, "llm", **facts)
    told.event(
        events.LLM_STOPPED,
        span.end_ms,
        request_id=span.span_id,
        outcome=_outcome(span, failed=failed),
        usage_reported=True if units else None,
    )
    told.usage(service, span.end_ms, units, request_id=span.span_id, **facts)


def tts(told: Told, span: Span, *, text: str | None = None, units: dict[str, float] | None = None) -> None:
    """A synthesis."""
    facts = who(span)
    interrupted = aliases.flag(span.attributes, "tts.interrupted")
    told.event(
        events.TTS_STARTED,
        span.start_ms,
        request_id=span.span_id,
        text_length=len(text) if text is not None else None,
        **facts,
    )
    first_ms = first_sound_ms(span)
    if first_ms is not None:
        ttfb_ms = round(first_ms - span.start_ms)
        told.event(events.TTS_FIRST_AUDIO, first_ms, request_id=span.span_id, ttfb_ms=ttfb_ms)
    told.errors(span, "tts", **facts)
    seconds = aliases.number(span.attributes, aliases.AUDIO_SECONDS)
    told.event(events.TTS_STOPPED, span.end_ms, request_id=span.span_id, audio_seconds=seconds, interrupted=interrupted)
    units = spoken_units(span) if units is None else units
    told.usage("tts", span.end_ms, units, request_id=span.span_id, **facts)


def spoken_units(span: Span) -> dict[str, float]:
    """What a synthesis used."""
    units = tokens_of(span)
    for unit, names in (("characters", aliases.CHARACTERS), ("audio_seconds", aliases.AUDIO_SECONDS)):
        value = aliases.number(span.attributes, names)
        if value is not None:
            units[unit] = value
    return units


def stt(told: Told, span: Span, text: str | None, *, at_ms: float | None = None, is_alone: bool = True) -> None:
    """A recognition, with its final text.

    Args:
        told: where it is told.
        span: the recognition.
        text: what was recognised; None: nothing.
        at_ms: when its text came; None: when the span ended.
        is_alone: the wait for the text is the recogniser's alone, so that it is named as who was waited for.
    """
    facts = who(span)
    language = aliases.text(span.attributes, aliases.LANGUAGE)
    if text is not None:
        told.event(
            events.TRANSCRIPT,
            span.end_ms if at_ms is None else at_ms,
            text=text,
            language=language,
            **(facts if is_alone else {}),
        )
    told.errors(span, "stt", **facts)
    units = tokens_of(span)
    seconds = aliases.number(span.attributes, aliases.AUDIO_SECONDS)
    if seconds is not None:
        units["audio_seconds"] = seconds
    told.usage("stt", span.end_ms, units, **facts)


def tool(told: Told, span: Span, *, failure: str | None = None, is_own_error: bool = True) -> None:
    """A call of the agent's code.

    Args:
        told: where it is told.
        span: the call.
        failure: what went wrong in it, where something else than the span tells.
        is_own_error: an exception of it is an error of the call, too, and not only what the tool gave.
    """
    name = aliases.text(span.attributes, aliases.TOOL_NAME)
    if name is None:
        name = span.name.removeprefix("execute_tool").strip() or None
    call_id = aliases.text(span.attributes, aliases.TOOL_ID) or span.span_id
    arguments = aliases.structure(aliases.first(span.attributes, aliases.TOOL_ARGUMENTS))
    result = aliases.structure(aliases.first(span.attributes, aliases.TOOL_RESULT))
    told.event(events.TOOL_CALL, span.start_ms, tool_call_id=call_id, name=name, arguments=arguments)
    is_error = aliases.flag(span.attributes, "lk.function_tool.is_error") is True or span.status == ERROR
    is_error = is_error or aliases.text(span.attributes, ("error.type",)) is not None
    if is_own_error:
        is_error = told.errors(span, "tool", name=name) or is_error
    else:
        raised = next((each for each in span.events if each.name == "exception"), None)
        is_error = is_error or raised is not None
        failure = failure or (
            aliases.text(raised.attributes, ("exception.message", "exception.type")) if raised else None
        )
    failure = failure if is_error else None
    told.event(
        events.TOOL_RESULT,
        span.end_ms,
        tool_call_id=call_id,
        name=name,
        result=result if failure is None else None,
        message=failure,
        outcome="failed" if is_error else "completed",
        duration_ms=span.end_ms - span.start_ms,
    )


def first_sound_ms(span: Span) -> float | None:
    """When a synthesis' first sound came; None where nobody told."""
    ttfb_s = aliases.number(span.attributes, aliases.TTFB_SECONDS)
    if ttfb_s is None or not _is_within(span, ttfb_s):
        return None
    return span.start_ms + ttfb_s * _MS


def agent_of(told: Told, span: Span, *, voice: bool = False) -> None:
    """Who the agent is: the first model that answers, the first voice that speaks."""
    if voice:
        name: Any = aliases.text(span.attributes, aliases.VOICE)
        if name is not None:
            told.agent.setdefault("voice", name)
        return
    for key, value in who(span).items():
        told.agent.setdefault(key, value)


def _is_within(span: Span, seconds: float) -> bool:
    return seconds * _MS <= span.end_ms - span.start_ms + 1


def _outcome(span: Span, *, failed: bool) -> str:
    if failed or span.status == ERROR:
        return "failed"
    reasons = span.attributes.get("gen_ai.response.finish_reasons")
    reason = reasons[0] if isinstance(reasons, list | tuple) and reasons else None
    if span.attributes.get("lk.llm.cancelled") is True or reason == "cancelled":
        return "interrupted"
    return "tool_call" if reason in {"tool_calls", "tool_call", "tool_use", "function_call"} else "completed"
