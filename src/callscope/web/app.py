"""The dashboard as an ASGI application: which address is which page, and what is said when something is wrong."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from callscope.errors import CallscopeError, NoIndexError, NotFoundError, SettingError
from callscope.query.query_error import QueryError
from callscope.receivers import livekit_routes
from callscope.receivers import routes as otlp
from callscope.receivers.uploads import Uploads
from callscope.web.api import routes as api
from callscope.web.pages import call, call_files, call_notes, calls, completions, live, views
from callscope.web.safety import Access, Gate
from callscope.web.site import THEME_COOKIE, THEMES, Site

THREADS: Final = 4
"""That make pages at the same time. Each keeps a connection of the index and what it used last."""
STATIC: Final = Path(__file__).parent / "static"
_STATUS: Final[tuple[tuple[type[CallscopeError], int, str], ...]] = (
    (QueryError, 400, "This filter is not understood"),
    (SettingError, 400, "This cannot be answered"),
    (NotFoundError, 404, "Not found"),
    (CallscopeError, 503, "The archive or its index cannot be read"),
)
LATER: Final = {
    "/": "overview",
    "/latency": "latency",
    "/cost": "cost",
    "/errors": "errors",
    "/errors/{fingerprint}": "errors",
    "/alerts": "alerts",
    "/health": "health",
    "/metrics": "metrics",
}
"""Addresses of pages that are imported when they are first asked for: each needs much that the others do not."""
_LEAST_ZIPPED: Final = 2_000
_WITHOUT_ARCHIVE: Final = ("/health", "/static/")
"""What is answered also while there is no archive."""
_YEAR_S: Final = 365 * 86_400


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What ``error.html`` shows."""

    title: str
    message: str
    text: str
    """The filter that was asked for."""
    column: int | None
    """1-based place in it where the trouble is."""
    path: str


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What ``waiting.html`` shows."""

    root: str
    is_missing: bool
    """Whether there is no such archive."""
    is_gone: bool = False
    """It was there."""


def create_app(
    site: Site,
    *,
    access: Access | None = None,
    uploads: Uploads | None = None,
    refreshing: bool = True,
    watching: bool = True,
) -> Starlette:
    """The dashboard.

    Args:
        site: what it shows.
        access: who is answered; None: this machine, by its loopback names.
        uploads: whose LiveKit agents may send what they record; None: everybody's who is answered without a token.
        refreshing: keep the index up to date while it runs.
        watching: look at the rules of alerts while it does, and tell people.
    """
    site.alerting.is_left_out = not watching
    door = otlp.Door(site.root)

    @contextlib.asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        if refreshing:
            site.refresher.start()
        if refreshing and watching:
            site.watcher.start()
        door.open()
        yield
        await to_thread.run_sync(door.close)
        if refreshing and watching:
            site.watcher.stop()
        if refreshing:
            site.refresher.stop()

    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(Gate, access=access or Access()),
            Middleware(GZipMiddleware, minimum_size=_LEAST_ZIPPED),
            Middleware(_WhileThere),
        ],
        exception_handlers={
            CallscopeError: _callscope_error,
            HTTPException: _http_error,
            Exception: _mistake_of_ours,
        },
        lifespan=running,
    )
    app.state.site = site
    app.state.door = door
    app.state.uploads = uploads or Uploads(is_open=access is None or access.token is None)
    return app


def _routes() -> list[BaseRoute]:
    pages: list[BaseRoute] = [
        *(_later(path, module) for path, module in LATER.items()),
        *live.ROUTES,
        *calls.ROUTES,
        *views.ROUTES,
        *completions.ROUTES,
        *call.ROUTES,
        *call_files.ROUTES,
        *call_notes.ROUTES,
    ]
    return [
        *pages,
        *api.ROUTES,
        *otlp.ROUTES,
        *livekit_routes.ROUTES,
        Route("/theme", _choose_theme, methods=["POST"]),
        Mount("/static", _Static(directory=STATIC)),
    ]


def _later(path: str, module: str) -> Route:
    def show(request: Request) -> Response:
        routes: tuple[Route, ...] = importlib.import_module(f"callscope.web.pages.{module}").ROUTES
        answer: Response = next(route for route in routes if route.path == path).endpoint(request)
        return answer

    return Route(path, show, name=module)


class _WhileThere:
    """While the archive is gone every page says so, whatever the index still knows; Health does in its own way.

    Each request also gets the generation of the index from before its questions: what comes in meanwhile is announced.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            request = Request(scope)
            request.state.generation = request.app.state.site.refresher.progress.generation
            if (
                _wants_page(request)
                and not request.url.path.startswith(_WITHOUT_ARCHIVE)
                and request.app.state.site.is_gone
            ):
                answer = _gone(request)
        await answer(scope, receive, send)


def _gone(request: Request) -> Response:
    site: Site = request.app.state.site
    if not _wants_page(request):
        return _say(request, 503, "The archive is gone", f"there is no directory {site.root} any more")
    waiting = Waiting(root=str(site.root), is_missing=True, is_gone=True)
    return site.page(request, "waiting.html", waiting, title="The archive is gone", status=503)


class _Static(StaticFiles):
    """Files that may be kept by a browser: their addresses hold the version."""

    def file_response(self, *args: object, **named: object) -> Response:
        answer = super().file_response(*args, **named)  # type: ignore[arg-type]  # handed on as they came
        answer.headers["Cache-Control"] = f"private, max-age={_YEAR_S}"
        return answer


async def _choose_theme(request: Request) -> Response:
    site: Site = request.app.state.site
    fields = await site.form(request)
    theme, back = fields.get("theme", ""), fields.get("back", "/")
    answer = RedirectResponse(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/", 303)
    if theme in THEMES:
        answer.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_S, samesite="lax")
    else:
        answer.delete_cookie(THEME_COOKIE)
    return answer


def _callscope_error(request: Request, error: Exception) -> Response:
    site: Site = request.app.state.site
    if isinstance(error, NoIndexError):
        return _wait(request, site)
    status, title = next((status, title) for kind, status, title in _STATUS if isinstance(error, kind))
    column = error.column if isinstance(error, QueryError) else None
    return _say(request, status, title, str(error), column=column)


def _wait(request: Request, site: Site) -> Response:
    """There is no index yet: nothing was recorded so far, or the archive is about to be read."""
    if site.is_gone:
        return _gone(request)
    waiting = Waiting(root=str(site.root), is_missing=not site.root.is_dir())
    if not _wants_page(request):
        answer = _say(request, 503, "Not yet", "the archive has not been read yet: ask again")
        answer.headers["Retry-After"] = "1"
        return answer
    return site.page(request, "waiting.html", waiting, title="Nothing to show yet")


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:  # noqa: PLR2004 -- an HTTP status
        return _say(request, status, "Not found", f"There is no page {request.url.path}.")
    detail = error.detail if isinstance(error, HTTPException) else ""
    return _say(request, status, "This cannot be answered", detail)


def _mistake_of_ours(request: Request, error: Exception) -> Response:
    traceback.print_exception(error, file=sys.stderr)
    return _say(
        request,
        500,
        "A mistake of callscope",
        f"{type(error).__name__}. The terminal that runs it says more; please report it.",
    )


def _say(request: Request, status: int, title: str, message: str, *, column: int | None = None) -> Response:
    if request.url.path.startswith(api.PREFIX):
        return api.refuse(message, status, column=column)
    if not _wants_page(request):
        return PlainTextResponse(f"{title}: {message}\n", status)
    trouble = Trouble(
        title=title, message=message, text=request.query_params.get("q", ""), column=column, path=request.url.path
    )
    site: Site = request.app.state.site
    return site.page(request, "error.html", trouble, title=title, status=status)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(api.PREFIX)
