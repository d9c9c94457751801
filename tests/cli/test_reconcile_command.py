from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sample_calls import run, run_on_terminal

from callscope.archive.estimates import estimates
from callscope.config import Settings
from callscope.model.wire import parse_ts
from callscope.prices import shipped
from callscope.prices.book import PriceBook
from callscope.recorder.logger import CallLogger

AGENTS = Path(__file__).parents[2].parent / "shared" / "data" / "agents"
NOON = 1_793_966_400_000  # 2026-11-06T12:00:00Z
SAVED_A_TOKEN = Decimal("1.5") / 1_000_000
"""A cached input token of gpt-4.1 costs 0.50 instead of 2 US dollars a million."""


def record(root: Path, call_id: str, *usages: dict[str, Any], **fields: Any) -> None:
    """A call of a minute that used these things."""
    with closing(CallLogger(root)) as logger:
        call = logger.start_call(call_id, at_ms=NOON, **fields)
        for usage in usages:
            call.usage(**{"at_ms": NOON + 1000, **usage})
        call.end(status="completed", at_ms=NOON + 61_000)


def bill(directory: Path, *rows: str, header: str = "date,provider,service,model,amount,request_id,kind") -> str:
    file = directory / "bill.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(file)


def llm(request_id: str, input_tokens: int, **fields: Any) -> dict[str, Any]:
    return {
        "service": "llm",
        "provider": "openai",
        "model": "gpt-4.1",
        "request_id": request_id,
        "input_tokens": input_tokens,
        **fields,
    }


def test_a_bill_that_agrees_ends_with_0_and_says_by_what_it_was_joined(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", llm("r1", 1000), llm("r2", 500))
    file = bill(tmp_path, "2026-11-06,openai,llm,gpt-4.1,0.002,r1,", "2026-11-06,openai,llm,gpt-4.1,0.001,r2,")

    done = run("reconcile", file, "--root", str(tmp_path / "calls"))

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2026-11-06 UTC: bill.csv (plain CSV, 2 charges)"
    assert lines[2].split() == ["PROVIDER", "ESTIMATE", "ACTUAL", "DIFFERENCE", "%", "VERDICT"]
    assert lines[3].split() == ["openai", "$0.0030", "$0.0030", "$0.00", "+0.0", "ok"]
    assert "  joined: 2 charges by request id" in lines


def test_a_bill_that_is_off_ends_with_1_and_the_tolerance_decides(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", llm("r1", 1000))
    file = bill(tmp_path, "2026-11-06,openai,llm,gpt-4.1,0.0015,r1,", "2026-11,openai,,,5,,other")

    off = run("reconcile", file, "--root", str(tmp_path / "calls"))
    close = run("reconcile", file, "--tolerance", "40", "--root", str(tmp_path / "calls"))

    assert (off.returncode, close.returncode) == (1, 0)
    assert off.stdout.splitlines()[3].split() == ["openai", "$0.0020", "$0.0015", "+$0.0005", "+33.3", "off"]
    assert "not usage: openai charge 5 USD" in off.stdout
    assert "close" in close.stdout


def test_a_difference_of_very_little_is_not_shown_as_none(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", llm("r1", 1))
    file = bill(tmp_path, "2026-11-06,openai,llm,gpt-4.1,0.00000201,r1,")

    done = run("reconcile", file, "--root", str(tmp_path / "calls"))

    figures = done.stdout.splitlines()[3].split()
    assert figures == ["openai", "$0.00000200", "$0.00000201", "-$0.0000000100", "-0.5", "ok"]
    assert "-$0.0000000100  " in done.stdout


def test_the_telephone_line_is_joined_by_the_calls_id(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", telephony_provider="twilio", direction="inbound")
    calls = {
        "calls": [
            {
                "sid": "CA1",
                "duration": "61",
                "price": "-0.0170",
                "price_unit": "USD",
                "direction": "inbound",
                "start_time": "Fri, 06 Nov 2026 12:00:00 +0000",
            }
        ]
    }
    file = tmp_path / "calls.json"
    file.write_text(json.dumps(calls), encoding="utf-8")

    done = run("reconcile", str(file), "--json", "--root", str(tmp_path / "calls"))

    (found,) = json.loads(done.stdout)["providers"]
    assert (done.returncode, found["provider"], found["estimate_usd"], found["joined"]) == (
        0,
        "twilio",
        "0.017",
        {"call": 1},
    )


def test_only_one_provider_may_be_asked_for(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", llm("r1", 1000))
    file = bill(tmp_path, "2026-11-06,openai,llm,gpt-4.1,0.002,r1,", "2026-11-06,deepgram,stt,nova-3,9,,")

    done = run("reconcile", file, "--provider", "openai", "--root", str(tmp_path / "calls"))

    assert done.returncode == 0
    assert "deepgram" not in done.stdout


def test_a_provider_that_nobody_knows_is_no_empty_page(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", {**llm("r1", 1000), "provider": "acme"})
    file = bill(tmp_path, "2026-11-06,deepgram,stt,nova-3,9,,", "2026-11-06,shop,tts,v1,9,,")

    unknown = run("reconcile", file, "--provider", "deepgrm", "--root", str(tmp_path / "calls"))
    found = {
        name: run("reconcile", file, "--provider", name, "--root", str(tmp_path / "calls")).returncode
        for name in ("api.deepgram.com", "shop", "acme", "cartesia")
    }

    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no provider is called 'deepgrm'" in unknown.stderr
    assert "did you mean deepgram?" in unknown.stderr
    assert found == {"api.deepgram.com": 1, "shop": 1, "acme": 0, "cartesia": 0}


@pytest.mark.parametrize("tolerance", ["nan", "inf", "-inf", "-3", "1e999"])
def test_a_tolerance_is_a_percentage(tolerance: str, tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", llm("r1", 1000))
    file = bill(tmp_path, "2026-11-06,openai,llm,gpt-4.1,0.002,r1,")

    done = run("reconcile", file, f"--tolerance={tolerance}", "--root", str(tmp_path / "calls"))

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "--tolerance" in done.stderr


def test_own_prices_are_what_the_estimate_is_made_of(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", llm("r1", 1000))
    prices = tmp_path / "prices.toml"
    prices.write_text('schema = 1\n[discount.openai]\nfactor = "0.5"\n', encoding="utf-8")
    file = bill(tmp_path, "2026-11-06,openai,llm,gpt-4.1,0.001,r1,")

    done = run("reconcile", file, "--prices", str(prices), "--root", str(tmp_path / "calls"))

    assert done.returncode == 0, done.stderr + done.stdout


def test_files_that_cannot_be_read_end_with_4(tmp_path: Path) -> None:
    record(tmp_path, "CA1", llm("r1", 1000))
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")

    for name, words in {
        "odd.csv": "in no known format",
        "missing.csv": "cannot be read: No such file",
        "binary.csv": "no UTF-8 text",
    }.items():
        done = run("reconcile", str(tmp_path / name), "--root", str(tmp_path))
        assert done.returncode == 4
        assert words in done.stderr
    assert run("reconcile", "--root", str(tmp_path)).returncode == 2


def test_hostile_words_of_a_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    record(tmp_path / "calls", "CA1", llm("r1", 1000))
    file = bill(tmp_path, "2026-11-06,evil\x1b]0;owned\x07,llm,gpt-4.1,0.002,,", "2026-11-06,x\x1b[2J,,,1,,other")

    assert "\x1b]0" not in run_on_terminal("reconcile", file, "--root", str(tmp_path / "calls"))
    assert "\x1b" not in run("reconcile", file, "--root", str(tmp_path / "calls")).stdout


def runs(name: str) -> Iterator[dict[str, Any]]:
    path = AGENTS / f"tau2_gpt41_{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("the recorded agent runs are not here")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line, parse_float=Decimal)


def cached_tokens(row: dict[str, Any]) -> int:
    """What the source's cost says was billed as cached: a multiple of 128, but for dust of binary fractions."""
    usage = row["usage"]
    full = (Decimal(usage["prompt_tokens"]) * 2 + Decimal(usage["completion_tokens"]) * 8) / 1_000_000
    tokens = (full - Decimal(row["cost_usd"])) / SAVED_A_TOKEN
    assert abs(tokens - round(tokens)) < Decimal("1e-6")
    assert round(tokens) % 128 == 0
    return round(tokens)


def import_runs(root: Path, name: str, *, with_cached: bool) -> list[str]:
    """Record the runs as calls; gives the source's costs back, as rows of the plain CSV."""
    charges: list[str] = []
    settings = Settings(retention_days=0)  # the runs are old: nothing may sweep them away
    with closing(CallLogger(root, settings=settings)) as logger:
        call = None
        for row in runs(name):
            if row.get("type") == "call":
                call = logger.start_call(row["conversation_id"], at_ms=parse_ts(row["started_at"]))
            elif row.get("usage") and call is not None:
                request_id = f"{row['conversation_id']}-{row['turn']}"
                call.usage(
                    "llm",
                    provider="openai",
                    model="gpt-4.1",
                    request_id=request_id,
                    input_tokens=row["usage"]["prompt_tokens"],
                    output_tokens=row["usage"]["completion_tokens"],
                    at_ms=parse_ts(row["at"]),
                    **({"cached_tokens": cached_tokens(row)} if with_cached else {}),
                )
                charges.append(f"{row['at'][:10]},openai,llm,gpt-4.1,{row['cost_usd']},{request_id},")
    return charges


@pytest.mark.parametrize(
    ("name", "reported", "charged", "cached"),
    [
        ("airline", "2.3990", "1.0112", "925,184 of 1,113,944"),
        ("retail", "5.6668", "2.3756", "2,194,176 of 2,670,434"),
    ],
)
def test_the_cause_of_a_difference_of_real_runs_is_named(
    name: str, reported: str, charged: str, cached: str, tmp_path: Path
) -> None:
    file = bill(tmp_path, *import_runs(tmp_path / "calls", name, with_cached=False))

    done = run("reconcile", file, "--json", "--root", str(tmp_path / "calls"))

    (found,) = json.loads(done.stdout)["providers"]
    assert done.returncode == 1
    assert f"{Decimal(found['estimate_usd']):.4f}" == reported
    assert f"{Decimal(found['actual_usd']):.4f}" == charged
    assert abs(Decimal(found["parts"]["cached"]) - Decimal(found["difference_usd"])) < Decimal("1e-6")
    (cause,) = found["causes"]
    assert cause.startswith("gpt-4.1: cached input tokens are billed at the cached rate and the usage does not report")
    assert cause.endswith(f" {cached} input tokens")


@pytest.mark.parametrize("name", ["airline", "retail"])
def test_with_the_cached_tokens_as_usage_real_runs_cost_what_their_source_was_charged(
    name: str, tmp_path: Path
) -> None:
    file = bill(tmp_path, *import_runs(tmp_path / "calls", name, with_cached=True))

    done = run("reconcile", file, "--json", "--root", str(tmp_path / "calls"))

    (found,) = json.loads(done.stdout)["providers"]
    assert (done.returncode, found["verdict"], found["causes"]) == (0, "ok", [])
    assert abs(Decimal(found["difference_usd"])) < Decimal("0.000001")


def test_use_after_midnight_counts_for_the_day_it_happened(tmp_path: Path) -> None:
    record(tmp_path, "CA1", llm("r1", 1000), llm("r2", 500, at_ms=NOON + 13 * 3_600_000))
    book = PriceBook(shipped.catalogue())

    found = list(estimates(tmp_path, since_ms=parse_ts("2026-11-07"), book=book))

    assert [(each.request_id, each.day, each.usd) for each in found] == [("r2", "2026-11-07", Decimal("0.001"))]
