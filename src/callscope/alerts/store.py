"""Where alerts stand, kept beside the archive: ``<root>/.callscope/alerts.json``, replaced whole.

One process at a time holds it (`held`); anybody may read it (`load`). What cannot be read is no empty state: everything
would be told again. It is an error that says so.

Each file of rules has a state of its own, so that who looks by one of them leaves what the others say alone. A file is
its path as it was given, not where links lead, as what they lead to changes with each release; another path to the same
file finds its state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from callscope.alerts import lookout
from callscope.alerts.incidents import Incident, Notice
from callscope.alerts.rule import DAY_MS
from callscope.archive import paths, replace
from callscope.errors import SettingError, UnreadableError
from callscope.index import database

NAME: Final = "alerts.json"
VERSION: Final = 2
_OF_ONE_FILE: Final = 1
"""The version that had one state, of whatever file was looked at last."""
_NOBODY_KNOWS: Final = ""
"""The file of a state of that version where nobody wrote down which it was: the first that asks has it."""
_GONE_MS: Final = DAY_MS
"""A state that nobody looked at for so long goes if its file is gone; one of a container is only out of sight."""


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


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """The last notice of a rule that a target never got."""

    notice: Notice
    target: str
    at_ms: int
    """When it was given up, in Unix milliseconds."""
    error: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule said last."""

    at_ms: int
    value: float | None
    holds: bool | None
    words: str = ""
    fired_ms: int | None = None
    """When it was last decided to tell that one of its incidents began; None: never. Whether that arrived: `State`."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Of one file of rules: everything that survives a restart."""

    incidents: tuple[Incident, ...] = ()
    seen: dict[str, Seen] = {}
    """By rule."""
    pending: tuple[Delivery, ...] = ()
    delivered: dict[str, Delivered] = {}
    """By target."""
    arrived: dict[str, int] = {}
    """By rule: when one of its notices last reached a target, in Unix milliseconds."""
    lost: tuple[Lost, ...] = ()
    """One a rule and target, until a later notice arrives there."""

    @property
    def looked_ms(self) -> int | None:
        """When one of its rules was last looked at; None: never."""
        return max((seen.at_ms for seen in self.seen.values()), default=None)


class States(msgspec.Struct, frozen=True, kw_only=True):
    """The file: a state for each file of rules."""

    version: int = VERSION
    files: dict[str, State] = {}
    """By its path."""

    def of(self, rules_file: Path) -> State:
        """The state of a file of rules; an empty one where nobody looked by it yet."""
        return self.files.get(self.name_of(rules_file), State())

    def having(self, rules_file: Path, state: State) -> States:
        """With the state of a file of rules."""
        name = self.name_of(rules_file)
        others = {each: was for each, was in self.files.items() if each != name}
        return msgspec.structs.replace(self, files={**others, str(rules_file.absolute()): state})

    def without_gone(self, *, now_ms: int) -> States:
        """Without those that nobody looked at lately and whose files are gone."""
        kept = {
            name: state
            for name, state in self.files.items()
            if now_ms - (state.looked_ms or 0) < _GONE_MS or _may_be_there(Path(name))
        }
        return self if len(kept) == len(self.files) else msgspec.structs.replace(self, files=kept)

    def name_of(self, rules_file: Path) -> str:
        """What a file of rules is called here."""
        name = str(rules_file.absolute())
        if name in self.files:
            return name
        same = (each for each in self.files if each != _NOBODY_KNOWS and _is_one(Path(each), rules_file))
        return next(same, _NOBODY_KNOWS if _NOBODY_KNOWS in self.files else name)


class _Version(msgspec.Struct):
    version: int = _OF_ONE_FILE


_version: Final = msgspec.json.Decoder(_Version)
_decoder: Final = msgspec.json.Decoder(States)
_decoder_of_one: Final = msgspec.json.Decoder(State)


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


def load(root: Path) -> States:
    """Where alerts stand; empty where nobody looked yet.

    Raises:
        UnreadableError: it is not what it should be; says what to do.
    """
    place = place_of(root)
    try:
        data = place.read_bytes()
        version = _version.decode(data).version
        if version == VERSION:
            return _decoder.decode(data)
        if version == _OF_ONE_FILE:
            return _of_one(root, _decoder_of_one.decode(data))
    except FileNotFoundError:
        return States()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(
            f"{place} cannot be read ({error}): move it away, and what is wrong now will be told once more"
        ) from error
    raise UnreadableError(f"{place} is of another version of callscope ({version}): use that one, or move it")


def save(root: Path, states: States) -> None:
    """Put it in place. Hold it (`held`).

    Raises:
        OSError: it could not be written; the one before is still there.
    """
    place = place_of(root)
    replace.make_dir(place.parent)
    replace.write_json(place, msgspec.to_builtins(states))


def _of_one(root: Path, state: State) -> States:
    """A state from before there was one a file: of the file that was looked at last, as no other's were kept."""
    last = lookout.load(root)
    return States(files={_NOBODY_KNOWS if last is None else last.rules_file: state})


def _may_be_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # whoever may read it sees it
        return True


def _is_one(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
