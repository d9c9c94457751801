"""``callscope reprice``, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sample_calls import run, run_on_terminal

from callscope import CallLogger, Settings
from callscope.clock import now_ms
from callscope.testing import call_dirs, metadata

OWN = (
    'schema = 1\n[[price]]\nprovider = "deepgram"\nservice = "stt"\nmodel = "nova-2"\nunit = "minute"\nprice = "0.10"\n'
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "calls"
    logger = CallLogger(root, settings=Settings())
    for name in ("one", "two"):
        with logger.start_call(name) as call:
            call.usage("stt", provider="deepgram", model="nova-2", audio_seconds=60)
            call.turn("assistant", "good day")
    logger.close()
    (tmp_path / "prices.toml").write_text(OWN)
    return root


def costs(root: Path) -> list[float]:
    return [metadata(path)["cost"]["total"] for path in call_dirs(root)]


def test_the_difference_is_shown_and_the_calls_are_priced_anew(archive: Path, tmp_path: Path) -> None:
    done = run("reprice", "--root", str(archive), "--prices", str(tmp_path / "prices.toml"))

    assert done.returncode == 0
    assert "+$0.0942" in done.stdout
    assert "2 calls: $0.0117 before, $0.200 now" in done.stdout
    assert done.stdout.endswith("2 calls priced anew.\n")
    assert costs(archive) == [0.1, 0.1]


def test_a_dry_run_changes_nothing(archive: Path, tmp_path: Path) -> None:
    before = costs(archive)

    done = run("reprice", "--dry-run", "--root", str(archive), "--prices", str(tmp_path / "prices.toml"))

    assert done.stdout.endswith("Nothing was changed.\n")
    assert costs(archive) == before


def test_on_a_terminal_it_asks_first(archive: Path, tmp_path: Path) -> None:
    before = costs(archive)

    args = ("reprice", "--root", str(archive), "--prices", str(tmp_path / "prices.toml"))
    output = run_on_terminal(*args, typed=b"n\n")

    assert "Replace the cost of 2 calls?" in output
    assert costs(archive) == before
    run_on_terminal(*args, typed=b"y\n")
    assert costs(archive) == [0.1, 0.1]


def test_calls_that_cost_what_they_say_are_left_alone(archive: Path) -> None:
    assert run("reprice", "--root", str(archive)).stdout == "Every call costs what it says.\n"


def test_the_same_as_json_with_nothing_rounded(archive: Path, tmp_path: Path) -> None:
    done = run("reprice", "--json", "--dry-run", "--root", str(archive), "--prices", str(tmp_path / "prices.toml"))

    document = json.loads(done.stdout)
    assert (document["dry_run"], document["repriced"], len(document["calls"])) == (True, 0, 2)
    assert document["calls"][0]["after"] == {"usd": "0.10", "status": "priced", "unpriced": 0}


def test_a_mistake_in_the_price_file_stops_before_anything_is_written(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(OWN.replace("minute", "minuet"))
    before = costs(archive)

    done = run("reprice", "--root", str(archive), "--prices", str(tmp_path / "prices.toml"))

    assert done.returncode == 2
    assert "prices.toml line 6" in done.stderr
    assert "minute" in done.stderr
    assert costs(archive) == before


def test_what_was_estimated_is_marked_in_the_table_and_in_the_sums(tmp_path: Path) -> None:
    root = tmp_path / "calls"
    logger = CallLogger(root, settings=Settings())
    now = now_ms()
    call = logger.start_call("call", telephony_provider="twilio", direction="inbound", at_ms=now - 60_000)
    call.usage("stt", provider="deepgram", model="nova-2", audio_seconds=60)
    call.end(at_ms=now)
    logger.close()
    (tmp_path / "prices.toml").write_text(OWN)

    done = run("reprice", "--root", str(root), "--prices", str(tmp_path / "prices.toml"))

    assert "~$0.0143  ~$0.108" in done.stdout
    assert "1 call: ~$0.0143 before, ~$0.108 now" in done.stdout
