"""Requests to the language models of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.pipecat.open import bound, known
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.pipecat.errors import Errors
    from callscope.adapters.pipecat.handlers import Handlers
    from callscope.adapters.pipecat.services import Service, Services
    from callscope.recorder.call_log import CallLog

_REFUSED: Final = frozenset({"authentication", "authorization", "invalid_request", "rate_limit", "quota"})
"""Errors with which a provider turns a request away before doing any work: nothing is billed."""
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
"""HTTP's classes, for a Pipecat before 1.8, which has no categories."""


class Inference:
    """One request to a language model."""

    __slots__ = (
        "first_token",
        "id",
        "interrupted",
        "refused",
        "reported",
        "service",
        "started_ms",
        "tool",
        "ttfb_ms",
    )

    def __init__(self, id_: str, service: Service, started_ms: float) -> None:
        self.id = id_
        self.service = service
        self.started_ms = started_ms
        self.ttfb_ms: float | None = None
        self.first_token = False
        self.interrupted = False
        self.tool = False
        self.refused: bool | None = None
        """None while it has not failed."""
        self.reported = False

    @property
    def outcome(self) -> str:
        """How it ended, as `llm_stopped` says it."""
        if self.refused is not None:
            return "failed"
        if self.interrupted:
            return "interrupted"
        return "tool_call" if self.tool else "completed"


class Inferences:
    """Keeps which requests are open, by processor, and tells of their starts and ends."""

    def __init__(self, log: CallLog, services: Services, errors: Errors) -> None:
        self._log = log
        self._services = services
        self._errors = errors
        self._count = 0
        self._open: dict[str, Inference] = {}
        self._last: dict[str, Inference] = {}
        self._unsure: dict[str, Inference] = {}

    def handlers(self) -> Handlers:
        """What to do at which frame's first push."""
        return {
            "LLMFullResponseStartFrame": self._on_started,
            "LLMTextFrame": self._on_text,
            "LLMFullResponseEndFrame": self._on_stopped,
            "FunctionCallsStartedFrame": self._on_tools_asked,
            "ErrorFrame": self._on_error,
            "LLMContextSummaryResultFrame": self._on_summary,
        }

    def every_push(self) -> Handlers:
        """What to do at every push: an interruption cuts a request off when it reaches its service."""
        return {"InterruptionFrame": self._on_interruption}

    def of(self, processor: str) -> Inference | None:
        """The open or else the latest request of a language model."""
        return self._open.get(processor) or self._last.get(processor)

    def first_token(self, inference: Inference, at_ms: float, *, ttft_ms: float, thinking_ms: float | None) -> None:
        """The answer began; told once per request."""
        if inference.first_token or self._open.get(inference.service.name) is not inference:
            return
        inference.first_token = True
        told: dict[str, Any] = {"request_id": inference.id, "ttft_ms": round(ttft_ms)}
        if thinking_ms is not None:
            told["thinking_ms"] = round(thinking_ms)
        if inference.ttfb_ms is not None:
            told["ttfb_ms"] = round(inference.ttfb_ms)
        self._log.event(events.LLM_FIRST_TOKEN, told, at_ms=at_ms)
        self._errors.worked("llm", inference.service.name, at_ms)

    def finish(self, at_ms: float) -> None:
        """The call is over: close what is open."""
        for inference in list(self._open.values()):
            inference.interrupted = True
            self._close(inference, at_ms)
        for inference in list(self._unsure.values()):
            self._tell_unreported(inference, at_ms)

    def _on_started(self, data: Any, at_ms: float) -> None:
        service = self._services.of(data.source)
        if service.kind not in {"llm", "realtime"}:
            return
        before = self._open.get(service.name)
        if before is not None:
            before.interrupted = True
            self._close(before, at_ms)
        unsure = self._unsure.get(service.name)
        if unsure is not None:
            self._tell_unreported(unsure, at_ms)
        inference = self._open[service.name] = Inference(self._next(), service, at_ms)
        bound(self._open)
        self._log.event(events.LLM_STARTED, {"request_id": inference.id, **known(service.facts())}, at_ms=at_ms)

    def _on_text(self, data: Any, at_ms: float) -> None:
        inference = self._open.get(data.source.name)
        if inference is not None and not inference.first_token:
            # Services that report it do so just before; this is for those that do not.
            self.first_token(inference, at_ms, ttft_ms=at_ms - inference.started_ms, thinking_ms=None)

    def _on_tools_asked(self, data: Any, _at_ms: float) -> None:
        inference = self._open.get(data.source.name)
        if inference is not None:
            inference.tool = True

    def _on_error(self, data: Any, _at_ms: float) -> None:
        inference = self._open.get((data.frame.processor or data.source).name)
        if inference is not None:
            inference.refused = _is_refused(data.frame) and not inference.first_token

    def _on_stopped(self, data: Any, at_ms: float) -> None:
        inference = self._open.get(data.source.name)
        if inference is not None:
            self._close(inference, at_ms)

    def _close(self, inference: Inference, at_ms: float) -> None:
        name = inference.service.name
        del self._open[name]
        self._last[name] = inference
        told: dict[str, Any] = {"request_id": inference.id, "outcome": inference.outcome}
        if inference.reported:
            told["usage_reported"] = True
        elif not inference.refused and inference.service.kind != "realtime":
            told["usage_reported"] = False  # a refused one has none, and a realtime service may still report
        self._log.event(events.LLM_STOPPED, told, at_ms=at_ms)
        if inference.outcome in {"completed", "tool_call"}:
            self._errors.worked("llm", name, at_ms)
        if inference.reported or inference.refused:
            return
        if inference.service.kind == "realtime":
            self._unsure[name] = inference  # these report after the end of a response
        else:
            self._tell_unreported(inference, at_ms)

    def reported(self, processor: str) -> Inference | None:
        """A usage report came: whose it is; None when no request is known."""
        inference = self.of(processor)
        if inference is not None:
            inference.reported = True
            self._unsure.pop(processor, None)
        return inference

    def _tell_unreported(self, inference: Inference, at_ms: float) -> None:
        service = inference.service
        self._unsure.pop(service.name, None)
        self._log.usage(
            service.kind,
            provider=service.provider,
            model=service.model,
            at_ms=at_ms,
            processor=service.name,
            request_id=inference.id,
            unreported_requests=1,
        )

    def _on_summary(self, data: Any, at_ms: float) -> None:
        service = self._services.of(data.source)
        if service.kind == "llm" and not data.frame.error:
            # Made outside the pipeline's own request, of which Pipecat reports no usage.
            self._tell_unreported(Inference(self._next(), service, at_ms), at_ms)

    def _on_interruption(self, data: Any, _at_ms: float) -> None:
        for processor in (data.source, data.destination):
            inference = self._open.get(processor.name)
            if inference is not None:
                inference.interrupted = True

    def _next(self) -> str:
        self._count += 1
        return f"llm-{self._count}"


def _is_refused(frame: Any) -> bool:
    category = getattr(getattr(frame, "category", None), "value", None)
    status = getattr(getattr(frame, "exception", None), "status_code", None)
    return category in _REFUSED or (isinstance(status, int) and _CLIENT_ERROR <= status < _SERVER_ERROR)
