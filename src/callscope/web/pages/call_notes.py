"""Forms of a call's page: labels and notes that a person adds and removes."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callscope.archive.annotate import annotate
from callscope.errors import SettingError
from callscope.web.call import files
from callscope.web.pages.call_files import CALL
from callscope.web.site import Site


async def labels(request: Request) -> Response:
    """``POST <call>/labels``: ``name`` and ``value`` of a label to set, or ``remove``, the name of one to go."""
    site: Site = request.app.state.site
    fields = await site.form(request)
    if "remove" in fields:
        return await _change(request, fields, remove_labels=(fields["remove"],))
    return await _change(request, fields, set_labels={fields.get("name", ""): fields.get("value", "")})


async def notes(request: Request) -> Response:
    """``POST <call>/notes``: the ``text`` of a new note, or ``remove``, the time of one to go."""
    site: Site = request.app.state.site
    fields = await site.form(request)
    if "remove" in fields:
        return await _change(request, fields, remove_note=fields["remove"])
    if "text" not in fields:
        raise SettingError("the form has neither a text nor something to remove")
    return await _change(request, fields, add_note=fields["text"])


async def _change(request: Request, fields: dict[str, str], **change: Any) -> Response:
    site: Site = request.app.state.site
    directory = files.call_directory(site.root, request.path_params)
    await run_in_threadpool(partial(annotate, directory, now_ms=site.now_ms(), **change))
    site.refresher.look()
    return RedirectResponse(_back(files.address_of(directory), fields.get("back", "")), 303)


def _back(address: str, asked: str) -> str:
    """The call's page as it was left: its own address, and of what a form says only the parameters."""
    try:
        parts = urlsplit(asked)
    except ValueError:
        return f"{address}#notes"
    query = parts.query if unquote(parts.path) == unquote(address) else ""
    return f"{address}?{query}#notes" if query else f"{address}#notes"


ROUTES: Final = (
    Route(f"{CALL}/labels", labels, methods=["POST"]),
    Route(f"{CALL}/notes", notes, methods=["POST"]),
)
