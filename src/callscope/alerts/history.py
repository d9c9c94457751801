"""What people were told, kept beside the archive for who looks later: ``<root>/.callscope/alert-history.json``.

The newest notices, oldest first, whatever became of their deliveries. A notice stands here once, by its id. It is
written after the state is, and what is on its way is added again with each start: a crash in between loses none.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from callscope.alerts.incidents import Notice
from callscope.archive import paths, replace
from callscope.errors import UnreadableError

NAME: Final = "alert-history.json"
MOST: Final = 500
"""Notices that are kept."""
_VERSION: Final = 1


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    version: int = _VERSION
    notices: tuple[Notice, ...] = ()


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, as far as its notices are kept."""

    first: Notice
    last: Notice
    told: int
    """How often."""

    @property
    def is_over(self) -> bool:
        """Whether its end was told."""
        return self.last.state == "resolved"


_decoder: Final = msgspec.json.Decoder(History)


def place_of(root: Path) -> Path:
    """The file of an archive."""
    return root / paths.STATE / NAME


def load(root: Path) -> tuple[Notice, ...]:
    """The notices, oldest first; none where there is no file yet.

    Raises:
        UnreadableError: it is not what it should be.
    """
    place = place_of(root)
    try:
        history = _decoder.decode(place.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{place} cannot be read ({error}): move it away, and a new one is begun") from error
    return history.notices


def add(root: Path, notices: Iterable[Notice]) -> None:
    """Add notices, unless they stand there. Hold the state (`callscope.alerts.store.held`).

    Raises:
        OSError: it could not be written; what was there is still there.
        UnreadableError: what is there cannot be read, and is left as it is.
    """
    known = {each.id: each for each in load(root)} | {each.id: each for each in notices}
    place = place_of(root)
    replace.make_dir(place.parent)
    replace.write_json(place, msgspec.to_builtins(History(notices=tuple(known.values())[-MOST:])))


def stories(notices: Iterable[Notice]) -> tuple[Story, ...]:
    """The incidents that notices tell of, the one that was told last first."""
    found: dict[str, list[Notice]] = {}
    for notice in notices:
        found.setdefault(notice.incident, []).append(notice)
    made = [Story(first=each[0], last=each[-1], told=len(each)) for each in found.values()]
    return tuple(sorted(made, key=lambda story: story.last.at_ms, reverse=True))
