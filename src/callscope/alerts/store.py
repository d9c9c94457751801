"""Where alerts stand, kept beside the archive: ``<root>/.callscope/alerts.json``, replaced whole.

One process at a time holds it (`held`); anybody may read it (`load`). What cannot be read is no empty state: everything
would be told again. It is an error that says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from callscope.alerts.incidents import Incident, Notice
from callscope.archive import paths, replace
from callscope.errors import SettingError, UnreadableError
from callscope.index import database

NAME: Final = "alerts.json"
VERSION: Final = 1


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A notice on its way to a target."""

    notice: Notice
    target: str
    """The target's name."""
    attempts: int = 0
    due_ms: int = 0
    """When to try (again), in Unix milliseconds."""
    error: str | None = None
    """Why the last attempt failed."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the deliveries to a target."""

    sent: int = 0
    failed: int = 0
    """Attempts that failed."""
    given_up: int = 0
    """Notices that were never sent."""
    last_sent_ms: int | None = None
    last_error: str | None = None
    last_error_ms: int | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule said last."""

    at_ms: int
    value: float | None
    holds: bool | None
    words: str = ""
    fired_ms: int | None = None
    """When one of its incidents was last told; None: never."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that survives a restart."""

    version: int = VERSION
    incidents: tuple[Incident, ...] = ()
    seen: dict[str, Seen] = {}
    """By rule."""
    pending: tuple[Delivery, ...] = ()
    delivered: dict[str, Delivered] = {}
    """By target."""


_decoder: Final = msgspec.json.Decoder(State)


def place_of(root: Path) -> Path:
    """The file of an archive."""
    return root / paths.STATE / NAME


@contextlib.contextmanager
def held(root: Path) -> Iterator[bool]:
    """Hold the state of an archive as long as the block lasts; False where another process holds it.

    Raises:
        SettingError: nothing can be written there.
    """
    place = place_of(root)
    with contextlib.ExitStack() as stack:
        try:
            is_ours = stack.enter_context(database.lock(place))
        except SettingError as error:
            raise SettingError(f"{place} cannot be written: give this user write access to the archive") from error
        yield is_ours


def load(root: Path) -> State:
    """The state; an empty one where there is none yet.

    Raises:
        UnreadableError: it is not what it should be; says what to do.
    """
    place = place_of(root)
    try:
        state = _decoder.decode(place.read_bytes())
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(
            f"{place} cannot be read ({error}): move it away, and what is wrong now will be told once more"
        ) from error
    if state.version != VERSION:
        raise UnreadableError(f"{place} is of another version of callscope ({state.version}): use that one, or move it")
    return state


def save(root: Path, state: State) -> None:
    """Put a state in place. Hold it (`held`).

    Raises:
        OSError: it could not be written; the one before is still there.
    """
    place = place_of(root)
    replace.make_dir(place.parent)
    replace.write_json(place, msgspec.to_builtins(state))
