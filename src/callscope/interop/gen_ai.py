"""Names of what our traces say: one table, versioned, for what writes them and what reads them back.

The ``gen_ai.*`` names are those of OpenTelemetry's GenAI conventions, which live in a repository of their own
(open-telemetry/semantic-conventions-genai), have no release yet and are all in development. The table is as of
`CONVENTIONS`: the main branch with the split of cached tokens into read and written and the counts by modality
(pull request 440). Names under *drafts* come from open pull requests about voice (390) and may change.

A trace of ours is a view for other programs, and at the same time the call's rows, for a way back without loss:

- spans: the call (`INVOKE_WORKFLOW`), under it its exchanges (`INVOKE_AGENT`), under those their stages and tools;
- span events: every row of ``events.jsonl`` and ``transcript.jsonl``, on the span that it is about. A row of events
  has `EVENT_ROW`, a row of the transcript `TURN_ROW`: its 0-based place in its file's order. `ROW_TYPE` is the event's
  type (``user``, ``assistant`` ... for a turn), and each key of the row's data stands behind `DATA`, as it is (nested
  values are lists of keys and values); what is null in the row is absent. `MOMENT_UNKNOWN` is there where the row has
  no moment of its own. How many rows there are is said on the call's span: `EVENT_ROWS`, `TURN_ROWS`.
"""

from __future__ import annotations

from typing import Final

CONVENTIONS: Final = "2026-08"
"""The month of the conventions' main branch that the table follows."""
VERSION: Final = 1
"""Of our own names, below; another one when a name changes its meaning."""
SCOPE: Final = "callscope"
"""The instrumentation scope of our spans."""

# The conventions' operations, and first words of span names

INVOKE_WORKFLOW: Final = "invoke_workflow"
INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
GENERATE_CONTENT: Final = "generate_content"
EXECUTE_TOOL: Final = "execute_tool"
SPEECH_TO_TEXT: Final = "speech_to_text"  # draft
TEXT_TO_SPEECH: Final = "text_to_speech"  # draft

# The conventions' attributes

OPERATION: Final = "gen_ai.operation.name"
CONVERSATION: Final = "gen_ai.conversation.id"
WORKFLOW: Final = "gen_ai.workflow.name"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
OUTPUT_TYPE: Final = "gen_ai.output.type"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""Seconds."""
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""All of them, cached ones included, whatever the provider counts."""
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
AUDIO_INPUT: Final = "gen_ai.usage.audio.input_tokens"
AUDIO_OUTPUT: Final = "gen_ai.usage.audio.output_tokens"
AUDIO_CACHE_READ: Final = "gen_ai.usage.audio.cache_read.input_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
END_REASON: Final = "gen_ai.agent.invocation.end_reason"  # draft: completed, interrupted, session_closed
VOICE: Final = "gen_ai.speech.voice"  # draft
LANGUAGE: Final = "gen_ai.speech.input.language"  # draft
ERROR_TYPE: Final = "error.type"
OTHER_ERROR: Final = "_OTHER"
"""The value of `ERROR_TYPE` where nobody knows better."""
EXCEPTION: Final = "exception"
"""The name of the span event of an error."""
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACK: Final = "exception.stacktrace"
SERVICE_NAME: Final = "service.name"

PROVIDERS: Final = {
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gen_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""What the conventions call the providers of language models that we call otherwise."""
CACHED_BESIDE: Final = ("anthropic", "claude", "amazon", "aws", "bedrock")
"""How the names of providers begin whose ``input_tokens`` do not hold the cached ones; the others' do."""

# Our own

EXPORT: Final = "callscope.export"
"""`VERSION`, on the call's span."""
EVENT_ROWS: Final = "callscope.event_rows"
TURN_ROWS: Final = "callscope.turn_rows"
EVENT_ROW: Final = "callscope.event"
TURN_ROW: Final = "callscope.turn"
ROW_TYPE: Final = "callscope.type"
MOMENT_UNKNOWN: Final = "callscope.moment_unknown"
DATA: Final = "callscope.data."

STATUS: Final = "callscope.call.status"
DIRECTION: Final = "callscope.call.direction"
TELEPHONY: Final = "callscope.call.telephony_provider"
MODE: Final = "callscope.call.provider_mode"
CALLER: Final = "callscope.call.caller"
CALLEE: Final = "callscope.call.callee"
DURATION: Final = "callscope.call.duration_seconds"
END_UNKNOWN: Final = "callscope.call.end_unknown"
"""True where nobody knows when the call ended: its span then ends with its last row."""
TRACE_ID: Final = "callscope.call.trace_id"
"""The call's own, where it has one."""
TURNS: Final = "callscope.call.turns"
INTERRUPTIONS: Final = "callscope.call.interruptions"
UNANSWERED: Final = "callscope.call.unanswered"
WORST_WAIT: Final = "callscope.call.worst_wait_seconds"
LATENCY: Final = "callscope.call.latency."
"""Before ``p50_seconds``, ``p95_seconds``, ``p99_seconds``."""
CALL_ERROR: Final = "callscope.call.error"
CALL_END_REASON: Final = "callscope.call.end_reason"
COST: Final = "callscope.cost."
"""Before ``total_usd`` and a service's, as ``llm_usd``; of the call on its span, of an exchange on that one's."""
COST_STATUS: Final = "callscope.cost.status"
UNPRICED: Final = "callscope.cost.unpriced"
"""How many lines have no price: the sums are lower bounds where it is above 0."""
AGENT: Final = "callscope.agent"
"""JSON: the ``agent`` of metadata.json."""
USAGE: Final = "callscope.usage"
"""JSON: the usage lines of metadata.json."""
FRAMEWORK: Final = "callscope.framework.name"
FRAMEWORK_VERSION: Final = "callscope.framework.version"
LABEL: Final = "callscope.label."

INDEX: Final = "callscope.exchange.index"
KIND: Final = "callscope.exchange.kind"
RESPONSE: Final = "callscope.exchange.response_seconds"
SILENCE: Final = "callscope.exchange.silence_seconds"
WAIT_FROM: Final = "callscope.exchange.wait_from"
INTERRUPTED: Final = "callscope.exchange.interrupted"
USER_TURN: Final = "callscope.exchange.user_turn_index"
AGENT_TURN: Final = "callscope.exchange.agent_turn_index"
WAIT: Final = "callscope.wait."
"""Before a stage, as ``llm_seconds``: the parts of `RESPONSE`, which add up to it."""

REQUEST_ID: Final = "callscope.request_id"
PROCESSOR: Final = "callscope.processor"
OUTCOME: Final = "callscope.outcome"
UNFINISHED: Final = "callscope.unfinished"
"""True where nothing told of the end: the span then ends with its parent."""
BEGINNING_UNKNOWN: Final = "callscope.beginning_unknown"
FINALIZED: Final = "callscope.stt.finalize_seconds"
"""From the caller's last sound to the transcript."""
FIRST_AUDIO: Final = "callscope.tts.time_to_first_audio_seconds"
TEXT_LENGTH: Final = "callscope.tts.text_length"
CHARACTERS: Final = "callscope.characters"
AUDIO_SECONDS: Final = "callscope.audio_seconds"

# OpenInference 0.1.42, on request

SPAN_KIND: Final = "openinference.span.kind"
SESSION: Final = "session.id"
OI_MODEL: Final = "llm.model_name"
OI_PROVIDER: Final = "llm.provider"
OI_AGENT: Final = "agent.name"
OI_TOOL: Final = "tool.name"
OI_PARAMETERS: Final = "tool.parameters"
OI_INPUT: Final = "input.value"
OI_OUTPUT: Final = "output.value"
OI_COST: Final = "llm.cost.total"
OI_TOTAL_TOKENS: Final = "llm.token_count.total"
OI_TOKENS: Final = {
    INPUT_TOKENS: "llm.token_count.prompt",
    OUTPUT_TOKENS: "llm.token_count.completion",
    CACHE_READ: "llm.token_count.prompt_details.cache_read",
    CACHE_WRITE: "llm.token_count.prompt_details.cache_write",
    AUDIO_INPUT: "llm.token_count.prompt_details.audio",
    REASONING: "llm.token_count.completion_details.reasoning",
    AUDIO_OUTPUT: "llm.token_count.completion_details.audio",
}
