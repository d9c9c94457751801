"""The first page: is it getting worse, and what to look at first."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.web.site import Site


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What ``overview.html`` shows."""

    calls: int


def show(request: Request) -> Response:
    """``GET /``."""
    site: Site = request.app.state.site
    asked = site.asked(request)
    figures = site.index.stats(asked.query, stages=False)[0][1]
    page = Overview(calls=figures.calls)
    return site.page(request, "overview.html", page, title="Overview", current="Overview", asked=asked, live="index")


ROUTES: Final = (Route("/", show),)
