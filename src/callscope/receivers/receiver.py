"""Takes records in, and makes calls of them while they come.

Taking in is quick: what is new goes to the inbox and to memory, then the sender is answered. One thread makes the calls
anew, each at most once a second, from all that is known; so order and repetition of what comes do not matter. A call
goes on until the span that holds it all has come, or nothing has come for a while. What comes later still is added.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from callscope import clock, config
from callscope.archive.sources import SOURCE_DIR
from callscope.config import Settings
from callscope.errors import CallscopeError
from callscope.interop import calls, livekit_session
from callscope.interop.calls import Conversation
from callscope.interop.otlp.decoded import Decoded
from callscope.interop.spans import Record, Span
from callscope.model.whole import WholeCall
from callscope.receivers import sounds
from callscope.receivers.gathering import Capacity, Gathering
from callscope.receivers.inbox import Inbox, read_lines
from callscope.recorder.keeper import Keeper
from callscope.redaction.policy import Policy

if TYPE_CHECKING:
    from typing import Self

SILENCE_MS: Final = 15 * 60_000
"""Nothing has come for so long: a call without an end is over, and what is over is forgotten."""
_EVERY_MS: Final = 1_000
_AGAIN_MS: Final = 5_000
_TICK_SECONDS: Final = 0.25
_LOOK_MS: Final = 5_000


State = Literal["ended", "goes on", "unknown", "failed", "waits"]
"""What became of telling a conversation; ``unknown``: it is no call, or not known well enough yet; ``waits``: the same
session is being recorded into this archive, and what came is put beside that call when it has ended."""


class Taken(msgspec.Struct, frozen=True):
    """What became of the records of a request."""

    new: int
    known: int
    """They were there already."""
    rejected: int
    why: str


class Receiver:
    """Receives into one archive. For any number of threads.

    Args:
        root: the archive.
        settings: what may be written, and which prices; read from the environment when left out.
        silence_ms: when a call without an end is over.
        capacity: how much is kept of what is not over.
        now_ms: the clock.

    Raises:
        BusyError: another process receives into this archive.
        OSError: the archive cannot be written.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings | None = None,
        *,
        silence_ms: int = SILENCE_MS,
        capacity: Capacity | None = None,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        settings = config.load() if settings is None else settings
        self.root = root
        self.counts: Counter[str] = Counter()
        """``spans``, ``known``, ``rejected``, ``unplaced``: records; ``told``: calls written; ``passed_over``: traces
        that were no calls; ``failed``: calls that could not be made."""
        policy = Policy(phone=settings.phone, transcript=settings.transcript, hash_key=settings.hash_key)
        self._inbox = Inbox(root, policy)
        self._keeper = Keeper(root, settings, now_ms=now_ms)
        self._gathering = Gathering(capacity or Capacity())
        self._silence_ms = silence_ms
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._looked_ms = 0
        self._told: set[str] = set()
        self._thread: threading.Thread | None = None
        for found in self._inbox.found():
            self._gathering.add(found.bucket, found.records, at_ms=found.last_ms, size=found.bytes)
            self.counts["unreadable"] += found.unreadable

    def start(self) -> None:
        """Make calls in the background."""
        self._thread = threading.Thread(target=self._run, name="callscope-receiver", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell what is not told yet, and stop; calls that go on are found again by the next run."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.tell(all_of_them=True)
        self._keeper.close()
        with self._lock:
            self._inbox.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def take(self, decoded: Decoded) -> Taken:
        """Keep the records of a request.

        Raises:
            FullError: too much is open; nothing of the request was kept.
            OSError: the disk does not take them; what of them was kept already does no harm when they are sent again.
        """
        with self._lock:
            found, beyond, homeless = self._gathering.new(decoded.records)
            for bucket in self._gathering.make_room(found):
                self._drop(bucket)
                self.counts["passed_over"] += 1
            now_ms = self._now_ms()
            for bucket, records in found.items():
                size = self._inbox.add(bucket, records)
                self._gathering.add(bucket, records, at_ms=now_ms, size=size)
            new = sum(map(len, found.values()))
            rejected = decoded.rejected + beyond
            known = len(decoded.records) - new - beyond - homeless
            self.counts.update(records=new, known=known, rejected=rejected, unplaced=homeless)
        self._wake.set()
        why = decoded.why or (f"a trace may hold {self._gathering.capacity.records} records" if beyond else "")
        return Taken(new, known, rejected, why)

    def tell(self, *, all_of_them: bool = False) -> int:
        """Make the calls that are due; how many were written.

        Args:
            all_of_them: also those that were told less than a second ago.
        """
        written = 0
        with self._telling:
            for buckets, records, is_silent in self._due(all_of_them=all_of_them):
                states = [self._tell(each) for each in calls.gathered(records, is_silent=is_silent)]
                written += sum(each in {"ended", "goes on"} for each in states)
                self._settle(buckets, states, is_silent=is_silent)
        return written

    def _due(self, *, all_of_them: bool) -> list[tuple[set[str], list[Record], bool]]:
        now_ms = self._now_ms()
        due = []
        with self._lock:
            looks = all_of_them or now_ms - self._looked_ms >= _LOOK_MS
            self._looked_ms = now_ms if looks else self._looked_ms
            seen: set[str] = set()
            for name, bucket in list(self._gathering.buckets.items()):
                is_over = looks and now_ms - bucket.last_ms >= self._silence_ms
                if name in seen or not (bucket.is_dirty or is_over):
                    continue
                together = self._gathering.together(name)
                seen |= together
                held = [self._gathering.buckets[each] for each in together]
                is_silent = all(now_ms - each.last_ms >= self._silence_ms for each in held)
                is_early = any(now_ms - each.told_ms < _EVERY_MS for each in held)
                if is_silent or all_of_them or (not is_early and any(each.is_dirty for each in held)):
                    for each in held:
                        each.is_dirty, each.told_ms = False, now_ms
                    due.append((together, self._gathering.records_of(together), is_silent))
        return due

    def _settle(self, buckets: set[str], states: list[State], *, is_silent: bool) -> None:
        """After a telling: what failed or has to wait is tried again, what is over is forgotten."""
        with self._lock:
            for name in buckets:
                bucket = self._gathering.buckets.get(name)
                if bucket is None:
                    continue
                bucket.has_ended = bool(states) and all(each == "ended" for each in states)
                if "failed" in states or "waits" in states:
                    bucket.is_dirty, bucket.told_ms = True, self._now_ms() + _AGAIN_MS
                elif is_silent and not bucket.is_dirty:
                    self.counts["passed_over"] += not bucket.is_understood
                    self._drop(name)

    def _drop(self, bucket: str) -> None:
        self._told.clear()  # what comes later of a dropped one is added to what its call has kept
        self._gathering.drop(bucket)
        self._inbox.drop(bucket)

    def _tell(self, conversation: Conversation) -> State:
        """Write one call."""
        if not calls.is_ready(conversation):
            return "unknown"
        try:
            call = calls.tell(conversation)
            if call is None:
                return "unknown"
            if self._keeper.recording_now(call) is not None:
                return "waits"
            call = self._with_what_was_kept(conversation, call)
            with sounds.added(self.root, call) as whole:
                kept = self._keeper.put(whole, retell=livekit_session.retold)
                if kept.state == "waits":  # it began meanwhile
                    return "waits"
                sounds.settle(self.root, whole, kept.path)
            state = kept.state
        except (OSError, CallscopeError) as error:
            self._complain(conversation, f"cannot be written ({error})")
            return "failed"
        except Exception as error:  # noqa: BLE001 -- hostile or unheard-of spans: the other calls go on
            self._complain(conversation, f"cannot be understood ({type(error).__name__}: {error})")
            return "unknown"
        self._told.add(conversation.source_id)
        self.counts["told"] += state != "unchanged"
        return "goes on" if call.ended_at_ms is None else "ended"

    def _with_what_was_kept(self, conversation: Conversation, call: WholeCall) -> WholeCall:
        """The call with what was received of it before and forgotten since, by this run or an earlier one."""
        source_id = conversation.source_id
        if source_id in self._told:
            return call
        there = self._keeper.find(calls.FORMAT, source_id, call_id=call.call_id, started_at_ms=call.started_at_ms)
        if there is None:
            return call
        try:
            kept, _ = read_lines((there / SOURCE_DIR / calls.SPANS_FILE).read_bytes())
        except OSError:
            return call
        whole = next(
            (
                each
                for each in calls.gathered([*kept, *conversation.records], is_silent=conversation.is_silent)
                if each.source_id == source_id
            ),
            None,
        )
        if whole is None or len(whole.records) == len(conversation.records):
            return call
        with self._lock:
            for each in kept:
                if isinstance(each, Span) and each.trace_id in self._gathering.buckets:
                    self._gathering.add(each.trace_id, [each], at_ms=0)
        return calls.tell(whole) or call

    def _complain(self, conversation: Conversation, why: str) -> None:
        self.counts["failed"] += 1
        if self.counts["failed"] <= 10:  # noqa: PLR2004 -- enough to see what is wrong
            name = conversation.source_id.encode("ascii", "replace").decode()[:100]
            sys.stderr.write(f"callscope: the call {name!r} {why}; what came of it is kept\n")

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()
            self.tell()
            self._closing.wait(_TICK_SECONDS)
