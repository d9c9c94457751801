"""A POST of the notice to an address, signed where a secret is set."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from callscope.alerts.deliver import http_post
from callscope.alerts.deliver.delivery_error import DeliveryError
from callscope.alerts.deliver.document import body
from callscope.alerts.deliver.filled import Filled
from callscope.alerts.deliver.http_post import Answer
from callscope.alerts.incidents import Notice
from callscope.errors import SettingError
from callscope.report.safe_text import clean
from callscope.version import __version__

LIMIT_MS: Final = 10_000
SIGNATURE: Final = "X-Callscope-Signature"
ID: Final = "X-Callscope-Id"
_GONE_WELL: Final = range(200, 300)
_LATER: Final = frozenset({408, 425, 429, *range(500, 600)})
"""What a receiver says that could not take it now. Any other answer is about the notice or the address: the same
again would be answered the same."""
_MOVED: Final = range(300, 400)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def check(target: Filled) -> None:
    """Raise `SettingError` for an address or a header that cannot be one, without saying it: it may be a secret."""
    where = f"target {target.name!r}"
    try:
        at = urlsplit(target.settings["url"])
        is_usable = at.scheme in {"http", "https"} and bool(at.hostname) and at.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not target.settings["url"].isascii() or not target.settings["url"].isprintable():
        raise SettingError(f"{where}: url must be an address as https://example.org/hook once it is filled in")
    for name, value in target.settings.get("headers", {}).items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise SettingError(f"{where}: header {clean(name)!r} cannot be sent: no line ends, no blanks in a name")


def send(notice: Notice, target: Filled, *, root: Path) -> None:  # noqa: ARG001 -- as the other ways
    """Post it; raises `DeliveryError` unless it is answered with 2xx."""
    said = body(notice)
    headers = {**target.settings.get("headers", {}), **_own_headers(notice, said, target.settings.get("secret"))}
    limit_ms = target.settings.get("timeout_ms") or LIMIT_MS
    try:
        answer = http_post.post(target.settings["url"], said, headers, limit_seconds=limit_ms / 1000)
    except http_post.NoAnswerError as error:
        raise DeliveryError(f"{target.name}: {target.without_secrets(str(error))}") from error
    if answer.status in _GONE_WELL:
        return
    raise DeliveryError(
        f"{target.name}: {target.without_secrets(_why(answer))}",
        is_final=answer.status not in _LATER,
        retry_after_ms=retry_after_ms(answer.retry_after, now=datetime.now(UTC)),
    )


def signature(said: bytes, secret: str) -> str:
    """``sha256=`` and the HMAC of the body, in hexadecimal digits."""
    return f"sha256={hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()}"


def retry_after_ms(header: str | None, *, now: datetime) -> int | None:
    """What ``Retry-After`` asks for: seconds, or a date; None when it says nothing that can be understood."""
    if header is None:
        return None
    word = header.strip()
    if word.isascii() and word.isdigit():
        return int(word[:9]) * 1000
    try:
        at = parsedate_to_datetime(word)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, round((at - now).total_seconds() * 1000))


def _own_headers(notice: Notice, said: bytes, secret: str | None) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"callscope/{__version__}",
        ID: notice.id,
    }
    if secret is not None:
        headers[SIGNATURE] = signature(said, secret)
    return headers


def _why(answer: Answer) -> str:
    reason = f" {clean(answer.reason)}" if answer.reason else ""
    if answer.status in _MOVED:
        return f"answered {answer.status}{reason}, which is not followed to another address: write the final one"
    return f"answered {answer.status}{reason}"
