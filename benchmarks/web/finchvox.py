"""An archive's calls as finchvox stores them: ``sessions/<trace>/trace_<trace>.jsonl``, a line a span.

finchvox records Pipecat's own spans (conversation, turn, stt, llm, tts) and reads nothing else, so each call is
written as the spans that Pipecat would have sent of it, with the text and the moments that the call has. It runs in an
environment of its own (``make bench-web`` makes it): it brings the whole of Pipecat with it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from callscope.archive.reader import CallRecord, read_call
from callscope.clock import now_ms
from callscope.model.turn import Turn

VERSION: Final = "0.0.17"
PYTHON: Final = Path(__file__).parents[2] / ".venv-finchvox" / "bin" / "python"
ENVIRON: Final = {"FINCHVOX_TELEMETRY": "false", "HF_HUB_OFFLINE": "1"}
"""It calls home unless told otherwise."""


def arguments(data: Path) -> list[str]:
    """The command of its server; it needs a second port for gRPC, which nobody uses here."""
    return ["-m", "finchvox", "--host", "127.0.0.1", "--port", "{port}", "--grpc-port", "0", "--data-dir", str(data)]


def convert(root: Path, data: Path, count: int) -> str:
    """Write up to ``count`` calls of an archive; gives back the id of the one with the most turns."""
    most, found = -1, ""
    for directory in _calls(root, count):
        call = read_call(directory, now_ms=now_ms())
        trace = hashlib.blake2b(str(directory).encode(), digest_size=16).hexdigest()
        session = data / "sessions" / trace
        session.mkdir(parents=True, exist_ok=True)
        spans = list(_spans(trace, call))
        (session / f"trace_{trace}.jsonl").write_text(
            "".join(json.dumps(span) + "\n" for span in spans), encoding="utf-8"
        )
        if len(spans) > most:
            most, found = len(spans), trace
    return found


def _calls(root: Path, count: int) -> Iterator[Path]:
    """The newest directories."""
    given = 0
    for day in sorted((root / "calls").glob("*/*/*"), reverse=True):
        for entry in sorted(os.scandir(day), key=lambda each: each.name):
            if given == count:
                return
            given += 1
            yield Path(entry.path)


def _spans(trace: str, record: CallRecord) -> Iterator[dict[str, Any]]:
    call = record.call
    began = call.started_at_ms or 0
    ended = call.ended_at_ms or began
    root = _span(trace, 0, None, "conversation", began, ended, {"conversation.id": str(call.call_id)})
    yield root
    number = 0
    turn: dict[str, Any] | None = None
    for row in record.turns:
        at_ms = row.ts_ms or began
        if row.role == "user" or turn is None:
            number += 1
            turn = _span(trace, number, root, "turn", at_ms, at_ms + 4_000, {"turn.was_interrupted": row.interrupted})
            yield turn
        for name, attributes in _work(row):
            number += 1
            yield _span(trace, number, turn, name, at_ms, at_ms + 500, attributes)


def _work(row: Turn) -> list[tuple[str, dict[str, Any]]]:
    """What Pipecat does for a turn."""
    words = row.text or ""
    if row.role == "user":
        return [("stt", {"transcript": words, "gen_ai.request.model": "nova-3"})]
    return [
        ("llm", {"gen_ai.request.model": "gpt-4.1", "output": words}),
        ("tts", {"text": words, "metrics.character_count": len(words), "gen_ai.request.model": "sonic-2"}),
    ]


def _span(
    trace: str, number: int, parent: dict[str, Any] | None, name: str, start_ms: int, end_ms: int, told: dict[str, Any]
) -> dict[str, Any]:
    """A span as its collector writes it."""
    kinds = {str: "string_value", bool: "bool_value", int: "int_value"}
    return {
        "name": name,
        "trace_id_hex": trace,
        "span_id_hex": f"{number + 1:016x}",
        **({"parent_span_id_hex": parent["span_id_hex"]} if parent is not None else {}),
        "start_time_unix_nano": str(start_ms * 1_000_000),
        "end_time_unix_nano": str(end_ms * 1_000_000),
        "attributes": [{"key": key, "value": {kinds[type(value)]: value}} for key, value in told.items()],
        "resource": {"attributes": [{"key": "service.name", "value": {"string_value": "front-desk"}}]},
    }
