"""Lines for people: one an event, coloured on a terminal, plain elsewhere; tracebacks below.

Written by the logs' own thread and never waited for: what a stopped terminal or a slow pipe does not take is kept up to
a bound, then counted and left out. So a terminal that hangs keeps nothing from the files.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
from collections import deque
from datetime import datetime
from typing import Any, Final, TextIO

from structlog.dev import (
    BRIGHT,
    CYAN,
    DIM,
    RESET_ALL,
    Column,
    ConsoleRenderer,
    KeyValueColumnFormatter,
    plain_traceback,
)

_PIECE: Final = 4096
"""What a pipe that is ready takes without making its writer wait (``PIPE_BUF``)."""
_MAX_WAITING: Final = 4_000_000
_LONGEST_VALUE: Final = 300
_LONGEST_EVENT: Final = 2000
_RED: Final = "\x1b[31m"
_YELLOW: Final = "\x1b[33m"
_GREEN: Final = "\x1b[32m"
_STYLES: Final = {
    "error": _RED,
    "critical": _RED + BRIGHT,
    "warning": _YELLOW,
    "info": _GREEN,
    "debug": DIM,
    "trace": DIM,
}
_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~]?)", re.DOTALL)


class Console:
    """One of the standard streams.

    Args:
        stream: ``stderr`` or ``stdout``; looked up at each line, as others may put another one there.
        colors: whether to colour; None: where the stream is a terminal, and standard output is no pipe.
    """

    def __init__(self, stream: str, *, colors: bool | None) -> None:
        self._stream = stream
        self._colors = colors
        self._renderers: dict[bool, ConsoleRenderer] = {}
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self.not_shown = 0
        """Lines that were left out."""

    def reset(self) -> None:
        """Have nothing, as in a new process: what waits is the parent's to write."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self.not_shown = 0

    @property
    def waiting(self) -> bool:
        """Whether there is something that the stream did not take yet."""
        return bool(self._waiting)

    def show(self, shown: dict[str, Any]) -> None:
        """Show one line, as `callscope.logs.document.shown` gives it."""
        stream: TextIO | None = getattr(sys, self._stream, None)
        if stream is None or stream.closed:
            self.not_shown += 1
            return
        text = self._rendered(shown, colors=self._is_coloured(stream))
        fd = _descriptor(stream)
        if fd is None:
            self._write_text(stream, text)
            return
        data = text.encode("utf-8", "backslashreplace")
        if self._waiting_bytes + len(data) > _MAX_WAITING:
            self.not_shown += 1
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data)

    def push(self, timeout_seconds: float = 0) -> None:
        """Write what the stream takes now; waits for it as long as is given."""
        stream: TextIO | None = getattr(sys, self._stream, None)
        fd = None if stream is None or stream.closed else _descriptor(stream)
        if fd is None:
            self._give_up()
            return
        try:
            if stream is not None:
                stream.flush()  # what the program printed comes first
            while self._waiting and _takes(fd, timeout_seconds):
                self._write(fd)
        except BlockingIOError:
            return  # somebody made the terminal one that does not wait; it comes again
        except (OSError, ValueError):
            self._give_up()

    def _write(self, fd: int) -> None:
        lines = self._piece()
        piece = b"".join(lines)
        try:
            written = os.write(fd, piece)
        except OSError:
            self._waiting.extendleft(reversed(lines))
            raise
        self._waiting_bytes -= written
        if written < len(piece):
            self._waiting.appendleft(piece[written:])

    def _piece(self) -> list[bytes]:
        """Whole lines, as many as fit; of a longer one a part."""
        pieces = [self._waiting.popleft()]
        if len(pieces[0]) > _PIECE:
            self._waiting.appendleft(pieces[0][_PIECE:])
            return [pieces[0][:_PIECE]]
        size = len(pieces[0])
        while self._waiting and size + len(self._waiting[0]) <= _PIECE:
            size += len(self._waiting[0])
            pieces.append(self._waiting.popleft())
        return pieces

    def _give_up(self) -> None:
        """The reader is gone: ``python bot.py 2>&1 | head``."""
        self.not_shown += len(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0

    def _write_text(self, stream: TextIO, text: str) -> None:
        """A stream that is no file: a notebook's, a test's."""
        try:
            stream.write(text)
            stream.flush()
        except Exception:  # noqa: BLE001 -- foreign code: a stream may be anything
            self.not_shown += 1

    def _is_coloured(self, stream: TextIO) -> bool:
        if self._colors is not None:
            return self._colors
        return _is_terminal(stream) and _is_terminal(sys.stdout)

    def _rendered(self, shown: dict[str, Any], *, colors: bool) -> str:
        renderer = self._renderers.get(colors)
        if renderer is None:
            renderer = self._renderers[colors] = _renderer(colors=colors)
        moment = datetime.fromtimestamp(shown["timestamp"] / 1000).astimezone()
        event: dict[str, Any] = {
            "timestamp": f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}",
            "level": shown["level"],
            "call_id": plain(shown["call_id"]),
            "logger": plain(shown["logger"]),
            "event": plain(shown["event"], _LONGEST_EVENT),
            **{plain(f"{key}"): value for key, value in shown["fields"].items()},
        }
        if shown["exception"]:
            event["exception"] = _lines(shown["exception"])
        rendered = renderer(None, "", event)
        return f"{rendered}\n"


def plain(text: object, longest: int = _LONGEST_VALUE) -> str:
    """A foreign text as one line that a terminal does not obey."""
    said = str(text)
    if len(said) > longest:
        said = f"{said[:longest]}…"
    if said.isprintable():
        return said
    said = _SEQUENCE.sub("", said)
    return "".join(each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in said)


def _lines(text: str) -> str:
    return "\n".join(plain(line, _LONGEST_EVENT) for line in text.rstrip().split("\n"))


def _renderer(*, colors: bool) -> ConsoleRenderer:
    def style(code: str) -> str:
        return code if colors else ""

    def level(key: str, value: object) -> str:  # noqa: ARG001 -- structlog's form
        word = str(value)
        return f"{style(_STYLES.get(word, ''))}{word:<8}{style(RESET_ALL)}"

    def said(code: str, form: str = "{}") -> Any:
        def made(key: str, value: object) -> str:  # noqa: ARG001 -- structlog's form
            return f"{style(code)}{form.format(value)}{style(RESET_ALL)}" if value else ""

        return made

    others = KeyValueColumnFormatter(
        key_style=style(CYAN), value_style="", reset_style=style(RESET_ALL), value_repr=plain
    )
    columns = [
        Column("timestamp", said(DIM)),
        Column("level", level),
        Column("call_id", said(CYAN)),
        Column("logger", said(DIM, "{}:")),
        Column("event", said(BRIGHT)),
        Column("", others),
    ]
    return ConsoleRenderer(columns=columns, exception_formatter=plain_traceback, sort_keys=False)


def _descriptor(stream: TextIO) -> int | None:
    """Where the stream's lines go in the end; None for one that is no file."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _is_terminal(stream: TextIO | None) -> bool:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return stream is not None and stream.isatty()
    return False


def _takes(fd: int, timeout_seconds: float) -> bool:
    """Whether the stream takes a piece now."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(timeout_seconds * 1000))
