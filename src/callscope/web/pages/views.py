"""Saved views: a filter and a range under a name, kept in a file."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callscope import config
from callscope.query.language import parse
from callscope.web.asked import ALL
from callscope.web.saved_views import View, delete_view, save_view
from callscope.web.site import Site


async def save(request: Request) -> Response:
    """``POST /views``: save ``q`` and ``range`` under ``name``."""
    site: Site = request.app.state.site
    fields = await site.form(request)
    view = View(
        name=fields.get("name", "").strip(), query=fields.get("q", "").strip(), range=fields.get("range") or ALL
    )
    parse(view.query, now_ms=site.now_ms())
    save_view(config.views_file(), view)
    return _back(view.query, view.range)


async def delete(request: Request) -> Response:
    """``POST /views/delete``: forget the view ``name``; ``q`` and ``range`` are what the page shows afterwards."""
    site: Site = request.app.state.site
    fields = await site.form(request)
    delete_view(config.views_file(), fields.get("name", ""))
    return _back(fields.get("q", ""), fields.get("range") or ALL)


def _back(query: str, name: str) -> Response:
    kept = {"q": query} if query else {}
    if name != ALL:
        kept["range"] = name
    return RedirectResponse("/calls" + (f"?{urlencode(kept)}" if kept else ""), 303)


ROUTES: Final = (
    Route("/views", save, methods=["POST"]),
    Route("/views/delete", delete, methods=["POST"]),
)
