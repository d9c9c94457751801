"""What could be typed next in a filter box."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.query.completions import complete
from callscope.query.scanner import MAX_LENGTH


def show(request: Request) -> Response:
    """``GET /completions?text&cursor``: a `callscope.query.completions.Completion`; places are in characters."""
    text = request.query_params.get("text", "")[:MAX_LENGTH]
    cursor = request.query_params.get("cursor", "")
    at = (
        int(cursor) if cursor.isascii() and cursor.isdecimal() and len(cursor) < len(str(MAX_LENGTH)) + 1 else len(text)
    )
    return Response(msgspec.json.encode(complete(text, at)), media_type="application/json")


ROUTES: Final = (Route("/completions", show),)
