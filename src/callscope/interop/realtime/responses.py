"""Responses of the model: when they were asked for, began and ended, what they used."""

from __future__ import annotations

from typing import Any, Final

from callscope.interop.realtime import units
from callscope.interop.realtime.answer import Answer
from callscope.interop.realtime.settings import PROVIDER, Settings
from callscope.interop.realtime.story import Story
from callscope.interop.realtime.values import known, mapping, text
from callscope.model import event as kinds

_MAX_ANSWERS: Final = 16
"""That are remembered: those that go on, and the last ones for what is told of them late."""
_OUTCOMES: Final = {"completed": "completed", "cancelled": "interrupted", "failed": "failed", "incomplete": "completed"}
_ASKED_MS: Final = 10_000
"""A request that is not taken up within this time was refused."""


class Responses:
    """The responses of a session.

    Args:
        story: to whom requests and usage are told.
        settings: of the session.
    """

    def __init__(self, story: Story, settings: Settings) -> None:
        self._story = story
        self._settings = settings
        self._answers: dict[str, Answer] = {}
        self._asked: list[tuple[float, bool]] = []

    def asks(self, at_ms: float, event: dict[str, Any]) -> None:
        """The client asks for a response."""
        is_aside = mapping(event.get("response")).get("conversation") == "none"
        self._asked = [*self._asked[-7:], (at_ms, is_aside)]

    def refused(self) -> None:
        """The server did not do what was asked: the oldest request is none."""
        self._asked = self._asked[1:]

    def created(self, at_ms: float, event: dict[str, Any]) -> Answer:
        """The server begins a response, because the client asked, or because the caller's turn is over."""
        self._asked = [each for each in self._asked if at_ms - each[0] <= _ASKED_MS]
        asked_ms, is_aside = self._asked.pop(0) if self._asked else (at_ms, False)
        response_id = text(mapping(event.get("response")).get("id")) or f"response-{len(self._answers)}"
        answer = self._put(Answer(response_id, asked_ms, is_aside=is_aside))
        told = known(request_id=answer.id, provider=PROVIDER, model=self._settings.model)
        self._story.event(kinds.LLM_STARTED, told, at_ms=asked_ms)
        return answer

    def of(self, event: dict[str, Any], at_ms: float) -> Answer:
        """The response that an event is about; the newest one where it does not say."""
        response_id = text(event.get("response_id"))
        if response_id is None:
            newest = next(reversed(self._answers.values()), None)
            return newest if newest is not None else self._put(Answer("response", at_ms))
        answer = self._answers.get(response_id)
        return answer if answer is not None else self._put(Answer(response_id, at_ms))

    def with_item(self, item_id: str) -> Answer | None:
        """The response that made an item."""
        return next((each for each in reversed(self._answers.values()) if each.has(item_id)), None)

    def began(self, at_ms: float, answer: Answer) -> None:
        """Words or sound of a response came."""
        if answer.first_ms is None:
            answer.first_ms = at_ms
            told = {"request_id": answer.id, "ttft_ms": round(at_ms - answer.created_ms)}
            self._story.event(kinds.LLM_FIRST_TOKEN, told, at_ms=at_ms)

    def done(self, at_ms: float, answer: Answer, response: dict[str, Any]) -> None:
        """A response is over: tell how, and what it used."""
        answer.is_done = answer.is_complete = True
        usage = mapping(response.get("usage"))
        outcome = _OUTCOMES.get(text(response.get("status")) or "completed", "completed")
        told = {"request_id": answer.id, "outcome": outcome, "usage_reported": bool(usage)}
        self._story.event(kinds.LLM_STOPPED, told, at_ms=at_ms)
        used = units.of_response(usage)
        if not used and outcome != "failed":  # a response that failed is not billed
            used = {"unreported_requests": 1}
        if used:
            about = {"service": "realtime", "provider": PROVIDER, "model": self._settings.model}
            self._story.event(kinds.USAGE, {**about, "request_id": answer.id, **used}, at_ms=at_ms)

    def finish(self, at_ms: float) -> None:
        """The session is over: the usage of what still went on is known to nobody."""
        for answer in self._answers.values():
            if not answer.is_done:
                self.done(at_ms, answer, {"status": "cancelled"})

    def _put(self, answer: Answer) -> Answer:
        self._answers[answer.id] = answer
        while len(self._answers) > _MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
        return answer
