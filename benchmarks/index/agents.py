"""The agents whose calls fill the archives, and what goes wrong with them."""

from __future__ import annotations

from typing import Final, NamedTuple

Service = tuple[str, str]
"""Provider and model."""


class Agent(NamedTuple):
    """One agent in production."""

    name: str
    mode: str
    llm: Service
    stt: Service | None
    tts: Service | None
    line: str
    pace: float
    """Its waits, times those of the recorded calls."""
    share: int
    """Of all calls, in parts of 20."""


_NOVA: Final = ("deepgram", "nova-3")
_SONIC: Final = ("cartesia", "sonic-2")
_FLASH: Final = ("elevenlabs", "eleven_flash_v2_5")
_WHISPER: Final = ("whisper", "tiny.en")
_PIPER: Final = ("piper", "en_US-joe-medium")
_STREAMING: Final = ("assemblyai", "universal-streaming")

AGENTS: Final = (
    Agent("front-desk", "pipeline", ("openai", "gpt-4.1-mini"), _NOVA, _SONIC, "twilio", 0.7, 6),
    Agent("orders", "pipeline", ("openai", "gpt-4.1"), _NOVA, _FLASH, "telnyx", 0.8, 4),
    Agent("support", "pipeline", ("anthropic", "claude-sonnet-4-5"), _STREAMING, _SONIC, "twilio", 1.0, 3),
    Agent("bookings", "pipeline", ("google", "gemini-2.5-flash"), _NOVA, _SONIC, "twilio", 0.75, 3),
    Agent("concierge", "realtime", ("openai", "gpt-realtime"), None, None, "twilio", 0.5, 2),
    Agent("survey", "pipeline", ("groq", "llama-3.3-70b-versatile"), _WHISPER, _PIPER, "", 0.6, 2),
)
VERSIONS: Final = ((0, "2.3"), (11, "2.4"), (21, "2.5"))
"""From which day on a version runs; a tenth of the calls is still answered by the one before."""
SLOW_VERSION: Final = ("orders", "2.5", 1.4)
"""A regression: this agent and version wait this much longer."""
REGIONS: Final = ("eu", "us-east", "us-west", "apac")
STATUSES: Final = (
    ("completed", 900),
    ("failed", 20),
    ("no_answer", 40),
    ("busy", 10),
    ("canceled", 20),
    ("abandoned", 10),
)
"""With their shares in parts of 1000; calls with a fatal error are failed in any case."""
TOOLS: Final = ("lookup_order", "cancel_order", "book_table", "find_customer", "check_balance", "transfer_call")


class Failure(NamedTuple):
    """A family of errors: its messages differ in their details."""

    stage: str
    exception_type: str
    category: str
    message: str
    """With ``{id}``, ``{number}`` and ``{ms}``."""


_RATE: Final = "429: rate limit reached in organization org-{id}, try again in {ms} ms"
_CLOSED: Final = "received 1011 (internal error) keepalive ping timeout; connection 0x{id}"

FAILURES: Final = (
    Failure("llm", "APITimeoutError", "timeout", "Request req_{id} timed out after {ms} ms"),
    Failure("llm", "RateLimitError", "rate_limit", _RATE),
    Failure("stt", "ConnectionClosedError", "network", _CLOSED),
    Failure("tts", "TTSError", "provider", "context ctx_{id} is not open"),
    Failure("tool", "LookupError", "application", "order {number} was not found in 'orders-{id}'"),
    Failure("tool", "ConnectionRefusedError", "network", "cannot connect to 10.0.3.7:5432 after {ms} ms"),
    Failure("llm", "JSONDecodeError", "application", "arguments of call_{id} are no JSON: line 1 column {ms}"),
    Failure("output", "TransportError", "network", "audio stream of call_{id} stalled for {ms} ms"),
)
