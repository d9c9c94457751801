"""The one definition of a percentile: linear interpolation between the closest ranks (type 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPORTED: Final = (("p50_ms", 0.50), ("p95_ms", 0.95), ("p99_ms", 0.99))
_DECIMALS: Final = 1


def percentile(sorted_values: Sequence[float], q: float) -> float:
    """The value below which a share ``q`` (0 to 1) of ascending ``sorted_values`` lies.

    Raises:
        ValueError: there are no values, or ``q`` is not between 0 and 1.
    """
    if not sorted_values:
        raise ValueError("a percentile needs at least one value")
    if not 0 <= q <= 1:
        raise ValueError(f"q is a share between 0 and 1, not {q}")
    rank = q * (len(sorted_values) - 1)
    below = int(rank)
    low = sorted_values[below]
    high = sorted_values[min(below + 1, len(sorted_values) - 1)]
    return low + (high - low) * (rank - below)


def latency_summary(response_ms: Sequence[float]) -> dict[str, float] | None:
    """``{"p50_ms", "p95_ms", "p99_ms"}`` of response latencies in any order; None when there are none."""
    if not response_ms:
        return None
    values = sorted(response_ms)
    return {name: round(percentile(values, q), _DECIMALS) for name, q in _REPORTED}
