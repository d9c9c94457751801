"""Values of LiveKit's reports as ours: moments, arguments, results, words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from callscope.interop import aliases
from callscope.model import wire

_MAX_LITERAL: Final = 16_000
_MS: Final = 1000


def ms(seconds: object) -> float | None:
    """Unix seconds as milliseconds; None for anything else, and for what is beyond all time."""
    told = aliases.figure(seconds)
    return told * _MS if told and told * _MS <= wire.LAST_MS else None


def objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects of a list, in their order."""
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each


def mapping(value: object) -> dict[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """A text with something in it; None for anything else."""
    return value if isinstance(value, str) and value.strip() else None


def arguments_of(told: object) -> Any:
    """What a tool was called with: a report has it as JSON in a text."""
    return aliases.structure(told)


def result_of(told: object) -> Any:
    """What a tool gave: LiveKit has a dict or a list as Python's text of it, which is read back."""
    if not isinstance(told, str) or len(told) > _MAX_LITERAL or not told.startswith(("{", "[", "(")):
        return told
    try:
        return ast.literal_eval(told)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return told


def python_text(value: object) -> str:
    """A tool's result as LiveKit's reports have it; the other way of `result_of`."""
    return value if isinstance(value, str) else "" if value is None else repr(value)


def json_text(value: object) -> str:
    """A tool's arguments as LiveKit's reports have them; the other way of `arguments_of`."""
    return value if isinstance(value, str) else wire.encode({} if value is None else value).decode()


def texts(value: object) -> list[str]:
    """The texts of a list, in their order."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def words_of(message: dict[str, Any]) -> str:
    """What a message says; its pictures and sounds are left out, as LiveKit leaves them out."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    return "".join(part for part in parts if isinstance(part, str)).strip()
