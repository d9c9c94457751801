"""A figure as a tile: its value, what it is made of, and how it stands against the period before."""

from __future__ import annotations

from typing import Final

import msgspec

from callscope.index.figures import ENOUGH, Figures, Percentiles
from callscope.report import figures
from callscope.web.template import at_least, number, share

NOT_ENOUGH: Final = "not enough"
_MINUS: Final = "\N{MINUS SIGN}"
_WORSE_WAIT: Final = 0.10
"""A wait is worse from this part more on."""
_WORSE_POINTS: Final = 1.0
"""A rate is worse from so many percentage points on."""
_MANY: Final = 100
_MOST_PERCENT: Final = 999
"""More says no more."""
MAY_BE_ESTIMATED: Final = "may contain estimates"
"""Of a sum: what is added up does not know what was assumed."""


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """What a tile shows."""

    name: str
    value: str
    detail: str = ""
    change: str = ""
    """Against the period before, with its sign; empty when nothing can be said."""
    is_worse: bool = False
    sign: str = ""
    """An arrow beside what is worse."""
    address: str | None = None


def tiles(now: Figures, before: Figures | None, addresses: dict[str, str]) -> tuple[Tile, ...]:
    """The eight figures of a set of calls.

    Args:
        now: of the period.
        before: of the period before; None: the period has no beginning, so there is none.
        addresses: where a tile leads, by its name.
    """
    if before is not None and not before.calls:
        before = None
    found = (
        _amount("Calls", number(now.calls), now.calls, None if before is None else before.calls),
        _amount("Minutes", number(_short(now.minutes)), now.minutes, None if before is None else before.minutes),
        _spend(now, before),
        _wait("Response p50", now.response, None if before is None else before.response, 0.5),
        _wait("Response p95", now.response, None if before is None else before.response, 0.95),
        _rate("Completed", now.completion, None if before is None else before.completion, f"of {now.ended:,} ended"),
        _rate(
            "Interrupted",
            now.interruption_rate,
            None if before is None else before.interruption_rate,
            f"of {now.exchanges - now.unanswered:,} answers",
        ),
        _rate(
            "With an error", now.error_rate, None if before is None else before.error_rate, f"of {now.calls:,} calls"
        ),
    )
    return tuple(msgspec.structs.replace(each, address=addresses.get(each.name)) for each in found)


def _amount(name: str, value: str, now: float, before: float | None) -> Tile:
    return Tile(name=name, value=value, change=relative(now, before))


def _spend(now: Figures, before: Figures | None) -> Tile:
    unpriced = now.unpriced_calls
    detail = f"{unpriced:,} of {now.calls:,} calls not priced whole" if unpriced else ""
    if now.cost_usd is None:
        return Tile(name="Spend", value="unpriced" if now.calls else figures.UNKNOWN, detail=detail)
    known = None if before is None else before.cost_usd
    return Tile(
        name="Spend",
        value=at_least(now.cost_usd, unpriced),
        detail="; ".join(each for each in (detail, MAY_BE_ESTIMATED if now.cost_usd else "") if each),
        change=relative(now.cost_usd, known) if known else "",
    )


def _wait(name: str, now: Percentiles, before: Percentiles | None, part: float) -> Tile:
    value = now.p50_ms if part < 0.9 else now.p95_ms  # noqa: PLR2004 -- one of two percentiles
    if value is None:
        return Tile(name=name, value=NOT_ENOUGH if now.n else figures.UNKNOWN, detail=f"n {now.n:,}, {ENOUGH} needed")
    old = None if before is None else (before.p50_ms if part < 0.9 else before.p95_ms)  # noqa: PLR2004 -- as above
    detail = f"n {now.n:,}" if part < 0.9 else f"p99 {figures.wait(now.p99_ms)}, n {now.n:,}"  # noqa: PLR2004 -- as above
    if old is None:
        return Tile(name=name, value=figures.wait(value), detail=detail)
    is_worse = value > old * (1 + _WORSE_WAIT)
    return Tile(
        name=name,
        value=figures.wait(value),
        detail=detail,
        change=_signed(value - old, figures.wait(abs(value - old))),
        is_worse=is_worse,
        sign="▲" if is_worse else "",
    )


def _rate(name: str, now: float | None, before: float | None, detail: str) -> Tile:
    if now is None:
        return Tile(name=name, value=figures.UNKNOWN)
    if before is None:
        return Tile(name=name, value=share(now), detail=detail)
    points = (now - before) * _MANY
    loss = -points if name == "Completed" else points
    is_worse = loss >= _WORSE_POINTS
    return Tile(
        name=name,
        value=share(now),
        detail=detail,
        change=_signed(round(points, 1), f"{abs(points):.1f} points"),
        is_worse=is_worse,
        sign=("▼" if points < 0 else "▲") if is_worse else "",
    )


def relative(now: float, before: float | None) -> str:
    """``+6 %``, from ten times on ``> +999 %``; empty when nothing can be said."""
    return by_share(now / before - 1) if before else ""


def by_share(share_more: float) -> str:
    """The same of a part more or less: 0.06 is ``+6 %``."""
    percent = round(share_more * 100)
    if percent > _MOST_PERCENT:
        return f"> +{_MOST_PERCENT} %"
    return _signed(percent, f"{abs(percent)} %")


def _signed(difference: float, text: str) -> str:
    return f"{'+' if difference > 0 else _MINUS if difference < 0 else '±'}{text}"


def _short(value: float) -> float:
    return round(value) if value >= _MANY else round(value, 1)
