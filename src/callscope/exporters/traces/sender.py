"""Spans over HTTP: gzip, again after a pause where the other side says so, and what it did not take.

As OTLP has it: 429, 502, 503 and 504 are tried again, after ``Retry-After`` where that is told, else after a pause that
doubles; so is no answer at all. Any other answer is about what was sent, or the address, and is final.
"""

from __future__ import annotations

import gzip
import math
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import msgspec

from callscope.clock import now_ms
from callscope.errors import CallscopeError
from callscope.exporters.traces import document, messages
from callscope.exporters.traces.endpoint import Endpoint
from callscope.exporters.traces.post import Answer, NoAnswerError, post
from callscope.interop.spans import Span
from callscope.report.safe_text import clean
from callscope.version import __version__

Encoding = Literal["json", "protobuf"]

AT_ONCE: Final = 500
"""Spans of a request."""
TRIES: Final = 6
"""Of a request, for who waits for the end: about half a minute."""
_LIMIT_SECONDS: Final = 30
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_LONGEST_ASKED_SECONDS: Final = 600.0
_TAKEN: Final = range(200, 300)
_LATER: Final = frozenset({429, 502, 503, 504})
_OF_THE_REQUEST: Final = frozenset({400, 413, 422})
"""Other spans may be taken; after any other answer that is final none will be."""
_ADVICE: Final = {
    401: "give its key with --header",
    403: "give its key with --header",
    404: "is this the right address?",
    415: "try the other --encoding",
}


class RefusedError(CallscopeError):
    """The other side does not want it, now or later.

    Attributes:
        is_of_the_request: what was sent is at fault; something else may be taken.
    """

    def __init__(self, message: str, *, is_of_the_request: bool) -> None:
        super().__init__(message)
        self.is_of_the_request = is_of_the_request


class UnreachableError(CallscopeError):
    """It was tried as often as it may be."""


class Sent(msgspec.Struct, frozen=True):
    """What became of spans that were sent."""

    spans: int
    rejected: int = 0
    """By the other side, which took the others."""
    why: str = ""


class Sender:
    """Sends spans to one endpoint, one request after the other.

    Args:
        endpoint: where to.
        encoding: how; raises `MissingExtraError` where protobuf is not installed.
        tries: how often a request is sent at most; None: until it is taken or refused.
        wait: pauses, for so many seconds.
        tell: is told why a request has to be sent again, and in how many seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        encoding: Encoding = "json",
        tries: int | None = TRIES,
        wait: Callable[[float], None] = time.sleep,
        tell: Callable[[str, float], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._encode = messages.request if encoding == "protobuf" else document.request
        self._type = messages.CONTENT_TYPE if encoding == "protobuf" else document.CONTENT_TYPE
        if encoding == "protobuf":
            messages.require()
        self._tries = tries
        self._wait = wait
        self._tell = tell

    def send(self, spans: Sequence[Span]) -> Sent:
        """Send spans, in as many requests as they need.

        Raises:
            RefusedError: a request was refused for good; those before it were taken.
            UnreachableError: a request was tried often enough.
        """
        rejected, why = 0, ""
        for first in range(0, len(spans), AT_ONCE):
            sent = self._one(spans[first : first + AT_ONCE])
            rejected, why = rejected + sent.rejected, sent.why or why
        return Sent(len(spans) - rejected, rejected, why)

    def _one(self, spans: Sequence[Span]) -> Sent:
        body = gzip.compress(self._encode(spans), 6, mtime=0)
        headers = {
            "user-agent": f"callscope/{__version__}",
            **self.endpoint.headers,
            "content-type": self._type,
            "content-encoding": "gzip",
        }
        done = 0
        while True:
            answer: Answer | None = None
            try:
                answer = post(self.endpoint, body, headers, limit_seconds=_LIMIT_SECONDS)
                why = f"it answered {answer.status} {clean(answer.reason)}".rstrip()
            except NoAnswerError as error:
                why = str(error)
            if answer is not None and answer.status in _TAKEN:
                return Sent(len(spans), *_rejected(answer))
            if answer is not None and answer.status not in _LATER:
                raise self._refused(answer, why)
            done += 1
            if self._tries is not None and done >= self._tries:
                raise UnreachableError(f"{self.endpoint.shown} did not take it, tried {done} times: {why}")
            pause = _pause_seconds(done, None if answer is None else answer.retry_after)
            if self._tell is not None:
                self._tell(why, pause)
            self._wait(pause)

    def _refused(self, answer: Answer, why: str) -> RefusedError:
        advice = _ADVICE.get(answer.status)
        said = clean(_message(answer))[:300]
        parts = [
            f"{self.endpoint.shown} refused it: {why}",
            f" ({said})" if said else "",
            f"; {advice}" if advice else "",
        ]
        return RefusedError("".join(parts), is_of_the_request=answer.status in _OF_THE_REQUEST)


def _pause_seconds(done: int, retry_after: str | None) -> float:
    asked = _asked_seconds(retry_after)
    if asked is not None:
        return min(asked, _LONGEST_ASKED_SECONDS)
    longest: float = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(done - 1, 16), _LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 -- so that many do not come back at once


def _asked_seconds(retry_after: str | None) -> float | None:
    """A ``Retry-After``: seconds, or a date; None when there is none that can be read."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now_ms() / 1000, tz=UTC)).total_seconds())


class _Partial(msgspec.Struct):
    rejected: int | str = msgspec.field(default=0, name="rejectedSpans")
    message: str = msgspec.field(default="", name="errorMessage")


class _Response(msgspec.Struct):
    partial: _Partial | None = msgspec.field(default=None, name="partialSuccess")
    message: str = ""


def _rejected(answer: Answer) -> tuple[int, str]:
    """What an answer of success says was not taken; nothing, where it cannot be read: it is a success."""
    try:
        if answer.content_type == messages.CONTENT_TYPE:
            count, why = messages.rejected(answer.body)
        else:
            partial = msgspec.json.decode(answer.body or b"{}", type=_Response).partial or _Partial()
            count, why = int(partial.rejected), partial.message
    except (ValueError, ImportError):
        return 0, ""
    return max(0, count), clean(why)[:300]


def _message(answer: Answer) -> str:
    """Why it was refused, in the other side's words."""
    if answer.content_type == document.CONTENT_TYPE:
        try:
            return msgspec.json.decode(answer.body, type=_Response).message
        except msgspec.MsgspecError:
            return ""
    return answer.body.decode("utf-8", "replace").strip() if answer.content_type == "text/plain" else ""
