"""Where alerts stand, for pages: read from the files that whoever watches keeps, and kept until they change.

Every page asks what fires. Where nobody ever watched, that is answered without what alerts need, which is much.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from callscope.alerts import lookout
from callscope.alerts.lookout import Lookout
from callscope.alerts.rule import SEVERITIES, Rule
from callscope.archive import paths
from callscope.errors import CallscopeError

if TYPE_CHECKING:
    from callscope.alerts.incidents import Incident, Notice
    from callscope.alerts.rule import Rules
    from callscope.alerts.store import State, States

T = TypeVar("T")
STATE_NAME: Final = "alerts.json"
"""As `callscope.alerts.store.NAME`: whether it is there is asked without importing that."""
_CRITICAL: Final = SEVERITIES[-1]


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """A file of rules, and where they stand."""

    file: str
    rules: Rules | None
    """None: it is not there, or cannot be read."""
    trouble: str
    """What is wrong with the file; empty: nothing. Not safe to print as it is."""
    state: State


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that goes on, with its rule where that is known."""

    incident: Incident
    rule: Rule | None
    book: Book
    """Where the rule stands."""

    @property
    def is_bad(self) -> bool:
        """Whether it is critical; so is what nobody knows the rule of."""
        return self.rule is None or self.rule.severity == _CRITICAL


class Alerting:
    """The files of one archive. From any thread.

    Args:
        root: the archive.
        rules_file: where rules are, as far as this process knows.
        now_ms: what time it is, in Unix milliseconds.
    """

    def __init__(self, root: Path, *, rules_file: Path, now_ms: Callable[[], int]) -> None:
        self._root = root
        self._file = rules_file
        self._now_ms = now_ms
        self._rules: dict[Path, _Kept[Rules | None]] = {}
        self.is_left_out = False
        """Whether this process was told not to watch."""

    @cached_property
    def _states(self) -> _Kept[States]:
        from callscope.alerts import store  # noqa: PLC0415 -- see the module

        return _Kept(lambda: store.load(self._root), store.States())

    @cached_property
    def _notices(self) -> _Kept[tuple[Notice, ...]]:
        from callscope.alerts import history  # noqa: PLC0415 -- see the module

        return _Kept(lambda: history.load(self._root), ())

    @property
    def lookout(self) -> Lookout | None:
        """Who watches, or did; None: nobody ever."""
        return lookout.load(self._root)

    @property
    def rules_file(self) -> Path:
        """The one that is watched; while nobody does, the one that this process would watch."""
        now = self.lookout
        return Path(now.rules_file) if now is not None and now.is_watching(now_ms=self._now_ms()) else self._file

    def books(self) -> tuple[tuple[Book, ...], str]:
        """The files of rules, and why it is not known where they stand; empty: it is.

        First the one that is watched, then the one that this process would watch, then all others that were looked at.
        """
        states, trouble = self._states.read(self._root / paths.STATE / STATE_NAME)
        found: dict[str, Book] = {}
        files = (self.rules_file, self._file, *(Path(name) for name in states.files if name))
        for number, file in enumerate(files):
            name = states.name_of(file)
            if name not in found and (not number or name in states.files or file.is_file()):
                found[name] = self._book(file, states)
        return tuple(found.values()), trouble

    def notices(self) -> tuple[tuple[Notice, ...], str]:
        """What people were told, oldest first, and why that is not known; empty: it is."""
        from callscope.alerts import history  # noqa: PLC0415 -- see the module

        return self._notices.read(history.place_of(self._root))

    def _book(self, file: Path, states: States) -> Book:
        rules, trouble = self._rules_of(file)
        return Book(file=str(file), rules=rules, trouble=trouble, state=states.of(file))

    def _rules_of(self, file: Path) -> tuple[Rules | None, str]:
        """The rules, None where there is no file of them, and what is wrong with it; empty: nothing."""
        from callscope.alerts.rule_source import read_rules  # noqa: PLC0415 -- see the module

        if not file.is_file():
            return None, ""
        kept = self._rules.setdefault(file, _Kept(lambda: read_rules(file), None))
        return kept.read(file)

    def firing(self) -> tuple[Firing, ...]:
        """What goes on now and was decided to be told of, the worst and then the newest first."""
        if not (self._root / paths.STATE / STATE_NAME).exists():
            return ()
        states, _ = self._states.read(self._root / paths.STATE / STATE_NAME)
        if not any(each.state == "firing" for state in states.files.values() for each in state.incidents):
            return ()
        books, _ = self.books()
        found = [firing for book in books for firing in _firing(book)]
        return tuple(sorted(found, key=lambda each: (-_rank(each.rule), -each.incident.since_ms)))


class _Kept(Generic[T]):
    """What a file says, read again when the file changed. With a mistake in it, what it said before."""

    def __init__(self, read: Callable[[], T], nothing: T) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._nothing = self._value = nothing
        self._trouble = ""
        self._stamp: object = None

    def read(self, file: Path) -> tuple[T, str]:
        try:
            told = file.stat()
            stamp: object = (told.st_mtime_ns, told.st_size, told.st_ino)
        except OSError:
            return self._nothing, ""
        with self._lock:
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._value, self._trouble = self._read(), ""
                except CallscopeError as error:
                    self._trouble = str(error)
            return self._value, self._trouble


def _firing(book: Book) -> list[Firing]:
    rules = () if book.rules is None else book.rules.rules
    by_name = {rule.name: rule for rule in rules}
    return [
        Firing(incident=each, rule=by_name.get(each.rule), book=book)
        for each in book.state.incidents
        if each.state == "firing"
    ]


def _rank(rule: Rule | None) -> int:
    return len(SEVERITIES) if rule is None else SEVERITIES.index(rule.severity)
