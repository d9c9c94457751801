"""The standard library's loggers: one handler on the root; the program's own handlers stay as they are."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Final

from callscope.logs.intake import Intake, caught_by, text_of
from callscope.logs.level import Levels

STRUCTURED: Final = "callscope_structlog"
"""The attribute of records in which a structlog line brings what only it knows."""

_OWN: Final = frozenset(
    {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName", STRUCTURED}
)


class _Handler(logging.Handler):
    """Takes records; needs no lock of its own."""

    def __init__(self, intake: Intake) -> None:
        super().__init__()
        self._intake = intake

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record, without the lock that `logging.Handler.handle` holds."""
        if record.levelno >= self._intake.levels.of(record.name):
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        template: str | None = None
        try:
            text = record.getMessage()
            if record.args:
                template = text_of(record.msg)
        except Exception:  # noqa: BLE001 -- foreign arguments that do not fit: the line is still one
            text = f"{text_of(record.msg)} (its arguments do not fit)"
        path, number, function, origin = record.pathname, record.lineno, record.funcName, "logging"
        extra = {name: value for name, value in record.__dict__.items() if name not in _OWN}
        more = record.__dict__.get(STRUCTURED)
        if isinstance(more, dict):
            origin, path, number, function = "structlog", more["path"], more["number"], more["function"]
            extra = more["fields"]
        if record.stack_info:
            extra["stack"] = record.stack_info
        self._intake.line(
            origin, record.levelno, record.name, text_of(text), template=template, caught=caught_by(record.exc_info),
            path=path, number=number, function=function, thread=record.threadName, data=extra,
        )  # fmt: skip


class Library:
    """Our handler on the root logger, and the levels that had to be lowered for it."""

    def __init__(self, intake: Intake, levels: Levels) -> None:
        self._levels = levels
        self._handler = _Handler(intake)
        self._before: list[tuple[logging.Logger, int, int]] = []

    def attach(self) -> None:
        """Begin to take lines. Levels are lowered where they would keep away what is asked for."""
        root = logging.getLogger()
        root.addHandler(self._handler)
        if root.level > self._levels.level:
            self._lower(root, self._levels.level)
        for name, level in self._levels.named.items():
            logger = logging.getLogger(name)
            if logger.getEffectiveLevel() > level:
                self._lower(logger, level)

    def ensure(self) -> None:
        """Be there again where somebody took all handlers away (``basicConfig(force=True)``)."""
        root = logging.getLogger()
        if self._handler not in root.handlers:
            root.addHandler(self._handler)

    def detach(self) -> None:
        """Take no more lines, and put levels back that nobody has changed since."""
        logging.getLogger().removeHandler(self._handler)
        for logger, before, lowered in self._before:
            if logger.level == lowered:
                logger.setLevel(before)
        self._before.clear()
        self._handler.close()

    def shows(self, name: str, level: int) -> bool:
        """Whether a handler of the program's own puts such a line on the terminal."""
        return any(_is_terminal(handler) and level >= handler.level for handler in self._handlers(name))

    def _handlers(self, name: str) -> Iterator[logging.Handler]:
        known = logging.Logger.manager.loggerDict.get(name)
        logger: logging.Logger | None = known if isinstance(known, logging.Logger) else logging.getLogger()
        while logger is not None:
            yield from (handler for handler in list(logger.handlers) if handler is not self._handler)
            logger = logger.parent if logger.propagate else None

    def _lower(self, logger: logging.Logger, level: int) -> None:
        self._before.append((logger, logger.level, level))
        logger.setLevel(level)


def _is_terminal(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in (
        sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__,
    )  # fmt: skip
