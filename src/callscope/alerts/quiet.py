"""Whether it is quiet: hours of a time zone in which nobody is told. Pure, but for the zones, which the system has."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from callscope.alerts.rule import Quiet

_DAYS = 7


def is_quiet(quiet: Quiet | None, at_ms: int) -> bool:
    """Whether a moment (Unix milliseconds) is in quiet hours. The clock on the wall counts, also when it is changed."""
    if quiet is None:
        return False
    here = datetime.fromtimestamp(at_ms / 1000, tz=_zone(quiet.zone))
    minute, today = here.hour * 60 + here.minute, here.weekday()
    if quiet.from_minute < quiet.to_minute:
        return today in quiet.days and quiet.from_minute <= minute < quiet.to_minute
    began_today = today in quiet.days and minute >= quiet.from_minute
    return began_today or ((today - 1) % _DAYS in quiet.days and minute < quiet.to_minute)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
