"""`callscope receive`: what others send, taken by a process of its own, without the dashboard's pages."""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware

from callscope.errors import SettingError
from callscope.receivers import livekit_routes
from callscope.receivers.livekit_token import Keys
from callscope.receivers.receiver import SILENCE_MS, Receiver
from callscope.receivers.routes import ROUTES, Door
from callscope.receivers.uploads import Uploads
from callscope.web.safety import Access, Gate

PORT: Final = 4318
"""OpenTelemetry's own, for OTLP over HTTP."""
_LEAST_TOKEN: Final = 16


def create_app(door: Door, *, access: Access | None = None, uploads: Uploads | None = None) -> Starlette:
    """The receiver as an ASGI application.

    Args:
        door: to the archive.
        access: who is answered; None: this machine, by its loopback names.
        uploads: whose LiveKit agents may send what they record; None: everybody's who is answered without a token.
    """

    @contextlib.asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        yield
        await to_thread.run_sync(door.close)

    routes = [*ROUTES, *livekit_routes.ROUTES]
    app = Starlette(routes=routes, middleware=[Middleware(Gate, access=access or Access())], lifespan=running)
    app.state.door = door
    app.state.uploads = uploads or Uploads(is_open=access is None or access.token is None)
    return app


def receive(
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    allowed_hosts: Sequence[str] = (),
    token: str | None = None,
    silence_ms: int = SILENCE_MS,
    livekit: Keys | None = None,
    ready: Callable[[str, str | None], None],
) -> Receiver:
    """Receive until SIGINT or SIGTERM; gives back the receiver with its counts.

    Args:
        root: the archive; it is made when it is not there.
        host: address or name to listen on. Beyond this machine a token is needed.
        port: 0: any free one.
        allowed_hosts: more names that this machine is known by.
        token: what a sender must know; None: beyond this machine, one that nobody can guess.
        silence_ms: when a call without an end is over.
        livekit: what LiveKit's agents sign their tokens with; None: they are taken from this machine alone, unchecked.
        ready: told the address once it is listened on, and the token, where one is needed.

    Raises:
        SettingError: the address cannot be listened on, or the token is easily guessed.
        BusyError: another process receives into this archive.
    """
    if token is not None and len(token) < _LEAST_TOKEN:
        raise SettingError(f"--token: write {_LEAST_TOKEN} or more characters, or leave it out for one that is made")
    listener = _listen(host, port)
    with listener:
        is_local = ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback
        if token is None and not is_local:
            token = secrets.token_urlsafe(24)
        names = Access().hosts | {name.lower() for name in (host, *allowed_hosts)}
        access = Access(hosts=names, any_address=not is_local, token=token)
        door = Door(root, lambda place: Receiver(place, silence_ms=silence_ms))
        receiver = door.receiver()
        try:
            config = uvicorn.Config(
                create_app(door, access=access, uploads=Uploads(keys=livekit, is_open=token is None)),
                log_level="warning",
                access_log=False,
                server_header=False,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="on",
                timeout_graceful_shutdown=1,
            )
            shown = f"[{host}]" if ":" in host else host
            ready(f"http://{shown}:{listener.getsockname()[1]}", token)
            _Server(config).run(sockets=[listener])
        finally:
            door.close()
    return receiver


class _Server(uvicorn.Server):
    """Ends on a signal as any command does: with its last word, and without a trace of where it was."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise SettingError(
            f"{host} port {port} cannot be listened on ({error.strerror}): give --host or --port, 0 for any"
        ) from error
