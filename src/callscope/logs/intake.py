"""Where lines come in, on the thread of who wrote them: stamped, put in a queue, nothing else."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from traceback import TracebackException
from types import FrameType, TracebackType
from typing import Any, Final

from callscope.logs import sentence
from callscope.logs.flood import Flood
from callscope.logs.level import ERROR, Levels
from callscope.logs.line import LINE_BYTES, LONGEST, Line
from callscope.logs.origin import service_of
from callscope.logs.waiting import Waiting
from callscope.model import wire
from callscope.recorder import current
from callscope.recorder.snapshot import take
from callscope.recorder.told import Told

_STACK_LIMIT: Final = 64
_OWN_FRAMES: Final = 3
_FRAMES: Final = 16
"""As far up as a handler that passes a line on is looked for."""
_CALL_HANDLERS: Final = logging.Logger.callHandlers.__code__
_LOGURU: Final = os.path.join("loguru", "_handler.py")  # noqa: PTH118 -- a part of a name
_NS_PER_MS: Final = 1_000_000

Caught = tuple[type[BaseException], BaseException, TracebackType | None]


class Intake:
    """Takes lines of all loggers. Never raises, never waits."""

    def __init__(self, waiting: Waiting, flood: Flood, levels: Levels) -> None:
        self._waiting = waiting
        self._flood = flood
        self.levels = levels
        self._last = threading.local()

    def line(
        self,
        origin: str,
        level: int,
        logger: str,
        text: str,
        *,
        template: str | None = None,
        caught: Caught | None = None,
        path: str | None = None,
        number: int = 0,
        function: str | None = None,
        thread: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a line that its logger may say.

        Args:
            origin: ``logging``, ``structlog`` or ``loguru``.
            level: as a number.
            logger: its name.
            text: all of it.
            template: what the code says, where something was put into it.
            caught: the exception that it is about.
            path: of the source.
            number: the line there.
            function: around it.
            thread: the name of the thread.
            data: more fields.
        """
        try:
            at_ns = time.time_ns()
            if self._is_echo(origin, text):
                return
            call = current.call()
            failure = kind = None
            if caught is not None:
                failure = TracebackException(*caught, limit=_STACK_LIMIT, lookup_lines=False)
                kind = caught[0].__qualname__
            snapshot, size = take(data) if data else (None, 0)
            line = Line(
                at_ns=at_ns, level=level, logger=logger, text=text[: LONGEST + 1] if len(text) > LONGEST else text,
                origin=origin, template=template, call_id=None if call is None else call.call_id, failure=failure,
                failure_type=kind, path=path, number=number, function=function, thread=thread, data=snapshot,
                size=LINE_BYTES + len(text) + size + (10 * LINE_BYTES if failure is not None else 0),
            )  # fmt: skip
            if caught is not None and call is not None and level >= ERROR:
                stage, provider = service_of(logger)
                more: dict[str, Any] = {} if provider is None else {"provider": provider}
                call.error(caught[1], stage=stage or "application", logger=logger, **more)
            if self._flood.passes((logger, level, line.call_id, template or line.text), line):
                self._waiting.offer(line)
        except Exception:  # noqa: BLE001 -- foreign names and objects: never into the program that logs
            self._waiting.lose("invalid", 1)

    def told(self, told: Told) -> None:
        """Take what happened in a call; on the recorder's thread."""
        level = sentence.level_of(told.type, told.data)
        if level < self.levels.of("callscope.call"):
            return
        snapshot, size = take(told.data)
        self._waiting.offer(
            Line(
                at_ns=told.ts_ms * _NS_PER_MS, level=level, logger="callscope.call", text=told.type, origin="call",
                call_id=told.call_id, data=snapshot, size=LINE_BYTES + size,
            )
        )  # fmt: skip

    def _is_echo(self, origin: str, text: str) -> bool:
        """Whether this is a line that came already: programs have one library pass its lines on to another."""
        is_guru = origin == "loguru"
        if not is_guru and "loguru" not in sys.modules:
            return False
        nested = _is_nested(is_guru=is_guru)
        before: tuple[bool, str, bool] | None = self._last.__dict__.get("line")
        self._last.__dict__["line"] = (is_guru, text, nested)
        return before is not None and before[0] != is_guru and before[1] == text and (nested or before[2])


def _is_nested(*, is_guru: bool) -> bool:
    """Whether a line of one library comes out of a handler of the other one."""
    frame: FrameType | None = sys._getframe(_OWN_FRAMES)  # noqa: SLF001 -- there is no other way to see a caller
    for _ in range(_FRAMES):
        if frame is None:
            return False
        code = frame.f_code
        if code is _CALL_HANDLERS if is_guru else code.co_filename.endswith(_LOGURU):
            return True
        frame = frame.f_back
    return False


def text_of(value: object) -> str:
    """Anything as text, whatever it does when it is looked at."""
    return value if type(value) is str else wire.name(value)


def caught_by(exc_info: object) -> Caught | None:
    """The exception that a logger was given, in one of the ways that loggers take."""
    if exc_info is None or exc_info is False:
        return None
    if isinstance(exc_info, BaseException):
        return type(exc_info), exc_info, exc_info.__traceback__
    if isinstance(exc_info, tuple):
        kind, error = exc_info[0], exc_info[1]
        return (kind, error, exc_info[2]) if isinstance(error, BaseException) else None
    kind, error, trace = sys.exc_info()
    return None if kind is None or error is None else (kind, error, trace)
