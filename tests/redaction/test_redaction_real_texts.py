"""How much of real conversations is taken for personal data; needs the data that is kept beside the repository."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from callscope.redaction.text import redact

DIALOGUES = Path(__file__).resolve().parents[3] / "shared" / "data" / "dialogues"
LIMIT = 30_000


def texts(name: str, *, asked_for: str | None = None) -> list[str]:
    path = DIALOGUES / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = (json.loads(line) for line in raw.splitlines()[:LIMIT])
    return [row["text"] for row in rows if row.get("text") and row.get("asked_for") == asked_for]


@pytest.mark.parametrize(
    ("name", "at_most"),
    [
        ("chitchat.jsonl.gz", 0.001),
        ("ami_meetings.jsonl.gz", 0.001),
        ("taskmaster4_coffee.jsonl.gz", 0),
        ("harper_valley_calls.jsonl", 0),
    ],
)
def test_ordinary_conversations_are_left_alone(name: str, at_most: float) -> None:
    spoken = texts(name)
    changed = [text for text in spoken if redact(text) is not text]
    assert len(changed) <= at_most * len(spoken), changed[:10]


@pytest.mark.parametrize("asked_for", ["name", "postcode"])
def test_names_and_postcodes_of_real_callers_are_not_taken_for_numbers(asked_for: str) -> None:
    spoken = texts("evi_en_phone.jsonl.gz", asked_for=asked_for)
    assert [text for text in spoken if redact(text) is not text] == []
