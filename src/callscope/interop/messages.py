"""Words in the attributes of spans: lists of messages in JSON, OpenInference's numbered attributes, plain texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from callscope.interop import aliases

_NUMBERED: Final = re.compile(
    r"llm\.(input|output)_messages\.(\d{1,4})\.message\.(role|content|contents\.\d+\.message_content\.text)"
)
_ASSISTANTS: Final = frozenset({"assistant", "model", "ai"})


def said_to(attributes: Mapping[str, Any]) -> str | None:
    """What the caller said last, where it is the last thing that was said."""
    messages = _numbered(attributes, "input") or _listed(aliases.first(attributes, aliases.INPUT_MESSAGES))
    if not messages or messages[-1][0] not in {"user", "human", ""}:
        return None
    return messages[-1][1]


def answered(attributes: Mapping[str, Any]) -> str | None:
    """What the agent said."""
    messages = _numbered(attributes, "output") or _listed(aliases.first(attributes, aliases.OUTPUT_MESSAGES))
    texts = [text for role, text in messages if role in _ASSISTANTS or not role]
    return " ".join(texts) or None


def _listed(value: object) -> list[tuple[str, str]]:
    """Roles and texts of a list of messages; a plain text is one without a role."""
    value = aliases.structure(value)
    if isinstance(value, str):
        return [("", value.strip())] if value.strip() else []
    if isinstance(value, dict):
        value = value.get("messages", [value])
    found = []
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            text = _text_of(each)
            if text:
                found.append((str(each.get("role") or ""), text))
    return found


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("parts", message.get("content", message.get("text")))
    if isinstance(content, str):
        return content.strip()
    texts = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type", "text") == "text":
            text = part.get("content", part.get("text"))
            texts.append(text if isinstance(text, str) else "")
    return " ".join(text.strip() for text in texts if text.strip())


def _numbered(attributes: Mapping[str, Any], side: str) -> list[tuple[str, str]]:
    held: dict[int, dict[str, str]] = {}
    for key, value in attributes.items():
        found = _NUMBERED.fullmatch(key) if key.startswith("llm.") else None
        if found is None or found[1] != side or not isinstance(value, str):
            continue
        message = held.setdefault(int(found[2]), {})
        name = "role" if found[3] == "role" else "content"
        message[name] = f"{message[name]} {value}" if name == "content" and name in message else value
    return [
        (message.get("role", ""), message["content"].strip())
        for _, message in sorted(held.items())
        if message.get("content", "").strip()
    ]
