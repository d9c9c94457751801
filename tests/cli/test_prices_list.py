from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from sample_calls import HOSTILE, run, run_on_terminal, write
from spent_calls import cost_call, line

from callscope.prices import shipped
from callscope.prices.own_source import own_prices_of

DAY = datetime(2026, 11, 20, 9, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
PERIOD = ("--since", "2026-11-19", "--until", "2026-11-21")


def prices(*args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("prices", "list", "--json", *args).stdout)["prices"]
    return found


def missing(root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("prices", "missing", "--json", "--root", str(root), *PERIOD).stdout)[
        "missing"
    ]
    return found


def test_every_price_of_the_catalogue_is_listed() -> None:
    catalogue = shipped.catalogue()
    ids = {entry.id for provider in catalogue.providers() for model in provider.models for entry in model.prices}

    assert {each["id"] for each in prices()} == ids


def test_filters_narrow_the_list() -> None:
    everything = prices()

    assert prices("--provider", "api.deepgram.com") == [each for each in everything if each["provider"] == "deepgram"]
    assert prices("--provider", "deepgram", "--service", "tts") == [
        each for each in everything if (each["provider"], each["service"]) == ("deepgram", "tts")
    ]
    found = prices("NOVA-3")
    assert {each["id"] for each in everything if "nova-3" in each["id"]} <= {each["id"] for each in found}
    assert len(found) < len(everything) / 10


def test_stale_prices_are_those_that_were_not_read_for_so_many_days() -> None:
    stale = {each["id"] for each in prices("--stale")}

    assert stale == {each["id"] for each in prices("--stale", "--days", "90")}
    assert stale <= {each["id"] for each in prices("--stale", "--days", "30")}
    assert prices("--stale", "--days", "36500") == []


@pytest.mark.parametrize("options", [[], ["--stale", "--days", "30"]])
def test_the_number_of_prices_is_the_same_in_both_forms(options: list[str]) -> None:
    last = run("prices", "list", *options).stdout.splitlines()[-1]

    assert last.startswith(f"{len(prices(*options)):,} {'stale prices' if options else 'prices'}; ")


def test_a_price_stands_with_its_unit_its_terms_and_its_source() -> None:
    output = run("prices", "list", "nova-3", "--provider", "deepgram").stdout
    catalogue = shipped.catalogue()
    (entry,) = (
        entry
        for entry in prices("--provider", "deepgram", "--service", "stt")
        if (entry["model"], entry["mode"], entry["plan"]) == ("nova-3", "streaming", None)
    )

    (listed,) = re.findall(r"^  nova-3 +(\S+)  (\S+) +streaming, each channel +(\S+)$", output, re.MULTILINE)
    assert listed == (f"${entry['rates']['minute']}", "minute", entry["read_on"])
    assert entry["source"] in output
    assert f"catalogue {catalogue.version}, " in output


@pytest.mark.parametrize("columns", [80, 140])
def test_the_list_fits_a_terminal_with_model_price_and_unit_whole(columns: int) -> None:
    output = run_on_terminal("prices", "list", "--provider", "openai", columns=columns, environ={"NO_COLOR": "1"})
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)

    assert max(cell_len(each) for each in plain.splitlines()) <= columns
    for entry in prices("--provider", "openai"):
        assert f"  {entry['model']} " in plain
        for unit, price in entry["rates"].items():
            assert f"${price}  {unit if columns > 80 else unit.removesuffix('_tokens')}" in plain


def test_what_is_not_allowed_says_what_is() -> None:
    unknown = run("prices", "list", "--provider", "deepgrm")
    days = run("prices", "list", "--days", "3")

    assert unknown.returncode == days.returncode == 2
    assert "deepgram" in unknown.stderr
    assert "give --stale" in days.stderr


def test_missing_prices_are_told_with_what_was_used_and_when(tmp_path: Path) -> None:
    for name, at, used in (("one", DAY, "100"), ("two", LATER, "45")):
        unpriced = line("acme", None, service="tts", model="v1", usage="characters", quantity=used, reason="not known")
        cost_call(tmp_path, name, unpriced, line("deepgram", "0.10"), at=at)

    (found,) = missing(tmp_path)
    output = run("prices", "missing", "--root", str(tmp_path), *PERIOD).stdout

    assert (found["service"], found["provider"], found["model"], found["usage"]) == ("tts", "acme", "v1", "characters")
    assert (found["calls"], found["quantity"], found["reason"]) == (2, "145", "not known")
    assert (found["first_seen"], found["last_seen"]) == ("2026-11-20T09:00:00.000Z", "2026-11-20T17:30:00.000Z")
    assert "145 characters in 2 calls, 2026-11-20 09:00 to 2026-11-20 17:30 UTC\n  not known" in output
    assert found["toml"] in output


def test_what_is_to_be_pasted_is_a_price_once_it_is_filled_in(tmp_path: Path) -> None:
    cost_call(tmp_path, "one", line("acme", None, service="tts", model=HOSTILE, usage="characters"), at=DAY)
    (found,) = missing(tmp_path)
    providers = {provider.id: provider for provider in shipped.catalogue().providers()}

    own = own_prices_of(
        "schema = 1\n" + found["toml"].replace('price = ""', 'price = "0.03"'),
        file="prices.toml",
        catalogue_providers=providers,
    )

    assert [(each.provider, each.service, each.model) for each in own.prices] == [("acme", "tts", HOSTILE)]
    assert "\x1b" not in found["toml"]


def test_a_price_of_ones_own_keeps_the_rates_that_are_known(tmp_path: Path) -> None:
    cost_call(
        tmp_path,
        "one",
        line(
            "openai", "0.01", service="llm", usage="input_tokens", unit="1M_input_text_tokens", price="2", quantity="1"
        ),
        line("openai", None, service="llm", usage="input_audio_tokens", quantity="7"),
        at=DAY,
    )

    (found,) = missing(tmp_path)

    assert tomllib.loads(found["toml"])["price"] == [
        {
            "provider": "openai",
            "service": "llm",
            "model": "m",
            "rates": {"1M_input_text_tokens": "2", "1M_input_audio_tokens": ""},
        }
    ]


def test_what_no_price_would_cure_has_nothing_to_paste(tmp_path: Path) -> None:
    cost_call(
        tmp_path,
        "one",
        line(None, None, usage="characters"),
        line("openai", None, service="llm", usage="unreported_requests"),
        line("openai", None, service="llm", usage="input_tokens", status="error"),
        at=DAY,
    )
    write(tmp_path, "mute")

    assert [each["toml"] for each in missing(tmp_path)] == [None] * 4
    assert "prices file" not in run("prices", "missing", "--root", str(tmp_path), *PERIOD).stdout


def test_nothing_missing_is_said(tmp_path: Path) -> None:
    cost_call(tmp_path, "one", line("deepgram", "0.10"), at=DAY)

    assert missing(tmp_path) == []
    assert "has a price" in run("prices", "missing", "--root", str(tmp_path), *PERIOD).stdout


def test_hostile_names_are_harmless(tmp_path: Path) -> None:
    unpriced = line(HOSTILE, None, service=HOSTILE, model=HOSTILE, usage=HOSTILE, reason=HOSTILE, quantity="1")
    cost_call(tmp_path, "one", unpriced, at=DAY)

    for args in (["missing"], ["missing", "--json"]):
        output = run_on_terminal("prices", *args, "--root", str(tmp_path), *PERIOD, environ={"TERM": "dumb"})
        assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r"} & set(output)
