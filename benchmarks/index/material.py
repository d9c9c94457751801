"""What the archives are made of, read from the data that is kept beside the repository.

Words: pairs of messages of real chats. Arrivals and tokens: two production traces of language models. Timings: the
waits of two recorded Pipecat calls, from the caller's last sound on.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
_VAD_MS: Final = 200
"""Start and stop delay of the recorded calls' voice activity detection."""


class Timing(NamedTuple):
    """One recorded answer: milliseconds after the caller's last sound, in the order they came."""

    transcript: int
    turn_stopped: int
    llm_started: int
    llm_first_token: int
    tts_started: int
    tts_first_audio: int
    agent_started: int


class Request(NamedTuple):
    """One request of a trace."""

    gap_s: float
    """Since the one before."""
    input_tokens: int
    output_tokens: int


class Material(NamedTuple):
    """All of it."""

    chats: tuple[tuple[tuple[str, str], ...], ...]
    """Each a conversation: what was said, and what was answered."""
    requests: tuple[Request, ...]
    timings: tuple[Timing, ...]


def available() -> bool:
    """Whether the data is there."""
    return DATA.is_dir()


def read() -> Material:
    """Read it all; about two seconds."""
    return Material(
        chats=tuple(_chats(DATA / "dialogues" / "chitchat.jsonl.gz")),
        requests=(
            *_azure(DATA / "traces" / "azure_llm_2023_conv.csv.gz"),
            *_mooncake(DATA / "traces" / "mooncake_conversation.csv.gz"),
        ),
        timings=tuple(
            timing
            for name in ("pipecat-barge-in", "pipecat-no-barge-in")
            for timing in _timings(DATA / "sessions" / name / "frames.jsonl")
        ),
    )


def _chats(path: Path) -> Iterator[tuple[tuple[str, str], ...]]:
    """Messages of one side that follow each other are one turn; a lone last message is left out."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = (json.loads(line) for line in lines)
        for _, messages in groupby(rows, key=lambda row: row["conversation_id"]):
            turns = [
                (role, " ".join(row["text"] for row in said))
                for role, said in groupby(messages, key=lambda row: row["role"])
            ]
            if turns[0][0] == "assistant":
                del turns[0]
            pairs = tuple((said[1], answer[1]) for said, answer in zip(turns[::2], turns[1::2], strict=False))
            if pairs:
                yield pairs


def _azure(path: Path) -> Iterator[Request]:
    before = None
    for row in _table(path):
        moment = datetime.fromisoformat(row["TIMESTAMP"][:26])
        gap_s = 0.0 if before is None else (moment - before).total_seconds()
        before = moment
        yield Request(gap_s, int(row["ContextTokens"]), int(row["GeneratedTokens"]))


def _mooncake(path: Path) -> Iterator[Request]:
    """Its clock ticks every three seconds: requests of one tick are spread over it."""
    for _, group in groupby(_table(path), key=lambda row: row["timestamp_ms"]):
        rows = list(group)
        for row in rows:
            yield Request(3 / len(rows), int(row["input_tokens"]), int(row["output_tokens"]))


def _table(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rb") as data:
        yield from csv.DictReader(io.TextIOWrapper(data, encoding="utf-8"))


def _timings(path: Path) -> Iterator[Timing]:
    """The answers of one call whose every stage was seen."""
    seen: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for name in _marks(row):
            if name == "decided":
                seen = {name: row["t"]}
            elif seen:
                seen.setdefault(name, row["t"])
        if len(seen) == len(Timing._fields) + 1:
            yield Timing(*(round((seen[name] - seen["decided"]) * 1000) + _VAD_MS for name in Timing._fields))
            seen = {}


def _marks(row: dict[str, Any]) -> Iterator[str]:
    frames = {
        "TranscriptionFrame": "transcript",
        "UserStoppedSpeakingFrame": "turn_stopped",
        "LLMFullResponseStartFrame": "llm_started",
        "TTSStartedFrame": "tts_started",
        "BotStartedSpeakingFrame": "agent_started",
    }
    if row["frame"] in frames:
        yield frames[row["frame"]]
    for metric in row.get("metrics", ()):
        if metric["type"] == "STTUsageMetricsData":  # told when voice activity detection decides
            yield "decided"
        elif metric["type"] == "TTFATMetricsData":
            yield "llm_first_token"
        elif metric["type"] == "TTFBMetricsData" and metric["processor"].startswith("Piper"):
            yield "tts_first_audio"
