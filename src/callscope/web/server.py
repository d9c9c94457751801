"""The dashboard as a process: one port, one archive, until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn

from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.index.index import Index
from callscope.receivers.livekit_token import Keys
from callscope.receivers.uploads import Uploads
from callscope.version import __version__
from callscope.web import memory
from callscope.web.app import create_app
from callscope.web.safety import Access
from callscope.web.site import TARGET_MS, Site

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,200}")


def serve(
    root: Path,
    *,
    place: Path,
    host: str = "127.0.0.1",
    port: int = 8765,
    allowed_hosts: Sequence[str] = (),
    token: str | None = None,
    target_ms: int = TARGET_MS,
    rules_file: Path | None = None,
    watching: bool = True,
    livekit: Keys | None = None,
    ready: Callable[[str], None],
) -> None:
    """Answer until SIGINT or SIGTERM.

    Args:
        root: the archive; it need not be there yet.
        place: of its index.
        host: address or name to listen on. Beyond this machine a token is needed.
        port: 0: any free one.
        allowed_hosts: more names that this server is known by.
        token: what a browser must know; None: beyond this machine, one that nobody can guess.
        target_ms: the wait from which it is trouble.
        rules_file: the rules of alerts; None: where the environment says they are. They need not be there.
        watching: look at them, and tell people.
        livekit: what LiveKit's agents sign their tokens with; None: they are taken from this machine alone, unchecked.
        ready: told the address once it is listened on; with the token, where one is needed.

    Raises:
        SettingError: the address cannot be listened on, or the token is easily guessed.
    """
    if token is not None and _TOKEN.fullmatch(token) is None:
        raise SettingError("--token: write 16 or more letters, digits, - or _, or leave it out for one that is made")
    memory.share()
    listener = _listen(host, port)
    is_local = _is_loopback(listener.getsockname()[0])
    if token is None and not is_local:
        token = secrets.token_urlsafe(24)
    access = Access(
        hosts=Access().hosts | {name.lower() for name in (host, *allowed_hosts)},
        any_address=not is_local,
        token=token,
    )
    uploads = Uploads(keys=livekit, is_open=token is None)
    with Index.open(root, place=place) as index:
        site = Site(root, index, now_ms=now_ms, version=__version__, target_ms=target_ms, rules_file=rules_file)
        config = uvicorn.Config(
            create_app(site, access=access, uploads=uploads, watching=watching),
            log_level="warning",
            access_log=False,
            server_header=False,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        ready(_address(host, listener.getsockname()[1], token))
        _Server(config, site).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the streams when it is told to stop: they would keep it for as long as browsers listen."""

    def __init__(self, config: uvicorn.Config, site: Site) -> None:
        super().__init__(config)
        self._site = site
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Told by a signal, in the middle of whatever the loop does: it may hold any lock, so none is taken here."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._site.news.close)
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SettingError(f"--host {host} is no address of this machine ({error.strerror})") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingError(f"port {port} is taken: write another one (--port {port + 1}), or 0 for any") from error
        raise SettingError(f"{host} port {port} cannot be listened on ({error.strerror})") from error
    return listener


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _address(host: str, port: int, token: str | None) -> str:
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104 -- compared, not bound
    if ":" in shown:
        shown = f"[{shown}]"
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
