"""What an address asks for: the filter, the range of time, and links that keep them.

Everything that a page shows is in its address, so that Back works and an address can be sent to somebody. ``q`` is a
query of the language of docs/query.md, ``range`` a stretch of time up to now; a query that names a time itself has
precedence over the range.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from callscope.errors import SettingError
from callscope.query.language import parse
from callscope.query.query import CallQuery

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
ALL: Final = "all"
RANGES: Final = {"1h": _HOUR_MS, "24h": _DAY_MS, "7d": 7 * _DAY_MS, "30d": 30 * _DAY_MS, "90d": 90 * _DAY_MS, ALL: None}
"""Ranges up to now that a page offers, in milliseconds."""
KEPT: Final = ("q", "range")
"""What links between pages keep."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The filter and the range of an address."""

    path: str
    """Of the page, as in the address."""
    text: str
    """The filter as it was typed."""
    range: str
    """A key of `RANGES`."""
    query: CallQuery
    """Both as a query."""
    now_ms: int
    """Unix milliseconds; what ``7d`` counts from."""
    has_own_time: bool
    """Whether the filter names a time, so that the range says nothing."""
    parameters: dict[str, str]
    """All of the address, in its order."""

    @property
    def before(self) -> CallQuery | None:
        """The same calls in the equally long time before; None for a time without a beginning."""
        since_ms, until_ms = self.query.since_ms, self.query.until_ms
        if since_ms is None:
            return None
        step_ms = (self.now_ms if until_ms is None else until_ms) - since_ms
        if step_ms <= 0:
            return None
        return msgspec.structs.replace(self.query, since_ms=since_ms - step_ms, until_ms=since_ms)

    def to(self, path: str, **changes: str | None) -> str:
        """The address of another page with this filter and range; ``None`` leaves a parameter out."""
        return _address(path, {name: self.parameters[name] for name in KEPT if name in self.parameters}, changes)

    def here(self, **changes: str | None) -> str:
        """The address of this page with some parameters changed; those of a page of a list go."""
        kept = {name: value for name, value in self.parameters.items() if name != "after"}
        return _address(self.path, kept, changes)

    def adding(self, condition: str, path: str | None = None) -> str:
        """The address with one more condition in the filter, on this page or on another one.

        Another page has another range when none is named, so the one that was looked at is.
        """
        text = f"{self.text} {condition}".strip()
        if path is None:
            return self.here(q=text)
        if self.has_own_time or self.range == ALL:
            return self.to(path, q=text)
        return self.to(path, q=text, range=self.range)


def asked(request: Request, *, now_ms: int, default_range: str = "7d") -> Asked:
    """Read an address.

    Raises:
        QueryError: the filter is no query; says where.
        SettingError: the range is none of `RANGES`.
    """
    parameters = dict(request.query_params)
    text, name = parameters.get("q", "").strip(), parameters.get("range", default_range)
    if name not in RANGES:
        raise SettingError(f"range={name!r} is no range: write one of {', '.join(RANGES)}")
    query = parse(text, now_ms=now_ms)
    length_ms, has_own_time = RANGES[name], query.since_ms is not None or query.until_ms is not None
    if length_ms is not None and not has_own_time:
        query = msgspec.structs.replace(query, since_ms=now_ms - length_ms)
    return Asked(
        path=request.url.path,
        text=text,
        range=name,
        query=query,
        now_ms=now_ms,
        has_own_time=has_own_time,
        parameters=parameters,
    )


def _address(path: str, kept: dict[str, str], changes: dict[str, str | None]) -> str:
    parameters = {name: value for name, value in {**kept, **changes}.items() if value}
    return f"{path}?{urlencode(parameters)}" if parameters else path
