"""Files below a call's address: its sound, what is recorded of it as it lies on the disk, and its page as one file."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from callscope.archive.reader import read_envelope
from callscope.errors import NotFoundError
from callscope.web.call import files
from callscope.web.site import Site

CALL: Final = "/calls/{year}/{month}/{day}/{name}"


def recording(request: Request) -> Response:
    """``GET <call>/recording.wav``: the sound, whatever its file is called; byte ranges."""
    site: Site = request.app.state.site
    directory = files.call_directory(site.root, request.path_params)
    sound = files.recording_of(read_envelope(directory, now_ms=site.now_ms()))
    if sound is None:
        raise NotFoundError(f"the call {directory.name} has no recording")
    return files.send(request, sound, media_type="audio/wav")


def raw(request: Request) -> Response:
    """``GET <call>/raw/{file}``: a text file to keep, never one that a browser would show as a page."""
    site: Site = request.app.state.site
    directory = files.call_directory(site.root, request.path_params)
    path = files.text_file(directory, request.path_params["file"])
    named = files.kept_as(f"{directory.name}-{path.name}")
    return files.send(request, path, media_type="text/plain; charset=utf-8", headers={"Content-Disposition": named})


def exported(request: Request) -> Response:
    """``GET <call>/export.html?sound=1&redact=1``: the page as one file, to keep."""
    from callscope.web.export import export_call  # noqa: PLC0415 -- redaction is loaded when somebody wants it

    site: Site = request.app.state.site
    directory = files.call_directory(site.root, request.path_params)
    wanted = {name: request.query_params.get(name, "") not in ("", "0") for name in ("sound", "redact")}
    made = export_call(directory, now_ms=site.now_ms, target_ms=site.target_ms, version=site.version, **wanted)
    return HTMLResponse(made.text, headers={"Content-Disposition": files.kept_as(made.name)})


ROUTES: Final = (
    Route(f"{CALL}/export.html", exported),
    Route(f"{CALL}/recording.wav", recording),
    Route(f"{CALL}/raw/{{file}}", raw),
)
