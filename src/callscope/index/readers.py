"""Calls read and taken apart: here, or by helper processes when there are many.

A helper is a process of its own with two pipes, and imports nothing of the program it helps (`multiprocessing` would
run the main module of the user's script again). A request is a list of places, an answer the rows of each. Two requests
are on their way to each helper, so that it never waits; requests are far smaller than a pipe, so writing never waits.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from callscope.archive.paths import CALLS, METADATA
from callscope.archive.reader import UNREADABLE, CallRecord, read_call
from callscope.index import tree
from callscope.index.extract import CallRows, rows_of
from callscope.index.plain_calls import read_plain
from callscope.model.call import ABANDONED, IN_PROGRESS, Call, Problem

_MANY: Final = 1_500
"""Calls from which on helpers are worth their start."""
_CHUNK: Final = 48
_AHEAD: Final = 2
_SIZE: Final = struct.Struct("<I")
_OPEN: Final = frozenset({IN_PROGRESS, ABANDONED})

Read = tuple[str, CallRows | None]
"""A call's place, and its rows; None when it is gone."""


def rows_at(root: Path, place: str, *, now_ms: int) -> CallRows | None:
    """The rows of the call at a place below ``<root>/calls``; None when it is gone."""
    directory = f"{root}{os.sep}{CALLS}{os.sep}{place}"
    try:
        seen = tree.stamp(directory, now_ms=now_ms)  # before the files are read: what comes later is another stamp
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        seen = "?"
    try:
        record = read_plain(directory) or read_call(directory, now_ms=now_ms)
        if record.call.status in _OPEN:
            seen = tree.with_writer(seen, record.call.callscope.get("writer"))
        return rows_of(record, path=place, stamp=seen)
    except Exception as error:  # noqa: BLE001 -- one call that nobody foresaw must not keep all others out of the index
        return rows_of(_not_understood(directory, error), path=place, stamp=seen)


def _not_understood(directory: str, error: Exception) -> CallRecord:
    """What is put in the index of a call that we fail at: that it is there, and that we failed."""
    message = f"callscope failed at this call ({type(error).__name__}: {error}): please report it"
    call = Call(call_id=os.path.basename(directory), path=directory, status=UNREADABLE)  # noqa: PTH119 -- a text
    return CallRecord(call=call, problems=(Problem(file=METADATA, line=None, message=message),))


class Readers:
    """Reads calls, with as many helpers as are given; they are started when there is much to read."""

    def __init__(self, root: Path, *, now_ms: int, processes: int) -> None:
        self._root = root
        self._now_ms = now_ms
        self._processes = processes
        self._helpers: list[_Helper] = []

    def read(self, places: Sequence[str], *, more: int) -> Iterator[Read]:
        """Each call's rows, in the order given. ``more`` calls will be asked for later."""
        if not self._helpers and self._processes and len(places) + more >= _MANY:
            self._helpers = [_Helper(self._root, self._now_ms) for _ in range(self._processes)]
        chunks = iter(_chunks(places))
        if not self._helpers or len(places) <= _CHUNK:
            for chunk in chunks:  # read together, put into tables together: each finds the processor's caches warm
                yield from [(place, rows_at(self._root, place, now_ms=self._now_ms)) for place in chunk]
            return
        sent: deque[tuple[_Helper, list[str]]] = deque()
        for helper, chunk in zip(self._helpers * _AHEAD, chunks, strict=False):
            helper.ask(chunk)
            sent.append((helper, chunk))
        while sent:
            helper, chunk = sent.popleft()
            answers = helper.answer(chunk)
            following = next(chunks, None)
            if following is not None:
                helper.ask(following)
                sent.append((helper, following))
            yield from zip(chunk, answers, strict=True)

    def close(self) -> None:
        """End the helpers."""
        for helper in self._helpers:
            helper.close()
        self._helpers.clear()


class _Helper:
    """One helper process. When it dies, its work is done here."""

    def __init__(self, root: Path, now_ms: int) -> None:
        self._root = root
        self._now_ms = now_ms
        program = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        arguments = [sys.executable, "-c", program, os.fspath(root), str(now_ms)]
        try:
            self._process: subprocess.Popen[bytes] | None = subprocess.Popen(  # noqa: S603 -- this module itself
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError:
            self._process = None

    def ask(self, places: list[str]) -> None:
        if self._process is not None and self._process.stdin is not None:
            try:
                _send(self._process.stdin, places)
            except OSError:
                self.close()

    def answer(self, places: list[str]) -> list[CallRows | None]:
        found = None
        if self._process is not None and self._process.stdout is not None:
            found = _receive(self._process.stdout)
        if found is None:
            self.close()
            return [rows_at(self._root, place, now_ms=self._now_ms) for place in places]
        return [None if each is None else CallRows(*each) for each in found]

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def serve() -> None:
    """What a helper does: answer until there is nobody to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that it helps
    gc.disable()  # nothing here is circular, and looking for it took a fifth of the time
    root, now_ms = Path(sys.argv[1]), int(sys.argv[2])
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while (places := _receive(asked)) is not None:
        found = [rows_at(root, place, now_ms=now_ms) for place in places]
        try:
            _send(answers, [None if each is None else tuple(each) for each in found])
        except OSError:
            return


def _send(pipe: IO[bytes], value: list[Any]) -> None:
    data = marshal.dumps(value)
    pipe.write(_SIZE.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> list[Any] | None:
    """The next value; None when the other end is closed."""
    try:
        head = pipe.read(_SIZE.size)
        if len(head) < _SIZE.size:
            return None
        (size,) = _SIZE.unpack(head)
        data = pipe.read(size)
    except OSError:
        return None
    if len(data) < size:
        return None
    found: list[Any] = marshal.loads(data)  # noqa: S302 -- from our own process
    return found


def _chunks(places: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(places)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
