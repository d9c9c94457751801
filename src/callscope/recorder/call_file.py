"""The writer's side of one call: where it goes, and the sums over what has been written.

Only the writer's thread touches these objects, so nothing here is locked.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from callscope.archive import paths, replace
from callscope.archive.reader import read_call
from callscope.clock import monotonic_ns
from callscope.model import event as events
from callscope.model import wire
from callscope.model.cost import CostLine
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.model.usage import UsageSum
from callscope.recorder.envelope import Envelope, losses
from callscope.recorder.money import Money
from callscope.recorder.sound import Sound
from callscope.redaction.policy import Policy
from callscope.timeline.fold import Fold
from callscope.timeline.silence import SilenceWatch
from callscope.timeline.silence_words import Silence
from callscope.timeline.summary import Summary


class CallFile:
    """One call on its way to the disk.

    Args:
        call_id: as given.
        started_at_ms: Unix milliseconds.
        planned: the directory to claim.
        policy: what may be written.
        writer: the writer's identity, for metadata.
        money: the writer's prices and budgets.
        silence_seconds: how long a silence lasts until it is told; None: nobody listens while the call goes on.
    """

    def __init__(
        self,
        call_id: str,
        started_at_ms: int,
        *,
        planned: Path,
        policy: Policy,
        writer: dict[str, Any],
        money: Money,
        silence_seconds: int | None = None,
    ) -> None:
        self.planned = planned
        self.about = Envelope(call_id, started_at_ms, policy=policy, writer=writer)
        self.sound = Sound(started_at_ms)
        self.path: Path | None = None
        self.transcript = ""
        self.events = ""
        self.retry_at_ns = 0
        self.claim_errno = 0
        self.next_turn = 0
        self.lost: Counter[str] = Counter()
        self._started_at_ms = started_at_ms
        self._money = money
        self._silence_seconds = silence_seconds
        self.is_over_told = False
        """Whether those who listen know of the outcome."""
        self._reset()

    @property
    def writer(self) -> dict[str, Any]:
        """Whose it is."""
        return self.about.writer

    @property
    def ended(self) -> bool:
        """Whether the call's end is known."""
        return self.about.ended_at_ms is not None

    def opened(self, path: Path) -> None:
        """Take the directory that was claimed."""
        self.path = path
        self.transcript = str(path / paths.TRANSCRIPT)
        self.events = str(path / paths.EVENTS)

    def adopt(self, now_ms: int) -> None:
        """Go on with a call that the parent process began.

        Raises:
            OSError: the directory is not there (yet).
        """
        document = wire.decode((self.planned / paths.METADATA).read_bytes())
        self.about.adopt(document if isinstance(document, dict) else {})
        self.opened(self.planned)
        self.recount(now_ms)

    def recount(self, now_ms: int) -> None:
        """Make the sums anew from what is on disk, where another process has written too."""
        if self.path is None:
            return
        self._reset()
        record = read_call(self.path, now_ms=now_ms)
        for event in record.events:
            self.count_event(event)
            self.missing(event, monotonic_ns())  # what was missing then is told
        for turn in record.turns:
            self.count_turn(turn)
        self.turns = record.turn_rows
        self.next_turn = max(
            [self.next_turn, *(turn.turn_index + 1 for turn in record.turns if turn.turn_index is not None)]
        )
        self.written = record.turn_rows + record.event_rows

    def update(self, fields: dict[str, Any]) -> None:
        """Take what became known of the call."""
        self.about.update(fields)
        if self._watch is not None:
            self._watch.reports_sound = self.about.reports_sound

    def missing(self, event: Event, now_ns: int) -> list[Silence]:
        """What should have been heard before this event and was not; ``now_ns`` is of the monotonic clock."""
        self._watched_ns = now_ns
        return [] if self._watch is None else self._watch.event(event)

    def missing_by(self, now_ns: int) -> list[Silence]:
        """What should have been heard by now. Time passes from the last event on: its moment may be of any clock."""
        if self._watch is None or self.ended:
            return []
        return self._watch.advance((now_ns - self._watched_ns) // 1_000_000)

    def missing_at_end(self, ended_at_ms: int) -> list[Silence]:
        """What should have been heard in the call, which ends now."""
        return [] if self._watch is None or self.ended else self._watch.finish(ended_at_ms)

    def count_turn(self, turn: Turn) -> None:
        """Take one turn that is on disk into the sums."""
        if self._watch is not None:
            self._watch.turn(turn)
        self._fold.turn(turn)
        self._summary.add(self._fold.drain())

    def count_event(self, event: Event) -> tuple[CostLine, ...]:
        """Take one event that is on disk into the sums; gives back what it cost."""
        lines: tuple[CostLine, ...] = ()
        if event.type == events.USAGE:
            self._usage.add(event.data)
            lines = self._cost.add(event.data, at_ms=event.ts_ms, direction=self.about.direction)
        self._fold.event(event)
        self._summary.add(self._fold.drain())
        return lines

    def turn_cost(self) -> dict[str, float] | None:
        """What was used since the last turn of the agent, for its row."""
        return self._cost.turn()

    def place_of_next(self, *, shared: bool) -> int:
        """The place of the next turn; where a fork made two processes write the call, the rows on disk tell."""
        if not shared:
            return self.next_turn
        try:
            with open(self.transcript, "rb") as rows:  # noqa: PTH123 -- its path is text already
                return sum(1 for _ in rows)
        except OSError:
            return self.next_turn

    def current_latency(self) -> dict[str, int] | None:
        """The latency of the answer that is being played, for its row."""
        return self._fold.current_latency()

    def finish(self, given: dict[str, Any], ended_at_ms: int, *, shared_at_ms: int | None) -> list[CostLine]:
        """Take how the call ended; gives back what only its length tells of its cost.

        Args:
            given: what the caller of ``end`` said.
            ended_at_ms: Unix milliseconds.
            shared_at_ms: now, when a fork made two processes write this call: then the sums come from the disk,
                and an end that the other one wrote first stays.
        """
        if shared_at_ms is not None and self.path is not None:
            document = wire.decode((self.path / paths.METADATA).read_bytes())
            self.about.adopt(document if isinstance(document, dict) else {})
            self.recount(shared_at_ms)
        if not self.ended:
            self.about.end(given, ended_at_ms)
        self._summary.add(self._fold.finish(self.about.ended_at_ms))
        self.sound.close()
        return self._cost.at_end(self.about.line)

    def write_metadata(self, dropped: Counter[str], dropped_audio: int) -> dict[str, Any]:
        """Put metadata.json in place as of now, and give it back; raises `OSError`."""
        if self.path is None:
            return {}
        document = self.document(dropped, dropped_audio)
        try:
            replace.write_json(self.path / paths.METADATA, document)
        except FileNotFoundError:  # somebody removed the directory of a call in progress
            replace.make_dir(self.path)
            replace.write_json(self.path / paths.METADATA, document)
        if self.ended:
            replace.touch_day(self.path)
            self._money.written()
        return document

    def document(self, dropped: Counter[str], dropped_audio: int) -> dict[str, Any]:
        """metadata.json as of now; ``dropped`` is what never reached the writer."""
        lost = self.lost + dropped
        added = {
            "usage": [msgspec.to_builtins(line) for line in self._usage.lines()],
            "exchanges": self._summary.exchanges,
            "unanswered": self._summary.unanswered,
            "interruptions": self._summary.interruptions,
            "errors": self._fold.facts.errors,
            **({} if self._silence_seconds is None else {"silence_seconds": self._silence_seconds}),
            "worst_wait_ms": self._summary.worst_wait_ms,
            "accepted": self.written + lost.total(),
            "written": self.written,
            "lost": losses(lost),
            **self.sound.info(dropped_audio),
        }
        cost = self._cost.document(self.about.line)
        return self.about.document(
            turns=self.turns,
            latency=self._summary.latency,
            cost=cost.pop("cost"),
            facts=self._fold.facts,
            added=added | cost,
        )

    def _reset(self) -> None:
        self.turns = 0
        self.written = 0
        self._usage = UsageSum()
        self._fold = Fold(started_at_ms=self._started_at_ms)
        self._summary = Summary()
        self._cost = self._money.new_call()
        self._watched_ns = monotonic_ns()
        self._watch = None
        if self._silence_seconds is not None:
            self._watch = SilenceWatch(
                started_at_ms=self._started_at_ms,
                limit_ms=self._silence_seconds * 1000,
                reports_sound=self.about.reports_sound,
            )
