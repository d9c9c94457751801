"""Who may upload what LiveKit's agents record, and what an agent is told. Imports next to nothing.

An agent that is told, with 401, that "data recording is disabled" stops to send for the rest of its session and goes on
with its call.
"""

from __future__ import annotations

from typing import Final

import msgspec

from callscope.receivers import livekit_token
from callscope.receivers.livekit_token import Keys

RECORDING_BYTES: Final = 128 << 20
"""Of a recording's body: eight hours of sound as LiveKit packs it."""
RETRY_AFTER_SECONDS: Final = 10
TRY_AGAIN: Final = frozenset({429, 503})
_RETRY_INFO: Final = b"type.googleapis.com/google.rpc.RetryInfo"
_UNAVAILABLE: Final = 14
_MAX_SHORT: Final = 127
_MAX_TEXT: Final = 200
_DISABLED: Final = (
    "data recording is disabled: this server is reached from other machines and has no keys to check tokens with;"
    " start it with LIVEKIT_API_KEY and LIVEKIT_API_SECRET in its environment"
)


class Uploads(msgspec.Struct, frozen=True, kw_only=True):
    """Who may upload."""

    keys: Keys | None = None
    """None: there is nothing to check tokens with."""
    is_open: bool = True
    """Whether everybody who reaches this server may, where there are no keys: it is reached from this machine alone."""


class Said(msgspec.Struct, frozen=True):
    """What an agent is told."""

    status: int
    text: str = ""

    @property
    def body(self) -> bytes:
        """The text; where the agent is to try again, a ``google.rpc.Status`` that says when, without which it does not.

        The status holds a ``google.rpc.RetryInfo``.
        """
        if self.status not in TRY_AGAIN:
            return f"{self.text}\n".encode("utf-8", "replace") if self.text else b""
        retry_info = _field(1, bytes([8, RETRY_AFTER_SECONDS]))
        detail = _field(1, _RETRY_INFO) + _field(2, retry_info)
        return (
            bytes([8, _UNAVAILABLE]) + _field(2, self.text[:_MAX_TEXT].encode("utf-8", "replace")) + _field(3, detail)
        )


def refusal(uploads: Uploads, authorization: str, *, now_s: float) -> Said | None:
    """Why an agent may not upload; None when it may.

    Args:
        uploads: who may.
        authorization: the request's header.
        now_s: Unix seconds.
    """
    if uploads.keys is None:
        return None if uploads.is_open else Said(401, _DISABLED)
    why = livekit_token.why_not(authorization, uploads.keys, now_s=now_s)
    return None if why is None else Said(401, why)


def _field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message, of a content of up to 16 KB."""
    length = len(content)
    size = [length] if length <= _MAX_SHORT else [length % 128 | 128, length // 128]
    return bytes([number << 3 | 2, *size]) + content
