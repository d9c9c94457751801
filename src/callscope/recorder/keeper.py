"""Puts whole calls on disk: what every importer and receiver ends in.

A call's directory is made beside its place and put there in one step, so that a process that is killed at any moment
leaves the old call or the new one. The same source again with the same content changes nothing; with more in it, the
call is replaced, and keeps what a person added to it and the files that others put beside it. Another call that has
the same id gets a directory of its own.

A session that several sources tell is one call: what is kept of the others is told together with what comes. Where the
session was recorded here, what others tell is put beside what was recorded, see `callscope.recorder.beside`.

A call that goes on (``ended_at_ms`` None) is in progress as long as this process lives and has not closed the keeper:
its sign of life is a writer's, see `callscope.archive.liveness`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from callscope import clock, config
from callscope.archive import exchange, liveness, paths, sources
from callscope.archive.directory_lock import locked
from callscope.archive.reader import read_metadata
from callscope.archive.replace import make_dir, touch_day, write_json
from callscope.archive.sources import SOURCE_DIR
from callscope.config import Settings
from callscope.errors import SettingError, UnreadableError
from callscope.ids import new_writer_id
from callscope.model.call import IN_PROGRESS
from callscope.model.whole import WholeCall
from callscope.recorder import beside, kept_files
from callscope.recorder.buffer import Buffer
from callscope.recorder.channel import Channel
from callscope.recorder.chores import Chores
from callscope.recorder.guard import Warnings
from callscope.recorder.money import Money
from callscope.recorder.originals import REDACTED
from callscope.recorder.story import Story
from callscope.redaction.policy import Policy

if TYPE_CHECKING:
    from typing import Self

State = Literal["new", "replaced", "unchanged", "added", "waits"]
"""``added``: the session was recorded here, and what came is beside it; ``waits``: it is being recorded right now, and
nothing was written."""
Retell = Callable[[WholeCall, Sequence[Mapping[str, bytes]]], WholeCall | None]
"""Makes one call of what a source tells and what is kept of the same session (``source/`` of each call, by file name);
None where the kept cannot be read any more."""
_TRIES: Final = 5


class Kept(msgspec.Struct, frozen=True):
    """What became of one call."""

    path: Path
    """Its directory."""
    state: State


class _Found(msgspec.Struct, frozen=True):
    """What the archive has of a call and its session."""

    is_own_there: bool
    """The first of ``there`` came from the same source."""
    there: tuple[Path, ...]
    recorded: Path | None
    seen: tuple[object, ...]
    """What changes when one of them is written."""


class _Plan(msgspec.Struct, frozen=True):
    """What is to become of a call."""

    story: Story
    planned: Path
    there: tuple[Path, ...]
    """Calls that tell the same and that it takes the place of, in the first one's directory."""
    recorded: Path | None
    """The call of the same session that was recorded here."""


class Keeper:
    """Keeps whole calls in one archive. For any number of threads.

    Args:
        root: the archive's directory, made if it is not there.
        settings: what may be written, and which prices; read from the environment when left out.
        now_ms: the clock.
    """

    def __init__(
        self, root: Path, settings: Settings | None = None, *, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        settings = config.load() if settings is None else settings
        self.root = root.expanduser().absolute()
        self._now_ms = now_ms
        self._policy = Policy(phone=settings.phone, transcript=settings.transcript, hash_key=settings.hash_key)
        self._identity = liveness.identity(new_writer_id())
        # What others spent long ago is read from the archive by who watches budgets: nothing is counted here.
        unwatched = msgspec.structs.replace(settings, budgets=None)
        channel = Channel(self.root, Buffer(max_rows=1, max_bytes=1), Warnings())
        chores = Chores(self.root, unwatched, channel)
        self._money = Money(self.root, unwatched, chores, writer_id=self._identity["id"])
        self._lock = threading.Lock()
        self._sign: liveness.WriterFile | None = None
        self._beating: threading.Thread | None = None
        self._closing = threading.Event()
        self._open: set[str] = set()
        self._written = 0
        self._swept: set[Path] = set()

    def put(self, call: WholeCall, *, dry_run: bool = False, retell: Retell | None = None) -> Kept:
        """Put a call on disk, or bring the one that came from the same source up to date.

        A source that is told several times, each time with more, numbers its tellings (``revision`` in
        `WholeCall.source`): an earlier one never replaces a later one.

        Args:
            call: all that is known of it.
            dry_run: only tell what would become of it; nothing is written.
            retell: makes one call of all tellings of its session, where its source names one (``session``); None: each
                source is a call by itself.

        Raises:
            SettingError: the source has no ``format`` or ``id``.
            UnreadableError: its sound is no WAV file of 16-bit PCM.
            OSError: the disk does not take it; what was there is still there.
        """
        for name in ("format", "id"):
            if not call.source.get(name):
                raise SettingError(f"the source of call {call.call_id!r} has no {name}: an importer has to give one")
        with self._lock:
            return self._put(call, retell, dry_run=dry_run)

    def recording_now(self, call: WholeCall) -> Path | None:
        """The directory of the call that is being recorded of the same session right now; None when there is none."""
        recorded = self._recorded(self._of_session(call))
        return recorded if recorded is not None and beside.goes_on(recorded, now_ms=self._now_ms()) else None

    def find(self, source_format: str, source_id: str, *, call_id: str, started_at_ms: int) -> Path | None:
        """The directory of the call that came from a source; None when there is none."""
        key = sources.key_of(source_format, source_id)
        return sources.find(self.root, key, call_id=call_id, started_at_ms=started_at_ms)

    def close(self) -> None:
        """Let the sign of life go: calls that go on are nobody's from here on."""
        self._closing.set()
        if self._beating is not None:
            self._beating.join()
            self._beating = None
        with self._lock:
            if self._sign is not None:
                self._sign.close(keep=False)
                self._sign = None
            self._money.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _put(self, call: WholeCall, retell: Retell | None, *, dry_run: bool) -> Kept:
        for _ in range(_TRIES):
            found = self._look(call, retell)
            if found.recorded is not None and beside.goes_on(found.recorded, now_ms=self._now_ms()):
                return Kept(found.recorded, "waits")
            plan = self._plan(call, retell, found)
            done = self._is_done(plan)
            if done is not None:
                return done
            if dry_run:
                state: State = "added" if plan.recorded is not None else "replaced" if plan.there else "new"
                return Kept(plan.recorded or next(iter(plan.there), plan.planned), state)
            self._show_sign()
            with sources.locked((plan.recorded or plan.planned).parent):
                if self._look(call, retell) != found:
                    continue  # another process has put something there meanwhile
                kept = self._write_plan(plan)
            self._count(plan.story)
            return kept
        raise UnreadableError(f"{plan.planned}: it is replaced by somebody else all the time: try again")

    def _look(self, call: WholeCall, retell: Retell | None) -> _Found:
        """What the archive has of a call and its session."""
        own = self.find(**_named(call))
        session = self._of_session(call) if retell is not None else []
        recorded = self._recorded(session)
        tellings = [path for path in session if _source(path)]
        there = tuple(dict.fromkeys([*([own] if own is not None else []), *tellings]))
        seen = tuple(_identity(path) for path in (*there, *([recorded] if recorded is not None else [])))
        return _Found(own is not None, there, recorded, seen)

    def _plan(self, call: WholeCall, retell: Retell | None, found: _Found) -> _Plan:
        """What is to become of a call, together with what is there of its session."""
        there, recorded, whole = found.there, found.recorded, call
        if retell is not None and there:
            told = retell(call, [kept_files.originals_of(each) for each in there])
            there = there if told is not None else there[: found.is_own_there]
            whole = told or call
        if retell is not None and recorded is not None:
            kept = kept_files.originals_of(recorded)
            whole = (retell(whole, [kept]) if kept else None) or whole
        redacted = {
            name for each in (*there, *([recorded] if recorded is not None else [])) for name in _redacted(each)
        }
        planned = paths.call_dir(self.root, whole.call_id, whole.started_at_ms)
        story = Story(
            whole, policy=self._policy, writer=self._identity, money=self._money, planned=planned, redacted=redacted
        )
        return _Plan(story, planned, there, recorded)

    def _of_session(self, call: WholeCall) -> list[Path]:
        session = _session(call)
        return [] if session is None else sources.find_session(self.root, session)

    def _recorded(self, found: list[Path]) -> Path | None:
        """Of several, as a session that was begun again leaves them, the one that goes on, else the first."""
        recorded = [path for path in found if not _source(path)]
        now_ms = self._now_ms()
        return next((each for each in recorded if beside.goes_on(each, now_ms=now_ms)), next(iter(recorded), None))

    def _is_done(self, plan: _Plan) -> Kept | None:
        """What became of it, where nothing has to be written."""
        if plan.recorded is not None:
            is_there = not plan.there and beside.has_all(plan.recorded, plan.story)
            return Kept(plan.recorded, "unchanged") if is_there else None
        is_there = len(plan.there) == 1 and self._is_unchanged(plan.there[0], plan.story)
        return Kept(plan.there[0], "unchanged") if is_there else None

    def _write_plan(self, plan: _Plan) -> Kept:
        story, planned = plan.story, plan.planned
        state: State
        if plan.recorded is not None:
            path, state = plan.recorded, "added"
            beside.add(path, story, list(plan.there), now_ms=self._now_ms(), book=self._money.book)
            more = plan.there
        else:
            path, state = self._write_call(story, planned, plan.there), "replaced" if plan.there else "new"
            more = plan.there[1:]
        for each in more:
            kept_files.remove(each, self._identity["id"])
        for key in self._keys(story):
            sources.remember(path, key)
        touch_day(path)
        return Kept(path, state)

    def _write_call(self, story: Story, planned: Path, there: tuple[Path, ...]) -> Path:
        self._sweep(planned.parent)
        made = exchange.make_beside(planned.parent, self._identity["id"])
        try:
            return self._replace(made, story, there, planned) if there else self._place(made, story, planned)
        finally:
            exchange.discard(made)

    def _keys(self, story: Story) -> list[str]:
        session = _session(story.call)
        return [story.key, *(session.keys if session is not None else ())]

    def _place(self, made: Path, story: Story, planned: Path) -> Path:
        self._write(made, story, {})
        return exchange.place(made, planned)

    def _replace(self, made: Path, story: Story, there: tuple[Path, ...], planned: Path) -> Path:
        """Put a call in the place of the first; the others, which tell the same, are removed afterwards."""
        first = there[0]
        with locked(first):
            documents = [read_metadata(str(each)) or {} for each in there]
            has_sound = story.call.sound is not None
            for each in there:
                kept_files.carry(each, made, originals=story.originals, has_sound=has_sound)
                has_sound = has_sound or (made / paths.RECORDING).exists()
            self._write(made, story, _former(documents))
            exchange.exchange(made, first)
        if first.parent == planned.parent and _is_twin(first.name, planned.name):
            return first
        sources.forget(first.parent, story.key)
        touch_day(first)
        return exchange.place(first, planned)  # its start or its id became known better

    def _write(self, made: Path, story: Story, former: dict[str, Any]) -> None:
        story.write_sound(made / paths.RECORDING)
        for name, rows in ((paths.TRANSCRIPT, story.transcript), (paths.EVENTS, story.events)):
            if rows:
                kept_files.write(made / name, b"\n".join([*rows, b""]))
        if story.originals:
            make_dir(made / SOURCE_DIR)
        for name, content in story.originals.items():
            kept_files.write(made / SOURCE_DIR / name, content)
        write_json(made / paths.METADATA, story.document(at_ms=self._now_ms(), former=former))

    def _is_unchanged(self, there: Path, story: Story) -> bool:
        document = read_metadata(str(there))
        source = sources.source_of(document)
        revision, known = story.call.source.get("revision"), source.get("revision")
        if type(revision) is int and type(known) is int and revision < known:
            return True
        if source.get("digest") != story.digest:
            return False
        if story.call.ended_at_ms is not None:
            return True
        writer = (document or {}).get("callscope", {}).get("writer")
        is_ours = isinstance(writer, dict) and writer.get("id") == self._identity["id"]
        return is_ours and (document or {}).get("status") == IN_PROGRESS

    def _sweep(self, day: Path) -> None:
        if day not in self._swept:
            self._swept.add(day)
            exchange.sweep(day, is_alive=self._is_alive)

    def _is_alive(self, writer_id: str) -> bool:
        return writer_id == self._identity["id"] or liveness.is_alive(self.root, {**self._identity, "id": writer_id})

    def _count(self, story: Story) -> None:
        self._written += len(story.transcript) + len(story.events)
        if story.call.ended_at_ms is None:
            self._open.add(story.key)
        else:
            self._open.discard(story.key)
        if self._open and self._beating is None and not self._closing.is_set():
            self._beating = threading.Thread(target=self._beat_on, name="callscope-keeper", daemon=True)
            self._beating.start()

    def _show_sign(self) -> None:
        """Be alive before anything says that this process writes it; raises `OSError`."""
        if self._sign is None and not self._closing.is_set():
            self._sign = liveness.WriterFile(self.root, self._identity["id"])
            self._beat()

    def _beat_on(self) -> None:
        """For readers on other machines, who see the file's age alone."""
        while not self._closing.wait(liveness.HEARTBEAT_SECONDS):
            with self._lock, contextlib.suppress(OSError):
                self._beat()

    def _beat(self) -> None:
        if self._sign is not None:
            ledger = {"writer": self._identity, "written": self._written, "lost": {}, "pending": 0}
            self._sign.beat({**ledger, "open_calls": len(self._open)})


def _is_twin(name: str, planned: str) -> bool:
    """Whether a directory has the planned name, or the one that a second call of its id gets."""
    return name == planned or (name.startswith(f"{planned}~") and name.removeprefix(f"{planned}~").isdecimal())


def _former(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """What people and others added to calls, of which one is made, as the metadata of one."""
    found = (each.get("callscope") for each in documents)
    ours: list[dict[str, Any]] = [each if isinstance(each, dict) else {} for each in found]
    labels = [each["labels"] for each in reversed(ours) if isinstance(each.get("labels"), dict)]
    recording = next((each["recording"] for each in ours if isinstance(each.get("recording"), dict)), None)
    notes = kept_files.notes_of(documents)
    return {
        "callscope": {
            **({"labels": {name: value for each in labels for name, value in each.items()}} if labels else {}),
            **({"notes": notes} if notes else {}),
            **({"recording": recording} if recording is not None else {}),
        }
    }


def _named(call: WholeCall) -> dict[str, Any]:
    """What `Keeper.find` finds a call's own source by."""
    format_, id_ = (str(call.source.get(name, "")) for name in ("format", "id"))
    return {"source_format": format_, "source_id": id_, "call_id": call.call_id, "started_at_ms": call.started_at_ms}


def _session(call: WholeCall) -> sources.Session | None:
    """The session that a call's source names, of which others may tell as well."""
    names, framework = call.source.get("session"), call.fields.get("framework")
    if not isinstance(names, dict) or not names or not isinstance(framework, dict):
        return None
    return sources.Session(
        framework=str(framework.get("name")), names=names, call_id=call.call_id, started_at_ms=call.started_at_ms
    )


def _source(call: Path) -> dict[str, Any]:
    return sources.source_of(read_metadata(str(call)))


def _redacted(call: Path) -> list[str]:
    """The originals of a call that the policy had changed."""
    metadata = read_metadata(str(call))
    told = (sources.source_of(metadata) or beside.told_of(metadata)).get("originals")
    return [name for name, how in told.items() if how == REDACTED] if isinstance(told, dict) else []


def _identity(call: Path) -> tuple[int, int] | None:
    try:
        status = (call / paths.METADATA).lstat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
