"""Why a notice did not arrive."""

from __future__ import annotations

from callscope.errors import CallscopeError


class DeliveryError(CallscopeError):
    """A notice was not delivered. The message holds no secret: it stands in the state file, on pages and in logs.

    Args:
        message: what happened, and with which target.
        is_final: trying again would give the same: the receiver understood, and refused.
        retry_after_ms: how long the receiver asked to be left alone.
    """

    def __init__(self, message: str, *, is_final: bool = False, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.retry_after_ms = retry_after_ms
