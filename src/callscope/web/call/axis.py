"""The one time axis of a call that everything is drawn on."""

from __future__ import annotations

from typing import Final

import msgspec

from callscope.archive.reader import CallRecord
from callscope.model.call import IN_PROGRESS, Call
from callscope.report import figures

_STEPS_MS: Final = (100, 200, 500, *(1000 * s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)))
_MOST_TICKS: Final = 10
_DAY_MS: Final = 86_400_000
"""A row whose moment is further from the call's start has a clock of its own: no axis is made for it."""


class Tick(msgspec.Struct, frozen=True):
    """A labelled moment."""

    x: str
    label: str
    is_minor: bool
    """Left out where there is little room."""


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """From a call's start to its end; places are lengths in percent, for SVG."""

    origin_ms: int
    """The call's start in Unix milliseconds."""
    length_ms: int
    """At least 1."""
    ticks: tuple[Tick, ...]

    @property
    def start_ms(self) -> int:
        """The left end in milliseconds after the call's start."""
        return 0

    @property
    def end_ms(self) -> int:
        """Unix milliseconds."""
        return self.origin_ms + self.length_ms

    def since(self, ts_ms: int) -> int:
        """Milliseconds from the start to a moment in Unix milliseconds, which the axis may not reach."""
        return ts_ms - self.origin_ms

    def share(self, ts_ms: float) -> float:
        """Where a moment is, from 0 to 100; moments beyond the axis are at its ends."""
        return min(max((ts_ms - self.origin_ms) / self.length_ms * 100, 0), 100)

    def x(self, ts_ms: float) -> str:
        """The same as a length: ``12.34%``."""
        return percent(self.share(ts_ms))


def axis_of(record: CallRecord, *, now_ms: int, sound_end_ms: float = 0) -> Axis:
    """The axis of a call.

    Args:
        record: its files.
        now_ms: Unix milliseconds, until which a call in progress goes.
        sound_end_ms: milliseconds after the call's start at which its recording ends: it may be later than the call.
    """
    call = record.call
    told = (*(row.ts_ms for row in record.events), *(turn.ts_ms for turn in record.turns))
    moments = [ts_ms for ts_ms in told if ts_ms is not None]
    start_ms = call.started_at_ms if call.started_at_ms is not None else min(moments, default=now_ms)
    near = [ts_ms for ts_ms in moments if start_ms <= ts_ms <= start_ms + _DAY_MS]
    length_ms = max(_end_of(call, start_ms, near, now_ms) - start_ms, min(round(sound_end_ms), _DAY_MS), 1)
    return Axis(origin_ms=start_ms, length_ms=length_ms, ticks=_ticks(length_ms))


def percent(share: float) -> str:
    """``12.34%``."""
    return f"{share:.2f}".rstrip("0").rstrip(".") + "%"


def _end_of(call: Call, start_ms: int, moments: list[int], now_ms: int) -> int:
    if call.status == IN_PROGRESS:
        return max(now_ms, *moments) if moments else now_ms
    ended_ms = call.ended_at_ms
    duration_ms = figures.known(call.duration_ms)
    if ended_ms is None and duration_ms is not None:
        ended_ms = start_ms + round(duration_ms)
    return max(moments, default=start_ms) if ended_ms is None else ended_ms


def _ticks(length_ms: int) -> tuple[Tick, ...]:
    step_ms = next((step for step in _STEPS_MS if length_ms / step <= _MOST_TICKS), None)
    if step_ms is None:
        step_ms = -(-length_ms // (_MOST_TICKS * _STEPS_MS[-1])) * _STEPS_MS[-1]
    return tuple(
        Tick(percent(at_ms / length_ms * 100), _label(at_ms, step_ms), number % 2 == 1)
        for number, at_ms in enumerate(range(0, length_ms + 1, step_ms))
        if at_ms / length_ms < 0.97  # noqa: PLR2004 -- a label at the very end would be cut off
    )


def _label(at_ms: int, step_ms: int) -> str:
    return figures.clock(at_ms) if step_ms % 1000 == 0 else f"{at_ms / 1000:g} s"
