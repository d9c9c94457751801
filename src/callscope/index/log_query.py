"""What is asked of the lines of logs, and whether a line is an answer."""

from __future__ import annotations

import importlib
from typing import Any, Final

import msgspec

from callscope.archive.log_line import LEVELS, UNKNOWN, LogLine, rank_of, words_of
from callscope.errors import SettingError
from callscope.index import globs, regex
from callscope.model.wire import LAST_MS

LIMIT: Final = 500
_LEAST_LETTERS: Final = 3
_GROUPS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines. Each condition narrows."""

    since_ms: int = 0
    """Unix milliseconds: of this moment or later."""
    until_ms: int = LAST_MS + 1
    """Before this moment."""
    rank: int = UNKNOWN
    """Place of the least level among `callscope.archive.log_line.LEVELS`; `UNKNOWN`: any, also none."""
    call_id: str | None = None
    logger: str | None = None
    """A logger, or what its name begins with up to a dot; case does not matter."""
    grep: str | None = None
    """A regular expression."""
    text: str | None = None
    """Words that stand in the line as they are; case does not matter."""
    limit: int = LIMIT
    """How many, the newest."""


class Matcher:
    """Tells answers from other lines.

    Raises:
        SettingError: the regular expression is none.
    """

    def __init__(self, query: LogQuery) -> None:
        self._query = query
        self._logger = query.logger.casefold() if query.logger else ""
        self._text = query.text.casefold() if query.text else ""
        self._grep = regex.expression(query.grep) if query.grep is not None else None
        self._letters = _letters(query.grep) if query.grep is not None else ()

    def takes(self, line: LogLine) -> bool:
        """Whether a line is an answer.

        Raises:
            SettingError: the regular expression takes too long.
        """
        query = self._query
        return (
            query.since_ms <= line.at_ms < query.until_ms
            and line.rank >= query.rank
            and (query.call_id is None or line.call_id == query.call_id)
            and (not self._logger or self.takes_logger(line.logger))
            and (not self._text or self._text in words_of(line).casefold())
            and (self._grep is None or self._finds(self._grep, line))
        )

    def takes_logger(self, name: str) -> bool:
        """Whether lines of a logger may be answers."""
        name = name.casefold()
        return not self._logger or name == self._logger or name.startswith(f"{self._logger}.")

    def _finds(self, grep: regex.Expression, line: LogLine) -> bool:
        raw = line.raw
        # Letters stand in the bytes as they are, unless somebody wrote them as escapes or case has other forms.
        if self._letters:
            small = raw.lower()
            if not all(run in small for run in self._letters) and raw.isascii() and b"\\u" not in raw:
                return False
        try:
            return grep.matches(words_of(line))
        except TimeoutError:
            raise SettingError(
                "the regular expression takes too long: write it without nested repeats, or narrow by time or level"
            ) from None


def level_rank(word: str, *, option: str = "--level") -> int:
    """Place of a level that somebody wrote among the levels.

    Args:
        word: what was written.
        option: where; the error names it.

    Raises:
        SettingError: it is none; says which there are.
    """
    rank = rank_of(word)
    if rank == UNKNOWN:
        raise SettingError(f"{option} {word[:40]!r} is no level: write {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    return rank


def _letters(pattern: str) -> tuple[bytes, ...]:
    """Runs of ASCII letters without which an expression does not match, in small letters."""
    parsed = importlib.import_module("re._parser").parse(globs.clean(pattern))
    runs: list[str] = []
    _collect(parsed, runs)
    return tuple(run.lower().encode() for run in runs if len(run) >= _LEAST_LETTERS)


def _collect(items: Any, runs: list[str]) -> None:
    run = ""
    for op, value in items:
        name = str(op)
        letter = chr(value) if name == "LITERAL" else ""
        if letter.isascii() and letter.isalpha():
            run += letter
            continue
        runs.append(run)
        run = ""
        if name in _GROUPS and value[0]:
            _collect(value[2], runs)
        elif name == "SUBPATTERN":
            _collect(value[3], runs)
    runs.append(run)
