"""metadata.json as a `Call`, whichever writer left it and whatever is missing in it.

The status as it is read:

- one of the schema's words is taken, except that a ``completed`` call with an error is ``failed``: Patter's SDKs
  end every call as ``completed`` and tell of the failure in ``error`` alone;
- the usual other words for the same (``cancelled``, ``No answer``, ``error``, ``ended``, ...) are read as the schema's;
- any other word is kept as it is and reported, except that with an error the call is ``failed``;
- without a word, a call that has ended is ``completed`` or, with an error, ``failed``; one that has not is in progress.

Whether a call in progress still has a writer is the reader's question.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from callscope.archive import foreign
from callscope.archive.paths import METADATA
from callscope.archive.rows import number, whole
from callscope.model import call as model
from callscope.model import wire
from callscope.model.call import Call, Problem

_SYNONYMS: Final = {
    "active": model.IN_PROGRESS,
    "answered": model.IN_PROGRESS,
    "initiated": model.IN_PROGRESS,
    "queued": model.IN_PROGRESS,
    "ringing": model.IN_PROGRESS,
    "complete": model.COMPLETED,
    "done": model.COMPLETED,
    "ended": model.COMPLETED,
    "success": model.COMPLETED,
    "crashed": model.FAILED,
    "error": model.FAILED,
    "errored": model.FAILED,
    "failure": model.FAILED,
    "timeout": model.FAILED,
    "cancelled": model.CANCELED,
}
"""Words in lower case with underscores, as the schema's are."""
_PERCENTILES: Final = ("p50", "p95", "p99")
_TEXTS: Final = (
    "schema_version",
    "trace_id",
    "caller",
    "callee",
    "direction",
    "telephony_provider",
    "provider_mode",
    "recording_path",
)


def status_of(word: str) -> str | None:
    """The schema's word for any writer's word for a status, in any case; None when it means nothing."""
    status = word.strip().lower().replace("-", "_").replace(" ", "_")
    status = _SYNONYMS.get(status, status)
    return status if status in model.STATUSES else None


def call_of(meta: Mapping[str, Any], *, path: str) -> Call:
    """The envelope that a metadata document holds; what is missing or of the wrong type is None. Never raises.

    Keys and passwords that another writer left in it are masked: see `callscope.archive.foreign`.

    Args:
        meta: the document, empty when there is none.
        path: the call's directory.
    """
    call_id = _text(meta.get("call_id"))
    error = _error(meta.get("error"))
    ended_at_ms = wire.parse_ts(meta.get("ended_at"))
    agent, callscope = meta.get("agent"), meta.get("callscope")
    call = Call(
        call_id=call_id if call_id is not None else path.rpartition(os.sep)[2],
        path=path,
        started_at_ms=wire.parse_ts(meta.get("started_at")),
        ended_at_ms=ended_at_ms,
        duration_ms=number(meta.get("duration_ms")),
        status=_status(meta.get("status"), error=error, ended=ended_at_ms is not None),
        agent=agent if isinstance(agent, dict) else {},
        turns=whole(meta.get("turns")),
        cost=_object(meta.get("cost")),
        latency=_latency(meta.get("latency")),
        error=error,
        callscope=callscope if isinstance(callscope, dict) else {},
        **{name: _text(meta.get(name)) for name in _TEXTS},
    )
    return foreign.masked_call(call)


def problems_of(meta: Mapping[str, Any], call: Call) -> list[Problem]:
    """What in a metadata document could not be taken as it is."""
    found = [
        f"{key} is {_shorten(meta[key])}, which is not understood: taken as unknown"
        for key, value in (
            ("started_at", wire.parse_ts(meta.get("started_at"))),
            ("ended_at", call.ended_at_ms),
            ("duration_ms", call.duration_ms),
            ("turns", call.turns),
            ("cost", call.cost),
            ("latency", call.latency),
        )
        if value is None and meta.get(key) is not None and not _is_empty(meta[key])
    ]
    if call.status not in model.STATUSES:
        found.append(f"status is {_shorten(call.status)}, which the schema does not know: kept as it is")
    version = call.schema_version
    if version is not None and version.partition(".")[0] != model.SCHEMA_VERSION.partition(".")[0]:
        found.append(f"schema_version is {_shorten(version)}: read as {model.SCHEMA_VERSION}")
    return [Problem(file=METADATA, line=None, message=message) for message in found]


def day_of(path: str) -> int | None:
    """The first millisecond of the UTC day whose directory holds the call; None when it is in none."""
    parts = Path(path).parts[-4:-1]
    try:
        year, month, day = (int(part) for part in parts)
        start = dt.datetime(year, month, day, tzinfo=dt.UTC)
    except ValueError:
        return None
    return round(start.timestamp() * 1000) if start.year >= 1970 else None  # noqa: PLR2004 -- Unix time


def _status(word: object, *, error: str | None, ended: bool) -> str:
    if not isinstance(word, str) or not word.strip():
        word = model.COMPLETED if ended else model.IN_PROGRESS
        return model.FAILED if error is not None and ended else word
    status = status_of(word)
    if error is not None and status in {model.COMPLETED, None}:
        return model.FAILED
    return status or word


def _latency(value: object) -> dict[str, Any] | None:
    """Percentiles of the response latency, flat.

    Patter's flat figures begin when the caller starts to speak; where its nested ones say what the caller waited, that
    is taken.
    """
    if not isinstance(value, dict):
        return None
    flat = {}
    for name in _PERCENTILES:
        nested = value.get(name)
        waited = number(nested.get("agent_response_ms")) if isinstance(nested, dict) else number(nested)
        flat[f"{name}_ms"] = waited if waited is not None else number(value.get(f"{name}_ms"))
    return flat if any(figure is not None for figure in flat.values()) else None


def _error(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("message") or value.get("error_code") or value or None
    if value is None or value is False:
        return None
    return _text(value) or None


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else wire.encode(value).decode()


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and value else None


def _is_empty(value: object) -> bool:
    """Whether a document says in its own way that it does not know: null, or an object of nulls."""
    return isinstance(value, dict) and all(item is None or _is_empty(item) for item in value.values())


def _shorten(value: object) -> str:
    text = wire.encode(value).decode()
    return text if len(text) <= 60 else text[:60] + "…"  # noqa: PLR2004 -- a glimpse, not the document
