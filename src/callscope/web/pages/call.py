"""The page of one call: why it was slow, what was not heard, what it cost."""

from __future__ import annotations

import contextlib
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callscope.archive.log_files import LogFiles
from callscope.archive.paths import CALLS
from callscope.archive.reader import read_call, read_metadata
from callscope.errors import CallscopeError, UnreadableError
from callscope.index.log_lines import LogAnswer
from callscope.model.call import IN_PROGRESS, Call
from callscope.query.language import parse
from callscope.query.query import CallQuery
from callscope.web.asked import RANGES
from callscope.web.call import files, tables
from callscope.web.call.links import Links
from callscope.web.call.log_lines import FILTER, query_of
from callscope.web.call.notes import notes_of_call
from callscope.web.call.page import ListPlace, call_page
from callscope.web.call.sound import sound_of
from callscope.web.site import Site

_CHOSEN: Final = ("t", "exchange", "tab", "first", *FILTER)
_LOG_SECONDS: Final = 0.2
"""For what is known of the files of logs; what is not known yet is read from them."""
_LIST: Final = ("in", "range")
"""Of the list that the call was opened from: its filter, which holds its order, and its range."""
_TITLE: Final = 60


def show(request: Request) -> Response:
    """``GET /calls/2026/11/21/<name>``."""
    site: Site = request.app.state.site
    asked = site.asked(request, default_range="all")
    directory = files.call_directory(site.root, request.path_params)
    now_ms = site.now_ms()
    record = read_call(directory, now_ms=now_ms)
    address, parameters = files.address_of(directory), asked.parameters
    of_list = {name: parameters[name] for name in _LIST if parameters.get(name)}
    lines = {name: parameters[name] for name in FILTER if parameters.get(name)}
    tab = {"tab": parameters["tab"]} if parameters.get("tab", tables.COSTS) != tables.COSTS else {}
    place = directory.relative_to(site.root / CALLS).as_posix()
    page = call_page(
        record,
        Links(address=address, kept={**of_list, **tab, **lines}),
        {name: parameters.get(name, "") for name in _CHOSEN},
        now_ms=now_ms,
        target_ms=site.target_ms,
        place=_place(site, of_list, place, now_ms),
        metadata=read_metadata(str(directory)),
        files=files.text_files(directory),
        sound=sound_of(files.recording_of(record.call), record.call),
        notes=notes_of_call(record.call, address),
        lines=_lines(site, record.call, parameters),
    )
    return site.page(
        request,
        "call.html",
        page,
        title=f"Call {record.call.call_id[:_TITLE]}",
        current="Calls",
        asked=asked,
        live=f"call:{place}" if record.call.status == IN_PROGRESS else "",
        styles=("call.css", "player.css"),
        scripts=("player.js",),
    )


def by_id(request: Request) -> Response:
    """``GET /calls/id/<call_id>``: to the call with this id, or whose id begins so."""
    site: Site = request.app.state.site
    directory = site.index.call(request.path_params["call_id"]).path
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(files.address_of(directory) + query, 302)


def _lines(site: Site, call: Call, parameters: dict[str, str]) -> LogAnswer | None:
    """The lines of logs that belong to the call; None where the archive has no logs."""
    query = query_of(call, parameters)
    try:
        with LogFiles(site.root) as logs:
            if not logs.files and not logs.problems:
                return None
            with contextlib.suppress(CallscopeError):
                site.index.refresh_logs(logs, budget_seconds=_LOG_SECONDS)
            return site.index.log_lines(logs, query)
    except UnreadableError as error:
        return LogAnswer(lines=(), more=False, problems=(str(error),))


def _place(site: Site, of_list: dict[str, str], path: str, now_ms: int) -> ListPlace:
    """The list that the call was opened from, and its neighbours there; without an index only the way back."""
    kept = {"q" if name == "in" else name: value for name, value in of_list.items()}
    back = "/calls" + (f"?{urlencode(kept)}" if kept else "")
    try:
        found = site.index.neighbours(_query(of_list, now_ms), path)
    except CallscopeError:
        return ListPlace(back=back)
    end = f"?{urlencode(of_list)}" if of_list else ""

    def to(neighbour: str | None) -> str:
        return files.address_of(neighbour) + end if neighbour is not None else ""

    return ListPlace(back=back, previous=to(found.previous), next=to(found.next))


def _query(of_list: dict[str, str], now_ms: int) -> CallQuery:
    query = parse(of_list.get("in", ""), now_ms=now_ms)
    length_ms = RANGES.get(of_list.get("range", ""))
    if length_ms is not None and query.since_ms is None and query.until_ms is None:
        query = msgspec.structs.replace(query, since_ms=now_ms - length_ms)
    return query


ROUTES: Final = (
    Route("/calls/id/{call_id:path}", by_id),
    Route("/calls/{year}/{month}/{day}/{name}", show),
)
