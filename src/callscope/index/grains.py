"""By what calls are told apart in rollups: by all their dimensions, and by the few that most questions are about.

A grain is a set of dimensions. Each hour and each day has a row for every combination of the dimensions of each grain
that occurs, so that what is asked about all calls, one agent or each model is a few rows, however many agents, versions
and statuses there are together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

DIMENSIONS: Final = ("agent", "version", "provider", "model", "mode", "status", "environment")
"""What calls are told apart by, as the columns of ``dimensions``; of provider and model, those of the agent."""
GRAINS: Final[tuple[frozenset[str], ...]] = (
    frozenset(),
    frozenset({"agent"}),
    frozenset({"provider", "model"}),
    frozenset(DIMENSIONS),
)
"""The place of a grain is its number in the tables; each tells apart no more than those after it, or other things."""
WHOLE: Final = len(GRAINS) - 1
"""All dimensions: what calls themselves have."""
MADE_OF: Final = {2: WHOLE, 1: WHOLE, 0: 1}
"""From the rows of which grain those of another are made, in the order in which to make them."""
HOURLY: Final = (0, 1, WHOLE)
"""The grains of hours; days have all of them."""

_IS_IN: Final = tuple(tuple(name in grain for name in DIMENSIONS) for grain in GRAINS)
_NAMES: Final = f"{', '.join(DIMENSIONS)}, grain"
_MARKS: Final = ", ".join("?" * (len(DIMENSIONS) + 1))
_INSERT: Final = f"INSERT OR IGNORE INTO dimensions ({_NAMES}) VALUES ({_MARKS})"  # noqa: S608 -- names of ours
_SELECT: Final = f"SELECT id FROM dimensions WHERE ({_NAMES}) = ({_MARKS})"  # noqa: S608 -- as above


def grain_of(names: Iterable[str], *, hourly: bool) -> int:
    """The number of the first grain, of those of hours or of days, that tells these dimensions apart.

    Names that are no dimensions are of no account.
    """
    wanted = frozenset(names).intersection(DIMENSIONS)
    return next(grain for grain in (HOURLY if hourly else range(len(GRAINS))) if wanted <= GRAINS[grain])


def coarser(dimensions: Sequence[str], grain: int) -> tuple[str, ...]:
    """A combination of dimensions with those alone that a grain tells apart; the others are empty."""
    return tuple([value if is_in else "" for value, is_in in zip(dimensions, _IS_IN[grain], strict=True)])


def number_of(db: sqlite3.Connection, dimensions: Sequence[str], grain: int) -> int:
    """The number of a combination of dimensions, given to it when it has none yet."""
    values = (*dimensions, grain)
    db.execute(_INSERT, values)
    return int(db.execute(_SELECT, values).fetchone()[0])
