"""callscope: a flight recorder and monitor for voice-AI calls."""

from __future__ import annotations

import importlib
import os
import typing

from callscope.config import Settings, resolve_log_root
from callscope.errors import (
    CallscopeError,
    MissingExtraError,
    NotFoundError,
    SettingError,
    UnreadableError,
)
from callscope.recorder.call_log import CallLog
from callscope.recorder.health import Health
from callscope.recorder.logger import CallLogger
from callscope.recorder.patter import alog_call_end, alog_call_start, alog_event, alog_turn
from callscope.version import __version__

if typing.TYPE_CHECKING:
    from types import ModuleType

    from callscope import logs as logs
    from callscope.index.opened import Opened

__all__ = [
    "CallLog",
    "CallLogger",
    "CallscopeError",
    "Health",
    "MissingExtraError",
    "NotFoundError",
    "SettingError",
    "Settings",
    "UnreadableError",
    "__version__",
    "alog_call_end",
    "alog_call_start",
    "alog_event",
    "alog_turn",
    "open",
    "resolve_log_root",
]


def open(  # noqa: A001 -- read as callscope.open
    root: str | os.PathLike[str] | None = None,
    *,
    index: str | os.PathLike[str] | None = None,
    refresh: bool = True,
) -> Opened:
    """Open an archive to ask it for calls, what was said, figures and errors: docs/search.md.

    Args:
        root: the archive; when None, ``PATTER_LOG_DIR`` is read.
        index: where its index is kept; when None, ``CALLSCOPE_INDEX`` is read, else it is inside the archive.
        refresh: bring the index up to date first. The first time, that takes a while for a large archive.

    Raises:
        SettingError: no archive is named, or the index cannot be kept there.
        NotFoundError: there is no such archive.
        UnreadableError: the archive may not be read, or a newer callscope made the index.
    """
    # Here, so that a program that only records does not load them.
    from callscope.config import index_place  # noqa: PLC0415
    from callscope.index.opened import opened  # noqa: PLC0415

    archive = resolve_log_root(root)
    if archive is None:
        raise SettingError("which archive? name its directory, or set PATTER_LOG_DIR")
    return opened(archive, index=index_place() if index is None else index, refresh=refresh)


def __getattr__(name: str) -> ModuleType:
    """`callscope.logs`, loaded when it is asked for: a program that does not configure logs does not load them."""
    if name == "logs":
        return importlib.import_module("callscope.logs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
