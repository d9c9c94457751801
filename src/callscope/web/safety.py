"""Who may ask: host, origin and token of every request, and what a browser is told about every answer.

- *Host.* A page of somebody else's can make its own name point at this machine (DNS rebinding); then the browser sends
  that name. Only names that this server is known by are answered.
- *Origin.* A request that changes something must come from a page of this server: its ``Origin`` says so, and its form
  holds a token that only such a page can know. Other sites may link to a page, but load nothing as a part of theirs.
- *Token.* Beyond this machine, nobody is answered who does not know it. It is given once in an address; from then on
  it is a cookie that no script can read. Compared in constant time.
- *Content security policy.* Nothing is loaded from anywhere else, no script or style stands in a page.
"""

from __future__ import annotations

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "callscope_token"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FRAMES: Final = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
_OWN: Final = frozenset({"same-origin", "none"})
_OWN_TOKENS: Final = ("/observability/",)
"""Where LiveKit's agents send to: they show tokens that they sign themselves, which are checked there."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""On every answer."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who is answered."""

    hosts: frozenset[str] = _LOOPBACK
    """Names of this server, in small letters."""
    any_address: bool = False
    """Whether a plain IP address is a name of it, too: a rebinding attack needs a name."""
    token: str | None = None
    """None: everybody on this machine."""


class Gate:
    """ASGI middleware: turns away what `Access` does not allow, and puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(_name_of(host)):
            return _no(f"this server is not known as {_name_of(host)!r}: start it with --allow-host NAME", 421)
        site = headers.get("sec-fetch-site", "none")
        navigates = headers.get("sec-fetch-mode") == "navigate"
        is_framed = headers.get("sec-fetch-dest", "document") in _FRAMES
        if site not in _OWN and (is_framed or not (scope["method"] in _SAFE and navigates)):
            return _no("another site may not use this one", 403)
        if scope["method"] not in _SAFE and headers.get("origin", f"http://{host}").split("://")[-1] != host:
            return _no("another site may not change anything here", 403)
        return self._without_token(scope, headers)

    def _is_ours(self, name: str) -> bool:
        return name in self._access.hosts or (self._access.any_address and _is_address(name))

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        token = self._access.token
        if token is None or scope["path"].startswith(_OWN_TOKENS) or _same(_cookie(headers), token):
            return None
        authorization = headers.get("authorization", "")
        if authorization.startswith("Bearer ") and _same(authorization.removeprefix("Bearer "), token):
            return None
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in parameters if name == "token"), "")
        if scope["method"] not in _SAFE or not _same(given, token):
            return _no("this server answers only those who know its token: open the address that it printed", 401)
        rest = urlencode([(name, value) for name, value in parameters if name != "token"])
        # Not the path as it was sent: `//elsewhere/` would be taken for another server.
        path = "/" + scope["path"].lstrip("/\\")
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", max_age=30 * 86_400)
        return answer


def _no(reason: str, status: int) -> Response:
    return PlainTextResponse(f"callscope: {reason}\n", status)


def _same(given: str, token: str) -> bool:
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""


def _name_of(host: str) -> str:
    """A host without its port, in small letters."""
    if host.startswith("["):
        name, end, _ = host[1:].partition("]")
        return name.lower() if end else ""
    return host.partition(":")[0].rstrip(".").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
