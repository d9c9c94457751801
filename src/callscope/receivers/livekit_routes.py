"""The four addresses below ``LIVEKIT_OBSERVABILITY_URL``, for any Starlette application that has a `Door`.

The application's state has ``door``, its `Door`, and ``uploads``, who may send (`Uploads`). As with OTLP, what takes
the requests is imported when the first one comes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from callscope import clock
from callscope.interop.otlp.decoded import SIGNALS, Signal
from callscope.interop.otlp.limits import REQUEST_BYTES
from callscope.receivers import uploads
from callscope.receivers.place import BusyError
from callscope.receivers.routes import Door, read_body
from callscope.receivers.uploads import RECORDING_BYTES, RETRY_AFTER_SECONDS, TRY_AGAIN, Said, Uploads

PREFIX: Final = "/observability/"
"""What is below it is asked for a token of its own."""
_MS: Final = 1000
_PROTOBUF: Final = "application/x-protobuf"
_AT_ONCE: Final = 2
"""Threads that take what came: the pages of the same process have threads of their own."""
_RECORDINGS_AT_ONCE: Final = 4
"""That are read at the same time, as they are large."""


async def _receive(request: Request, signal: Signal) -> Response:
    refusal = _refusal(request)
    return refusal or await _answer(request, REQUEST_BYTES, partial(_take, request, signal))


async def _receive_recording(request: Request) -> Response:
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    async with _limiter(request, "recordings", _RECORDINGS_AT_ONCE):
        return await _answer(request, RECORDING_BYTES, partial(_take_recording, request))


def _refusal(request: Request) -> Response | None:
    """Who may send is asked before anything is read."""
    uploaders: Uploads = request.app.state.uploads
    said = uploads.refusal(uploaders, request.headers.get("authorization", ""), now_s=clock.now_ms() / _MS)
    return None if said is None else _response(said)


def _limiter(request: Request, name: str, most: int) -> CapacityLimiter:
    """The application's own: a limiter belongs to the loop that it is used in."""
    state = request.app.state
    if not hasattr(state, "limiters"):
        state.limiters = {}
    limiters: dict[str, CapacityLimiter] = state.limiters
    if name not in limiters:
        limiters[name] = CapacityLimiter(most)
    return limiters[name]


async def _answer(request: Request, most: int, take: Callable[[bytes], Response]) -> Response:
    try:
        body = await read_body(request, most)
    except ClientDisconnect:
        return Response(status_code=400)
    if body is None:
        return _response(Said(413, f"the body is longer than {most >> 20} MB"))
    return await to_thread.run_sync(take, body, limiter=_limiter(request, "takers", _AT_ONCE))


def _take(request: Request, signal: Signal, body: bytes) -> Response:
    from callscope.receivers import otlp  # noqa: PLC0415 -- see the module

    door: Door = request.app.state.door
    kind = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding", "")
    try:
        answer = otlp.answer(door.receiver(), signal, body, content_type=kind, encoding=encoding)
    except (BusyError, OSError) as error:
        answer = otlp.busy(str(error), otlp.PROTOBUF if "protobuf" in kind else otlp.JSON)
    return Response(answer.body, answer.status, {**answer.headers, "Content-Type": answer.content_type})


def _take_recording(request: Request, body: bytes) -> Response:
    from callscope.receivers import livekit  # noqa: PLC0415 -- see the module

    door: Door = request.app.state.door
    try:
        receiver = door.receiver()
    except (BusyError, OSError) as error:
        return _response(Said(503, str(error)))
    kind = request.headers.get("content-type", "")
    return _response(livekit.take_recording(receiver, receiver.root, body, kind))


def _response(said: Said) -> Response:
    if said.status in TRY_AGAIN:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Content-Type": _PROTOBUF}
        return Response(said.body, said.status, headers)
    return PlainTextResponse(said.body, said.status)


ROUTES: Final = (
    *(
        Route(f"{PREFIX}{signal}/otlp/v0", partial(_receive, signal=signal), methods=["POST"], name=f"livekit-{signal}")
        for signal in SIGNALS
    ),
    Route(f"{PREFIX}recordings/v0", _receive_recording, methods=["POST"], name="livekit-recordings"),
)
