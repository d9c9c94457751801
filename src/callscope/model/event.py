"""Operational events of a call: what each type means and which moment it marks.

The moment of an event (`Event.ts_ms`) is the moment of the thing itself, not of its report: voice
activity detection tells of the end of speech a while after it, so ``user_stopped_speaking`` is stamped
with the end of speech and carries the delay of its report. Types not named here are allowed and kept.

Words that may be private are only ever under the keys ``text``, ``heard``, ``arguments``, ``result``,
``message``, ``stack`` and ``reason``; the transcript policy relies on that for the types below.

====================== ===========================================================================
type                   moment; keys of ``data`` (all optional unless marked *)
====================== ===========================================================================
client_connected       the caller's audio can flow; transport
client_disconnected    the caller's side left; reason
agent_connected        the agent's side joined the room
call_ended             the framework ended the call; reason, initiator (caller, agent, system)
user_started_speaking  the caller's first sound
user_stopped_speaking  the caller's last sound; delay_ms*: how much later that was decided (endpointing)
user_turn_started      the framework opened a caller turn
user_turn_stopped      the framework decided that the caller's turn is over; strategy
agent_started_speaking the caller can hear the agent
agent_stopped_speaking the agent's last sound; interrupted
agent_text             words of the agent began to play, a sentence or about a second of them; text*,
                       request_id of the synthesis. Their turn comes later: it is written at its end
transcript             the recogniser's final text arrived; text, language, processor, provider, model
turn_detection         an end-of-turn model decided; complete*, probability, duration_ms, processor, model
llm_started            a request left; request_id*, processor, provider, model
llm_first_token        the first word of the answer; request_id*, ttft_ms, thinking_ms
llm_stopped            the stream ended; request_id*, outcome (completed, interrupted, failed, tool_call),
                       usage_reported
tool_call              the agent's code was called; tool_call_id*, name*, arguments
tool_result            it returned; tool_call_id*, name, result, outcome (completed, failed, timed_out,
                       cancelled), duration_ms, message
tts_started            text went to the synthesizer; request_id*, text_length, processor, provider, model
tts_first_audio        its first sound came; request_id*, ttfb_ms, leading_silence_ms
tts_stopped            its last sound came; request_id*, audio_seconds, interrupted
barge_in               the caller spoke over the agent and the agent stopped; heard_characters,
                       generated_characters, heard_ms, heard_estimated (a share of the text as large as the
                       sound's)
usage                  something billable; service*, provider, model, and units (see `usage`)
budget                 what was spent crossed a threshold of a budget; budget*: its name, period*, threshold_percent*,
                       spent_usd*, limit_usd*
error                  something failed; message*, error_id, category (see `timeline.error_category`), exception_type,
                       http_status, stack, stage, processor, provider, model, recovered, recoverable: trying again
                       may help; fatal, duplicate_of: the id of the error that this one only repeats
silence                something was not heard, at the moment at which that had lasted too long; kind*: no_answer,
                       no_sound, no_transcript, never_spoke, no_synthesis or watchdog; since_ms*: Unix
                       milliseconds of its beginning; waited_ms*; stage (tool, llm, tts): what was at work
                       meanwhile; name of the tool; message
error_recovered        a stage that had failed did its work again; error_id*: the error that is got over;
                       stage, processor, after_ms
warning                something is odd; message*, code
metrics                a framework's own figures, kept as reported; processor, and values by name
service_switched       another service of a stage took over; stage, processor, provider, model
settings_changed       a service's settings were changed; settings: their names; model, voice
user_mute_started      the caller is not listened to from here on
user_mute_stopped      the caller is listened to again
stt_mute               the recogniser was muted or not; muted
user_backchannel       the caller said "mhm" or the like, which is no turn
agent_backchannel      the agent did
context_summarized     the conversation so far was replaced by a summary
dtmf                   a key was pressed, which one is not kept; by (caller, agent)
====================== ===========================================================================
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

CLIENT_CONNECTED: Final = "client_connected"
CLIENT_DISCONNECTED: Final = "client_disconnected"
AGENT_CONNECTED: Final = "agent_connected"
CALL_ENDED: Final = "call_ended"
USER_STARTED_SPEAKING: Final = "user_started_speaking"
USER_STOPPED_SPEAKING: Final = "user_stopped_speaking"
USER_TURN_STARTED: Final = "user_turn_started"
USER_TURN_STOPPED: Final = "user_turn_stopped"
AGENT_STARTED_SPEAKING: Final = "agent_started_speaking"
AGENT_STOPPED_SPEAKING: Final = "agent_stopped_speaking"
AGENT_TEXT: Final = "agent_text"
TRANSCRIPT: Final = "transcript"
TURN_DETECTION: Final = "turn_detection"
LLM_STARTED: Final = "llm_started"
LLM_FIRST_TOKEN: Final = "llm_first_token"  # noqa: S105 -- a token of text, not a secret
LLM_STOPPED: Final = "llm_stopped"
TOOL_CALL: Final = "tool_call"
TOOL_RESULT: Final = "tool_result"
TTS_STARTED: Final = "tts_started"
TTS_FIRST_AUDIO: Final = "tts_first_audio"
TTS_STOPPED: Final = "tts_stopped"
BARGE_IN: Final = "barge_in"
USAGE: Final = "usage"
BUDGET: Final = "budget"
ERROR: Final = "error"
ERROR_RECOVERED: Final = "error_recovered"
SILENCE: Final = "silence"
WARNING: Final = "warning"
METRICS: Final = "metrics"
SERVICE_SWITCHED: Final = "service_switched"
SETTINGS_CHANGED: Final = "settings_changed"
USER_MUTE_STARTED: Final = "user_mute_started"
USER_MUTE_STOPPED: Final = "user_mute_stopped"
STT_MUTE: Final = "stt_mute"
USER_BACKCHANNEL: Final = "user_backchannel"
AGENT_BACKCHANNEL: Final = "agent_backchannel"
CONTEXT_SUMMARIZED: Final = "context_summarized"
DTMF: Final = "dtmf"

WORD_KEYS: Final = frozenset({"text", "heard", "arguments", "result", "message", "stack", "reason"})
"""Keys of ``data`` that may hold words of the conversation."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One operational event, as it is read back."""

    ts_ms: int | None
    """Unix milliseconds of the thing itself; None when the row does not say."""
    type: str
    """One of the types above, or any other."""
    data: dict[str, Any]
    """Its facts; keys carry their units."""
