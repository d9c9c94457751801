"""What the key of a value tells about the value: words, machinery, a secret, a phone number."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from callscope.model import event
from callscope.model.event import WORD_KEYS
from callscope.model.usage import UNITS

Kind = Literal["words", "machine", "secret", "private", "party", "other"]
"""``private``: a PIN, a card's or an account's number. ``party``: a number or address of caller or callee."""

Measure = Literal["amount", "time", "nothing"]
"""``amount``: a duration, a count, a price. ``time``: a point in time."""

_MACHINE: Final = frozenset(
    {
        "schema_version", "ts", "timestamp", "type", "role", "turn_index", "started_at", "ended_at",
        "service", "provider", "model", "processor", "stage", "category", "outcome", "initiator",
        "strategy", "transport", "exception_type", "error_code", "finish_reason", "direction", "status",
        "duplicate_of", "language", "voice", "framework", "version", "mode", "provider_mode",
        "telephony_provider", "unit", "currency", "encoding", "id", "call_id", "trace_id", "span_id",
        "request_id", "tool_call_id", "session_id", "fingerprint", "endpoint", "region", "level", "logger",
    }
)  # fmt: skip
USUAL: Final = frozenset(
    {
        *_MACHINE, *UNITS, "latency", "cost", "interrupted", "sample_rate", *WORD_KEYS, "user_text",
        "agent_text", "name", "code", "delay_ms", "duration_ms", "ttft_ms", "thinking_ms", "ttfb_ms",
        "leading_silence_ms", "text_length", "heard_characters", "generated_characters", "complete",
        "response_ms", "endpointing_ms", "transcription_ms", "turn_detection_ms", "handover_ms", "llm_ms", "tool_ms",
        "aggregation_ms", "synthesis_ms", "output_ms", "unexplained_ms", "stt_ms", "tts_ms", "total_ms", "total",
        "role", "probability", "usage_reported", "unreported_requests", "recovered", "fatal",
    }
)  # fmt: skip
"""Keys that tell no secret and no number of a party; most rows have no others."""
_MACHINE_IN_KNOWN_EVENTS: Final = frozenset({"name", "code", "kind"})
"""A tool's name, a warning's code, a silence's kind; in events of unknown types it may be a person's name or a PIN."""
_ID_SUFFIXES: Final = ("_id", "_ids", "_sid")
_KNOWN_EVENTS: Final = frozenset(
    value for name, value in vars(event).items() if name.isupper() and isinstance(value, str)
)

_SECRET: Final = re.compile(
    r"(?:^|[_.-])(?:(?:api|access|secret|private|auth|signing|encryption|subscription|account)[_.-]?key|apikey|secret"
    r"|(?:client|shared)[_.-]?secret|passwd|password|passphrase|pwd|(?:proxy[_.-])?authorization|credentials?|cookie"
    r"|(?:auth|access|refresh|bearer|api|id|session)?[_.-]?token|apitoken|authtoken|accesstoken)$"
)
_PARTIES: Final = frozenset(
    {
        "caller", "callee", "from", "to", "caller_id", "ani", "dnis", "from_number", "to_number",
        "caller_number", "callee_number", "called_number", "caller_phone", "callee_phone", "called", "called_via",
        "forwarded_from", "redirected_from", "dialed_number", "dialled_number", "from_phone", "to_phone",
        "from_phone_number", "to_phone_number", "caller_phone_number", "callee_phone_number", "from_formatted",
        "to_formatted", "from_uri", "to_uri", "caller_uri", "callee_uri", "sip_from", "sip_to", "remote_party",
        "remote_number", "sip.phone_number", "sip.trunk_phone_number",
    }
)  # fmt: skip
_PRIVATE: Final = re.compile(
    r"(?:^|_)(?:pin|pin_?code|cvv|cvc|otp|passcode|ssn|social_security(?:_number)?|card_?number|account_?number"
    r"|routing_?number|iban|security_code|verification_code)$"
)
_AMOUNTS: Final = frozenset(
    {
        "ms", "us", "ns", "s", "sec", "second", "millis", "millisecond", "microsecond", "nanosecond", "nano",
        "minute", "hour", "duration", "latency", "ttfb", "ttft", "delay", "elapsed", "timeout", "token", "byte",
        "kb", "mb", "character", "char", "count", "total", "sum", "size", "length", "len", "index", "offset",
        "position", "seq", "sample", "frame", "packet", "chunk", "request", "report", "rate", "hz", "bps",
        "bitrate", "ratio", "percent", "price", "cost", "amount", "fee", "usd", "eur", "gbp", "cent", "seed",
        "version", "pid", "limit", "max", "min", "mean", "avg", "median", "p50", "p90", "p95", "p99", "score",
    }
)  # fmt: skip
"""Last words of the names of what is measured, counted or paid."""
_TIMES: Final = frozenset(
    {
        "ts", "time", "timestamp", "at", "date", "datetime", "epoch", "unix", "clock", "created", "updated",
        "modified", "started", "ended", "start", "end", "expires", "expiry", "exp", "iat", "nbf", "since",
        "until", "deadline", "now",
    }
)  # fmt: skip
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAME: Final = re.compile(r"[A-Za-z_][\w.:/-]{0,63}", re.ASCII)
_LONGEST_KEY: Final = 128


def kind_of(key: str, *, event_type: str | None = None) -> Kind:
    """What the value of a top-level key is; ``event_type`` is the event's type where there is one."""
    if key in _MACHINE:
        return "machine"
    if key in WORD_KEYS:
        return "words"
    if key in _MACHINE_IN_KNOWN_EVENTS:
        return "machine" if event_type in _KNOWN_EVENTS else "other"
    return _looked_at(key) if len(key) <= _LONGEST_KEY else "other"


def nested_kind_of(key: str) -> Kind:
    """What the value of a key deeper down is: there anybody's words may be under any name but an id's."""
    return _looked_at(key) if len(key) <= _LONGEST_KEY else "other"


def measure_of(key: str) -> Measure:
    """What a number under this key measures, as far as its name tells: ``latency_ms``, ``expires_at``."""
    return _measured(key) if len(key) <= _LONGEST_KEY else "nothing"


def is_name(key: str) -> bool:
    """Whether a key is a name of the kind programs use; others may be anybody's words."""
    return _NAME.fullmatch(key) is not None


@lru_cache(maxsize=1024)
def _looked_at(key: str) -> Kind:
    name = _normal(key)
    if name in _PARTIES:
        return "party"
    if _SECRET.search(name):
        return "secret"
    if _PRIVATE.search(name):
        return "private"
    return "machine" if name.endswith(_ID_SUFFIXES) else "other"


@lru_cache(maxsize=1024)
def _measured(key: str) -> Measure:
    last = _normal(key).rpartition("_")[2]
    for word in (last, last.removesuffix("s")):
        if word in _AMOUNTS:
            return "amount"
        if word in _TIMES:
            return "time"
    return "nothing"


def _normal(key: str) -> str:
    """``callerId``, ``Caller-ID`` and ``caller_id`` are one name."""
    return _CAMEL.sub("_", key).replace("-", "_").lower()
