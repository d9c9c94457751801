"""The addresses of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callscope.web.api.document import Problem, openapi
from callscope.web.api.operations import OPERATIONS, Operation
from callscope.web.api.parameters import read
from callscope.web.site import Site

PREFIX: Final = "/api/"


def answer(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def refuse(message: str, status: int, *, column: int | None = None) -> Response:
    """Why there is no answer; ``column`` of a filter that is not understood."""
    return answer(Problem(error=message, column=column), status)


def _handler(operation: Operation) -> Callable[[Request], Response]:
    def handle(request: Request) -> Response:
        site: Site = request.app.state.site
        values = read(operation.parameters, request.query_params, request.path_params)
        return answer(operation.run(site, values))

    return handle


def _document(request: Request) -> Response:
    site: Site = request.app.state.site
    return answer(openapi(site.version))


ROUTES: Final = (
    Route("/api/openapi.json", _document),
    *(Route(f"/api{each.path}", _handler(each), name=f"api-{each.name}") for each in OPERATIONS),
)
