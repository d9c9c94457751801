"""Values of rows as text for a page: whole, or cut to a length that a line can hold."""

from __future__ import annotations

from decimal import Decimal

from callscope.model import wire
from callscope.report.figures import UNKNOWN
from callscope.report.safe_text import clean_json

_STEP = Decimal("1e-9")


def text_of(value: object) -> str:
    """Text as it is, anything else as JSON, nothing as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else clean_json(wire.encode(value).decode())


def short(text: str, most: int = 160) -> str:
    """The beginning of a text; an ellipsis says that there is more."""
    return text if len(text) <= most else f"{text[:most]}…"


def decimal(value: Decimal | None) -> str:
    """A quantity or price with the digits that matter, to the billionth; a dash when it is not known."""
    if value is None:
        return UNKNOWN
    rounded = value.quantize(_STEP) if abs(value) < 10**15 else value
    text = f"{rounded or value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def used(value: Decimal | None) -> str:
    """A number of tokens, characters or seconds, to the thousandth; of less, its digits."""
    return decimal(value if value is None else round(value, 3) or value)


def service_name(service: str) -> str:
    """``LLM``, ``STT``, ``TTS``; others as they are, with a capital: ``Telephony``."""
    return service.upper() if service in ("llm", "stt", "tts") else service.capitalize()
