"""The list of calls: which, in which order, and what stands out."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.index.calls import CallRow
from callscope.web.site import Site


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What ``calls.html`` shows."""

    calls: tuple[CallRow, ...]


def show(request: Request) -> Response:
    """``GET /calls``."""
    site: Site = request.app.state.site
    asked = site.asked(request, default_range="all")
    page = Calls(calls=site.index.calls(asked.query).calls)
    return site.page(request, "calls.html", page, title="Calls", current="Calls", asked=asked, live="index")


ROUTES: Final = (Route("/calls", show),)
