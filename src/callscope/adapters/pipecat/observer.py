"""The observer that Pipecat calls for every hop of every frame, and the one line that attaches it."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from pipecat.frames import frames as pipecat_frames
from pipecat.observers.base_observer import BaseObserver

from callscope.adapters.pipecat import identity
from callscope.adapters.pipecat.calls import PipelineCall
from callscope.adapters.pipecat.services import Services, walk
from callscope.clock import anchor_ns, monotonic_ns
from callscope.recorder import current
from callscope.recorder.logger import CallLogger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callscope.recorder.call_log import CallLog

_NS_PER_MS: Final = 1_000_000
_TURN_FRAMES: Final = hasattr(pipecat_frames, "LLMContextUserTurnFrame")


class CallObserver(BaseObserver):  # type: ignore[misc]  # Pipecat is not followed by the type checker
    """Observes one worker and records its call.

    Args:
        logger: where the call goes; one for a whole process, as `process_logger` is.
        call_id: the call's name. Left out, it is taken from the telephony data, the worker's ``start_metadata``
            (``call_id``) or its ``conversation_id``, else made up.
        caller: who calls; left out, from the telephony data.
        callee: who is called; likewise.
        direction: ``inbound`` (the default) or ``outbound``.
        telephony_provider: ``twilio``, ``telnyx``, ...; left out, from the transport's serializer.
        agent: what describes the agent, over what is read from the services (provider, model, voice).
        labels: agent version, environment, anything to tell calls apart by.
        trace_id: the trace that this call belongs to.
        call_data: ``runner_args.call_data``: the call's id and numbers as the telephony provider sent them.
        worker: the worker, where it is known already; `attach` gives it. Left out, it is found when the pipeline
            is set up, which is still in time for its metrics.
    """

    def __init__(
        self,
        logger: CallLogger,
        *,
        call_id: str | None = None,
        caller: str | None = None,
        callee: str | None = None,
        direction: str | None = None,
        telephony_provider: str | None = None,
        agent: Mapping[str, Any] | None = None,
        labels: Mapping[str, Any] | None = None,
        trace_id: str | None = None,
        call_data: Any = None,
        worker: Any = None,
    ) -> None:
        super().__init__()
        self._logger = logger
        self._given: dict[str, Any] = {
            "call_id": call_id,
            "caller": caller,
            "callee": callee,
            "direction": direction,
            "telephony_provider": telephony_provider,
        }
        self._agent = dict(agent or {})
        self._labels = dict(labels or {})
        self._trace_id = trace_id
        self._call_data = call_data
        self._worker = worker
        self._log: CallLog | None = None
        self._call: PipelineCall | None = None
        self._anchor_ns = anchor_ns()
        self._clock_offset_ns: int | None = None
        self._closed = not logger.enabled
        self._coming = current.Coming()
        self._entered: current.Entered | None = None

    @property
    def call(self) -> CallLog | None:
        """The call being recorded, to add turns, events and labels to; None before the pipeline is set up."""
        return self._log

    @property
    def enabled(self) -> bool:
        """Whether anything is recorded."""
        return self._logger.enabled

    async def setup(self, task_manager: Any) -> None:
        """Called by Pipecat before the processors are set up."""
        await super().setup(task_manager)
        if self._closed:
            return
        _ensure_loguru()
        # All tasks of the pipeline begin after this, in this one: they inherit what is entered here.
        self._entered = current.enter(self._coming)
        if self._worker is not None:
            self._begin(self._worker)

    async def on_processor_setup(self, data: Any) -> None:
        """Called by Pipecat (1.8 and later) for each processor, before any frame flows."""
        self._meet(data.processor)

    async def on_pipeline_started(self) -> None:
        """Called by Pipecat when the start frame has reached every processor."""
        if self._worker is not None and not self._closed:
            self._shielded(_switch_on_metrics, self._worker)

    async def on_push_frame(self, data: Any) -> None:
        """Called by Pipecat for every hop of every frame."""
        call = self._call
        if call is None:
            self._meet(data.source)
            call = self._call
            if call is None:
                return
        wanted = call.dispatch.wants(type(data.frame))
        if wanted is None or self._closed:
            return
        try:
            first, every = wanted
            if first and not call.dispatch.is_first(data):
                first = ()
            if first or every:
                at_ms = self._moment(data)
                for handle in first:
                    handle(data, at_ms)
                for handle in every:
                    handle(data, at_ms)
        except Exception:  # noqa: BLE001 -- an observer that raises is dead for the rest of the call; see guard
            self._caught("on_push_frame")

    async def cleanup(self) -> None:
        """Called by Pipecat when the pipeline is gone, whichever way; frames on their way here may be lost."""
        if not self._closed:
            self._closed = True
            if self._call is not None:
                self._shielded(self._call.finish)
        if self._entered is not None:
            token, self._entered = self._entered, None
            current.leave(token)
        await super().cleanup()

    def _meet(self, processor: Any) -> None:
        """Begin the call at the first processor that knows its worker."""
        if self._call is not None or self._closed:
            return
        try:
            worker = self._worker or processor.pipeline_worker
        except Exception:  # noqa: BLE001 -- Pipecat raises a bare Exception before a processor is set up
            return
        self._begin(worker)

    def _begin(self, worker: Any) -> None:
        if self._call is not None or self._closed:
            return
        self._worker = worker
        self._shielded(_switch_on_metrics, worker)
        self._shielded(self._open, worker)
        if self._call is None:  # an error of ours: told once, then out of the way
            self._closed = True
            if self._log is not None:
                self._log.end(reason="callscope could not read the pipeline")

    def _open(self, worker: Any) -> None:
        self._anchor_ns = anchor_ns()
        services = Services()
        services.learn(worker.pipeline)
        found = identity.find(worker, self._call_data)
        given = {name: value or getattr(found, name) for name, value in self._given.items()}
        self._log = self._logger.start_call(
            given["call_id"],
            caller=given["caller"] or "",
            callee=given["callee"] or "",
            direction=given["direction"] or "",
            telephony_provider=given["telephony_provider"] or "",
            provider_mode="realtime" if services.all("realtime") else "pipeline",
            agent={**services.agent(), **self._agent},
            trace_id=self._trace_id,
            labels={**found.labels, **self._labels},
            framework={"name": "pipecat", "version": _pipecat_version()},
        )
        self._coming.call = self._log
        self._call = PipelineCall(
            self._log,
            worker,
            services,
            telephony_provider=given["telephony_provider"],
            turn_frames=_TURN_FRAMES,
            now_ms=self._now_ms,
        )

    def _now_ms(self) -> float:
        return (monotonic_ns() + self._anchor_ns) / _NS_PER_MS

    def _shielded(self, function: Any, *args: Any) -> None:
        try:
            function(*args)
        except Exception:  # noqa: BLE001 -- never into the pipeline; see guard
            self._caught(getattr(function, "__qualname__", "CallObserver"))

    def _caught(self, where: str) -> None:
        self._logger.caught(f"pipecat {where}")

    def _moment(self, data: Any) -> float:
        """Unix milliseconds of a push, by the pipeline's clock; the handler runs later than the push.

        The clock is anchored to the wall once. A frame pushed before the clock ran has no time: it is now.
        """
        if not data.timestamp:
            return self._now_ms()
        if self._clock_offset_ns is None:
            try:
                clock_ns = data.source.get_clock().get_time()
            except Exception:  # noqa: BLE001 -- Pipecat raises a bare Exception before a processor is set up
                return self._now_ms()
            self._clock_offset_ns = monotonic_ns() + self._anchor_ns - clock_ns
        return float((data.timestamp + self._clock_offset_ns) / _NS_PER_MS)


def attach(worker: Any, logger: CallLogger | None = None, **options: Any) -> CallObserver:
    """Record a worker's call. Call it before the worker runs.

    Args:
        worker: Pipecat's `PipelineWorker` (or `PipelineTask`). One that is recorded already stays as it is.
        logger: where the call goes; the process's own, made from the environment, when left out.
        options: as `CallObserver` takes them: ``call_id``, ``caller``, ``labels``, ``call_data``, ...

    Returns:
        The observer. When the logger is off, it is attached to nothing and the worker is not touched.
    """
    present = _observer_of(worker)
    if present is not None:
        return present
    observer = CallObserver(logger or process_logger(), worker=worker, **options)
    if observer.enabled:
        _ensure_loguru()
        _switch_on_metrics(worker)
        worker.add_observer(observer)
    return observer


@cache
def process_logger() -> CallLogger:
    """The logger that this process shares where nobody gives one; made from the environment once."""
    return CallLogger.from_env()


def _ensure_loguru() -> None:
    """Where `callscope.logs` is configured, have Pipecat's lines: its runner takes all sinks away when it starts."""
    logs = sys.modules.get("callscope.logs")
    if logs is not None:
        logs.ensure_loguru()


def _observer_of(worker: Any) -> CallObserver | None:
    observers = getattr(getattr(worker, "_observer", None), "_observers", ())  # no public list of them
    return next((each for each in observers if isinstance(each, CallObserver)), None)


def _switch_on_metrics(worker: Any) -> None:
    """Have metrics and usage metrics measured, whenever this comes.

    Before the pipeline is set up the worker's parameters are enough. After that each processor has been told: by a
    setup object that all share (since 1.8), before that by a flag of its own.
    """
    for name in ("enable_metrics", "enable_usage_metrics"):
        setattr(worker.params, name, True)
        for processor in walk(worker.pipeline):
            told = getattr(processor, "_setup", None)
            if hasattr(told, name):
                setattr(told, name, True)
            if hasattr(processor, f"_{name}"):
                setattr(processor, f"_{name}", True)


@cache
def _pipecat_version() -> str | None:
    try:
        return version("pipecat-ai")
    except PackageNotFoundError:
        return None
