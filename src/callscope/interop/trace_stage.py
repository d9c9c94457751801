"""What the span of a piece of work says: recognition, a request, a tool, a synthesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from callscope.interop import gen_ai, trace_rows, trace_usage
from callscope.interop.spans import ERROR
from callscope.interop.trace_call import CLIENT, INTERNAL, known, seconds
from callscope.interop.trace_stages import FAILED, Stage
from callscope.model import wire
from callscope.model.call import Call
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

_WORDS: Final = ("arguments", "result", "text")
_BROKEN: Final = frozenset({FAILED, "timed_out"})
"""Outcomes that are failures; what was interrupted or cancelled is none."""


class Made(NamedTuple):
    """What a span is made of."""

    name: str
    kind: int
    status: int
    attributes: dict[str, Any]


def made(stage: Stage, usages: Sequence[Mapping[str, Any]], call: Call, policy: Policy) -> Made:
    """The span of a stage; ``usages`` is what it used, as far as that is known to be its own."""
    told = _words(stage, policy)
    if stage.kind == "llm":
        found = _request(stage, usages, call)
    elif stage.kind == "tts":
        found = _synthesis(stage, usages, call)
    elif stage.kind == "stt":
        found = _recognition(stage, usages)
    else:
        found = _tool(stage, told)
    broken = _text(stage.data.get("outcome")) in _BROKEN
    attributes = {
        **found.attributes,
        gen_ai.ERROR_TYPE: _failure(stage) if broken else None,
        gen_ai.OUTCOME: _text(stage.data.get("outcome")),
        gen_ai.PROCESSOR: _text(stage.data.get("processor")),
        gen_ai.UNFINISHED: True if stage.end_ms is None else None,
        gen_ai.BEGINNING_UNKNOWN: None if stage.beginning_known else True,
    }
    return found._replace(attributes=known(attributes), status=ERROR if broken else 0)


def openinference(stage: Stage, attributes: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """The same for OpenInference's readers."""
    words = _words(stage, policy)
    told: dict[str, Any] = {gen_ai.SPAN_KIND: "CHAIN"}
    if stage.kind == "llm":
        counts = {name: attributes[name] for name in gen_ai.OI_TOKENS if name in attributes}
        told = {gen_ai.SPAN_KIND: "LLM", **trace_usage.openinference(counts)}
        told |= {gen_ai.OI_MODEL: attributes.get(gen_ai.REQUEST_MODEL), gen_ai.OI_PROVIDER: _text(_provider(stage))}
    elif stage.kind == "tool":
        told = {gen_ai.SPAN_KIND: "TOOL", gen_ai.OI_TOOL: attributes.get(gen_ai.TOOL_NAME)}
        told |= {gen_ai.OI_PARAMETERS: words.get("arguments"), gen_ai.OI_INPUT: words.get("arguments")}
        told[gen_ai.OI_OUTPUT] = words.get("result")
    elif stage.kind == "stt":
        told[gen_ai.OI_OUTPUT] = words.get("text")
    return known(told)


def _request(stage: Stage, usages: Sequence[Mapping[str, Any]], call: Call) -> Made:
    realtime = any(each.get("service") == "realtime" for each in usages) or "realtime" in (call.provider_mode or "")
    operation = gen_ai.GENERATE_CONTENT if realtime else gen_ai.CHAT
    first = stage.data.get("ttft_ms")
    if first is None and stage.first_ms is not None:
        first = stage.first_ms - stage.start_ms
    return _of_service(
        stage,
        operation,
        {
            gen_ai.OUTPUT_TYPE: "speech" if realtime else None,
            gen_ai.TIME_TO_FIRST_CHUNK: seconds(first),
            **trace_usage.tokens(usages),
            gen_ai.REQUEST_ID: stage.key,
        },
    )


def _synthesis(stage: Stage, usages: Sequence[Mapping[str, Any]], call: Call) -> Made:
    first = stage.data.get("ttfb_ms")
    if first is None and stage.first_ms is not None:
        first = stage.first_ms - stage.start_ms
    seconds_told = stage.data.get("audio_seconds")
    length = stage.data.get("text_length")
    return _of_service(
        stage,
        gen_ai.TEXT_TO_SPEECH,
        {
            gen_ai.OUTPUT_TYPE: "speech",
            gen_ai.VOICE: _text(call.agent.get("voice")),
            gen_ai.FIRST_AUDIO: seconds(first),
            gen_ai.CHARACTERS: trace_usage.summed(usages, "characters"),
            gen_ai.AUDIO_SECONDS: trace_usage.summed([{"audio_seconds": seconds_told}], "audio_seconds"),
            gen_ai.TEXT_LENGTH: length if type(length) is int else None,
            gen_ai.REQUEST_ID: stage.key,
        },
    )


def _recognition(stage: Stage, usages: Sequence[Mapping[str, Any]]) -> Made:
    return _of_service(
        stage,
        gen_ai.SPEECH_TO_TEXT,
        {
            gen_ai.LANGUAGE: _text(stage.data.get("language")),
            gen_ai.FINALIZED: seconds(stage.data.get("finalize_ms")),
            gen_ai.AUDIO_SECONDS: trace_usage.summed(usages, "audio_seconds"),
        },
    )


def _tool(stage: Stage, words: Mapping[str, str]) -> Made:
    name = _text(stage.data.get("name"))
    told = {
        gen_ai.OPERATION: gen_ai.EXECUTE_TOOL,
        gen_ai.TOOL_NAME: name,
        gen_ai.TOOL_TYPE: "function",
        gen_ai.TOOL_ID: stage.key,
        gen_ai.TOOL_ARGUMENTS: words.get("arguments"),
        gen_ai.TOOL_RESULT: words.get("result"),
    }
    return Made(_named(gen_ai.EXECUTE_TOOL, name), INTERNAL, 0, told)


def _of_service(stage: Stage, operation: str, attributes: dict[str, Any]) -> Made:
    model = _text(stage.data.get("model"))
    provider = _text(_provider(stage))
    told = {
        gen_ai.OPERATION: operation,
        gen_ai.PROVIDER: gen_ai.PROVIDERS.get(provider, provider) if provider and stage.kind == "llm" else provider,
        gen_ai.REQUEST_MODEL: model,
        **attributes,
    }
    return Made(_named(operation, model), CLIENT, 0, told)


def _provider(stage: Stage) -> object:
    return stage.data.get("provider")


def _failure(stage: Stage) -> str:
    if stage.errors:
        return trace_rows.error_type(stage.errors[-1])
    return str(stage.data["outcome"]) if stage.kind == "tool" else gen_ai.OTHER_ERROR


def _words(stage: Stage, policy: Policy) -> dict[str, str]:
    """Arguments, result and text as they may be told: texts as they are, all else as JSON."""
    if policy.transcript == "off":
        return {}
    data = redaction.event_data("", {key: stage.data[key] for key in _WORDS if key in stage.data}, policy)
    return {
        key: value if isinstance(value, str) else wire.encode(value).decode()
        for key, value in data.items()
        if value is not None
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _named(operation: str, name: str | None) -> str:
    return operation if name is None else f"{operation} {name}"
