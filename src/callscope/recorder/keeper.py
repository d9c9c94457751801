"""Puts whole calls on disk: what every importer and receiver ends in.

A call's directory is made beside its place and put there in one step, so that a process that is killed at any moment
leaves the old call or the new one. The same source again with the same content changes nothing; with more in it, the
call is replaced, and keeps what a person added to it and the files that others put beside it. Another call that has
the same id gets a directory of its own.

A call that goes on (``ended_at_ms`` None) is in progress as long as this process lives and has not closed the keeper:
its sign of life is a writer's, see `callscope.archive.liveness`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from callscope import clock, config
from callscope.archive import exchange, liveness, paths, sources
from callscope.archive.directory_lock import locked
from callscope.archive.reader import is_orphan, read_metadata
from callscope.archive.replace import FILE_MODE, make_dir, touch_day, write_all, write_json
from callscope.archive.sources import SOURCE_DIR
from callscope.config import Settings
from callscope.errors import SettingError
from callscope.ids import new_writer_id
from callscope.model.call import IN_PROGRESS
from callscope.model.whole import WholeCall
from callscope.recorder.buffer import Buffer
from callscope.recorder.channel import Channel
from callscope.recorder.chores import Chores
from callscope.recorder.guard import Warnings
from callscope.recorder.money import Money
from callscope.recorder.story import Story
from callscope.redaction.policy import Policy

if TYPE_CHECKING:
    from typing import Self

State = Literal["new", "replaced", "unchanged"]

_OURS: Final = frozenset({paths.METADATA, paths.TRANSCRIPT, paths.EVENTS, SOURCE_DIR})
"""What is made anew with a call; other files in its directory are kept."""


class Kept(msgspec.Struct, frozen=True):
    """What became of one call."""

    path: Path
    """Its directory."""
    state: State


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

    def put(self, call: WholeCall, *, dry_run: bool = False) -> Kept:
        """Put a call on disk, or bring the one that came from the same source up to date.

        A source that is told several times, each time with more, numbers its tellings (``revision`` in
        `WholeCall.source`): an earlier one never replaces a later one.

        Args:
            call: all that is known of it.
            dry_run: only tell what would become of it; nothing is written.

        Raises:
            SettingError: the source has no ``format`` or ``id``.
            UnreadableError: its sound is no WAV file of 16-bit PCM.
            OSError: the disk does not take it; what was there is still there.
        """
        for name in ("format", "id"):
            if not call.source.get(name):
                raise SettingError(f"the source of call {call.call_id!r} has no {name}: an importer has to give one")
        with self._lock:
            return self._put(call, dry_run=dry_run)

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

    def _put(self, call: WholeCall, *, dry_run: bool) -> Kept:
        planned = paths.call_dir(self.root, call.call_id, call.started_at_ms)
        story = Story(call, policy=self._policy, writer=self._identity, money=self._money, planned=planned)
        there = self._find(story)
        if there is not None and self._is_unchanged(there, story):
            return Kept(there, "unchanged")
        if dry_run:
            return Kept(there or planned, "replaced" if there is not None else "new")
        self._show_sign()
        with sources.locked(planned.parent):
            kept = self._put_locked(story, planned)
        self._count(story)
        return kept

    def _put_locked(self, story: Story, planned: Path) -> Kept:
        """Look again, for what another process has put there meanwhile, and write."""
        there = self._find(story)
        if there is not None and self._is_unchanged(there, story):
            return Kept(there, "unchanged")
        self._sweep(planned.parent)
        made = exchange.make_beside(planned.parent, self._identity["id"])
        try:
            path = self._place(made, story, planned) if there is None else self._replace(made, story, there, planned)
        finally:
            exchange.discard(made)
        sources.remember(path, story.key)
        touch_day(path)
        return Kept(path, "new" if there is None else "replaced")

    def _find(self, story: Story) -> Path | None:
        call = story.call
        return sources.find(self.root, story.key, call_id=call.call_id, started_at_ms=call.started_at_ms)

    def _place(self, made: Path, story: Story, planned: Path) -> Path:
        self._write(made, story, {})
        return exchange.place(made, planned)

    def _replace(self, made: Path, story: Story, there: Path, planned: Path) -> Path:
        with locked(there):
            former = read_metadata(str(there)) or {}
            _carry(there, made, story)
            self._write(made, story, former)
            exchange.exchange(made, there)
        if there.parent == planned.parent and _is_twin(there.name, planned.name):
            return there
        sources.forget(there.parent, story.key)
        touch_day(there)
        return exchange.place(there, planned)  # its start or its id became known better

    def _write(self, made: Path, story: Story, former: dict[str, Any]) -> None:
        story.write_sound(made / paths.RECORDING)
        for name, rows in ((paths.TRANSCRIPT, story.transcript), (paths.EVENTS, story.events)):
            if rows:
                _write_file(made / name, b"\n".join([*rows, b""]))
        if story.originals:
            make_dir(made / SOURCE_DIR)
        for name, content in story.originals.items():
            _write_file(made / SOURCE_DIR / name, content)
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


def _carry(there: Path, made: Path, story: Story) -> None:
    """Have in the new directory what others put into the old one, and originals that are not told anew.

    They are linked, not copied: who goes on appending to one of them (a receiver's inbox) loses nothing.
    """
    told_anew = {paths.safe_name(name) for name in story.call.originals}
    skipped = _OURS | ({paths.RECORDING} if story.call.sound is not None else set())
    _link_files(there, made, lambda name: name in skipped or is_orphan(name))
    if (there / SOURCE_DIR).is_dir() and not (there / SOURCE_DIR).is_symlink():
        make_dir(made / SOURCE_DIR)
        _link_files(there / SOURCE_DIR, made / SOURCE_DIR, lambda name: name in told_anew)


def _is_twin(name: str, planned: str) -> bool:
    """Whether a directory has the planned name, or the one that a second call of its id gets."""
    return name == planned or (name.startswith(f"{planned}~") and name.removeprefix(f"{planned}~").isdecimal())


def _link_files(there: Path, made: Path, is_skipped: Callable[[str], bool]) -> None:
    with os.scandir(there) as entries:
        names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    for name in names:
        if is_skipped(name):
            continue
        try:
            (made / name).hardlink_to(there / name)
        except OSError:  # a file system without links
            shutil.copy2(there / name, made / name, follow_symlinks=False)


def _write_file(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)
