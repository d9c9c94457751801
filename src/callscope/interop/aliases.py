"""Names that attributes of spans have had: one meaning, all its names, the newest first.

Read in LiveKit Agents 1.3 to 1.8, Pipecat 0.0.9x to 1.14, OpenTelemetry's GenAI conventions and OpenInference 0.1.42.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from callscope.model import wire

Names = tuple[str, ...]

CONVERSATION: Final[Names] = ("gen_ai.conversation.id", "lk.room_sid", "conversation.id", "callscope.call.id")
"""Which conversation a span is of."""
CONVERSATION_IF_NONE: Final[Names] = ("session.id", "lk.job_id")
"""The same, where no span of the trace says it better."""
OPERATION: Final[Names] = ("gen_ai.operation.name",)
PROVIDER: Final[Names] = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
MODEL: Final[Names] = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "embedding.model_name")
AGENT_NAME: Final[Names] = ("gen_ai.agent.name", "gen_ai.workflow.name", "agent.name", "lk.agent_name")
VOICE: Final[Names] = ("gen_ai.speech.voice", "voice_id", "settings.voice")
LANGUAGE: Final[Names] = ("gen_ai.speech.input.language", "language", "settings.language")

USER_TEXT: Final[Names] = ("lk.pii.user_transcript", "lk.user_transcript", "transcript", "audio.transcript")
USER_INPUT: Final[Names] = ("lk.pii.user_input", "lk.user_input")
AGENT_TEXT: Final[Names] = ("lk.pii.response.text", "lk.response.text")
SPOKEN: Final[Names] = ("lk.pii.input_text", "lk.input_text", "text")
INPUT_MESSAGES: Final[Names] = ("gen_ai.input.messages", "gen_ai.prompt", "input.value", "input")
OUTPUT_MESSAGES: Final[Names] = ("gen_ai.output.messages", "gen_ai.completion", "output.value", "output")

TOOL_NAME: Final[Names] = ("gen_ai.tool.name", "lk.function_tool.name", "tool.name", "tool.function_name")
TOOL_ID: Final[Names] = ("gen_ai.tool.call.id", "lk.function_tool.id", "tool_call.id", "tool.call_id", "tool.id")
TOOL_ARGUMENTS: Final[Names] = (
    "gen_ai.tool.call.arguments", "lk.pii.function_tool.arguments", "lk.function_tool.arguments", "tool.parameters",
    "tool.arguments", "input.value",
)  # fmt: skip
TOOL_RESULT: Final[Names] = (
    "gen_ai.tool.call.result", "lk.pii.function_tool.output", "lk.function_tool.output", "tool.result", "output.value",
)  # fmt: skip

TTFT_SECONDS: Final[Names] = (
    "gen_ai.response.time_to_first_chunk", "lk.response.ttft", "metrics.ttfb", "service.ttfb_seconds",
)  # fmt: skip
TTFB_SECONDS: Final[Names] = (
    "gen_ai.response.time_to_first_chunk", "lk.response.ttfb", "metrics.ttfb", "service.ttfb_seconds",
)  # fmt: skip
CALLER: Final[Names] = ("lk.pii.sip.phoneNumber", "lk.sip.phoneNumber", "sip.phoneNumber")
CALLEE: Final[Names] = ("lk.pii.sip.trunkPhoneNumber", "lk.sip.trunkPhoneNumber", "sip.trunkPhoneNumber")

UNITS: Final[dict[str, Names]] = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    "cache_read_input_tokens": (
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input",
    ),
    "cache_creation_input_tokens": (
        "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ),
    "input_audio_tokens": ("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"),
    "output_audio_tokens": ("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"),
    "cached_audio_tokens": (
        "gen_ai.usage.audio.cache_read.input_tokens", "gen_ai.usage.cache_read.audio.input_tokens",
    ),
}  # fmt: skip
"""What is billed by tokens."""
CHARACTERS: Final[Names] = ("metrics.character_count", "tts.character_count", "callscope.characters")
AUDIO_SECONDS: Final[Names] = ("metrics.audio_seconds", "callscope.audio_seconds")

MACHINE: Final = frozenset(
    {
        *CONVERSATION, *CONVERSATION_IF_NONE, *OPERATION, *PROVIDER, *MODEL, *VOICE, *LANGUAGE, *TOOL_NAME, *TOOL_ID,
        "openinference.span.kind", "exception.type", "error.type", "gen_ai.output.type", "gen_ai.response.id",
        "gen_ai.response.finish_reasons", "gen_ai.tool.type", "lk.close_reason", "lk.interruption.source",
        "lk.agent_label", "lk.previous_agent_label", "lk.speech_id", "lk.generation_id", "lk.parent_generation_id",
        "lk.eou.source", "lk.eou.outcome", "lk.tts.label", "lk.llm_metrics", "lk.tts_metrics", "lk.agent_name",
        "lk.old_state", "lk.new_state", "conversation.type", "turn.type", "tool.result_status", "room_id", "job_id",
        "model_name", "model_provider", "service.name", "service.version", "service.instance.id",
        "deployment.environment", "deployment.environment.name", "telemetry.sdk.name", "telemetry.sdk.language",
        "telemetry.sdk.version",
    }
)  # fmt: skip
"""Names whose values are the machinery's own, never what anybody said."""
_MOST: Final = 10**15


def first(attributes: Mapping[str, Any], names: Names) -> Any:
    """The value under the first name that has one; None without any."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


def text(attributes: Mapping[str, Any], names: Names) -> str | None:
    """The same, of texts with something in them."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def number(attributes: Mapping[str, Any], names: Names) -> float | None:
    """The same, of numbers that are none below zero."""
    for name in names:
        value = figure(attributes.get(name))
        if value is not None:
            return value
    return None


def figure(value: object) -> float | None:
    """A number that is not below zero, a whole one as int; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def flag(attributes: Mapping[str, Any], name: str) -> bool | None:
    """A yes or no; None where it is none."""
    value = attributes.get(name)
    return value if isinstance(value, bool) else None


def structure(value: object) -> Any:
    """What stands in a text as JSON; the value itself where it is no such text."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return wire.decode(value.encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return value
    return value
