"""The archive that is asked, its index brought up to date before each question."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from callscope import config
from callscope.archive import listing
from callscope.archive.reader import CallRecord, read_call
from callscope.clock import now_ms
from callscope.index.index import Index
from callscope.index.place import place_of
from callscope.mcp.answer import Answer
from callscope.query import language
from callscope.query.query import CallQuery

_FIRST_SECONDS: Final = 45.0
"""For the first build of an index; assistants wait for a minute or so."""
_SECONDS: Final = 3.0


class Archive:
    """An archive to ask, from any thread.

    Args:
        root: its directory, which is there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._index = Index.open(root, place=place_of(root, config.index_place()))
        self._lock = threading.Lock()

    def index(self, answer: Answer) -> Index:
        """The index, as fresh as it can be in a short time; the answer says when that is not quite."""
        with self._lock:
            is_built = self._index.freshness.is_built
            report = self._index.refresh(budget_seconds=_SECONDS if is_built else _FIRST_SECONDS)
        if report.skipped or not report.complete:
            answer.note("the index is not up to date yet: calls may be missing here, ask again")
        if report.problems:
            answer.note(f"{len(report.problems)} places of the archive cannot be read, such as {report.problems[0]}")
        return self._index

    def record(self, call: str) -> CallRecord:
        """One call from its files, by its id, its directory, or the beginning of either."""
        now = now_ms()
        return read_call(listing.find_call(self.root, call, now_ms=now), now_ms=now)

    @staticmethod
    def query(text: str, *, limit: int | None = None, cursor: str | None = None) -> CallQuery:
        """A question in the query language; raises `QueryError` when it is none."""
        query = language.parse(text, now_ms=now_ms())
        return msgspec.structs.replace(
            query, limit=query.limit if limit is None else limit, cursor=query.cursor if cursor is None else cursor
        )

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
