"""Calls sent to an endpoint as they end. Follows the archive, so that whoever records does no network.

A call is sent once it is over: its spans are then what they stay. Nothing is held in memory meanwhile: calls wait on
the disk, and a restart goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from callscope.archive import listing
from callscope.archive.paths import CALLS
from callscope.archive.reader import UNREADABLE, read_envelope
from callscope.exporters.traces.calls import traced
from callscope.exporters.traces.ledger import Ledger, day_of
from callscope.exporters.traces.sender import RefusedError, Sender, Sent
from callscope.interop.trace import TraceOptions
from callscope.model.call import IN_PROGRESS

_LOOKED_BACK_MS: Final = 2 * listing.DAY_MS
"""A call that began earlier than this, and is not known yet, does not come any more."""
_SETTLED_NS: Final = 2_000_000_000
"""A directory that changed more recently may change again within the same tick of its clock."""


class Forwarded(NamedTuple):
    """What became of one call."""

    call_id: str
    state: Literal["sent", "refused", "left out"]
    sent: Sent | None = None
    why: str = ""


class Forwarder:
    """Sends the calls of an archive that ended and were not sent yet.

    Args:
        root: the archive.
        sender: where to.
        ledger: what went there already.
        options: what traces tell.
        now_ms: Unix milliseconds.
        since_ms: also calls that began since then; None: those that end from now on, or, where the ledger knows
            of an earlier time, everything since.

    Raises:
        SettingError: the ledger cannot be written.
        UnreadableError: a directory may not be read, here and when it is looked at.
    """

    def __init__(
        self,
        root: Path,
        sender: Sender,
        ledger: Ledger,
        options: TraceOptions,
        *,
        now_ms: int,
        since_ms: int | None = None,
    ) -> None:
        self._root = root
        self._sender = sender
        self._ledger = ledger
        self._options = options
        self._stamps: dict[Path, int] = {}
        self._open: set[str] = set()
        watched = None if ledger.since_ms is None else day_of(ledger.since_ms)
        recent_ms = now_ms - _LOOKED_BACK_MS
        first_ms = min(each for each in (since_ms, ledger.since_ms, recent_ms) if each is not None)
        self._first_ms = first_ms - first_ms % listing.DAY_MS
        if watched is None or since_ms is not None:
            ledger.begin(self._first_ms)
            self._pass_over(since_ms, now_ms, watched)

    def look(self, *, now_ms: int) -> Iterator[Forwarded]:
        """Send what has ended since, in the order of their days.

        Raises:
            RefusedError: the endpoint takes nothing from us: what is wrong is no single call.
            UnreachableError: it does not answer, and the sender tries no more.
        """
        self._open.update(self._new(now_ms))
        for path in sorted(self._open):
            status = read_envelope(self._directory(path), now_ms=now_ms).status
            if status in {IN_PROGRESS, UNREADABLE}:
                continue
            yield self._send(path, now_ms)
            self._open.discard(path)
        recent_ms = now_ms - _LOOKED_BACK_MS
        if not self._open and recent_ms - self._first_ms > listing.DAY_MS:  # all is sent: older days are done with
            self._first_ms = recent_ms - recent_ms % listing.DAY_MS
            self._ledger.settle(self._first_ms)

    @property
    def waiting(self) -> int:
        """Calls that go on, or cannot be read."""
        return len(self._open)

    def _send(self, path: str, now_ms: int) -> Forwarded:
        trace = traced(self._root, path, self._options, now_ms=now_ms)
        if trace.why_not is not None:
            self._ledger.note(path, "refused")
            return Forwarded(trace.call_id, "left out", why=trace.why_not)
        try:
            sent = self._sender.send(trace.spans)
        except RefusedError as error:
            if not error.is_of_the_request:
                raise
            self._ledger.note(path, "refused")
            return Forwarded(trace.call_id, "refused", why=str(error))
        self._ledger.note(path, "sent")
        return Forwarded(trace.call_id, "sent", sent)

    def _pass_over(self, since_ms: int | None, now_ms: int, watched: str | None) -> None:
        """Calls that had ended before anybody forwarded are not sent, unless asked for.

        Args:
            since_ms: those that began since then are asked for.
            now_ms: Unix milliseconds.
            watched: the day from which on calls were looked at already; None: of none.
        """
        asked_for: list[str] = []
        if since_ms is not None:
            passed_over = (path for path in self._ledger.passed_over if path >= day_of(since_ms))
            asked_for = [path for path in passed_over if self._directory(path).is_dir()]
        for path in sorted({*self._new(now_ms), *asked_for}):
            call = read_envelope(self._directory(path), now_ms=now_ms)
            began_ms = call.started_at_ms
            is_asked_for = since_ms is not None and (began_ms is None or began_ms >= since_ms)
            is_open = call.status in {IN_PROGRESS, UNREADABLE}
            was_watched = watched is not None and path >= watched and path not in self._ledger
            if is_open or is_asked_for or was_watched:
                self._open.add(path)
            elif path not in self._ledger:
                self._ledger.note(path, "before")

    def _new(self, now_ms: int) -> Iterator[str]:
        """Calls that are neither open nor done with, in days that changed since the last look."""
        for day in listing.days_between(self._root, since_ms=self._first_ms, until_ms=None):
            changed_ns = day.path.stat().st_mtime_ns
            if self._stamps.get(day.path) == changed_ns:
                continue
            if now_ms * 1_000_000 - changed_ns > _SETTLED_NS:
                self._stamps[day.path] = changed_ns
            prefix = "/".join(day.path.parts[-3:])
            for name in listing.names_of(day.path):
                path = f"{prefix}/{name}"
                if path not in self._open and path not in self._ledger:
                    yield path

    def _directory(self, path: str) -> Path:
        return self._root / CALLS / path
