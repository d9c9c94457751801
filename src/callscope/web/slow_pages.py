"""Pages whose filter no rollup answers: of many calls they are made in the background, and say so meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from callscope.index.rolled_up import is_rolled_up
from callscope.web.asked import RANGES, Asked
from callscope.web.background import OLD_MS, Told
from callscope.web.site import Site

MANY_CALLS: Final = 5_000
"""In the index, from which on looking at each of them takes longer than a page may."""
_SECONDS: Final = 15.0
"""Age from which such a page is made anew."""

T = TypeVar("T")


class Ask(Protocol):
    """How a page asks for what takes long; see `callscope.web.background.Background.ask`."""

    def __call__(self, name: str, make: Callable[[], T], *, older_than_seconds: float) -> Told[T]:
        """The value, as far as it is there."""
        ...


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """What ``counting.html`` shows."""

    name: str
    calls: int
    trouble: str
    """Why it could not be counted; empty: it is being counted."""
    ranges: tuple[str, ...]


def made(site: Site, request: Request, asked: Asked, make: Callable[[Ask], T]) -> Told[T]:
    """What a page shows: at once where its filter can be answered quickly, else as far as it was counted.

    Args:
        site: whose.
        request: for which page.
        asked: its filter.
        make: makes it; is given how to ask for what takes long.
    """
    if is_rolled_up(asked.query) or site.index.freshness.calls < MANY_CALLS:
        return Told(value=make(site.background.ask), at_ms=site.now_ms())
    name = f"{request.url.path}?{request.url.query}"
    told = site.slow.ask(name, lambda: make(site.background.here), older_than_seconds=_SECONDS)
    is_old = told.at_ms is not None and site.now_ms() - told.at_ms > OLD_MS
    return msgspec.structs.replace(told, value=None) if is_old and told.is_counting else told


def counting(site: Site, request: Request, asked: Asked, told: Told[T], name: str) -> Response:
    """The page of that name, without what is not counted yet."""
    page = Counting(
        name=name, calls=site.index.freshness.calls, trouble=told.trouble or "", ranges=tuple(RANGES)
    )  # fmt: skip
    return site.page(
        request,
        "counting.html",
        page,
        title=name,
        current=name,
        asked=asked,
        live="index",
        scripts=("filter.js",),
        styles=("filter.css",),
    )
