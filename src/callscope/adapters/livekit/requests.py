"""Requests to the language model, from the agent's ``llm_node``."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import models
from callscope.adapters.livekit.moments import known
from callscope.adapters.livekit.nodes import COMPLETED, FAILED
from callscope.clock import now_ms
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.livekit.errors import Errors
    from callscope.recorder.call_log import CallLog

MAX_TEXT: Final = 64_000
"""Characters kept of one answer."""
_ANSWERS: Final = 16


class Requests:
    """Starts, first words and ends of requests; and what was generated, to tell it from what was heard."""

    def __init__(self, log: CallLog, session: Any, errors: Errors) -> None:
        self._log = log
        self._session = session
        self._errors = errors
        self._count = 0
        self._open: dict[str, Request] = {}
        self._answers: deque[Request | Spoken] = deque(maxlen=_ANSWERS)

    def start(self) -> Request:
        """A request leaves now."""
        self._count += 1
        request = Request(self, f"llm-{self._count}")
        model = models.current(self._session, "llm")
        request.facts = models.facts(model)
        self._errors.watch(model)
        self._open[request.id] = request
        self._answers.append(request)
        self._log.event(events.LLM_STARTED, {"request_id": request.id, **request.facts}, at_ms=request.began_ms)
        return request

    def generated(self, heard: str) -> str | None:
        """All that was generated where this was heard of it; None when it is not known."""
        start = squeezed(heard)
        for answer in reversed(self._answers):
            if squeezed(answer.words).startswith(start) and start:
                return answer.words.strip()
        return None

    def speech_to_speech(self) -> Spoken | None:
        """An answer's words begin to come; None unless the model speaks itself: then they came from ``llm_node``."""
        if not models.is_realtime(models.current(self._session, "llm")):
            return None
        answer = Spoken()
        self._answers.append(answer)
        return answer

    def open_since(self) -> float:
        """When the oldest request that goes on began; now without any."""
        return min((request.began_ms for request in self._open.values()), default=now_ms())

    def finish(self) -> None:
        """The session is over: what is still open was cut off."""
        for request in list(self._open.values()):
            request.ended("interrupted")

    def first_token(self, request: Request) -> None:
        """The first word of an answer came."""
        at_ms = now_ms()
        told = {"request_id": request.id, "ttft_ms": round(at_ms - request.began_ms)}
        self._log.event(events.LLM_FIRST_TOKEN, told, at_ms=at_ms)
        self._errors.worked("llm", at_ms)

    def close(self, request: Request, outcome: str) -> None:
        """A request ended."""
        if self._open.pop(request.id, None) is None:
            return
        at_ms = now_ms()
        if outcome == COMPLETED and request.calls_tool:
            outcome = "tool_call"
            self._errors.worked("llm", at_ms)
        due = request.is_from_model or outcome not in {COMPLETED, FAILED}
        reported = request.usage_told if due and request.facts else None
        told = {"request_id": request.id, "outcome": outcome, "usage_reported": reported}
        self._log.event(events.LLM_STOPPED, known(told), at_ms=at_ms)
        if reported is False and outcome != FAILED:
            self._log.usage(
                "llm",
                provider=request.facts.get("provider"),
                model=request.facts.get("model"),
                at_ms=at_ms,
                request_id=request.id,
                unreported_requests=1,
            )


class Request:
    """One run of ``llm_node``."""

    __slots__ = ("_requests", "began_ms", "calls_tool", "facts", "id", "is_from_model", "usage_told", "words")

    def __init__(self, requests: Requests, id_: str) -> None:
        self._requests = requests
        self.id = id_
        self.began_ms = now_ms()
        self.facts: dict[str, Any] = {}
        self.words = ""
        self.calls_tool = False
        self.usage_told = False
        self.is_from_model = False
        """A model of LiveKit's answers, which tells its usage; an ``llm_node`` of one's own may give plain text."""

    def item(self, item: Any) -> None:
        """A chunk of the answer, or plain text where ``llm_node`` is the application's own."""
        content = item if isinstance(item, str) else None
        if content is None:
            self.is_from_model = self.is_from_model or hasattr(item, "usage")
            self.usage_told = self.usage_told or getattr(item, "usage", None) is not None
            delta = getattr(item, "delta", None)
            content = getattr(delta, "content", None)
            self.calls_tool = self.calls_tool or bool(getattr(delta, "tool_calls", None))
        if not content:
            return
        if not self.words:
            self._requests.first_token(self)
        if len(self.words) < MAX_TEXT:
            self.words += content

    def ended(self, outcome: str) -> None:
        """The answer is over."""
        self._requests.close(self, outcome)


class Spoken:
    """The words of one answer of a speech-to-speech model, one run of ``transcription_node``."""

    __slots__ = ("words",)

    def __init__(self) -> None:
        self.words = ""
        """All that the model has told so far, whatever was heard of it."""

    def text(self, text: str) -> None:
        """More words of it."""
        if len(self.words) < MAX_TEXT:
            self.words += text

    def text_ended(self) -> None:
        """That was all."""

    def item(self, item: Any) -> None:
        """Words went on to the caller; how far that is, LiveKit tells in the end."""

    def ended(self, outcome: str) -> None:
        """No more words go on."""


def squeezed(text: str) -> str:
    """Text without its spaces, as they change on the way from the model to the caller."""
    return "".join(text.split())
