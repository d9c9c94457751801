"""Whether an agent may upload: its token is a JWT that is signed (HS256) with the secret that it shares with us."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Any, Final

import msgspec

from callscope import config
from callscope.errors import SettingError

_KEY: Final = "LIVEKIT_API_KEY"
_SECRET: Final = "LIVEKIT_API_SECRET"  # noqa: S105 -- its name
_SCHEME: Final = "bearer "
_LEEWAY_S: Final = 60
"""So far the clocks of the agent's machine and of this one may be apart."""
_LONGEST: Final = 8_192


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What agents have as ``LIVEKIT_API_KEY`` and ``LIVEKIT_API_SECRET``."""

    key: str
    secret: str


def from_environment() -> Keys | None:
    """What LiveKit's agents sign their tokens with, as ``LIVEKIT_API_KEY`` and ``LIVEKIT_API_SECRET`` have it.

    Returns:
        None where neither is set.

    Raises:
        SettingError: one of the two is missing.
    """
    key, secret = (config.variable(name) or "" for name in (_KEY, _SECRET))
    if bool(key) != bool(secret):
        missing = _SECRET if key else _KEY
        raise SettingError(f"{missing} is not set, and its counterpart is: set both, as your LiveKit agents have them")
    return Keys(key=key, secret=secret) if key else None


def why_not(authorization: str, keys: Keys, *, now_s: float) -> str | None:
    """Why a request's ``Authorization`` is not enough; None when it is.

    Args:
        authorization: the header, as it came.
        keys: what the token has to be made with.
        now_s: Unix seconds.
    """
    if len(authorization) > _LONGEST or authorization[: len(_SCHEME)].lower() != _SCHEME:
        return "there is no token: agents make one from LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
    parts = authorization[len(_SCHEME) :].strip().split(".")
    if len(parts) != 3:  # noqa: PLR2004 -- a JWT's
        return "the token is no JWT"
    signed = f"{parts[0]}.{parts[1]}".encode("utf-8", "replace")
    expected = hmac.new(keys.secret.encode(), signed, sha256).digest()
    given, head, claims = _bytes(parts[2]), _object(parts[0]), _object(parts[1])
    if head.get("alg") != "HS256" or given is None or not hmac.compare_digest(given, expected):
        return "the token is not signed with the secret of this server: LIVEKIT_API_SECRET differs"
    if claims.get("iss") != keys.key:
        return "the token is of another key: LIVEKIT_API_KEY differs"
    return _why_not_claimed(claims, now_s)


def _why_not_claimed(claims: dict[str, Any], now_s: float) -> str | None:
    expires_s, begins_s = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires_s, int | float) or expires_s + _LEEWAY_S < now_s:
        return "the token has expired, or the clocks differ by more than a minute"
    if not isinstance(begins_s, int | float) or begins_s - _LEEWAY_S > now_s:
        return "the token is not valid yet: the clocks differ by more than a minute"
    grant = claims.get("observability")
    if not isinstance(grant, dict) or grant.get("write") is not True:
        return "the token does not allow to write observability data"
    return None


def _object(part: str) -> dict[str, Any]:
    content = _bytes(part)
    try:
        value = msgspec.json.decode(content) if content is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _bytes(part: str) -> bytes | None:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
