"""What `callscope.open` gives: an archive to ask, with answers that become data frames."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload

import msgspec

from callscope.errors import MissingExtraError
from callscope.index.calls import CallRow
from callscope.index.compare import Comparison
from callscope.index.error_groups import ErrorGroup
from callscope.index.figures import Figures
from callscope.index.index import Index, Query
from callscope.index.periods import PERIODS
from callscope.index.place import place_of
from callscope.index.refresh import Report
from callscope.index.sample_row import MOMENT, sample_row
from callscope.index.search import Hit

T = TypeVar("T")

_SQL_ROWS: Final = 1_000_000
_SQL_SECONDS: Final = 60.0
_MS: Final = 1_000


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one group of calls."""

    key: dict[str, str | datetime]
    """What the group was made by: the first moment of a period, or a word that is empty when it is unknown."""
    figures: Figures


class Answer(Sequence[T], Generic[T]):
    """Values in the order of the answer.

    Args:
        values: the values.
        records: makes the rows of a data frame of them.
        sample: a row with a value of each column's type; None of what has no type.
        next: cursor of the page that follows, for ``cursor:"..."`` in the same query; None when there is none.
        complete: False when the time was up, or there were more rows than are given at once.
    """

    def __init__(
        self,
        values: Sequence[T],
        records: Callable[[T], dict[str, Any]],
        sample: dict[str, Any],
        *,
        next: str | None = None,  # noqa: A002 -- what every page here is called
        complete: bool = True,
    ) -> None:
        self._values = tuple(values)
        self._records = records
        self._sample = sample
        self.next = next
        self.complete = complete

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._values[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._values)

    def __repr__(self) -> str:
        return f"Answer({list(self._values)!r})"

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dictionary a row; what is inside of something has its name before it, as in ``response.p95_ms``."""
        return [self._records(value) for value in self._values]

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame``, a row a value. It has its columns also when there are no rows.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        frame = _extra("pandas", "pandas", "to_pandas()").DataFrame
        return frame.from_records(self.to_dicts()) if self._values else frame.from_records([self._sample])[:0]

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``, a row a value. It has its columns also when there are no rows.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        table = _extra("pyarrow", "parquet", "to_arrow()").Table
        return table.from_pylist(self.to_dicts()) if self._values else table.from_pylist([self._sample])[:0]


class Opened:
    """An archive to ask, by way of its index. Close it, or use it as a context manager.

    Queries are text in the query language (docs/query.md), or `callscope.query.query.CallQuery`. A question that cannot
    be understood raises `SettingError`.
    """

    def __init__(self, root: Path, *, place: Path) -> None:
        self._index = Index.open(root, place=place)

    @property
    def root(self) -> Path:
        """The archive."""
        return self._index.root

    def refresh(self, *, seconds: float | None = None) -> Report:
        """Bring the index up to date with the files.

        Args:
            seconds: stop after this time; the next refresh goes on.
        """
        return self._index.refresh(budget_seconds=seconds)

    def calls(self, query: Query = "") -> Answer[CallRow]:
        """A page of calls."""
        page = self._index.calls(query)
        return Answer(page.calls, _flat, sample_row(CallRow), next=page.next)

    def call(self, name: str) -> CallRow:
        """One call, by its id, its directory, or the beginning of either; raises `NotFoundError`."""
        return self._index.call(name)

    def search(self, query: Query, *, ranked: bool = False, seconds: float = 2.0) -> Answer[Hit]:
        """A page of what was said; ``ranked``: the best hits first."""
        page = self._index.search(query, ranked=ranked, seconds=seconds)
        return Answer(page.hits, _flat, sample_row(Hit), next=page.next, complete=page.complete)

    def stats(self, query: Query = "", *, by: str | Sequence[str] = ()) -> Answer[Group]:
        """Figures of calls by group: ``hour``, ``day``, ``week``, ``month``, ``agent``, ``label.<name>`` and more."""
        names = (by,) if isinstance(by, str) else tuple(by)
        groups = []
        for parts, value in self._index.stats(query, by=names):
            key = {name: _part(part) for name, part in zip(names, parts, strict=True)}
            groups.append(Group(key=key, figures=value))
        key_sample = {name: MOMENT if name in PERIODS else "" for name in names}
        return Answer(
            groups, lambda group: {**group.key, **_flat(group.figures)}, {**key_sample, **sample_row(Figures)}
        )

    def errors(self, query: Query = "", *, limit: int = 50) -> Answer[ErrorGroup]:
        """Errors as groups, the commonest first."""
        return Answer(self._index.errors(query, limit=limit), _flat, sample_row(ErrorGroup))

    def compare(self, a: Query, b: Query) -> Comparison:
        """Two sets of calls side by side."""
        return self._index.compare(a, b)

    def sql(self, statement: str, *, seconds: float = _SQL_SECONDS, rows: int = _SQL_ROWS) -> Answer[dict[str, Any]]:
        """The answer to a SELECT of SQLite. Of columns with one name, the last counts."""
        columns, found, complete = self._index.sql(statement, seconds=seconds, rows=rows)
        values = [dict(zip(columns, row, strict=True)) for row in found]
        return Answer(values, lambda value: value, dict.fromkeys(columns), complete=complete)

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def opened(root: Path, *, index: str | os.PathLike[str] | None, refresh: bool) -> Opened:
    """Open an archive, its index up to date unless told otherwise. See `callscope.open`."""
    archive = Opened(root, place=place_of(root, None if index is None else os.fspath(index)))
    if refresh:
        archive.refresh()
    return archive


def _part(part: str | int) -> str | datetime:
    return datetime.fromtimestamp(part / _MS, tz=UTC) if isinstance(part, int) else part


def _flat(value: msgspec.Struct) -> dict[str, Any]:
    return dict(_leaves("", msgspec.to_builtins(value)))


def _leaves(prefix: str, fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _extra(module: str, extra: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(extra, what=what) from error
