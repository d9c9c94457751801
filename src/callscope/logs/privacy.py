"""What of a line may be written: the transcript policy, for texts that nobody marked as words.

Whatever the policy: secrets are masked, and at INFO and above fields that hold words are withheld, and the parts of
Pipecat's lines that do (its lines were looked through: see `_PIPECAT`). ``redact`` also takes personal data out, and
withholds DEBUG lines of frameworks, which hold whole contexts. ``off`` keeps what the code says: a template without
its arguments, a text that stands in the source as it is, names, places, types and frames of exceptions.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Mapping
from functools import lru_cache
from traceback import TracebackException
from typing import Any, Final

from callscope.logs.level import INFO
from callscope.logs.line import LONGEST, Line
from callscope.logs.origin import is_framework
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

_WORDS: Final = frozenset(
    {
        "text", "texts", "transcript", "transcripts", "transcription", "content", "contents", "message_content",
        "messages", "arguments", "args", "kwargs", "result", "heard", "words", "utterance", "utterances", "sentence",
        "said", "speech", "prompt", "instructions", "system_instruction", "system_prompt", "completion", "context",
        "chat_ctx", "chat_context", "history", "conversation", "input", "inputs", "output", "outputs", "query",
        "question", "answer", "reply", "response", "body", "payload", "summary",
    }
)  # fmt: skip
_WORDY_ENDS: Final = ("_text", "_transcript", "_words", "_prompt", "_content", "_messages", "_arguments", "_utterance")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_DEPTH: Final = 8

_PIPECAT: Final = re.compile(
    r"(?:User said:"
    r"|^Message from [^:]*:"
    r"|not speaking \["
    r"|(?:parse|process|decode)[\w ]{0,40}(?:arguments|JSON message|JSON message from Vonage):"
    r"|non-JSON[\w ]{0,40}:|non-RTVI message:|not RTVI message:|Non-JSON response:|JSON message:"
    r"|Error parsing JSON message|Error decoding JSON:|Invalid JSON message:|server message:"
    r"|Unhandled content type in context message:"
    r"|raised handling (?:data|system) message"
    r"|Dropping (?:buffered )?word|force-complete:"
    r"|during synthesis of"
    r"|DTMF event received[^:]*:"
    r"|unsupported DTMF tone:"
    r")(?P<words>.*)",
    re.DOTALL,
)
"""Lines of Pipecat at INFO and above (as of 1.14) that end in what was said, sent or got."""
_FRAMES: Final = re.compile(
    r"\b(?:text|transcript\w*|content|messages?|arguments|result|words?): \[(?P<words>.*)\]", re.DOTALL
)
"""How Pipecat's frames print their words: ``TextFrame#1(pts: None, text: [hello])``."""


def withheld(value: object) -> str:
    """What stands for a text that is not written."""
    count = len(value) if isinstance(value, str) else len(str(value))
    return f"(withheld, {count} character{'' if count == 1 else 's'})"


def text_of(line: Line, policy: Policy) -> str:
    """The line's text as it may be written."""
    text = line.text
    if line.origin in ("call", "logs"):
        return text  # our own say nothing that is not already clean
    cut = "" if len(text) <= LONGEST else f"… (cut, {len(text)} characters)"
    text = text[:LONGEST]
    if policy.transcript == "off":
        return _said_by_code(line, policy) or withheld(line.text)
    if line.level >= INFO:
        if line.logger.startswith("pipecat"):
            text = _without_words(text)
    elif policy.transcript == "redact" and is_framework(line.logger):
        return withheld(line.text)
    return (redaction.words(text, policy) or "") + cut


def data_of(line: Line, data: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """The line's fields as they may be written."""
    if line.origin == "logs":
        return data
    if line.level >= INFO:
        data = _fields(data, 0)
    elif policy.transcript == "redact" and is_framework(line.logger):
        return {key: withheld(value) if isinstance(value, str | list | dict) else value for key, value in data.items()}
    return data if line.origin == "call" else redaction.event_data("log", data, policy)


def failure_of(failure: TracebackException, kind: str, policy: Policy) -> dict[str, Any]:
    """An exception: type, message, stack; under ``off`` the frames without what it says."""
    message = "".join(failure.format_exception_only()).strip()
    if policy.transcript == "off":
        return {"type": kind, "message": withheld(message), "stack": "".join(_frames(failure))}
    kept = redaction.event_data("error", {"message": message, "stack": "".join(failure.format())}, policy)
    return {"type": kind, **kept}


def _said_by_code(line: Line, policy: Policy) -> str | None:
    """The text where it is the code's and nobody's words; None where that is not certain."""
    own_policy = Policy(phone=policy.phone, transcript="redact")
    if line.template is not None:
        return redaction.words(line.template[:LONGEST], own_policy)
    if line.path and line.number and _is_literal(line.path, line.number, line.text):
        return redaction.words(line.text, own_policy)
    return None


@lru_cache(maxsize=4096)
def _is_literal(path: str, number: int, text: str) -> bool:
    """Whether the source has this very text between quotes where the line was written."""
    if not text or len(text) > 1000 or "\n" in text:  # noqa: PLR2004 -- no literal in code is longer
        return False
    lines = [linecache.getline(path, each) for each in range(max(1, number - 1), number + 8)]
    source = "".join(lines)
    return f'"{text}"' in source or f"'{text}'" in source


def _without_words(text: str) -> str:
    for pattern in (_PIPECAT, _FRAMES):
        found = pattern.search(text)
        if found is not None and found["words"].strip():
            begin, end = found.span("words")
            space = "" if text[begin - 1] == "[" else " "
            text = f"{text[:begin]}{space}{withheld(text[begin:end].strip())}{text[end:]}"
    return text


def _fields(data: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Fields without those that hold words."""
    return {key: _field(key, value, depth) for key, value in data.items()}


def _field(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if is_wordy(key):
        return withheld(value)
    if isinstance(value, dict):
        return _fields(value, depth + 1) if depth < _MAX_DEPTH else withheld(value)
    if isinstance(value, list):
        return [_field("", item, depth + 1) for item in value] if depth < _MAX_DEPTH else withheld(value)
    return value


@lru_cache(maxsize=2048)
def is_wordy(key: str) -> bool:
    """Whether a field of this name holds words of the conversation."""
    name = _CAMEL.sub("_", key).replace("-", "_").lower()
    return name in _WORDS or name.endswith(_WORDY_ENDS)


def _frames(failure: TracebackException) -> list[str]:
    """The frames of an exception and of those behind it, the first one first."""
    chain: list[str] = []
    seen: set[int] = set()
    each: TracebackException | None = failure
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        kind = each.exc_type.__qualname__ if each.exc_type is not None else "exception"
        chain.insert(0, "".join(["Traceback (most recent call last):\n", *each.stack.format(), f"{kind}\n"]))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return chain
