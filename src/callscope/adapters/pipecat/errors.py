"""What failed in a pipeline, once per cause, without keys, and whether the call got over it."""

from __future__ import annotations

import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.open import bound
from callscope.model import event as events
from callscope.recorder import marks

if TYPE_CHECKING:
    from callscope.adapters.pipecat.handlers import Handlers
    from callscope.adapters.pipecat.services import Service, Services
    from callscope.recorder.call_log import CallLog

try:
    from pipecat.utils.security.redaction import redact_secrets
except ImportError:  # before 1.8; the recorder's writer masks as well

    def redact_secrets(text: str) -> str:
        """Leave the text to the recorder."""
        return text


_SAME_CAUSE_MS: Final = 10_000
_NO_SOUND: Final = "completed with no audio"
"""Pipecat's own report, some seconds later, of what a failed synthesis leads to."""
_STACK_FRAMES: Final = 24
_CHAIN: Final = 4
_MAX_TEXT: Final = 8_000
"""Characters of a message, from its beginning, and of a stack, to its end: the newest exception is what was raised."""
_CAUSE: Final = "The above exception was the direct cause of the following exception:"
_MEANWHILE: Final = "During handling of the above exception, another exception occurred:"


class _Failure:
    __slots__ = ("at_ms", "exceptions", "id", "message", "processor")

    def __init__(self, id_: str, at_ms: float, service: Service, message: str, exceptions: list[BaseException]) -> None:
        self.id = id_
        self.at_ms = at_ms
        self.processor = service.name
        self.message = message
        # Held, not only their ids: an id is used again once its exception is gone.
        self.exceptions = exceptions


class Errors:
    """Error frames into ``error`` events, at their first push: those that a switcher absorbs go no further.

    ``recovered`` is True when a failover takes the work over, False when the error ends the call; where it is left out,
    nobody knows yet. When a stage that failed does its work again, an ``error_recovered`` event names the error.
    """

    def __init__(self, log: CallLog, services: Services) -> None:
        self._log = log
        self._services = services
        self._count = 0
        self._recent: deque[_Failure] = deque(maxlen=8)
        self._open: dict[str, tuple[str, float]] = {}  # stage and moment by id; exceptions would hold their frames
        self.fatal: str | None = None
        """The message of an error that ends the call; None while there was none."""

    def handlers(self) -> Handlers:
        """What to do at which frame's first push."""
        return {"ErrorFrame": self._on_error}

    def failing(self, stage: str) -> bool:
        """Whether a stage has failed and has not done its work since."""
        return any(failed == stage for failed, _ in self._open.values())

    def worked(self, stage: str, processor: str, at_ms: float) -> None:
        """A stage did its work: its errors before are got over."""
        for id_, (failed, failed_ms) in list(self._open.items()):
            if failed == stage:
                del self._open[id_]
                data = {"error_id": id_, "stage": stage, "processor": processor}
                self._log.event(events.ERROR_RECOVERED, {**data, "after_ms": round(at_ms - failed_ms)}, at_ms=at_ms)

    def _on_error(self, data: Any, at_ms: float) -> None:
        frame = data.frame
        service = self._services.of(frame.processor or data.source)
        stage = "llm" if service.kind == "realtime" else service.kind
        fatal = bool(object.__getattribute__(frame, "fatal"))
        message = redact_secrets(str(frame.error))[:_MAX_TEXT]
        exception = frame.exception if isinstance(getattr(frame, "exception", None), BaseException) else None
        chain = _chain(exception)
        self._count += 1
        failure = _Failure(f"error-{self._count}", at_ms, service, message, chain)
        duplicate_of = self._same_cause(failure) or self._first_told(exception)
        if exception is not None and duplicate_of is None:
            marks.mark(exception, self._log, failure.id)
        category = getattr(getattr(frame, "category", None), "value", None)
        told: dict[str, Any] = {
            **(marks.described(exception) if exception is not None else {}),
            "error_id": failure.id,
            "message": message,
            "category": category,
            "exception_type": type(exception).__name__ if exception else None,
            "stack": redact_secrets(_stack(chain))[-_MAX_TEXT:] if chain else None,
            "stage": stage,
            **service.facts(),
            "fatal": fatal or None,
            "recovered": False if fatal else self._services.has_stand_in(service) or None,
            "duplicate_of": duplicate_of,
        }
        self._log.event(events.ERROR, {name: value for name, value in told.items() if value is not None}, at_ms=at_ms)
        self._recent.append(failure)
        if duplicate_of is None:
            self._open[failure.id] = (stage, at_ms)
            bound(self._open)
        if fatal:
            self.fatal = message

    def _first_told(self, exception: BaseException | None) -> str | None:
        """The id of the error that the exception was told as, by whoever met it first."""
        return None if exception is None else marks.found(exception, self._log)

    def _same_cause(self, failure: _Failure) -> str | None:
        """The id of an earlier error that this one only repeats."""
        for earlier in reversed(self._recent):
            if failure.at_ms - earlier.at_ms > _SAME_CAUSE_MS:
                return None
            if any(one is other for one in failure.exceptions for other in earlier.exceptions):
                return earlier.id
            aftermath = _NO_SOUND in failure.message and _NO_SOUND not in earlier.message
            if aftermath and failure.processor == earlier.processor:
                return earlier.id
        return None


def _chain(exception: BaseException | None) -> list[BaseException]:
    """An exception and what led to it, newest first."""
    chain: list[BaseException] = []
    while exception is not None and len(chain) < _CHAIN and not any(exception is seen for seen in chain):
        chain.append(exception)
        exception = exception.__cause__ or exception.__context__
    return chain


def _stack(chain: list[BaseException]) -> str:
    """Files, lines and functions, oldest cause first. Source lines are left out: reading them would touch the disk."""
    lines: list[str] = []
    older: BaseException | None = None
    for exception in reversed(chain):
        if older is not None:
            lines += ["", _CAUSE if exception.__cause__ is older else _MEANWHILE, ""]
        older = exception
        frames = traceback.StackSummary.extract(
            traceback.walk_tb(exception.__traceback__), limit=-_STACK_FRAMES, lookup_lines=False
        )
        lines += ["Traceback (most recent call last):"] if frames else []
        lines += [f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames]
        lines += [f"{type(exception).__name__}: {exception}"]
    return "\n".join(lines)
