"""Settings, and the only place that reads the environment.

========================== ============ ======== ======================================================
variable                   setting      default  meaning
========================== ============ ======== ======================================================
PATTER_LOG_DIR             root         (off)    where calls are kept; ``auto``: the platform's place
PATTER_LOG_REDACT_PHONE    phone        mask     ``mask``, ``full`` or ``hash_only``
PATTER_LOG_HASH_KEY        hash_key     (none)   keys the hashes of ``hash_only``
PATTER_LOG_TRANSCRIPT      transcript   full     ``full``, ``redact`` or ``off``
PATTER_LOG_RETENTION_DAYS  retention    30       days to keep; 0 keeps for ever
CALLSCOPE_BUFFER_ROWS      buffer_rows  600000   rows that may wait for the disk
CALLSCOPE_BUFFER_MB        buffer_mb    256      megabytes of content that may wait for the disk
CALLSCOPE_SILENCE_SECONDS  silence_...  8        a silence this long is told, as an event of the call
CALLSCOPE_PRICES           prices       (place)  the user's own prices, a TOML file
CALLSCOPE_BUDGETS          budgets      (place)  the user's budgets, a TOML file
CALLSCOPE_VIEWS            (dashboard)  (place)  saved views of the dashboard, a TOML file
CALLSCOPE_ALERTS           (alerts)     (place)  the rules of alerts, a TOML file
CALLSCOPE_INDEX            index        (inside) where indexes are kept: a file, or a directory
CALLSCOPE_LOGS             (logs)       (place)  the settings of application logs, a TOML file
CALLSCOPE_LOG_...          (logs)                the same one by one: `LOG_VARIABLES`, docs/logs.md
========================== ============ ======== ======================================================

(place): ``prices.toml``, ``budgets.toml``, ``alerts.toml``, ``logs.toml`` and ``views.toml`` in the platform's
directory for configuration, where they are there; the last is made when a view is saved.
(inside): ``.callscope/index.sqlite`` in the archive; where that cannot be written, the platform's directory for caches.

A value that cannot be understood is never taken for the default. In the environment, where nobody can be
told before the call, the safest value is used and `Settings.problems` says so: numbers are masked, words
stay off the disk, nothing is deleted. Given as an argument, it raises `SettingError`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from callscope.errors import SettingError

PhoneMode = Literal["mask", "full", "hash_only"]
TranscriptMode = Literal["full", "redact", "off"]

ROOT: Final = "PATTER_LOG_DIR"
PHONE: Final = "PATTER_LOG_REDACT_PHONE"
HASH_KEY: Final = "PATTER_LOG_HASH_KEY"
TRANSCRIPT: Final = "PATTER_LOG_TRANSCRIPT"
RETENTION: Final = "PATTER_LOG_RETENTION_DAYS"
BUFFER_ROWS: Final = "CALLSCOPE_BUFFER_ROWS"
BUFFER_MB: Final = "CALLSCOPE_BUFFER_MB"
SILENCE: Final = "CALLSCOPE_SILENCE_SECONDS"
PRICES: Final = "CALLSCOPE_PRICES"
BUDGETS: Final = "CALLSCOPE_BUDGETS"
VIEWS: Final = "CALLSCOPE_VIEWS"
ALERTS: Final = "CALLSCOPE_ALERTS"
INDEX: Final = "CALLSCOPE_INDEX"
LOGS: Final = "CALLSCOPE_LOGS"
LOG_VARIABLES: Final = {
    "level": "CALLSCOPE_LOG_LEVEL",
    "levels": "CALLSCOPE_LOG_LEVELS",
    "console": "CALLSCOPE_LOG_CONSOLE",
    "directory": "CALLSCOPE_LOG_DIR",
    "max_mb": "CALLSCOPE_LOG_MAX_MB",
    "files_a_day": "CALLSCOPE_LOG_FILES_A_DAY",
    "buffer_lines": "CALLSCOPE_LOG_BUFFER_LINES",
    "buffer_mb": "CALLSCOPE_LOG_BUFFER_MB",
    "flood_lines": "CALLSCOPE_LOG_FLOOD_LINES",
}
"""Variables of application logs, by setting; `callscope.logs` understands them."""

_MAX_DAYS: Final = 36_500
_MAX_SILENCE_SECONDS: Final = 3600


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are recorded. Raises `SettingError` for a value that is not allowed."""

    phone: PhoneMode = "mask"
    """How caller and callee are written."""
    hash_key: str | None = None
    """Key for ``hash_only``; without it the hashes of one number are the same everywhere."""
    transcript: TranscriptMode = "full"
    """What of the conversation's words is written."""
    retention_days: int | None = 30
    """Days to keep; 0 keeps for ever; None: unreadable, so nothing is ever deleted."""
    buffer_rows: int = 600_000
    """Rows that may wait for the disk: 60 seconds of 10,000 rows/s. Beyond it rows are dropped and counted."""
    buffer_mb: int = 256
    """Megabytes of content that may wait. 60 seconds of 10,000 rows/s of 400 bytes."""
    silence_seconds: int = 8
    """How long nothing is heard that should be until an event tells of it."""
    prices: str | None = None
    """File with the user's own prices; None: list prices alone."""
    budgets: str | None = None
    """File with the user's budgets; None: no budgets."""
    index: str | None = None
    """Where indexes are kept: a file, or a directory with one for each archive; None: inside the archive."""
    problems: tuple[str, ...] = ()
    """What in the environment was not understood, and what was done instead."""

    def __post_init__(self) -> None:
        """Hold arguments to their allowed values: a typo is an error."""
        _choice("phone", self.phone, get_args(PhoneMode))
        _choice("transcript", self.transcript, get_args(TranscriptMode))
        if self.retention_days is not None and not _is_whole(self.retention_days, 0, _MAX_DAYS):
            raise SettingError(
                f"retention_days is {self.retention_days!r}: give whole days from 0 (for ever) to {_MAX_DAYS}"
            )
        if not _is_whole(self.silence_seconds, 1, _MAX_SILENCE_SECONDS):
            raise SettingError(
                f"silence_seconds is {self.silence_seconds!r}: give whole seconds from 1 to {_MAX_SILENCE_SECONDS}"
            )
        for name, value in (("buffer_rows", self.buffer_rows), ("buffer_mb", self.buffer_mb)):
            if not _is_whole(value, 1, 10**9):
                raise SettingError(f"{name} is {value!r}: give a whole number from 1")


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (``os.environ`` unless given). Never raises: see the module's docstring."""
    env = os.environ if environ is None else environ
    problems: list[str] = []

    def read(name: str, default: Any, understand: Callable[[str], Any], instead: Any, say: str) -> Any:
        raw = env.get(name)
        if raw is None or not raw.strip():
            return default
        try:
            return understand(raw.strip())
        except ValueError as error:
            problems.append(f"{name}={raw!r} is not understood ({error}): {say}")
            return instead

    def one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
        return lambda raw: _choice("the value", raw.lower(), allowed)

    values = {
        "phone": read(PHONE, "mask", one_of(get_args(PhoneMode)), "mask", "phone numbers are masked"),
        "transcript": read(
            TRANSCRIPT, "full", one_of(get_args(TranscriptMode)), "off", "no words are written until it is corrected"
        ),
        "retention_days": read(RETENTION, 30, _whole(0, _MAX_DAYS), None, "nothing is deleted until it is corrected"),
        "buffer_rows": read(BUFFER_ROWS, 600_000, _whole(1, 10**9), 600_000, "600000 rows are used"),
        "buffer_mb": read(BUFFER_MB, 256, _whole(1, 10**6), 256, "256 megabytes are used"),
        "silence_seconds": read(SILENCE, 8, _whole(1, _MAX_SILENCE_SECONDS), 8, "8 seconds are used"),
    }
    return Settings(
        **values,
        hash_key=env.get(HASH_KEY) or None,
        prices=_file(env, PRICES),
        budgets=_file(env, BUDGETS),
        index=_index(env),
        problems=tuple(problems),
    )


def prices_file() -> Path | None:
    """The file with the user's own prices: ``CALLSCOPE_PRICES``, else the usual place if there is one, else None."""
    name = _file(os.environ, PRICES)
    return None if name is None else Path(name)


def budgets_file() -> Path | None:
    """The file with the user's budgets: ``CALLSCOPE_BUDGETS``, else the usual place if there is one, else None."""
    name = _file(os.environ, BUDGETS)
    return None if name is None else Path(name)


def views_file() -> Path:
    """The file with the dashboard's saved views: ``CALLSCOPE_VIEWS``, else the usual place. It need not be there."""
    return Path(_file(os.environ, VIEWS) or _usual(VIEWS))


def alerts_file() -> Path:
    """The file with the rules of alerts: ``CALLSCOPE_ALERTS``, else the usual place. It need not be there."""
    return Path(_file(os.environ, ALERTS) or _usual(ALERTS))


def logs_file() -> Path | None:
    """The file with the settings of logs: ``CALLSCOPE_LOGS``, else the usual place if there is one, else None."""
    name = _file(os.environ, LOGS)
    return None if name is None else Path(name)


def log_variables() -> dict[str, tuple[str, str]]:
    """What the environment says about application logs: variable and value, by setting; what is blank is not set."""
    return {
        setting: (variable, raw.strip())
        for setting, variable in LOG_VARIABLES.items()
        if (raw := os.environ.get(variable, "")).strip()
    }


def wants_colors() -> bool | None:
    """``FORCE_COLOR`` and ``NO_COLOR`` (which wins), as they are customary; None: whatever the terminal can."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def index_place() -> str | None:
    """``CALLSCOPE_INDEX`` as `callscope.index.place.place_of` takes it; None when it is not set."""
    return _index(os.environ)


def _index(env: Mapping[str, str]) -> str | None:
    return env.get(INDEX, "").strip() or None


def _file(env: Mapping[str, str], variable: str) -> str | None:
    """A file that was named is named even if it is not there: who reads it says so. The usual place may be empty."""
    named = env.get(variable, "").strip()
    if named:
        return os.path.expanduser(named)  # noqa: PTH111 -- an unknown user stays as written, and the reader says so
    usual = _usual(variable)
    return str(usual) if usual.is_file() else None


def _usual(variable: str) -> Path:
    from platformdirs import user_config_path  # noqa: PLC0415 -- only when something is recorded or priced

    return user_config_path("callscope", appauthor=False) / f"{variable.removeprefix('CALLSCOPE_').lower()}.toml"


def resolve_log_root(explicit: str | os.PathLike[str] | None = None) -> Path | None:
    """The directory that calls are kept in, or None when recording is off.

    Args:
        explicit: a path or ``auto``; when None, ``PATTER_LOG_DIR`` is read.

    Raises:
        SettingError: the path begins with ``~`` and there is no such user.

    Returns:
        The path with ``~`` resolved; for ``auto`` (any case) the platform's place for data; None for an
        unset, empty or blank value.
    """
    value = os.fspath(explicit) if explicit is not None else root_setting()
    word = value.strip()
    if not word:
        return None
    if word.lower() != "auto":
        try:
            return Path(word).expanduser()
        except RuntimeError as error:
            raise SettingError(
                f"{word!r} is no directory ({error}): write a path without ~, or of a user that exists"
            ) from error
    from platformdirs import user_data_dir  # noqa: PLC0415 -- only ``auto`` needs it; keeps the import of callscope small

    return Path(user_data_dir("patter", appauthor=False))


def _is_whole(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def root_setting() -> str:
    """``PATTER_LOG_DIR`` as it is written."""
    return os.environ.get(ROOT, "")


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingError(f"{name} is {value!r}: write one of {', '.join(allowed)}")
    return value


def _whole(low: int, high: int) -> Callable[[str], int]:
    def understand(raw: str) -> int:
        value = int(raw)
        if not low <= value <= high:
            raise SettingError(f"write a whole number from {low} to {high}")
        return value

    return understand


def has_screen() -> bool:
    """Whether a browser can open a window: elsewhere one that runs in the terminal would take it over."""
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def variable(name: str) -> str | None:
    """A variable that a file of the user's names, as ``${SLACK_URL}`` in a target of alerts; None: it is not set."""
    return os.environ.get(name)
