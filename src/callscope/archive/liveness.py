"""Who is writing now, and what each writer lost.

Every writer (one logger in one process) keeps ``<root>/.callscope/writers/<id>.json`` locked while it lives. The lock
goes with the process however it ends, also by kill -9, and cannot be inherited by a later process with the same
pid. So a call in progress whose writer holds no lock is abandoned. The file's content is the writer's ledger, brought
up to date now and then, so that what was lost is known even for calls whose metadata could not be written.

Three ways were weighed. A pid in the metadata: wrong after a restart of the machine or in a container, where pids
repeat. A heartbeat alone: late by its period, and wakes an idle disk. The lock: exact and free; only on a network file
system that does not pass locks on does the heartbeat (the file's age) decide, and only for writers of other machines.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from callscope import clock, ids
from callscope.archive import paths
from callscope.archive.replace import FILE_MODE, make_dir, write_all
from callscope.model import wire

try:
    import fcntl
except ImportError:  # Windows: the heartbeat decides there
    fcntl = None  # type: ignore[assignment]

HEARTBEAT_SECONDS: Final = 10.0
_DEAD_AFTER_SECONDS: Final = 60.0


class WriterFile:
    """This process's sign of life.

    Args:
        root: the archive.
        writer_id: see `ids.new_writer_id`.

    Raises:
        OSError: it could not be made.
    """

    def __init__(self, root: Path, writer_id: str) -> None:
        directory = paths.writers_dir(root)
        make_dir(directory)
        self._path = directory / f"{writer_id}.json"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        if fcntl is not None:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def beat(self, ledger: Mapping[str, Any]) -> None:
        """Write the ledger; raises `OSError` when the disk does not take it, which leaves an older or an empty one."""
        document = wire.encode(ledger) + b"\n"
        os.lseek(self._fd, 0, os.SEEK_SET)
        write_all(self._fd, document)
        os.ftruncate(self._fd, len(document))

    def forget(self) -> None:
        """Close the descriptor in a forked child. The lock belongs to the parent's and stays."""
        os.close(self._fd)

    def close(self, *, keep: bool) -> None:
        """Let the lock go; the file is removed unless its ledger tells of a loss (``keep``)."""
        if not keep:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)


def identity(writer_id: str) -> dict[str, Any]:
    """What metadata says about its writer."""
    return {"id": writer_id, "host": ids.host(), "pid": ids.pid(), "boot": ids.boot()}


def is_alive(root: Path, writer: Mapping[str, Any]) -> bool:
    """Whether the writer that metadata's ``callscope.writer`` names still runs.

    Sure for writers of this machine (until its restart); for another machine's, whether its file was touched in the
    last minute.
    """
    name = writer.get("id")
    if not isinstance(name, str) or paths.safe_name(name) != name:
        return False
    path = paths.writers_dir(root) / f"{name}.json"
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not for this user to see: better in progress than wrongly abandoned, or repaired
    try:
        if fcntl is not None:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError:
                pass  # a file system without locks: the heartbeat decides
            else:
                if writer.get("host") == ids.host() or (writer.get("boot") and writer.get("boot") == ids.boot()):
                    return False
        return clock.now_ms() / 1000 - os.fstat(fd).st_mtime < _DEAD_AFTER_SECONDS
    finally:
        os.close(fd)


def read_ledgers(root: Path) -> list[dict[str, Any]]:
    """The ledgers of all writers that live or that lost something, each with ``alive``; none for what is unreadable."""
    ledgers: list[dict[str, Any]] = []
    try:
        entries = sorted(paths.writers_dir(root).glob("*.json"))
    except OSError:
        return ledgers
    for path in entries:
        try:
            ledger = wire.decode(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(ledger, dict):
            writer = ledger.get("writer")
            alive = is_alive(root, writer) if isinstance(writer, dict) else False
            ledgers.append({**ledger, "alive": alive})
    return ledgers


def forget_dead(root: Path, ledgers: Iterable[Mapping[str, Any]]) -> None:
    """Remove the files of writers that are gone and lost nothing; a ledger that tells of a loss stays."""
    for ledger in ledgers:
        writer = ledger.get("writer")
        if ledger.get("alive") or ledger.get("lost") or not isinstance(writer, dict):
            continue
        name = str(writer.get("id"))
        if paths.safe_name(name) == name:
            (paths.writers_dir(root) / f"{name}.json").unlink(missing_ok=True)


__all__ = ["HEARTBEAT_SECONDS", "WriterFile", "forget_dead", "identity", "is_alive", "read_ledgers"]
