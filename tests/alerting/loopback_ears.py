"""Receivers of notices on loopback: real sockets, which answer as a test says."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

HANG = "hang"
"""In place of a status: the connection is held until the receiver is closed."""
CLOSE = "close"
TRICKLE = "trickle"
"""Bytes of an answer, one after the other, without an end."""


class Posted(NamedTuple):
    """One request."""

    path: str
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Receiver:
    """An HTTP endpoint.

    Args:
        answers: one a request, the last one from then on: a status, a status with headers, or a word of above.
    """

    def __init__(self, *answers: int | str | tuple[int, dict[str, str]]) -> None:
        self.posted: list[Posted] = []
        self.came = threading.Event()
        self.closing = threading.Event()
        self._answers = list(answers or (200,))
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self.port: int = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self) -> int | str | tuple[int, dict[str, str]]:
        """The one that is next."""
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def close(self) -> None:
        """End it, and whatever hangs in it."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.receiver.posted.append(Posted(self.path, self.headers, self.rfile.read(length)))
        self.receiver.came.set()
        answer = self.receiver.answer()
        self.close_connection = True
        if answer == CLOSE:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if answer == HANG:
            self.receiver.closing.wait(30)
            return
        if answer == TRICKLE:
            self._trickle()
            return
        status, headers = answer if isinstance(answer, tuple) else (int(answer), {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _trickle(self) -> None:
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.receiver.closing.wait(0.01):
                self.wfile.write(b"x")
        except OSError:
            return

    def log_message(self, *told: object) -> None:
        """Quiet."""


@contextmanager
def receiver(*answers: int | str | tuple[int, dict[str, str]]) -> Iterator[Receiver]:
    """A receiver as long as the block lasts."""
    here = Receiver(*answers)
    try:
        yield here
    finally:
        here.close()
