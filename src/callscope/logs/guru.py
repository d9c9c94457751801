"""loguru's lines, among them all of Pipecat's: one sink, which is there again after somebody's ``logger.remove()``."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, Final

from callscope.logs.intake import Intake
from callscope.logs.level import TRACE

_PRESET: Final = 0
"""The id of the handler that loguru brings with it; ids are never given twice."""


class Guru:
    """Our sink among loguru's handlers; nothing where loguru is not installed."""

    def __init__(self, intake: Intake, *, console: bool) -> None:
        self._intake = intake
        self._console = console
        self._id: int | None = None
        self._preset: Any = None
        self._wanted = False

    def attach(self) -> None:
        """Begin to take lines; loguru's own preset goes where the console shows them instead."""
        # Loaded here, so that no line is missed that is written before anybody comes to look again.
        if "loguru" not in sys.modules and importlib.util.find_spec("loguru") is None:
            return
        self._wanted = True
        self.ensure()
        preset = self._preset_stream()
        if self._console and preset is not None:
            self._logger().remove(_PRESET)
            self._preset = preset

    def ensure(self) -> None:
        """See that the sink is there."""
        if not self._wanted:
            return
        logger = self._logger()
        if self._id is None or self._id not in _handlers(logger):
            # A format that is a function keeps loguru from making texts of its own; exceptions are ours to print.
            self._id = logger.add(
                self._take, level=TRACE, format=_nothing, filter=self._passes, backtrace=False, diagnose=False
            )

    def detach(self) -> None:
        """Take no more lines; the preset comes back where it was taken and nothing took its place."""
        self._wanted = False
        if self._id is None:
            return
        logger = self._logger()
        if self._id in _handlers(logger):
            logger.remove(self._id)
        self._id = None
        if self._preset is not None and not _handlers(logger):
            logger.add(self._preset)
        self._preset = None

    def shows(self, level: int) -> bool:
        """Whether a handler of the program's own puts a line of such a level on the terminal."""
        if "loguru" not in sys.modules:
            return False
        return any(
            number != self._id and _stream(handler) in (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
            and level >= getattr(handler, "levelno", 0)
            for number, handler in _handlers(self._logger()).items()
        )  # fmt: skip

    def _passes(self, record: dict[str, Any]) -> bool:
        return bool(record["level"].no >= self._intake.levels.of(record["name"] or "loguru"))

    def _take(self, message: Any) -> None:
        record = message.record
        failure = record["exception"]
        caught = None
        if failure is not None and failure.value is not None:
            caught = (failure.type, failure.value, failure.traceback)
        self._intake.line(
            "loguru", record["level"].no, record["name"] or "loguru", record["message"], caught=caught,
            path=record["file"].path, number=record["line"], function=record["function"],
            thread=record["thread"].name, data=record["extra"],
        )  # fmt: skip

    def _preset_stream(self) -> Any:
        """Where loguru's own preset writes to, as long as it is there."""
        from loguru import _defaults  # noqa: PLC0415 -- an optional package

        is_preset = getattr(_defaults, "LOGURU_AUTOINIT", False)
        return _stream(_handlers(self._logger()).get(_PRESET)) if is_preset else None

    @staticmethod
    def _logger() -> Any:
        from loguru import logger  # noqa: PLC0415 -- an optional package

        return logger


def _handlers(logger: Any) -> dict[int, Any]:
    """Handlers of loguru by id. It offers no way to ask; where that changes, there seem to be none."""
    core = getattr(logger, "_core", None)
    return dict(getattr(core, "handlers", {}))


def _stream(handler: Any) -> Any:
    """The stream that a handler writes to; None for files and functions."""
    return getattr(getattr(handler, "_sink", None), "_stream", None)


def _nothing(_record: Any) -> str:
    return ""
