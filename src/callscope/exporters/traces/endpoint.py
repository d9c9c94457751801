"""Where traces are sent to, and what is said beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from callscope import config
from callscope.errors import SettingError
from callscope.report.safe_text import clean

ENDPOINT: Final = "CALLSCOPE_OTLP_ENDPOINT"
HEADERS: Final = "CALLSCOPE_OTLP_HEADERS"
_TRACES: Final = "/v1/traces"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_OURS: Final = frozenset({"content-type", "content-length", "content-encoding", "host", "transfer-encoding"})


class Endpoint(msgspec.Struct, frozen=True):
    """An address that takes ``ExportTraceServiceRequest``s."""

    url: str
    headers: dict[str, str] = {}

    @property
    def at(self) -> SplitResult:
        """The address in its parts."""
        return urlsplit(self.url)

    @property
    def shown(self) -> str:
        """The address as it may be told: what stands behind a question mark may be a secret."""
        return clean(self.url.partition("?")[0])


def endpoint(url: str, headers: Iterable[str] = ()) -> Endpoint:
    """An endpoint from what the user gave.

    Args:
        url: the collector's address, as ``http://localhost:4318``; ``/v1/traces`` is added where it is not there.
        headers: as ``NAME=VALUE``; they win over those of the environment.

    Raises:
        SettingError: the address or a header cannot be one.
    """
    try:
        at = urlsplit(url.strip())
        usable = at.scheme in {"http", "https"} and bool(at.hostname) and at.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.strip().isprintable() or " " in url.strip():
        raise SettingError(f"{clean(url)!r} is no address: give one as http://localhost:4318")
    if at.username is not None or at.password is not None:
        raise SettingError(f"the address of {clean(at.hostname or '')} holds a password: give it with --header")
    path = at.path.rstrip("/")
    path = path if path.endswith(_TRACES) else path + _TRACES
    given = [*_of_environment(), *(_header(each, "--header") for each in headers)]
    return Endpoint(at._replace(path=path, fragment="").geturl(), dict(given))


def _of_environment() -> list[tuple[str, str]]:
    """As OpenTelemetry writes headers in a variable: ``name=value,name=value``, values percent-encoded."""
    told = config.variable(HEADERS) or ""
    return [_header(unquote(each), HEADERS) for each in told.split(",") if each.strip()]


def _header(given: str, where: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    name, value = name.strip().lower(), value.strip()
    if not equals or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise SettingError(f"{where}: a header is NAME=VALUE, in ASCII, without line ends; {clean(name)!r} is none")
    if name in _OURS:
        raise SettingError(f"{where}: {name} is set by callscope itself: leave it out")
    return name, value
