"""How a call went: running counts while it goes on, and the verdict at its end.

A call that ended is not a call that went well: one whose caller heard nothing, or whose synthesis failed
throughout, is ``failed``, and says why in plain words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from callscope.model import event as events
from callscope.model.call import CANCELED, COMPLETED, FAILED
from callscope.timeline.running import name_of
from callscope.timeline.silence_words import NEVER_SPOKE, NO_ANSWER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callscope.model.turn import Turn

_MAX_MESSAGE: Final = 500  # characters of an error that are kept
_MAX_OPEN_ERRORS: Final = 64  # whose recovery is still waited for; of more the oldest stay unrecovered


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a call."""

    status: str
    """One of `callscope.model.call.STATUSES`."""
    error: str | None
    """What went wrong, in words; None when nothing did."""
    reason: str
    """Why the call ended, in words."""


class OpenError(NamedTuple):
    """An error that may still be got over."""

    words: str
    fatal: bool
    counted: bool
    """It is among the unrecovered ones: its own event did not call it recovered."""


class Facts(msgspec.Struct, kw_only=True):
    """Counts over a call so far. The fold keeps them; their size does not grow with the call."""

    connected: bool = False
    """The caller's audio could flow."""
    hung_up: bool = False
    """The caller's side left first."""
    end_reason: str | None = None
    """Why the call ended, as the first event that told of it said."""
    ended_by: str | None = None
    """``caller``, ``agent`` or ``system``; None when nobody said."""
    has_speaking_edges: bool = False
    """Beginnings or ends of speech or of turns were reported: exchanges are made from events."""
    has_agent_edges: bool = False
    """Beginnings or ends of the agent's speech were reported."""
    caller_edges: bool = False
    """Beginnings or ends of the caller's speech or turns were reported."""
    user_turns: int = 0
    """Rows of the caller."""
    agent_turns: int = 0
    """Rows of the agent."""
    transcripts: int = 0
    agent_spoke: int = 0
    """How often the agent began to be heard."""
    llm_requests: int = 0
    llm_answers: int = 0
    """Requests that produced a first word."""
    tts_requests: int = 0
    tts_with_audio: int = 0
    """Requests that produced a first sound."""
    tts_audio: bool = False
    """Any sound was synthesized, by whatever report."""
    barge_ins: int = 0
    errors: int = 0
    """Errors, each cause once."""
    errors_unrecovered: int = 0
    """Those that nothing recovered from: neither a failover at once, nor the stage by working again later."""
    open_errors: dict[str, OpenError] = {}
    """By id, the newest last."""
    tts_errors: int = 0
    """Errors of the synthesis."""
    fatal_errors: int = 0
    fatal_error: str | None = None
    """The last fatal error that nothing recovered from, as long as the agent was not heard after it."""
    last_error: str | None = None
    """The last error whose stage has not worked since, also one that was called recovered when it came: a framework
    calls a service recovered that it can still ask."""
    silences: int = 0
    """How often something was not heard for too long, by `callscope.timeline.silence`."""
    open_silence: str | None = None
    """The kind of the last one in which the caller waited for the agent, as long as nothing was heard after it."""
    caller_turns: int = 0
    """Exchanges that the caller opened and that are over."""
    answered: int = 0
    unanswered: int = 0
    interruptions: int = 0
    """Exchanges whose answer was cut off."""

    def count_turn(self, turn: Turn) -> None:
        """Take one turn into account."""
        if turn.role == "user":
            self.user_turns += 1
        elif turn.role == "assistant":
            self.agent_turns += 1
            if not self.has_agent_edges:
                self.fatal_error = None

    def count_exchange(self, *, answered: bool, interrupted: bool, greeting: bool) -> None:
        """Take one exchange that is over into account."""
        self.interruptions += interrupted
        if greeting:
            return
        self.caller_turns += 1
        self.answered += answered
        self.unanswered += not answered

    @property
    def errors_recovered(self) -> int:
        """Errors that were got over."""
        return self.errors - self.errors_unrecovered

    @property
    def heard(self) -> bool:
        """The caller heard the agent; where nobody reports playing, synthesized sound counts as heard."""
        return self.agent_spoke > 0 or (self.tts_audio and not self.has_agent_edges)

    @property
    def generated(self) -> bool:
        """The agent had something to say."""
        return bool(self.llm_answers or self.tts_requests or self.agent_turns)

    @property
    def caller_spoke(self) -> bool:
        """The caller said something that anybody took for a turn."""
        return bool(self.caller_turns or self.user_turns or self.transcripts)


def decide(facts: Facts, *, status: str | None, error: str | None, reason: str | None) -> Outcome:
    """The outcome of a call that ended.

    Args:
        facts: after `Fold.finish`.
        status: what the caller of ``end()`` said; honoured.
        error: the same; makes the call ``failed`` when no status was given.
        reason: the same; put into words from the events when it was not.
    """
    why = reason or _reason(facts)
    if status is not None:
        found = error or (_failure(facts) or facts.last_error if status == FAILED else None)
        return Outcome(status=status, error=found, reason=why)
    if error:
        return Outcome(status=FAILED, error=error, reason=why)
    failure = _failure(facts)
    if failure is not None:
        return Outcome(status=FAILED, error=failure, reason=why)
    if facts.hung_up and not (facts.caller_spoke or facts.generated or facts.heard):
        return Outcome(status=CANCELED, error=None, reason=why)
    return Outcome(status=COMPLETED, error=None, reason=why)


def _failure(facts: Facts) -> str | None:
    """Why the call failed; None when it did not."""
    if facts.fatal_error is not None:
        return f"a fatal error ended the conversation: {facts.fatal_error}"
    failure = None
    if not facts.heard:
        failure = _silence(facts)
    elif facts.tts_errors and facts.tts_requests and not facts.tts_audio:
        many = facts.tts_requests > 1
        requests = f"none of {facts.tts_requests} requests gave sound" if many else "its only request gave no sound"
        failure = f"speech synthesis failed throughout: {requests}"
    elif facts.unanswered and not facts.answered and facts.errors_unrecovered:
        failure = "nothing that the caller said was answered"
    elif facts.open_silence is not None and facts.ended_by != "agent":
        failure = "the caller was left without an answer until the call ended"
    if failure is None:
        return None
    return f"{failure}; last error: {facts.last_error}" if facts.last_error else failure


def _silence(facts: Facts) -> str | None:
    """Why nothing was heard; None when there was nothing to hear, or nothing is known about sound."""
    if facts.tts_audio:
        return "the caller heard nothing: sound was synthesized and never played"
    if facts.tts_requests:
        replies = "1 reply was" if facts.tts_requests == 1 else f"{facts.tts_requests} replies were"
        return f"the caller heard nothing: {replies} synthesized without sound"
    if facts.has_speaking_edges and facts.generated:
        return "the caller heard nothing: the agent's words were never spoken"
    if facts.has_speaking_edges and facts.caller_spoke:
        return "the caller heard nothing: the agent never answered"
    if facts.llm_requests and not facts.generated and facts.errors_unrecovered:
        return "the agent produced no answer"
    if facts.open_silence == NEVER_SPOKE and not facts.hung_up and facts.ended_by != "agent":
        return "the caller heard nothing: the agent never spoke"
    return None


def _reason(facts: Facts) -> str:
    if facts.hung_up or facts.ended_by == "caller":
        return "the caller hung up"
    by = {"agent": "the agent ended the call", "system": "the system ended the call"}.get(facts.ended_by or "")
    if by is None:
        return facts.end_reason or "the call ended"
    return f"{by}: {facts.end_reason}" if facts.end_reason else by


def describe_error(data: Mapping[str, Any]) -> str:
    """What failed, in words, also when the transcript policy kept the message off the disk."""
    for key in ("message", "exception_type", "category", "error_code"):
        value = data.get(key)
        if isinstance(value, str) and value.strip() and (key, value) != ("category", "unknown"):
            return value.strip()[:_MAX_MESSAGE]
    return "an error without a message"


def _connected(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.connected = True
    facts.hung_up = False  # a caller who lost the line and came back
    facts.end_reason = facts.ended_by = None


def _disconnected(facts: Facts, data: Mapping[str, Any]) -> None:
    if facts.ended_by is None and facts.end_reason is None:
        facts.hung_up = True
        _note_reason(facts, data)


def _ended(facts: Facts, data: Mapping[str, Any]) -> None:
    if facts.hung_up:
        return
    by = data.get("initiator")
    if facts.ended_by is None and isinstance(by, str):
        facts.ended_by = by
        facts.hung_up = by == "caller"
    _note_reason(facts, data)


def _note_reason(facts: Facts, data: Mapping[str, Any]) -> None:
    reason = data.get("reason")
    if facts.end_reason is None and isinstance(reason, str) and reason.strip():
        facts.end_reason = reason.strip()[:_MAX_MESSAGE]


def _caller_edge(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.has_speaking_edges = facts.caller_edges = True


def _agent_started(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.has_speaking_edges = facts.has_agent_edges = True
    facts.agent_spoke += 1
    facts.fatal_error = facts.open_silence = None


def _agent_stopped(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.has_speaking_edges = facts.has_agent_edges = True


def _transcript(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.transcripts += 1


def _llm_started(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.llm_requests += 1


def _llm_first_token(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.llm_answers += 1


def _tts_started(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.tts_requests += 1


def _tts_first_audio(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.tts_with_audio += 1
    facts.tts_audio = True
    if not facts.has_agent_edges:
        facts.open_silence = None


def _tts_stopped(facts: Facts, data: Mapping[str, Any]) -> None:
    seconds = data.get("audio_seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        facts.tts_audio = True


def _barge_in(facts: Facts, _data: Mapping[str, Any]) -> None:
    facts.barge_ins += 1


def _error(facts: Facts, data: Mapping[str, Any]) -> None:
    if data.get("duplicate_of") is not None:
        return
    facts.errors += 1
    fatal = data.get("fatal") is True
    facts.fatal_errors += fatal
    facts.tts_errors += data.get("stage") in ("tts", "synthesis")
    facts.last_error = describe_error(data)
    unrecovered = data.get("recovered") is not True
    facts.errors_unrecovered += unrecovered
    if fatal and unrecovered:
        facts.fatal_error = facts.last_error
    error_id = name_of(data.get("error_id"))
    if error_id and error_id not in facts.open_errors:
        facts.open_errors[error_id] = OpenError(facts.last_error, fatal, unrecovered)
        if len(facts.open_errors) > _MAX_OPEN_ERRORS:
            del facts.open_errors[next(iter(facts.open_errors))]


def _silence_told(facts: Facts, data: Mapping[str, Any]) -> None:
    facts.silences += 1
    kind = name_of(data.get("kind"))
    if kind in {NO_ANSWER, NEVER_SPOKE}:
        facts.open_silence = kind


def _error_recovered(facts: Facts, data: Mapping[str, Any]) -> None:
    error = facts.open_errors.pop(name_of(data.get("error_id")), None)
    if error is None:
        return
    facts.errors_unrecovered -= error.counted
    still_open = list(reversed(facts.open_errors.values()))
    if facts.last_error == error.words:
        facts.last_error = next((each.words for each in still_open), None)
    if facts.fatal_error == error.words:
        facts.fatal_error = next((each.words for each in still_open if each.fatal and each.counted), None)


COUNTERS: Final[dict[str, Callable[[Facts, Mapping[str, Any]], None]]] = {
    events.CLIENT_CONNECTED: _connected,
    events.CLIENT_DISCONNECTED: _disconnected,
    events.CALL_ENDED: _ended,
    events.USER_STARTED_SPEAKING: _caller_edge,
    events.USER_STOPPED_SPEAKING: _caller_edge,
    events.USER_TURN_STARTED: _caller_edge,
    events.USER_TURN_STOPPED: _caller_edge,
    events.AGENT_STARTED_SPEAKING: _agent_started,
    events.AGENT_STOPPED_SPEAKING: _agent_stopped,
    events.TRANSCRIPT: _transcript,
    events.LLM_STARTED: _llm_started,
    events.LLM_FIRST_TOKEN: _llm_first_token,
    events.TTS_STARTED: _tts_started,
    events.TTS_FIRST_AUDIO: _tts_first_audio,
    events.TTS_STOPPED: _tts_stopped,
    events.BARGE_IN: _barge_in,
    events.ERROR: _error,
    events.ERROR_RECOVERED: _error_recovered,
    events.SILENCE: _silence_told,
}
"""What an event of a type changes."""
