"""The four addresses below ``LIVEKIT_OBSERVABILITY_URL``, for any Starlette application that has a `Door`.

The application's state has ``door``, its `Door`, and ``uploads``, who may send (`Uploads`).
"""

from __future__ import annotations

from functools import partial
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from callscope import clock
from callscope.interop.otlp.decoded import SIGNALS, Signal
from callscope.interop.otlp.limits import REQUEST_BYTES
from callscope.receivers import livekit, otlp
from callscope.receivers.inbox import BusyError
from callscope.receivers.livekit import RECORDING_BYTES, RETRY_AFTER_SECONDS, TRY_AGAIN, Said, Uploads
from callscope.receivers.routes import Door, read_body

PREFIX: Final = "/observability/"
"""What is below it is asked for a token of its own."""
_MS: Final = 1000


def _refusal(request: Request) -> Response | None:
    uploads: Uploads = request.app.state.uploads
    said = livekit.refusal(uploads, request.headers.get("authorization", ""), now_s=clock.now_ms() / _MS)
    return None if said is None else _response(said)


async def _body(request: Request, most: int) -> bytes | Response:
    try:
        body = await read_body(request, most)
    except ClientDisconnect:
        return Response(status_code=400)
    return _response(Said(413, f"the body is longer than {most >> 20} MB")) if body is None else body


async def _receive(request: Request, signal: Signal) -> Response:
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    body = await _body(request, REQUEST_BYTES)
    if isinstance(body, Response):
        return body
    return await to_thread.run_sync(partial(_take, request, signal, body))


def _take(request: Request, signal: Signal, body: bytes) -> Response:
    door: Door = request.app.state.door
    kind = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding", "")
    try:
        answer = otlp.answer(door.receiver(), signal, body, content_type=kind, encoding=encoding)
    except (BusyError, OSError) as error:
        answer = otlp.busy(str(error), otlp.PROTOBUF if "protobuf" in kind else otlp.JSON)
    return Response(answer.body, answer.status, {**answer.headers, "Content-Type": answer.content_type})


async def _receive_recording(request: Request) -> Response:
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    async with _one_at_a_time(request):
        body = await _body(request, RECORDING_BYTES)
        if isinstance(body, Response):
            return body
        return await to_thread.run_sync(partial(_take_recording, request, body))


def _one_at_a_time(request: Request) -> CapacityLimiter:
    """Recordings are large: one is read at a time."""
    state = request.app.state
    if not hasattr(state, "recordings"):
        state.recordings = CapacityLimiter(1)
    limiter: CapacityLimiter = state.recordings
    return limiter


def _take_recording(request: Request, body: bytes) -> Response:
    door: Door = request.app.state.door
    try:
        receiver = door.receiver()
    except (BusyError, OSError) as error:
        return _response(Said(503, str(error)))
    kind = request.headers.get("content-type", "")
    return _response(livekit.take_recording(receiver, receiver.root, body, kind))


def _response(said: Said) -> Response:
    if said.status in TRY_AGAIN:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Content-Type": otlp.PROTOBUF}
        return Response(said.body, said.status, headers)
    return PlainTextResponse(said.body, said.status)


ROUTES: Final = (
    *(
        Route(f"{PREFIX}{signal}/otlp/v0", partial(_receive, signal=signal), methods=["POST"], name=f"livekit-{signal}")
        for signal in SIGNALS
    ),
    Route(f"{PREFIX}recordings/v0", _receive_recording, methods=["POST"], name="livekit-recordings"),
)
