"""One POST with a limit for all of it, which follows nobody to another place."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from callscope.report.unanswered import why_unanswered

_MOST_HOPS: Final = 3
_SAME_METHOD: Final = frozenset({307, 308})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    reason: str
    retry_after: str | None
    """The header, as it was sent."""
    location: str | None
    """Where it wanted to send us, when that was not followed."""


class NoAnswerError(Exception):
    """Nothing came back, or not in time; says why, without the address."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, limit_seconds: float) -> Answer:
    """Send it, and say what came back.

    A redirect that keeps the method (307, 308) is followed to the same scheme, host and port only: what is sent may
    be signed, and the address may hold a secret, so nobody else gets it.

    Raises:
        NoAnswerError: no connection, no answer in time, or none that is HTTP.
    """
    at = urlsplit(url)
    for _ in range(_MOST_HOPS):
        answer = _one(at, body, headers, limit_seconds=limit_seconds)
        if answer.status not in _SAME_METHOD or answer.location is None:
            return answer
        there = urlsplit(urljoin(at.geturl(), answer.location))
        if _origin(there) != _origin(at):
            return answer
        at = there
    return answer


def _one(at: SplitResult, body: bytes, headers: Mapping[str, str], *, limit_seconds: float) -> Answer:
    connection = _connection(at, limit_seconds)
    hung_up = threading.Event()
    watchdog = threading.Timer(limit_seconds, _hang_up, (connection, hung_up))
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", _target(at), body, dict(headers))
        with connection.getresponse() as response:  # its body is not read: nothing in it is needed
            answer = Answer(
                status=response.status,
                reason=response.reason[:80],
                retry_after=response.getheader("Retry-After"),
                location=response.getheader("Location"),
            )
    except TimeoutError as error:
        raise NoAnswerError(f"no answer within {limit_seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if hung_up.is_set():
            raise NoAnswerError(f"no whole answer within {limit_seconds:g} s") from error
        raise NoAnswerError(why_unanswered(error)) from error
    finally:
        watchdog.cancel()
        connection.close()
    if hung_up.is_set():  # an answer that was cut off looks like one whose headers ended there
        raise NoAnswerError(f"no whole answer within {limit_seconds:g} s")
    return answer


def _connection(at: SplitResult, limit_seconds: float) -> http.client.HTTPConnection:
    host = at.hostname or ""
    if at.scheme == "https":
        return http.client.HTTPSConnection(host, at.port, timeout=limit_seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, at.port, timeout=limit_seconds)


def _hang_up(connection: http.client.HTTPConnection, hung_up: threading.Event) -> None:
    """The time of a socket is that of one read: an answer that trickles would have no end."""
    hung_up.set()
    held = connection.sock
    if held is not None:
        with contextlib.suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)


def _target(at: SplitResult) -> str:
    return (at.path or "/") + (f"?{at.query}" if at.query else "")


def _origin(at: SplitResult) -> tuple[str, str | None, int | None]:
    return at.scheme, at.hostname, at.port or _DEFAULT_PORTS.get(at.scheme)
