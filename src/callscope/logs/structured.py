"""structlog's loggers: unless the program has configured structlog, their lines go the standard library's way."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from callscope.logs.library import STRUCTURED

_PLACES: Final = structlog.processors.CallsiteParameterAdder(
    [
        structlog.processors.CallsiteParameter.PATHNAME,
        structlog.processors.CallsiteParameter.LINENO,
        structlog.processors.CallsiteParameter.FUNC_NAME,
    ]
)


class Structured:
    """structlog as configured by us; a program's own configuration is left alone."""

    def __init__(self) -> None:
        self._ours: Any = None

    def attach(self) -> None:
        """Send lines to the standard library, if nobody has said where to send them."""
        if structlog.is_configured():
            return
        self._ours = [structlog.contextvars.merge_contextvars, _filtered, _PLACES, _to_record]
        structlog.configure(processors=self._ours, logger_factory=_logger, cache_logger_on_first_use=False)

    def detach(self) -> None:
        """Back to structlog's defaults, unless somebody has configured it since."""
        if self._ours is not None and structlog.get_config()["processors"] is self._ours:
            structlog.reset_defaults()


def _logger(*names: Any) -> logging.Logger:
    """The logger of a name, or of the module that asks."""
    if names and isinstance(names[0], str):
        return logging.getLogger(names[0])
    frame = sys._getframe(1)  # noqa: SLF001 -- the only way to know who asks, as structlog's own factories do
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "structlog":
        frame = frame.f_back
    return logging.getLogger(str(frame.f_globals.get("__name__", "root")))


def _filtered(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what the logger may not say, before anything is done for it."""
    if not logger.isEnabledFor(logging.getLevelNamesMapping().get(method.upper(), logging.ERROR)):
        raise structlog.DropEvent
    return event


def _to_record(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """An event as arguments for a method of the standard library's logger."""
    fields = dict(event)
    text = fields.pop("event", "")
    options: dict[str, Any] = {name: fields.pop(name) for name in ("exc_info", "stack_info") if name in fields}
    place = {
        "path": fields.pop("pathname", None),
        "number": fields.pop("lineno", 0),
        "function": fields.pop("func_name", None),
        "fields": fields,
    }
    # Without arguments nothing is put into the text, so that a percent sign in it stays one.
    return (text,), {**options, "extra": {STRUCTURED: place}}
