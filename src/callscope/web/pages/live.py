"""Calls in progress, and the stream that tells pages what is new."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from callscope.errors import CallscopeError
from callscope.web.in_progress import LiveCall, live_calls
from callscope.web.news import LISTENERS
from callscope.web.site import Site


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What ``live.html`` shows."""

    calls: tuple[LiveCall, ...]
    """Stuck ones first, then the newest."""
    total: int
    """Calls in progress, of which at most `callscope.web.in_progress.MOST` are shown."""
    now_ms: int
    target_ms: int


def show(request: Request) -> Response:
    """``GET /live``."""
    site: Site = request.app.state.site
    calls, total = live_calls(site)
    page = Live(calls=calls, total=total, now_ms=site.now_ms(), target_ms=site.target_ms)
    return site.page(request, "live.html", page, title="Live", current="Live", live="live", styles=("live.css",))


async def stream(request: Request) -> Response:
    """``GET /events``: see `callscope.web.news`."""
    site: Site = request.app.state.site
    if site.news.is_full:
        raise CallscopeError(f"{LISTENERS} browsers listen already: close some")
    messages = site.news.stream(site.refresher.progress.generation)
    return StreamingResponse(messages, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


ROUTES: Final = (Route("/live", show), Route("/events", stream))
