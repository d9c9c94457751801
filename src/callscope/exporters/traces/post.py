"""One POST, and what came back."""

from __future__ import annotations

import http.client
import ssl
import time
from typing import Final
from urllib.parse import SplitResult

import msgspec

from callscope.exporters.traces.endpoint import Endpoint
from callscope.report.unanswered import why_unanswered

_MOST: Final = 64 * 1024
"""Bytes of an answer that are read: it says how many spans were not taken, and why."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    reason: str
    retry_after: str | None
    content_type: str
    body: bytes


class NoAnswerError(Exception):
    """Nothing came back, or not in time; says why."""


def post(endpoint: Endpoint, body: bytes, headers: dict[str, str], *, limit_seconds: float) -> Answer:
    """Send it; redirects are not followed, as headers may hold a key.

    Raises:
        NoAnswerError: no connection, no answer in time, or none that is HTTP.
    """
    at = endpoint.at
    until = time.monotonic() + limit_seconds
    connection = _connection(at, limit_seconds)
    try:
        connection.request("POST", (at.path or "/") + (f"?{at.query}" if at.query else ""), body, headers)
        with connection.getresponse() as response:
            return Answer(
                status=response.status,
                reason=response.reason[:80],
                retry_after=response.getheader("Retry-After"),
                content_type=response.getheader("Content-Type", "").partition(";")[0].strip().lower(),
                body=_read(response, until),
            )
    except TimeoutError as error:
        raise NoAnswerError(f"no answer within {limit_seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswerError(why_unanswered(error)) from error
    finally:
        connection.close()


def _connection(at: SplitResult, limit_seconds: float) -> http.client.HTTPConnection:
    host = at.hostname or ""
    if at.scheme == "https":
        return http.client.HTTPSConnection(host, at.port, timeout=limit_seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, at.port, timeout=limit_seconds)


def _read(response: http.client.HTTPResponse, until: float) -> bytes:
    """The time of a socket is that of one read: an answer that trickles would have no end."""
    found = b""
    while len(found) < _MOST and time.monotonic() < until:
        more = response.read1(_MOST - len(found))
        if not more:
            break
        found += more
    return found
