"""callscope: a flight recorder and monitor for voice-AI calls."""

from __future__ import annotations

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
    "resolve_log_root",
]
