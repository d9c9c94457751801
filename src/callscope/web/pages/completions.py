"""What could be typed next in a filter box."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.errors import CallscopeError
from callscope.query.completions import complete
from callscope.query.scanner import MAX_LENGTH
from callscope.web.site import Site


def show(request: Request) -> Response:
    """``GET /completions?text&cursor``: a `callscope.query.completions.Completion`; places are in characters."""
    text = request.query_params.get("text", "")[:MAX_LENGTH]
    cursor = request.query_params.get("cursor", "")
    at = (
        int(cursor) if cursor.isascii() and cursor.isdecimal() and len(cursor) < len(str(MAX_LENGTH)) + 1 else len(text)
    )
    site: Site = request.app.state.site
    try:
        found = site.index.complete(text, at)
    except CallscopeError:  # no index yet, or it is broken: the language is known without it
        found = complete(text, at)
    return Response(msgspec.json.encode(found), media_type="application/json")


ROUTES: Final = (Route("/completions", show),)
