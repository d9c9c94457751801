"""One session of LiveKit's, from the line that records it to its end."""

from __future__ import annotations

import asyncio
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import ending as endings
from callscope.adapters.livekit import identity, models, report
from callscope.adapters.livekit.errors import Errors
from callscope.adapters.livekit.line import Line
from callscope.adapters.livekit.nodes import Nodes
from callscope.adapters.livekit.requests import Requests
from callscope.adapters.livekit.sound import Sound, is_recorded
from callscope.adapters.livekit.speech import Speech
from callscope.adapters.livekit.syntheses import Syntheses
from callscope.adapters.livekit.tools import Tools
from callscope.adapters.livekit.turns import Turns
from callscope.adapters.livekit.usage import Usage
from callscope.clock import now_ms
from callscope.model import event as events
from callscope.recorder import current
from callscope.recorder.logger import CallLogger
from livekit import rtc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callscope.recorder.call_log import CallLog

_JOB_SECONDS: Final = 60.0
"""So long after the session's end its job may tell why; a job that goes on with other things is not waited for."""
_FLUSH_SECONDS: Final = 5.0

_recorded: weakref.WeakKeyDictionary[Any, SessionRecorder] = weakref.WeakKeyDictionary()


class SessionRecorder:
    """Records one `AgentSession`; made by `record`.

    Args:
        session: LiveKit's session.
        ctx: its job, or None.
        logger: where the call goes.
        given: what the application knows of the call.
    """

    def __init__(self, session: Any, ctx: Any, logger: CallLogger, given: Mapping[str, Any]) -> None:
        self._session = session
        self._ctx = ctx
        self._logger = logger
        self._given = given
        self._log: CallLog | None = None
        self._ending: endings.Ending | None = None
        self._ended_ms: float = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._stall: Any = None
        self._agent: Any = None
        self._mode = ""
        self._report_kept = False
        self._listeners: list[tuple[str, Callable[[Any], None]]] = []

    @property
    def call(self) -> CallLog | None:
        """The call being recorded, to add turns, events and labels to; None when nothing is recorded."""
        return self._log

    @property
    def enabled(self) -> bool:
        """Whether anything is recorded."""
        return self._log is not None

    def begin(self) -> None:
        """Start the call and listen to the session."""
        call_id, labels = identity.job_facts(self._ctx)
        given = self._given
        log = self._log = self._logger.start_call(
            given.get("call_id") or call_id,
            caller=given.get("caller") or "",
            callee=given.get("callee") or "",
            direction=given.get("direction") or "",
            telephony_provider=given.get("telephony_provider") or "",
            trace_id=given.get("trace_id") or identity.trace_id(self._session),
            agent={**models.agent_facts(self._session), **(given.get("agent") or {})},
            labels={**labels, **(given.get("labels") or {})},
            framework={"name": "livekit-agents", "version": identity.livekit_version()},
        )
        current.enter(log)
        self._errors = Errors(log, self._logger.caught)
        self._requests = Requests(log, self._session, self._errors)
        self._syntheses = Syntheses(log, self._session, self._errors)
        self._speech = Speech(log, self._session)
        self._turns = Turns(
            log,
            self._session,
            speech=self._speech,
            requests=self._requests,
            syntheses=self._syntheses,
            errors=self._errors,
        )
        self._tools = Tools(log)
        self._usage = Usage(log, self._session, self._errors)
        self._nodes = Nodes(self._logger.caught)
        self._sound = Sound(log, self._session, wanted=self._wants_sound, caught=self._logger.caught)
        self._line = Line(log, getattr(self._ctx, "room", None), given=given, caught=self._logger.caught)
        self._listen()
        add = getattr(self._ctx, "add_shutdown_callback", None)
        if add is not None:
            add(self._job_ends)

    def _listen(self) -> None:
        handlers: dict[str, list[Callable[[Any], None]]] = {
            "agent_state_changed": [self._on_agent_state],
            "user_state_changed": [self._speech.on_user_state],
            "user_input_transcribed": [self._turns.on_transcript],
            "user_transcription_timeout": [self._on_dead_air],
            "conversation_item_added": [self._on_item],
            "speech_created": [lambda _event: self._meet(), lambda _event: self._sound.meet()],
            "agent_false_interruption": [self._on_false_interruption],
            "tool_execution_updated": [self._tools.on_update],
            "function_tools_executed": [self._tools.on_executed],
            "metrics_collected": [self._usage.on_metrics],
            "error": [self._errors.on_error],
            "close": [self._on_close],
        }
        for name, handle in handlers.items():
            listener = self._shielded(name, handle)
            # Not by the session's own `on`, which warns in the application's log that metrics are better taken
            # from elsewhere. Elsewhere has no request in it.
            rtc.EventEmitter.on(self._session, name, listener)
            self._listeners.append((name, listener))
        stall = getattr(self._session, "_record_loop_stall", None)  # tells of a blocked event loop; 1.3 has none
        if stall is not None:
            self._stall = stall
            self._session._record_loop_stall = self._on_stall  # noqa: SLF001 -- it has no public name

    def _shielded(self, name: str, handlers: list[Callable[[Any], None]]) -> Callable[[Any], None]:
        def listener(event: Any) -> None:
            for handle in handlers:
                try:
                    handle(event)
                except Exception:  # noqa: BLE001 -- never into the session; see guard
                    self._logger.caught(f"livekit {name}")

        return listener

    # What comes from the session.

    def _meet(self) -> None:
        """Look at the agent that has the session now, before it does anything."""
        agent = getattr(self._session, "_agent", None)
        if agent is None or agent is self._agent or self._log is None:
            return
        before, self._agent = self._agent, agent
        self._nodes.watch(
            agent, llm=self._requests.start, tts=self._syntheses.start, transcription=self._requests.speech_to_speech
        )
        self._log.update(agent={**models.agent_facts(self._session), **(self._given.get("agent") or {})})
        if before is not None:
            told = {"from": getattr(before, "id", None), "to": getattr(agent, "id", None)}
            self._log.event("handoff", told, at_ms=now_ms())

    def _on_agent_state(self, event: Any) -> None:
        self._meet()
        if event.new_state != "initializing":
            if not self._mode:
                self._started()
            self._sound.meet()
        self._speech.on_agent_state(event)
        self._turns.on_agent_state(event)

    def _started(self) -> None:
        """The session has its models and its ways in and out."""
        spoken = models.is_realtime(models.current(self._session, "llm"))
        self._mode = "realtime" if spoken else "pipeline" if self._speech.audible else "text"
        if self._log is not None:
            self._log.update(provider_mode=self._mode, trace_id=self._given.get("trace_id") or self._trace_id())
        if self._mode != "text":
            self._line.session_started()

    def _wants_sound(self) -> bool:
        wanted = self._given.get("sound")
        if isinstance(wanted, bool):
            return wanted
        return is_recorded(self._session) and self._logger.settings.transcript == "full"

    def _trace_id(self) -> str | None:
        return identity.trace_id(self._session)

    def _on_item(self, event: Any) -> None:
        item = event.item
        if getattr(item, "type", "") == "message":
            self._turns.on_message(item)
        else:
            self._meet()

    def _on_false_interruption(self, event: Any) -> None:
        if self._log is not None:
            self._log.event("false_interruption", {"resumed": bool(event.resumed)}, at_ms=now_ms())

    def _on_dead_air(self, event: Any) -> None:
        if self._log is not None:
            told = {
                "code": "dead_air",
                "message": "the caller spoke, and nothing was recognised",
                "speech_ms": round(event.speech_duration * 1000),
            }
            self._log.event(events.WARNING, told, at_ms=now_ms())

    def _on_stall(self, duration: float, **more: Any) -> None:
        try:
            self._tell_stall(duration, more.get("timestamp_ns"))
        except Exception:  # noqa: BLE001 -- never into the session; see guard
            self._logger.caught("livekit event loop")
        self._stall(duration, **more)

    def _tell_stall(self, duration: float, timestamp_ns: int | None) -> None:
        if self._log is None:
            return
        duration_ms = round(duration * 1000)
        told = {
            "code": "event_loop_blocked",
            "message": f"the event loop was blocked for {duration_ms} ms: nothing of the call went on meanwhile",
            "duration_ms": duration_ms,
        }
        self._log.event(events.WARNING, told, at_ms=timestamp_ns / 1_000_000 if timestamp_ns else None)

    # The end.

    def _on_close(self, event: Any) -> None:
        if self._ending is not None:
            return
        self._ending = endings.of(event)
        self._ended_ms = now_ms()
        self._shielded_step("speech", self._speech.finish, self._ended_ms)
        for name, step in (
            ("requests", self._requests.finish),
            ("syntheses", self._syntheses.finish),
            ("turns", self._turns.finish),
            ("usage", self._usage.reconcile),
            ("nodes", self._nodes.release),
            ("errors", self._errors.finish),
        ):
            self._shielded_step(name, step)
        self._shielded_step("sound", self._sound.finish, self._ended_ms)
        self._shielded_step("tools", self._tools.finish, self._ended_ms)
        if self._ending.initiator == "caller":
            self._line.hung_up(self._ended_ms)
        self._shielded_step("line", self._line.finish, self._ended_ms)
        self._stop_listening()
        if self._ctx is None or not endings.may_change(self._ending):
            self._end()
        else:
            self._timer = asyncio.get_running_loop().call_later(_JOB_SECONDS, self._end)

    def _shielded_step(self, name: str, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except Exception:  # noqa: BLE001 -- never into the session; see guard
            self._logger.caught(f"livekit {name}")

    def _stop_listening(self) -> None:
        for name, listener in self._listeners:
            self._session.off(name, listener)
        self._listeners.clear()
        if self._stall is not None:
            del self._session._record_loop_stall  # noqa: SLF001 -- the one that was put there in `_listen`
            self._stall = None

    def _end(self, job_reason: str = "") -> None:
        """End the call, once."""
        log, ending = self._log, self._ending
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if log is None or ending is None or log.ended:
            return
        ending = endings.with_job(ending, job_reason)
        told = {"reason": ending.reason, "initiator": ending.initiator, "close_reason": ending.close_reason}
        log.event(events.CALL_ENDED, told, at_ms=self._ended_ms)
        log.end(error=ending.error, reason=ending.reason, at_ms=self._ended_ms)

    async def _job_ends(self, reason: str) -> None:
        """The job is shut down, after the session was closed; last of all, as its process may end at once."""
        try:
            if self._ending is None:  # a session that never started, or that could not be closed in time
                self._ending = endings.Ending("the job was shut down", "system", "job_shutdown")
                self._ended_ms = now_ms()
                self._sound.finish(self._ended_ms)
                self._stop_listening()
            self._end(reason)
            await self.keep_report()
            await self._logger.aflush(_FLUSH_SECONDS)
        except Exception:  # noqa: BLE001 -- never into the job; see guard
            self._logger.caught("livekit job end")

    async def keep_report(self) -> None:
        """Keep LiveKit's own report of the session beside the call; where there is none, nothing happens."""
        if self._log is not None and self._ctx is not None and not self._report_kept:
            self._report_kept = await report.keep(
                self._log, self._logger, self._ctx, self._session, parties=self._line.parties
            )

    @property
    def ctx(self) -> Any:
        """The job whose session this is; None without one."""
        return self._ctx


def record(session: Any, ctx: Any = None, *, logger: CallLogger | None = None, **options: Any) -> SessionRecorder:
    """Record a session. Call it before ``session.start``.

    Args:
        session: LiveKit's `AgentSession`. One that is recorded already stays as it is.
        ctx: the job's `JobContext`; left out, the one this code runs in, if any.
        logger: where the call goes; the process's own, made from the environment, when left out.
        options: ``call_id``, ``caller``, ``callee``, ``direction``, ``telephony_provider``, ``agent``, ``labels`` and
            ``trace_id``, each over what is found. ``sound``: True keeps it, False does not; left out, it is kept when
            LiveKit itself records it and words are kept in full.

    Returns:
        The recorder. When the logger is off, it listens to nothing and the session is not touched.

    Raises:
        TypeError: an option that there is not, or a ``sound`` that is neither True nor False.
    """
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise TypeError(f"record() has no option {unknown[0]!r}; it has {', '.join(sorted(_OPTIONS))}")
    if not isinstance(options.get("sound"), bool | None):
        raise TypeError(f"sound is {options['sound']!r}: give True, False or None")
    present = _recorded.get(session)
    if present is not None and not (present.call is not None and present.call.ended):
        return present
    logger = logger or process_logger()
    recorder = SessionRecorder(session, ctx if ctx is not None else _job(), logger, options)
    if not logger.enabled:
        return recorder
    _recorded[session] = recorder
    try:
        recorder.begin()
    except Exception:  # noqa: BLE001 -- never into the agent; see guard
        logger.caught("livekit record")
    return recorder


_OPTIONS: Final = frozenset(
    {"agent", "call_id", "callee", "caller", "direction", "labels", "sound", "telephony_provider", "trace_id"}
)


async def on_session_end(ctx: Any) -> None:
    """Keep LiveKit's report of each recorded session of a job.

    For ``@server.rtc_session(on_session_end=on_session_end)``. A recorded session does so by itself when its job is
    shut down; this is earlier, before LiveKit uploads its own copy.
    """
    for recorder in [each for each in _recorded.values() if each.ctx is ctx]:
        try:
            await recorder.keep_report()
        except Exception:  # noqa: BLE001 -- never into the job; see guard
            process_logger().caught("livekit on_session_end")


@cache
def process_logger() -> CallLogger:
    """The logger that this process shares where nobody gives one; made from the environment once."""
    return CallLogger.from_env()


def _job() -> Any:
    try:
        from livekit.agents import get_job_context  # noqa: PLC0415 -- loaded by who has a session
    except ImportError:
        return None
    try:
        return get_job_context()
    except RuntimeError:
        return None
