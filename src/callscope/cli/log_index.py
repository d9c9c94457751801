"""Log lines of an archive for commands: with the index where there is one, and without."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from callscope import config
from callscope.archive.log_files import LogFiles
from callscope.clock import now_ms
from callscope.errors import CallscopeError, UnreadableError
from callscope.index.index import Index
from callscope.index.log_lines import LogAnswer
from callscope.index.log_query import LogQuery
from callscope.index.place import place_of

_SECONDS: Final = 2.0
"""For what is known of the files; what is not known yet is read from them."""


def find_lines(archive: Path, logs: LogFiles, query: LogQuery) -> LogAnswer:
    """The lines that fit. No index is made for it; that it cannot be written changes no answer.

    Raises:
        SettingError: the regular expression is none, or takes too long.
    """
    with Index.open(archive, place=place_of(archive, config.index_place()), now_ms=now_ms) as index:
        with contextlib.suppress(CallscopeError):
            index.refresh_logs(logs, budget_seconds=_SECONDS)
        return index.log_lines(logs, query)


@contextlib.contextmanager
def log_files(archive: Path) -> Iterator[LogFiles]:
    """The files of an archive's logs; in the end, one that could not be read is told.

    Raises:
        UnreadableError: the directory, or a file, cannot be read; what can be is read before.
    """
    with LogFiles(archive) as logs:
        yield logs
        for problem in logs.problems:
            raise UnreadableError(problem)
