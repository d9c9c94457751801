"""One object or row of a file, read field by field; a field that is wrong is an error that says where it stands."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from callscope.errors import UnreadableError
from callscope.model.wire import format_ts, parse_ts

DAY_MS: Final = 86_400_000
_MOST: Final = Decimal(10**15)
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAIL_DATE: Final = re.compile(
    r"(?:[A-Za-z]{3}, )?([0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9:]{8} (?:[+-][0-9]{4}|GMT|UTC))"
)
_ZONE: Final = re.compile(r" ?(?:UTC|GMT|Z)$")


class Row:
    """Fields by name.

    Args:
        values: the object; a CSV row with its columns' names folded, see `fold`.
        where: file and place, for errors.
    """

    __slots__ = ("values", "where")

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.values = values
        self.where = where

    def wrong(self, message: str) -> UnreadableError:
        """An error that names the place."""
        return UnreadableError(f"{self.where}: {message}")

    def first(self, *keys: str) -> str | None:
        """The first of the fields that has a text."""
        return next((text for text in map(self.text, keys) if text is not None), None)

    def text(self, key: str) -> str | None:
        """A text; None when there is none, or an empty one."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool | dict | list):
            raise self.wrong(f"{key} is {value!r}, which is no text")
        return str(value).strip() or None

    def number(self, key: str) -> Decimal | None:
        """An exact number; None when there is none."""
        value = self.values.get(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, int | str | Decimal) and not isinstance(value, bool):
            try:
                number = Decimal(value.strip() if isinstance(value, str) else value)
            except InvalidOperation:
                number = Decimal("NaN")
            if number.is_finite() and abs(number) < _MOST:
                return number
        raise self.wrong(f"{key} is {value!r}: a number as 1234.56 is needed")

    def must(self, key: str) -> Decimal:
        """A number that has to be there."""
        number = self.number(key)
        if number is None:
            raise self.wrong(f"there is no {key}")
        return number

    def moment(self, *keys: str) -> int | None:
        """Unix milliseconds of the first of the fields that is there: RFC 3339, RFC 2822 or Unix seconds."""
        for key in keys:
            value = self.values.get(key)
            if value is None or value == "":
                continue
            moment = parse_ts(_ZONE.sub("+00:00", value) if isinstance(value, str) else _plain(value))
            moment = moment if moment is not None or not isinstance(value, str) else _mail_moment(value)
            if moment is None:
                raise self.wrong(f"{key} is {value!r}: a time as 2026-11-21T09:30:00Z is needed")
            return moment
        return None

    def days(self, key: str) -> tuple[str | None, str | None, int | None]:
        """A date that is a day, a month or a moment: its first day, its last one if there are more, the moment."""
        text = self.text(key)
        if text is None:
            return None, None, None
        month = _MONTH.fullmatch(text)
        if month is not None:
            last = calendar.monthrange(int(month[1]), int(month[2]))[1]
            return f"{text}-01", f"{text}-{last}", None
        at_ms = self.moment(key)
        return day_of(at_ms), None, None if _DAY.fullmatch(text) else at_ms

    def row(self, key: str) -> Row:
        """The object in a field; an empty one when there is none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(f"{key} is {value!r}: an object is needed")
        return Row(value or {}, f"{self.where}.{key}")

    def rows(self, key: str) -> Iterator[Row]:
        """The objects in a field."""
        values = self.values.get(key)
        if not isinstance(values, list):
            raise self.wrong(f"{key} is no list")
        for number, value in enumerate(values):
            where = f"{self.where}.{key}[{number}]"
            if not isinstance(value, dict):
                raise UnreadableError(f"{where}: {value!r} is no object")
            yield Row(value, where)


def day_of(at_ms: int | None) -> str | None:
    """The UTC day of a moment in Unix milliseconds."""
    return None if at_ms is None else format_ts(at_ms)[:10]


def last_day_of(first: str | None, end_ms: int | None) -> str | None:
    """The last day of a stretch of time that ends before ``end_ms``; None when it has one day only."""
    last = day_of(None if end_ms is None else end_ms - 1)
    return last if last is not None and first is not None and last > first else None


def fold(column: str) -> str:
    """A column's name in lower case, without spaces and signs: ``Call SID`` and ``call_sid`` are ``callsid``."""
    return re.sub(r"[^a-z0-9]", "", column.lower())


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _mail_moment(text: str) -> int | None:
    found = _MAIL_DATE.fullmatch(text.strip())
    if found is None:
        return None
    try:
        moment = datetime.strptime(re.sub("GMT|UTC", "+0000", found[1]), "%d %b %Y %H:%M:%S %z")
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)
