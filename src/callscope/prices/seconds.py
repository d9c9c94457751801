"""Seconds as they are billed: which of a record's clocks the provider goes by, and how each stretch is rounded.

A provider bills the audio that was sent, the socket that was open, or the leg that was up; the three differ by as much
as a factor. Rounding and minimum apply to each leg, session or request, never to their sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from callscope.prices.entry import Entry, Meter
from callscope.prices.reported import Number, Piece, Problem, Reported

_METERS: Final[tuple[Meter, ...]] = ("session_seconds", "call_seconds", "audio_seconds")
_LISTED_BY: Final = {"call_seconds": "legs", "session_seconds": "sessions"}
_TELEPHONY: Final = "telephony"


def meter_of(entry: Entry) -> Meter:
    """The seconds that an entry bills."""
    return entry.meter or ("call_seconds" if entry.service == _TELEPHONY else "audio_seconds")


def nearest(entry: Entry, told: Mapping[str, object]) -> str:
    """The meter that an entry bills, or of those that were told the one that comes nearest."""
    meter = meter_of(entry)
    return meter if meter in told else next(other for other in _METERS if other in told)


def pieces(reported: Reported) -> dict[str, tuple[Piece, ...]]:
    """What was reported, by meter, each stretch by itself. Meters that nobody told of are absent."""
    found: dict[str, tuple[Piece, ...]] = {}
    for meter in _METERS:
        listed = {"call_seconds": reported.legs, "session_seconds": reported.sessions}.get(meter)
        seconds = reported.numbers.get(meter)
        if isinstance(listed, tuple):
            found[meter] = listed
        elif seconds is not None:
            found[meter] = (Piece(seconds, times=1 if listed is None else listed),)
    return found


def lengthless(reported: Reported) -> list[Problem]:
    """Legs and sessions that were only counted: without their seconds nobody knows what they cost."""
    return [
        Problem(name, f"{name} without their seconds: report {meter}, or a list of seconds as {name}")
        for meter, name, listed in (
            ("call_seconds", "legs", reported.legs),
            ("session_seconds", "sessions", reported.sessions),
        )
        if isinstance(listed, int) and meter not in reported.numbers
    ]


def told_by(reported: Reported, meter: str) -> str:
    """The key that the seconds of a meter came from."""
    listed = {"legs": reported.legs, "sessions": reported.sessions}.get(_LISTED_BY.get(meter, ""))
    return _LISTED_BY[meter] if isinstance(listed, tuple) else meter


def used(stretches: tuple[Piece, ...]) -> Number:
    """Seconds that were used."""
    return sum(piece.seconds * piece.times for piece in stretches)


def billed(stretches: tuple[Piece, ...], entry: Entry) -> Number:
    """Seconds that are charged: each stretch rounded up and at least the minimum; one of 0 s is charged nothing."""
    return sum(rounded(piece.seconds, entry) * piece.times for piece in stretches)


def rounds(entry: Entry) -> bool:
    """Whether it matters how the seconds are divided."""
    return entry.increment_seconds is not None or entry.minimum_seconds is not None


def rounded(seconds: Number, entry: Entry) -> Number:
    """One stretch, as it is charged."""
    if entry.increment_seconds is None and entry.minimum_seconds is None:
        return seconds
    if not seconds:
        return 0
    exact = Decimal(seconds)
    if entry.increment_seconds:
        whole, more = divmod(exact, entry.increment_seconds)
        exact = (whole + 1 if more else whole) * entry.increment_seconds
    return exact if entry.minimum_seconds is None else max(exact, entry.minimum_seconds)
