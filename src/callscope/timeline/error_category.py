"""What kind of failure an error is, where the framework does not say: from its type, its HTTP status, its words.

The status decides first: it is the provider's own word. Then the type, whose name says what the raiser meant; then the
message. An exception that says nothing of the outside world is the application's own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

AUTHENTICATION: Final = "authentication"
PERMISSION: Final = "permission"
RATE_LIMIT: Final = "rate_limit"
QUOTA: Final = "quota"
TIMEOUT: Final = "timeout"
CONNECTIVITY: Final = "connectivity"
SERVER: Final = "server"
INVALID_REQUEST: Final = "invalid_request"
NOT_FOUND: Final = "not_found"
CONTENT_FILTER: Final = "content_filter"
CANCELLED: Final = "cancelled"
APPLICATION: Final = "application"
UNKNOWN: Final = "unknown"

CATEGORIES: Final = (
    AUTHENTICATION, PERMISSION, RATE_LIMIT, QUOTA, TIMEOUT, CONNECTIVITY, SERVER, INVALID_REQUEST, NOT_FOUND,
    CONTENT_FILTER, CANCELLED, APPLICATION, UNKNOWN,
)  # fmt: skip

_READ: Final = 1000
"""Characters of a message that are looked at."""
_LONGEST_NAME: Final = 200
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_LAST: Final = 600

_OF_STATUS: Final = {
    401: AUTHENTICATION,
    402: QUOTA,
    403: PERMISSION,
    404: NOT_FOUND,
    407: AUTHENTICATION,
    408: TIMEOUT,
    410: NOT_FOUND,
    429: RATE_LIMIT,
    499: CANCELLED,
    504: TIMEOUT,
}
_PASSES: Final = {
    **dict.fromkeys((RATE_LIMIT, TIMEOUT, CONNECTIVITY, SERVER), True),
    **dict.fromkeys((AUTHENTICATION, PERMISSION, QUOTA, INVALID_REQUEST, NOT_FOUND, CONTENT_FILTER), False),
}

_QUOTA_WORDS: Final = r"insufficient[_ ]quota|quota exceeded|exceeded your (current )?quota|out of credits|billing"
_OF_TYPE: Final = tuple(
    (re.compile(pattern), category)
    for pattern, category in (
        (r"^(asyncio\.)?Cancel(l)?ed(Error)?$|Cancel(l)?ed$", CANCELLED),
        (r"RateLimit|TooManyRequests|Throttl", RATE_LIMIT),
        (r"Quota|InsufficientCredit|PaymentRequired", QUOTA),
        (r"Authentication|Unauthori[sz]ed|Unauthenticated|InvalidApiKey|Credential", AUTHENTICATION),
        (r"^PermissionError$", APPLICATION),  # of a file, as a rule
        (r"PermissionDenied|Forbidden|Authori[sz]ation|AccessDenied", PERMISSION),
        (r"ContentFilter|ContentPolicy|SafetyError|ModerationE", CONTENT_FILTER),
        (r"Timeout|TimedOut|DeadlineExceeded", TIMEOUT),
        (
            (
                r"Connection|ConnectError|Connect(or)?Error|Disconnected|gaierror|NetworkError|ProxyError|SSLError|SSLCert"
                r"|BrokenPipe|RemoteProtocolError|ReadError|WriteError|IncompleteRead|InvalidStatus|InvalidHandshake"
                r"|^herror$|ConnectFailed|Unreachable|WebSocketException|TransportError"
            ),
            CONNECTIVITY,
        ),
        (r"InternalServer|ServiceUnavailable|BadGateway|ServerError|Overloaded|APIStatusError", SERVER),
        (r"BadRequest|UnprocessableEntity|InvalidRequest|InvalidArgument", INVALID_REQUEST),
        (r"^NotFound(Error)?$|ModelNotFound|VoiceNotFound", NOT_FOUND),
        (
            (
                r"^(\w*(Type|Value|Key|Index|Attribute|Name|Runtime|Assertion|ZeroDivision|Lookup|Arithmetic|Import"
                r"|ModuleNotFound|NotImplemented|Unicode\w*|Recursion|FileNotFound|FileExists|IsADirectory|Memory"
                r"|JSONDecode|Validation|UnboundLocal|Overflow|StopIteration)(Error)?)$"
            ),
            APPLICATION,
        ),
    )
)
_OF_MESSAGE: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), category)
    for pattern, category in (
        (_QUOTA_WORDS, QUOTA),
        (r"rate[ _-]?limit|too many requests|\bthrottl", RATE_LIMIT),
        (
            (
                r"(invalid|incorrect|missing|wrong|bad|no|expired) (api[ _-]?key|credential|token)|unauthori[sz]ed"
                r"|unauthenticated|authentication (failed|error|required)|not authenticated"
            ),
            AUTHENTICATION,
        ),
        (r"permission denied|forbidden|access denied|not (permitted|authori[sz]ed|allowed) to", PERMISSION),
        (r"content (filter|policy|management policy)|safety (system|filter)|flagged as|moderation", CONTENT_FILTER),
        (r"timed?[ -]?out|deadline exceeded|timeout", TIMEOUT),
        (
            (
                r"connection (\w+ )?(refused|reset|closed|lost|aborted|error|failed|dropped|broke)|connect call failed"
                r"|(could|can)(no|n')t connect|cannot connect|failed to connect|unable to connect|disconnected"
                r"|name or service not known|name resolution|getaddrinfo|network is unreachable|no route to host"
                r"|broken pipe|ssl error|certificate verify|websocket (is |was )?(closed|connection)"
                r"|sent 1\d\d\d|received 1\d\d\d|no close frame"
            ),
            CONNECTIVITY,
        ),
        (r"internal server error|bad gateway|service unavailable|overloaded|server error", SERVER),
        (
            r"invalid[ _]request|bad request|unprocessable|unsupported parameter|invalid (argument|parameter|value)",
            INVALID_REQUEST,
        ),
        (r"(model|voice|deployment|resource) .{0,80}(not found|does not exist)|not found", NOT_FOUND),
        (r"\bcancel(l)?ed\b", CANCELLED),
    )
)
_STATUS_IN_WORDS: Final = re.compile(
    r"(?:^|\b(?:http|status(?:[ _]code)?|error(?: code)?|response|server rejected \w+ connection: http)"
    r"[\s:=/\"']{1,3}(?:1\.1\s)?)([45]\d\d)\b",
    re.IGNORECASE,
)

_PROVIDERS: Final = {
    **{
        name: name
        for name in (
            "anthropic", "assemblyai", "cartesia", "cohere", "deepgram", "elevenlabs", "fal", "gladia", "groq", "hume",
            "lmnt", "neuphonic", "openai", "plivo", "rime", "sarvamai", "soniox", "speechmatics", "telnyx", "together",
            "twilio",
        )
    },
    "mistralai": "mistral",
    "botocore": "aws",
}  # fmt: skip
"""Providers by the package that raises."""


def category_of(*, exception_type: object = None, http_status: object = None, message: object = None) -> str:
    """One of `CATEGORIES`.

    Args:
        exception_type: the name of its class, qualified or not.
        http_status: what the provider answered.
        message: what it says.

    Anything that is of another type than it should be is not known. ``unknown`` is an error that says nothing.
    """
    words = message[:_READ] if isinstance(message, str) else ""
    name = exception_type.rsplit(".", 1)[-1][:_LONGEST_NAME] if isinstance(exception_type, str) else ""
    status = http_status if type(http_status) is int else None
    return _found(name, status, words)


@lru_cache(maxsize=1024)
def _found(name: str, status: int | None, words: str) -> str:
    if status is None:
        told = _STATUS_IN_WORDS.search(words)
        status = int(told[1]) if told else None
    found = _of_status(status, words) if status is not None else None
    if found is not None:
        return found
    of_type = next((category for expression, category in _OF_TYPE if expression.search(name)), None)
    if of_type == RATE_LIMIT and re.search(_QUOTA_WORDS, words, re.IGNORECASE):
        return QUOTA
    if of_type is not None and of_type != APPLICATION:
        return of_type
    of_words = next((category for expression, category in _OF_MESSAGE if expression.search(words)), None)
    # A ValueError that says "not found" is of the program; a RuntimeError("connection refused") of the network.
    if of_type is not None:
        return of_words if of_words in {CONNECTIVITY, RATE_LIMIT, QUOTA} else of_type
    return of_words or (APPLICATION if name else UNKNOWN)


def _of_status(status: int, words: str) -> str | None:
    if status == 429 and re.search(_QUOTA_WORDS, words, re.IGNORECASE):  # noqa: PLR2004 -- too many requests
        return QUOTA
    known = _OF_STATUS.get(status)
    if known is not None:
        return known
    if _SERVER_ERROR <= status < _LAST:
        return SERVER
    if not _CLIENT_ERROR <= status < _SERVER_ERROR:
        return None
    # Some providers answer 400 to a wrong key, and to what their filter keeps back.
    of_words = next((category for expression, category in _OF_MESSAGE if expression.search(words)), None)
    return of_words if of_words in {AUTHENTICATION, CONTENT_FILTER, QUOTA} else INVALID_REQUEST


def may_pass(category: str) -> bool | None:
    """Whether trying the same again may help; None when the category does not tell."""
    return _PASSES.get(category)


def provider_of(module: str) -> str | None:
    """Whose client raised, by the module of the exception's class; None when no provider is known by it."""
    return _PROVIDERS.get(module.split(".", 1)[0])
