"""What `callscope.logs.configure` was told: by argument, else by the environment, else by a TOML file, else nothing.

A value that cannot be understood is an error as an argument and in the file, with the line. In the environment, where
nobody can be told before the call, the safest value is used, and `LogSettings.problems` says so.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope import config
from callscope.errors import SettingError
from callscope.logs import level as levels

_ON: Final = frozenset({"on", "true", "yes", "1"})
_OFF: Final = frozenset({"off", "false", "no", "0"})
_STREAMS: Final = ("stderr", "stdout")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How lines are kept and shown."""

    level: int = levels.INFO
    levels: dict[str, int] = {}
    """Levels of single loggers, and of those below them."""
    console: str = "stderr"
    """``stderr``, ``stdout``, or empty: nothing is shown."""
    directory: Path | None = None
    """Where the files are; None: no files."""
    max_mb: float = 10
    """Megabytes after which a file is closed."""
    files_a_day: int = 5
    buffer_lines: int = 50_000
    """Lines that may wait for the disk; beyond, they are dropped and counted."""
    buffer_mb: int = 32
    """Megabytes of text that may wait."""
    flood_lines: int = 100
    """Lines that differ only in what was put into them, and are kept within a second; the others are counted."""
    problems: tuple[str, ...] = ()
    """What in the environment was not understood, and what was done instead."""


def _console(value: object) -> str:
    if isinstance(value, bool):
        return "stderr" if value else ""
    word = str(value).strip().lower()
    if word in _ON | _OFF:
        return "stderr" if word in _ON else ""
    if word not in _STREAMS:
        raise ValueError("write on, off, stderr or stdout")
    return word


def _directory(value: object) -> Path | None:
    word = str(value).strip()
    if value is False or word.lower() == "off":
        return None
    try:
        return Path(word).expanduser().absolute()
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{error}: write a path without ~, or of a user that exists") from error


def _named(value: object) -> dict[str, int]:
    named, wrong = _understood(value)
    if wrong:
        raise ValueError("; ".join(wrong))
    return named


def _understood(value: object) -> tuple[dict[str, int], list[str]]:
    """The levels by logger that can be understood, and what is wrong with the others."""
    if isinstance(value, str):
        pairs = [each.partition("=")[::2] for each in value.split(",") if each.strip()]
    elif isinstance(value, Mapping):
        pairs = [(str(name), level) for name, level in value.items()]
    else:
        return {}, ['write as in "httpx=WARNING,pipecat=DEBUG"']
    named: dict[str, int] = {}
    wrong: list[str] = []
    for name, level in pairs:
        try:
            named[name.strip()] = levels.number_of(level)
        except ValueError as error:
            wrong.append(f"{name.strip()}={level}: {error}")
    return named, wrong


def _number(low: float, high: float, *, whole: bool = True) -> Callable[[object], Any]:
    def understand(value: object) -> Any:
        number: float | None = None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            with contextlib.suppress(ValueError):
                number = int(str(value)) if whole else float(value)
        if number is None or not low <= number <= high:
            raise ValueError(f"write a {'whole ' if whole else ''}number from {low:g} to {high:,.0f}")
        return number

    return understand


_UNDERSTAND: Final[dict[str, Callable[[object], Any]]] = {
    "level": levels.number_of,
    "levels": _named,
    "console": _console,
    "directory": _directory,
    "max_mb": _number(0.001, 10_000, whole=False),
    "files_a_day": _number(1, 100_000),
    "buffer_lines": _number(1, 10**8),
    "buffer_mb": _number(1, 10**5),
    "flood_lines": _number(1, 10**6),
}
_INSTEAD: Final = {
    "level": ("INFO is used", levels.INFO),
    "console": ("lines are shown", "stderr"),
    "directory": ("no files are written until it is corrected", None),
}
"""What is used for a variable that is not understood: nothing private more than by default."""


def resolve(given: Mapping[str, Any], *, file: Path | None = None) -> LogSettings:
    """The settings in force.

    Args:
        given: arguments by name; None is none.
        file: the TOML file; ``CALLSCOPE_LOGS`` or ``logs.toml`` in the platform's place for settings when None.

    Raises:
        SettingError: an argument or a line of the file is wrong; says which, and what to write.
    """
    values = _of_file(file if file is not None else config.logs_file())
    of_environment, problems = _of_environment()
    values |= of_environment
    for name, value in given.items():
        if value is not None:
            try:
                values[name] = _UNDERSTAND[name](value)
            except ValueError as error:
                raise SettingError(f"{name} is {value!r}: {error}") from error
    if "directory" not in values:
        values["directory"] = _beside_calls(problems)
    return LogSettings(**values, problems=tuple(problems))


def mistakes() -> tuple[str, ...]:
    """What is wrong in the file and the environment, each with what comes of it: for who asks before any call."""
    found: list[str] = []
    try:
        _of_file(config.logs_file())
    except SettingError as error:
        found.append(f"`callscope.logs.configure()` raises this where a program calls it: {error}")
    return (*found, *_of_environment()[1])


def _of_environment() -> tuple[dict[str, Any], list[str]]:
    """What variables say, and what of it was not understood."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, (variable, raw) in config.log_variables().items():
        try:
            values[name] = _UNDERSTAND[name](raw)
        except ValueError as error:
            say, instead = _INSTEAD.get(name, ("the default is used", getattr(LogSettings(), name)))
            if name == "levels":
                say, instead = "it is left out", _understood(raw)[0]
            values[name] = instead
            problems.append(f"{variable}={raw!r} is not understood ({error}): {say}")
    return values, problems


def _beside_calls(problems: list[str]) -> Path | None:
    try:
        root = config.resolve_log_root()
    except SettingError as error:
        problems.append(f"{config.ROOT}: {error}; no log files are written")
        return None
    return None if root is None else root.absolute() / "logs"


def _of_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except FileNotFoundError as error:
        raise SettingError(f"{path} is not there: name the file with the settings of logs, or none") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path} cannot be read as settings of logs: {error}") from error
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name not in _UNDERSTAND:
            allowed = ", ".join(_UNDERSTAND)
            raise SettingError(f"{path}:{_line(text, name)}: there is no setting {name!r}: write one of {allowed}")
        try:
            values[name] = _UNDERSTAND[name](value)
        except ValueError as error:
            line = _line(text, name, value)
            raise SettingError(f"{path}:{line}: {name} is {value!r}: {error}") from error
    return values


def _line(text: str, name: str, value: object = None) -> int:
    """The line of a key; in a table of levels, of the first that is wrong."""
    wanted = [rf"\[?\s*[\"']?{re.escape(name)}\b"]
    if name == "levels" and isinstance(value, dict):
        wrong = next((logger for logger, one in value.items() if _understood({logger: one})[1]), None)
        if wrong is not None:
            wanted.insert(0, rf"[\"']?{re.escape(wrong)}[\"']?\s*=")
    for pattern in wanted:
        for number, line in enumerate(text.splitlines(), 1):
            if re.match(rf"\s*{pattern}", line):
                return number
    return 1
