"""What failed in a session, with the words of the exception, and whether the call got over it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import models
from callscope.adapters.livekit.moments import known, ms
from callscope.clock import now_ms
from callscope.model import event as events

if TYPE_CHECKING:
    from collections.abc import Callable

    from callscope.recorder.call_log import CallLog

_STAGES: Final = {
    "llm_error": "llm",
    "stt_error": "stt",
    "tts_error": "tts",
    "realtime_model_error": "llm",
    "interruption_detection_error": "turn",
}
_CATEGORIES: Final = {
    400: "invalid_request",
    401: "authentication",
    403: "permission",
    404: "not_found",
    408: "timeout",
    422: "invalid_request",
    429: "rate_limit",
}
_SERVER_ERROR: Final = 500
_MAX_OPEN: Final = 64
_MAX_WORDS: Final = 1_000


class Errors:
    """``error`` events of a session and its models, with the exceptions that LiveKit leaves out of its reports.

    Each attempt that fails is one error. Whether the call gets over it is known when the same stage does its work
    again: then an ``error_recovered`` event names it.

    Args:
        log: the call.
        caught: told of an error of ours, in an ``except`` block.
    """

    def __init__(self, log: CallLog, caught: Callable[[str], None]) -> None:
        self._log = log
        self._caught = caught
        self._count = 0
        self._listeners: list[tuple[Any, str, Callable[[Any], None]]] = []
        self._open: dict[str, tuple[str, float]] = {}
        self._watched: dict[int, Any] = {}

    def failing(self, stage: str) -> bool:
        """Whether a stage has failed and has not done its work since."""
        return any(failed == stage for failed, _ in self._open.values())

    def worked(self, stage: str, at_ms: float) -> None:
        """A stage did its work: its errors before are got over."""
        if not self._open:
            return
        for id_, (failed, failed_ms) in list(self._open.items()):
            if failed == stage:
                del self._open[id_]
                told = {"error_id": id_, "stage": stage, "after_ms": round(at_ms - failed_ms)}
                self._log.event(events.ERROR_RECOVERED, told, at_ms=at_ms)

    def on_error(self, event: Any) -> None:
        """One of the session's error events, whose error object has what its serialized form has not."""
        self._tell(event.error, getattr(event, "source", None))

    def watch(self, model: Any) -> None:
        """Listen to the models behind a `FallbackAdapter`: it does not pass on that one of them failed."""
        inner = models.stand_ins(model)
        if not inner or id(model) in self._watched:
            return
        self._watched[id(model)] = model
        for stand_in in inner:
            self._listen(stand_in, "error", partial(self._tell, source=stand_in))
        stage = next((kind for kind in ("llm", "stt", "tts") if hasattr(model, f"_{kind}_instances")), "llm")
        self._listen(model, f"{stage}_availability_changed", lambda _change: self._on_available(stage, model))

    def finish(self) -> None:
        """The session is over: the models may go on in another one."""
        for model, name, listener in self._listeners:
            model.off(name, listener)
        self._listeners.clear()

    def _listen(self, model: Any, name: str, handle: Callable[[Any], None]) -> None:
        def listener(told: Any) -> None:
            try:
                handle(told)
            except Exception:  # noqa: BLE001 -- never into the model; see guard
                self._caught(f"livekit {name}")

        model.on(name, listener)
        self._listeners.append((model, name, listener))

    def _on_available(self, stage: str, model: Any) -> None:
        """One of them failed, or is back: tell which is asked from now on; nothing where all have failed."""
        ready = zip(models.stand_ins(model), getattr(model, "_status", ()), strict=False)
        taking_over = next((each for each, status in ready if getattr(status, "available", False)), None)
        if taking_over is not None:
            self._log.event(events.SERVICE_SWITCHED, {"stage": stage, **models.facts(taking_over)}, at_ms=now_ms())

    def _tell(self, error: Any, source: Any) -> None:
        stage = _STAGES.get(str(getattr(error, "type", "")), "other")
        cause = getattr(error, "error", error)
        at_ms = ms(getattr(error, "timestamp", None)) or now_ms()
        self._count += 1
        id_ = f"error-{self._count}"
        told = known(
            {
                "error_id": id_,
                "category": _category(cause),
                "stage": stage,
                **models.facts(source),
                "will_retry": getattr(error, "recoverable", None),
            }
        )
        self._log.error(cause if isinstance(cause, BaseException) else str(cause), at_ms=at_ms, **told)
        self._open[id_] = (stage, at_ms)
        while len(self._open) > _MAX_OPEN:
            del self._open[next(iter(self._open))]


def words(error: Any) -> str | None:
    """An error of LiveKit's in one line; None for none."""
    if error is None:
        return None
    cause = getattr(error, "error", error)
    text = str(getattr(cause, "message", "") or cause)
    return " ".join(f"{type(cause).__name__}: {text}".split())[:_MAX_WORDS]


def _category(cause: object) -> str | None:
    """What kind of failure it is, by its HTTP status or its type; None where they do not say."""
    status = getattr(cause, "status_code", None)
    if isinstance(status, int) and status in _CATEGORIES:
        return _CATEGORIES[status]
    if isinstance(status, int) and status >= _SERVER_ERROR:
        return "server"
    name = type(cause).__name__
    if isinstance(cause, TimeoutError) or "Timeout" in name:
        return "timeout"
    return "connectivity" if isinstance(cause, ConnectionError) or "Connection" in name else None
