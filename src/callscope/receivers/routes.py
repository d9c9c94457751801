"""The addresses of OTLP over HTTP, for any Starlette application: ``/v1/traces``, ``/v1/metrics``, ``/v1/logs``.

What does the work is imported when the first request comes: a dashboard that nobody sends anything to starts without.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.interop.otlp.decoded import SIGNALS, Signal
from callscope.interop.otlp.limits import REQUEST_BYTES
from callscope.receivers.place import BusyError, holds_anything

if TYPE_CHECKING:
    from callscope.receivers.otlp import Answer
    from callscope.receivers.receiver import Receiver

_AT_ONCE = 2
"""Requests that are read at the same time: the pages of the same process have threads of their own."""


class Door:
    """An archive's receiver, begun when it is first needed.

    Args:
        root: the archive.
        make: makes the receiver; None: one as the environment's settings say.
    """

    def __init__(self, root: Path, make: Callable[[Path], Receiver] | None = None) -> None:
        self._root = root
        self._make = make
        self._lock = threading.Lock()
        self._receiver: Receiver | None = None
        self.limiter: CapacityLimiter | None = None

    def open(self) -> None:
        """Go on with what a run before left, if it left anything; another process may be about it already."""
        if holds_anything(self._root):
            try:
                self.receiver()
            except (BusyError, OSError):
                return

    def receiver(self) -> Receiver:
        """The receiver; raises `BusyError` or `OSError`."""
        with self._lock:
            if self._receiver is None:
                from callscope.receivers.receiver import Receiver  # noqa: PLC0415 -- see the module

                self._receiver = (self._make or Receiver)(self._root)
                self._receiver.start()
            return self._receiver

    def close(self) -> None:
        """Tell what is not told yet, and stop."""
        with self._lock:
            receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close()


async def _receive(request: Request, signal: Signal) -> Response:
    door: Door = request.app.state.door
    kind = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding", "")
    try:
        body = await read_body(request)
    except ClientDisconnect:
        return Response(status_code=400)
    if body is None:
        from callscope.receivers import otlp  # noqa: PLC0415 -- see the module

        return _response(otlp.too_long(kind.partition(";")[0].strip().lower()))
    if door.limiter is None:
        door.limiter = CapacityLimiter(_AT_ONCE)
    work = partial(_answer, door, signal, body, kind, encoding)
    return _response(await to_thread.run_sync(work, limiter=door.limiter))


async def read_body(request: Request, most: int = REQUEST_BYTES) -> bytes | None:
    """A request's body; None when it is longer than is taken."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _answer(door: Door, signal: Signal, body: bytes, kind: str, encoding: str) -> Answer:
    from callscope.receivers import otlp  # noqa: PLC0415 -- see the module

    try:
        receiver = door.receiver()
    except (BusyError, OSError) as error:
        return otlp.busy(str(error), otlp.PROTOBUF if "protobuf" in kind else otlp.JSON)
    return otlp.answer(receiver, signal, body, content_type=kind, encoding=encoding)


def _response(answer: Answer) -> Response:
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return Response(answer.body, status_code=answer.status, headers=headers)


ROUTES = [
    Route(f"/v1/{signal}", partial(_receive, signal=signal), methods=["POST"], name=f"otlp-{signal}")
    for signal in SIGNALS
]
