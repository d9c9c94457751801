"""A notice as receivers get it: one JSON document, the same for a webhook, a command and the file of events.

Its form has a version. Keys may be added to it; none is taken away or means something else without another version.
"""

from __future__ import annotations

from typing import Any, Final

from callscope.alerts.incidents import Notice
from callscope.model.wire import encode, format_ts
from callscope.report.safe_text import clean

VERSION: Final = 1


def document(notice: Notice) -> dict[str, Any]:
    """What ``docs/alert-delivery.md`` describes. Times are RFC 3339 in UTC, the value is in ``unit``."""
    return {
        "version": VERSION,
        "id": notice.id,
        "incident": notice.incident,
        "state": notice.state,
        "severity": notice.severity,
        "rule": notice.rule,
        "kind": notice.kind,
        "key": notice.key,
        "title": title(notice),
        "words": clean(notice.words),
        "at": format_ts(notice.at_ms),
        "since": format_ts(notice.since_ms),
        "value": _number(notice.value),
        "threshold": _number(notice.threshold),
        "unit": notice.unit,
        "query": notice.where,
        "calls": [{"call_id": call.call_id, "path": call.path} for call in notice.calls],
        "link": notice.link,
        "test": notice.test,
    }


def _number(value: float | None) -> float | None:
    """One form of a number, before and after it was on disk: a signature is over what is sent."""
    return int(value) if value is not None and float(value).is_integer() else value


def body(notice: Notice) -> bytes:
    """The document on one line, without its end."""
    return encode(document(notice))


def title(notice: Notice) -> str:
    """A short line for a subject: ``critical: slow answers``, ``resolved: slow answers``."""
    state = {"fired": notice.severity, "repeated": f"still {notice.severity}", "resolved": "resolved"}[notice.state]
    return clean(f"{'test, ' if notice.test else ''}{state}: {notice.rule}")


def text(notice: Notice) -> str:
    """The whole of it for people, in a few lines."""
    lines = [clean(notice.words)]
    lines.append(f"Since {format_ts(notice.since_ms)[:19].replace('T', ' ')} UTC.")
    if notice.where:
        lines.append(f"Calls: {clean(notice.where)}")
    lines += [f"- {clean(call.call_id)}" for call in notice.calls[:_MOST_CALLS]]
    return "\n".join(lines)


_MOST_CALLS: Final = 5
