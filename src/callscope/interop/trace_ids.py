"""Ids of traces and spans that are the same at each export, so that a second one does not duplicate the first.

A call without a trace of its own gets one that is made of its id and the moment of its start: ids that are given again,
on another day or in a test's loop, are other calls. What a span's id is made of names it within its call.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from callscope.model.call import Call

_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8


def trace_id(call: Call) -> str:
    """32 hexadecimal digits: the call's own trace, where it has a valid one, else one made of its identity."""
    own = (call.trace_id or "").strip().lower().replace("-", "")
    if _TRACE.fullmatch(own) and own.strip("0"):
        return own
    return _digest(f"call:{_identity(call)}", _TRACE_BYTES)


def span_id(call: Call, *what: str | int) -> str:
    """16 hexadecimal digits, of the call's span or of a part of it that ``what`` names."""
    return _digest("\0".join(["span", _identity(call), *map(str, what)]), _SPAN_BYTES)


def _identity(call: Call) -> str:
    return f"{call.call_id}@{call.started_at_ms}"


def _digest(seed: str, length: int) -> str:
    """All zeros is no id; that a digest begins with so many of them is not worth a thought."""
    return sha256(seed.encode("utf-8", "surrogatepass")).digest()[:length].hex()
