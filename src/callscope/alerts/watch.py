"""The loop: looks at the rules again and again, keeps where alerts stand, and sends what is to be sent.

Whatever is wrong with one rule, one target or one file is a problem that is told; the loop goes on. The state is on
disk before anybody is told, and again after: a process that is killed in between sends once more what it had sent, with
the same id.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import msgspec

from callscope.alerts import deliver, history, lookout, queue, store
from callscope.alerts.deliver.filled import Filled
from callscope.alerts.incidents import Notice
from callscope.alerts.look import look, mistake
from callscope.alerts.lookout import Lookout
from callscope.alerts.queue import Outcome
from callscope.alerts.rule import Rules
from callscope.alerts.rule_source import read_rules
from callscope.alerts.senders import Senders
from callscope.alerts.store import State, States
from callscope.clock import monotonic_ns
from callscope.errors import CallscopeError
from callscope.index.index import Index

EVERY_MS: Final = 30_000
_PATIENCE_SECONDS: Final = 5.0
"""For what is on its way when the loop ends; the rest is sent again after the next start."""
_NS_PER_MS: Final = 1_000_000


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something is wrong, or no longer (``is_over``)."""

    words: str
    """Not safe to print as it is."""
    is_over: bool = False


Told = Notice | Outcome | Problem
Ready = Callable[[], str | None]
"""Brings the index up to date, or sees that it is; gives why rules cannot be looked at now."""


class Watch:
    """Watches one archive. Hold its state (`callscope.alerts.store.held`) as long as it is used.

    Args:
        root: the archive.
        index: its index.
        rules_file: the rules; read again when it changes.
        who: for people: what runs it, as ``callscope watch``.
        ready: asked before each look.
        now_ms: what time it is, in Unix milliseconds.
        jitter: a number from 0 to 1, another one each time.
        every_ms: between the beginnings of two looks.
        tell: told what happens.
        looked: called after each look.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        *,
        rules_file: Path,
        who: str,
        ready: Ready,
        now_ms: Callable[[], int],
        jitter: Callable[[], float],
        every_ms: int = EVERY_MS,
        tell: Callable[[Told], None] = lambda _: None,
        looked: Callable[[], None] = lambda: None,
    ) -> None:
        self._root = root
        self._index = index
        self._file = rules_file
        self._ready = ready
        self._now_ms = now_ms
        self._jitter = jitter
        self._every_ms = every_ms
        self._tell = tell
        self._looked = looked
        self._stopped = False
        self._wake: SimpleQueue[None] = SimpleQueue()
        """Not an event: its lock could be held by the very code that a signal interrupts."""
        self._senders = Senders(root, done=self._woken)
        self._states: States | None = None
        """Of all files of rules: whoever holds them keeps them all."""
        self._rules: Rules | None = None
        self._targets: dict[str, Filled] = {}
        self._read: object = None
        """The file of rules as it was when it was read."""
        self._mistakes: tuple[str, ...] = ()
        """Of the file of rules."""
        self.lookout: Lookout = lookout.here(who, since_ms=now_ms(), every_ms=every_ms, rules_file=rules_file)

    @property
    def waiting(self) -> int:
        """Deliveries that did not arrive yet."""
        return 0 if self._states is None else len(self._state.pending)

    def run(self) -> None:
        """Look and send until it is told to stop."""
        while not self._stopped:
            begun_ns = monotonic_ns()
            self.look()
            while not self._stopped:
                self.pump()
                left_ms = self._every_ms - (monotonic_ns() - begun_ns) / _NS_PER_MS
                if left_ms <= 0:
                    break
                self._rest(min(left_ms, self._due_in_ms(left_ms)) / 1000)
        self.finish()

    def stop(self) -> None:
        """Let `run` end; from any thread, or a signal."""
        self._stopped = True
        self._woken()

    def finish(self, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait a little for what is on its way, and say that nobody watches any more."""
        self._senders.wait(patience_seconds)
        self._settle()
        self._note(msgspec.structs.replace(self.lookout, ended_ms=self._now_ms()))

    def look(self) -> tuple[Notice, ...]:
        """Look at each rule once; what is decided is on its way, and on disk."""
        begun_ns, at_ms = monotonic_ns(), self._now_ms()
        problems: list[str] = []
        notices: tuple[Notice, ...] = ()
        self._read_rules()
        problems += self._mistakes
        try:
            if self._states is None:
                self._states = store.load(self._root)
                self._remember(tuple(each.notice for each in self._state.pending), problems)
            if self._rules is not None:
                notices = self._decide(self._rules, self._state, at_ms, problems)
        except CallscopeError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"where alerts stand cannot be written ({error.strerror}): nobody is told until it can")
        except Exception as error:  # noqa: BLE001 -- a mistake of ours must not end the watching
            problems.append(mistake("the look", error))
        self._say(problems)
        self._note(
            msgspec.structs.replace(
                self.lookout,
                rules=0 if self._rules is None else len(self._rules.rules),
                looks=self.lookout.looks + 1,
                looked_ms=at_ms,
                took_ms=(monotonic_ns() - begun_ns) // _NS_PER_MS,
                problems=tuple(problems),
            )
        )
        self._looked()
        return notices

    def pump(self) -> None:
        """Take note of what was delivered, and send what is due."""
        self._settle()
        if self._states is None:
            return
        for delivery in queue.due(self._state.pending, now_ms=self._now_ms(), busy=self._senders.busy):
            if (target := self._targets.get(delivery.target)) is not None:
                self._senders.start(delivery, target)

    def drain(self, *, patience_seconds: float) -> None:
        """Send what is due now, and wait for it: for who looks only once."""
        end_ns = monotonic_ns() + round(patience_seconds * 1000) * _NS_PER_MS
        self.pump()
        while self._senders.busy and (left_ns := end_ns - monotonic_ns()) > 0:
            self._senders.wait(left_ns / 1_000_000_000)
            self.pump()

    @property
    def _state(self) -> State:
        """Of the file that is watched."""
        return State() if self._states is None else self._states.of(self._file)

    def _states_with(self, state: State) -> States:
        return (self._states or States()).having(self._file, state)

    def _woken(self) -> None:
        self._wake.put(None)

    def _rest(self, seconds: float) -> None:
        with contextlib.suppress(Empty):
            self._wake.get(timeout=seconds)

    def _decide(self, rules: Rules, state: State, at_ms: int, problems: list[str]) -> tuple[Notice, ...]:
        """What the rules say now, put on disk."""
        if (why := self._ready()) is not None:
            problems.append(why)
            return ()
        state, decided, wrong = look(self._index, rules, state, at_ms)
        problems += wrong
        for rule, notice in decided:
            state = queue.enqueue(state, notice, rules.targets_of(rule))
        state = queue.drop_unknown(state, {target.name for target in rules.targets}, now_ms=at_ms)
        states = self._states_with(state).without_gone(now_ms=at_ms)
        store.save(self._root, states)
        self._states = states
        found = tuple(notice for _, notice in decided)
        self._remember(found, problems)
        for notice in found:
            self._tell(notice)
        return found

    def _remember(self, notices: tuple[Notice, ...], problems: list[str]) -> None:
        """Add them to what people were told; telling them matters more, so that may fail."""
        if not notices:
            return
        try:
            history.add(self._root, notices)
        except (CallscopeError, OSError) as error:
            problems.append(f"the list of what was told: {error}")

    def _settle(self) -> None:
        outcomes = self._senders.fetch()
        if self._states is None or not outcomes:
            return
        state = self._state
        for outcome in outcomes:
            state = queue.settle(state, outcome, now_ms=self._now_ms(), jitter=self._jitter())
            self._tell(outcome)
        self._states = self._states_with(state)
        try:
            store.save(self._root, self._states)
        except OSError as error:
            self._tell(Problem(words=f"what was sent cannot be written down ({error.strerror}): it may come twice"))

    def _read_rules(self) -> None:
        """Read the file again if it changed; with a mistake in it, the rules that were there go on."""
        try:
            told = self._file.stat()
            found: object = (told.st_mtime_ns, told.st_size, told.st_ino)
        except OSError as error:
            found = error.strerror
        if found == self._read:
            return
        self._read = found
        try:
            rules = read_rules(self._file)
            targets = {target.name: deliver.prepare(target) for target in rules.targets}
        except CallscopeError as error:
            goes_on = "" if self._rules is None else "; the rules that were read before it are still watched"
            self._mistakes = (f"{error}{goes_on}",)
            return
        self._rules, self._targets, self._mistakes = rules, targets, ()

    def _due_in_ms(self, most_ms: float) -> float:
        if self._states is None:
            return most_ms
        sent = [each for each in self._state.pending if each.target in self._targets]
        next_ms = queue.next_due_ms(sent, busy=self._senders.busy)
        return most_ms if next_ms is None else max(next_ms - self._now_ms(), 50)

    def _say(self, problems: list[str]) -> None:
        """What is wrong since now, and what no longer is."""
        before = set(self.lookout.problems)
        for words in problems:
            if words not in before:
                self._tell(Problem(words=words))
        for words in before - set(problems):
            self._tell(Problem(words=words, is_over=True))

    def _note(self, now: Lookout) -> None:
        self.lookout = now
        try:
            lookout.save(self._root, now)
        except OSError:
            return  # the state could not be written either, and that is told
