"""Logs of an OpenAI Realtime session: its server and client events, a line each, with the time each came or went.

Shapes: OpenAI's API reference (Realtime, server events and client events), the present names and those of the beta.
The events themselves have no time of day, so each line has to have one beside the event; see docs/import.md. A file may
hold several sessions.

What is worked out: when the caller's last sound was (a server that decides by silence says so after the silence that
the session asked for), and, on a socket, when the agent was heard and stopped: there the server only sends sound, and
plays nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from callscope.errors import UnreadableError
from callscope.importers.base.original import Original
from callscope.importers.base.realtime_session import RealtimeSession
from callscope.importers.base.shapes import mapping, moment, text, within
from callscope.model import wire
from callscope.model.whole import WholeCall

HELP: Final = "OpenAI Realtime: a log of server and client events, a JSON line each with its time."
UNIT: Final = "file"
_FORMAT: Final = "openai.realtime"
_TIMES: Final = ("timestamp", "ts", "time", "at", "received_at", "sent_at", "logged_at", "created_at")
_INSIDE: Final = ("event", "data", "message", "payload", "body")


def translate(original: Original) -> list[WholeCall]:
    """The sessions of a log, in their order.

    Raises:
        UnreadableError: a line is no event, or the first lines have no time.
    """
    found: list[WholeCall] = []
    session: RealtimeSession | None = None
    content: list[bytes] = []
    for line, at_ms, event in _events(original):
        if session is None or (event.get("type") == "session.created" and session.is_begun):
            if session is not None:
                found.append(_whole(session, content))
            session, content = RealtimeSession(at_ms), []
        session.take(at_ms, event)
        content.append(line)
    if session is not None:
        found.append(_whole(session, content))
    return found


def _whole(session: RealtimeSession, content: list[bytes]) -> WholeCall:
    log, rows = b"\n".join([*content, b""]), session.rows()
    session_id = session.session_id or f"session-{sha256(log).hexdigest()[:16]}"
    source: dict[str, Any] = {"format": _FORMAT, "id": session_id, "computed": sorted(session.computed)}
    return WholeCall(
        call_id=session_id,
        started_at_ms=session.started_at_ms,
        ended_at_ms=session.last_ms,
        fields=session.fields(),
        rows=rows,
        end=session.end(),
        source={**source, **session.unknown.told()},
        originals={"realtime.jsonl": log},
    )


def _events(original: Original) -> Iterator[tuple[bytes, int, dict[str, Any]]]:
    last_ms: int | None = None
    for number, (line, row) in enumerate(_rows(original), 1):
        place = f"{original.place}:{number}"
        if not isinstance(row, dict):
            raise UnreadableError(f"{place} is no JSON object")
        event = _event(row)
        if event is None:
            raise UnreadableError(f"{place} holds no event: an event of the Realtime API has a `type`")
        at_ms = next((found for name in _TIMES if (found := moment(row.get(name))) is not None), last_ms)
        if at_ms is None:
            raise UnreadableError(
                f"{place} has no time: write each event as"
                ' {"ts": "2026-11-21T09:30:00.250Z", "event": {...}}, ts when it came or went'
            )
        last_ms = at_ms if last_ms is None else max(at_ms, last_ms)
        yield line, last_ms, event


def _rows(original: Original) -> Iterator[tuple[bytes, Any]]:
    """Lines, or the elements of one list."""
    if original.content.lstrip().startswith(b"["):
        document = original.document()
        yield from ((wire.encode(each), each) for each in (document if isinstance(document, list) else ()))
        return
    for number, line in enumerate(original.content.split(b"\n"), 1):
        if line.strip():
            try:
                yield line, wire.decode(line)
            except (ValueError, RecursionError) as error:
                raise UnreadableError(f"{original.place}:{number} is no JSON ({error})") from error


def _event(row: dict[str, Any]) -> dict[str, Any] | None:
    """The event of a line: what stands inside it, as an object or as its text, or the line itself."""
    for name in _INSIDE:
        inside = row.get(name)
        if isinstance(inside, str) and inside.lstrip().startswith("{"):
            try:
                inside = wire.decode(inside.encode("utf-8", "replace"))
            except (ValueError, RecursionError):
                continue
        if text(mapping(inside).get("type")):
            return mapping(inside)
    return row if text(within(row, "type")) else None
