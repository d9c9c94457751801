"""The templates' environment: everything is escaped, numbers become words in one place.

Callers, providers and models choose the text that a page shows. Beside escaping, marks that turn the writing direction
round and control characters are taken out of whatever a template prints: they could make one thing look like another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from callscope.model.wire import format_ts
from callscope.report import figures
from callscope.report.money import at_least as at_least_words
from callscope.report.money import money as money_words
from callscope.report.safe_text import clean_lines

if TYPE_CHECKING:
    from jinja2 import Environment

_PLACES: Final = 3


def environment(now_ms: Callable[[], int]) -> Environment:
    """Templates with our filters; ``now_ms`` tells the time, in Unix milliseconds."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 -- slow, and not before a page

    found = Environment(
        loader=PackageLoader("callscope.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    found.filters |= {
        "wait": figures.wait,
        "clock": figures.clock,
        "size": figures.size,
        "count": figures.count,
        "money": money,
        "at_least": at_least,
        "share": share,
        "number": number,
        "moment": moment,
        "iso": iso,
        "percent": percent,
        "near": lambda ts_ms: near(ts_ms, now_ms=now_ms()),
        "ago": lambda ts_ms: ago(ts_ms, now_ms=now_ms()),
    }
    return found


def money(usd: object, unpriced: int = 0, *, estimated: bool = False) -> str:
    """US dollars, see `callscope.report.money.money`; a float of the index is taken to the billionth."""
    return money_words(_exact(usd), unpriced, estimated=estimated)


def at_least(usd: object, unpriced: int = 0, *, estimated: bool = False) -> str:
    """The same without the number of what is unpriced, see `callscope.report.money.at_least`."""
    return at_least_words(_exact(usd), unpriced, estimated=estimated)


def _exact(usd: object) -> Decimal | None:
    return usd if usd is None or isinstance(usd, Decimal) else round(Decimal(str(usd)), 9)


def share(value: float | None, digits: int = 1) -> str:
    """A part of one as ``11.2 %``; a dash when it is not known."""
    return figures.UNKNOWN if value is None or not math.isfinite(value) else f"{value * 100:.{digits}f} %"


def number(value: float | None) -> str:
    """``1,284``; a fraction with three figures; a dash when it is not known."""
    if value is None or not math.isfinite(value):
        return figures.UNKNOWN
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.{_PLACES}g}" if abs(value) < 10**_PLACES else f"{value:,.0f}"


def moment(ts_ms: float | None) -> str:
    """``2026-11-21 09:30:12``, UTC."""
    return figures.UNKNOWN if ts_ms is None else format_ts(int(ts_ms))[:19].replace("T", " ")


def iso(ts_ms: float | None) -> str:
    """For ``<time datetime>``."""
    return "" if ts_ms is None else format_ts(int(ts_ms))


def near(ts_ms: float | None, *, now_ms: int) -> str:
    """A moment in as few words as tell it: ``09:30:12`` today, else ``11-21 09:30``, or with the year."""
    if ts_ms is None:
        return figures.UNKNOWN
    text, today = format_ts(int(ts_ms)), format_ts(now_ms)
    if text[:10] == today[:10]:
        return text[11:19]
    return f"{text[5:10]} {text[11:16]}" if text[:4] == today[:4] else text[:10]


def ago(ts_ms: float | None, *, now_ms: int) -> str:
    """``12 s ago``, ``3 h ago``, ``5 d ago``."""
    if ts_ms is None:
        return figures.UNKNOWN
    seconds = max(now_ms - ts_ms, 0) / 1000
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {name} ago"
    return f"{int(seconds)} s ago"


def percent(part: float, whole: float) -> str:
    """A place or size in a drawing: ``12.34%``."""
    return f"{0 if not whole else part / whole * 100:.3f}".rstrip("0").rstrip(".") + "%"


def day_name(ts_ms: int) -> str:
    """``Sat 21 Nov``, of the UTC day."""
    return datetime.fromtimestamp(ts_ms // 1000, tz=UTC).strftime("%a %-d %b")


def _harmless(value: Any) -> Any:
    """Of what a template prints: None would read as a word, text may hold anything."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return ""
    return clean_lines(value) if isinstance(value, str) else value
