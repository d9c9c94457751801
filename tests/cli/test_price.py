"""``callscope price``: records in, one result a record out."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sample_calls import HOSTILE, run

from callscope.report.money import money

D = Decimal
GPT = {"service": "llm", "provider": "openai", "model": "gpt-4.1", "at": "2026-11-21T09:30:00Z"}
TOKENS = {"input_tokens": 1000, "output_tokens": 50, "cached_tokens": 256}
GPT_USD = "0.002016"  # (744 * 2 + 256 * 0.5 + 50 * 8) / 1,000,000
SPEECH = {"service": "stt", "provider": "deepgram", "model": "nova-3", "usage": {"audio_seconds": 60}}
OWN = """
schema = 1
[[price]]
provider = "deepgram"
service = "stt"
model = "nova-3"
rates = { minute = "0.001" }
"""


def priced(tmp_path: Path, *records: object, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    file = tmp_path / "usage.json"
    file.write_text(json.dumps(records))
    done = run("price", str(file), "--json", *options)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(found) == len(records)
    return found


def refused(tmp_path: Path, content: str | bytes) -> str:
    file = tmp_path / "usage.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run("price", str(file))
    assert (done.returncode, done.stdout) == (4, "")
    return done.stderr.replace(str(file), "FILE").strip()


def test_an_array_gives_one_result_a_record_in_order(tmp_path: Path) -> None:
    known, unknown = priced(tmp_path, {**GPT, "usage": TOKENS}, {**GPT, "model": "gpt-99", "usage": TOKENS})

    assert (known["status"], known["usd"], known["reasons"]) == ("priced", GPT_USD, [])
    assert [line["usage"] for line in known["lines"]] == ["input_tokens", "cached_tokens", "output_tokens"]
    assert known["lines"][0] | {"catalogue": ""} == {
        "service": "llm", "provider": "openai", "model": "gpt-4.1", "status": "priced", "biller": None,
        "matched": "openai/llm/gpt-4.1",
        "usage": "input_tokens", "unit": "1M_input_text_tokens", "quantity": "0.000744", "quantity_billed": "0.000744",
        "price": "2", "amount": "0.001488", "currency": "USD", "usd": "0.001488", "source": "catalogue",
        "catalogue": "", "reason": None,
    }  # fmt: skip
    assert (unknown["status"], unknown["usd"]) == ("unpriced", None)
    assert "gpt-99" in unknown["reasons"][0]


def test_one_object_gives_one_object_and_lines_give_an_array(tmp_path: Path) -> None:
    file = tmp_path / "usage"
    record = {**GPT, "usage": TOKENS}

    file.write_text(json.dumps(record, indent=2))
    assert json.loads(run("price", str(file), "--json").stdout)["usd"] == GPT_USD

    file.write_text(f"{json.dumps(record)}\n\n{json.dumps(record)}\r\n")
    assert [each["usd"] for each in json.loads(run("price", str(file), "--json").stdout)] == [GPT_USD] * 2

    file.write_text("[]")
    assert json.loads(run("price", str(file), "--json").stdout) == []


def test_records_come_from_standard_input_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from callscope.cli.main import main; main()", "price", "-", "--json"],
        input=json.dumps(SPEECH), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert json.loads(done.stdout)["usd"] == "0.0048"


def test_what_comes_through_a_pipe_is_priced_as_a_file_is(tmp_path: Path) -> None:
    lines = "\ufeff" + f"{json.dumps(SPEECH)}\n\n{json.dumps({**GPT, 'usage': TOKENS})}\n"
    file = tmp_path / "usage.jsonl"
    file.write_text(lines, encoding="utf-8")

    for options in ([], ["--json"]):
        piped = subprocess.run(
            [sys.executable, "-c", "from callscope.cli.main import main; main()", "price", "-", *options],
            input=lines.encode(), capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert piped.stdout.decode() == run("price", str(file), *options).stdout


def test_many_results_are_laid_out_as_one_document(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text(f"{json.dumps(SPEECH)}\n{json.dumps({'service': 'call', 'components': [SPEECH]})}\n{{}}\n")

    output = run("price", str(file), "--json").stdout

    assert output == json.dumps(json.loads(output), indent=2) + "\n"


def test_a_mistake_at_the_end_leaves_nothing_half_done(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text(f"{json.dumps(SPEECH)}\n" * 3 + "[1]\n")

    done = run("price", str(file), "--json")

    assert (done.returncode, done.stdout) == (4, "")
    assert "line 4: a record is an object" in done.stderr


def test_legs_in_the_direction_that_the_model_is_not_of_have_the_price_of_its_counterpart(tmp_path: Path) -> None:
    legs = [{"call_seconds": 61, "direction": "inbound"}, {"call_seconds": 30, "direction": "outbound"}]
    call = {"service": "telephony", "provider": "twilio", "model": "us-local-inbound", "usage": {"legs": legs}}
    (one,) = priced(tmp_path, call)

    assert [(line["matched"], line["usd"]) for line in one["lines"]] == [
        ("twilio/telephony/us-local-inbound/US/inbound", "0.017"),
        ("twilio/telephony/us-local-outbound/US/outbound", "0.014"),
    ]
    assert (one["status"], one["usd"]) == ("priced", "0.031")


def test_credits_cost_what_they_cost_on_the_plan(tmp_path: Path) -> None:
    speech = {"service": "tts", "provider": "cartesia", "model": "sonic-2", "at": "2026-11-21"}
    usual, scale = priced(
        tmp_path, {**speech, "usage": {"credits": 400}}, {**speech, "usage": {"credits": 400, "plan": "scale"}}
    )

    assert (usual["usd"], scale["usd"]) == ("0.02", "0.01495")  # 400 * 0.00005, 400 * 0.000037375


def test_at_may_be_written_in_any_way(tmp_path: Path) -> None:
    ways = [
        "2026-11-21T09:30:00Z", "2026-11-21T10:30:00+01:00", "2026-11-21T09:30:00", "2026-11-21", 1_795_253_400,
        1_795_253_400_000, 1_795_253_400.5, "1795253400",
    ]  # fmt: skip
    found = priced(tmp_path, *({**SPEECH, "at": at} for at in ways))

    assert [(each["status"], each["usd"]) for each in found] == [("priced", "0.0048")] * len(ways)


def test_an_old_record_has_the_price_of_its_day(tmp_path: Path) -> None:
    record = {"service": "tts", "provider": "elevenlabs", "model": "eleven_flash_v2_5", "characters": 1000}
    before, after, today = priced(tmp_path, {**record, "at": "2026-10-05"}, {**record, "at": "2026-10-07"}, record)

    assert (before["usd"], after["usd"], today["usd"]) == ("0.05", "0.04", "0.04")


def test_usage_keys_may_stand_beside_usage_and_what_else_stands_there_is_the_writers_own(tmp_path: Path) -> None:
    beside = {"channels": 2, "mode": "streaming", "id": "abc", "note": "mine"}
    (one,) = priced(tmp_path, {**SPEECH, **beside})

    assert (one["status"], one["usd"]) == ("priced", "0.0096")


def test_a_call_sums_its_components_and_lists_them(tmp_path: Path) -> None:
    at = GPT["at"]
    gpt = {key: value for key, value in GPT.items() if key != "at"}
    (call,) = priced(
        tmp_path,
        {
            "service": "call",
            "at": at,
            "components": [{**gpt, "usage": TOKENS}, SPEECH, {**gpt, "model": "gpt-99", "usage": TOKENS}],
        },
    )

    assert (call["status"], call["usd"]) == ("partial", str(D(GPT_USD) + D("0.0048")))
    assert [(each["status"], each["usd"]) for each in call["components"]] == [
        ("priced", GPT_USD), ("priced", "0.0048"), ("unpriced", None),
    ]  # fmt: skip
    assert D(call["usd"]) == sum(D(line["usd"]) for line in call["lines"] if line["usd"])


def test_a_component_has_the_moment_of_its_call_unless_it_has_its_own(tmp_path: Path) -> None:
    speech = {"service": "tts", "provider": "elevenlabs", "model": "eleven_flash_v2_5", "usage": {"characters": 1000}}
    (call,) = priced(
        tmp_path, {"service": "call", "at": "2026-10-05", "components": [speech, {**speech, "at": "2026-10-07"}]}
    )

    assert [each["usd"] for each in call["components"]] == ["0.05", "0.04"]


def test_what_a_call_did_not_report_is_estimated_from_what_it_did(tmp_path: Path) -> None:
    (call,) = priced(
        tmp_path,
        {"service": "call", "components": [{**GPT, "usage": TOKENS}, {**GPT, "usage": {"unreported_requests": 1}}]},
    )

    assert (call["status"], D(call["usd"])) == ("estimated", 2 * D(GPT_USD))
    assert call["components"][1]["status"] == "unpriced"


def test_what_the_provider_charged_stands_beside_the_estimate(tmp_path: Path) -> None:
    call = {"service": "telephony", "provider": "twilio", "model": "us-local-inbound", "usage": {"call_seconds": 61}}
    (one,) = priced(tmp_path, {**call, "provider_reported": {"price": "-0.00850", "price_unit": "USD"}})

    assert (one["usd"], one["status"]) == ("0.017", "priced")
    assert one["actual"] == [{"service": "telephony", "provider": "twilio", "amount": "0.0085", "currency": "USD"}]


def test_a_wrong_record_is_an_error_and_the_others_are_still_priced(tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({"service": "asr"}, "service is 'asr': write one of llm, stt, tts, realtime, telephony, turn, other, call"),
        ({"service": None}, "service is null: write one of llm, stt, tts, realtime, telephony, turn, other, call"),
        ({"provider": 7}, "provider is 7: give a name"),
        ({"at": "soon"}, "at is 'soon': give a time as 2026-11-21T09:30:00Z, a day, or Unix seconds or milliseconds"),
        ({"usage": [1]}, "usage is of type list: give an object"),
        ({"usage": {"input_tokens": -5}}, "input_tokens is -5: give a number from 0 to 10^15"),
        ({"usage": {"input_tokens": float("nan")}}, "input_tokens is nan: give a number from 0 to 10^15"),
        ({"service": "call", "usage": {}}, "components is null: give a list of records"),
        ({"service": "call", "components": [5], "usage": {}}, "a component is 5: give a record"),
    ]
    *found, last = priced(tmp_path, *({**GPT, **fields} for fields, _ in wrong), SPEECH)

    for (_, reason), each in zip(wrong, found, strict=True):
        assert (each["status"], each["usd"]) == ("error", None)
        assert reason in each["reasons"]
    assert last["usd"] == "0.0048"


def test_numbers_keep_the_digits_they_are_written_with(tmp_path: Path) -> None:
    file = tmp_path / "usage.json"
    file.write_text('{"service": "stt", "provider": "deepgram", "model": "nova-3", "usage": {"audio_seconds": 0.1}}')

    assert json.loads(run("price", str(file), "--json").stdout)["usd"] == "0.000008"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"service": "llm"},\n 5]', "FILE line 2: a record is an object as in docs/usage-keys.md, this is none"),
        ("7", "FILE line 1: a record is an object as in docs/usage-keys.md, this is none"),
        ('[{"service": "llm"},\n {"a" 1}]', "FILE line 2: not valid JSON: Expecting ':' delimiter (column 7)"),
        ('{"service": "llm"}\n{"a" 1}', "FILE line 2: not valid JSON: Expecting ':' delimiter (column 6)"),
        ('{\n"service": llm}', "FILE line 2: not valid JSON: Expecting value (column 12)"),
        ('{"at": 1}\n{"at": %s}' % ("9" * 5000), "FILE line 2: not valid JSON: A number of 5,000 digits (column 8)"),
        (
            '[{"at": 1},\n {"at": %s}]' % ("9" * 5000),
            "FILE line 2: not valid JSON: A number of 5,000 digits (column 9)",
        ),
        (" \n", "FILE is empty: write usage records, see docs/usage-keys.md"),
        ("[" * 100_000, "FILE: not valid JSON: nested too deeply"),
    ],
)
def test_a_file_that_holds_something_else_ends_with_4_and_says_where(
    tmp_path: Path, content: str, message: str
) -> None:
    assert refused(tmp_path, content) == f"callscope: {message}"


def test_a_file_that_is_no_text_or_not_there_ends_with_4(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path, b"\xff\xfe")

    done = run("price", str(tmp_path / "nowhere.json"))
    assert done.returncode == 4
    assert "nowhere.json cannot be read" in done.stderr


def test_ones_own_prices_win(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(OWN)
    (one,) = priced(tmp_path, SPEECH, options=("--prices", str(own)))

    assert (one["usd"], one["lines"][0]["source"]) == ("0.001", "override")


def test_a_file_of_prices_that_is_wrong_or_not_there_stops(tmp_path: Path) -> None:
    usage, own = tmp_path / "usage.json", tmp_path / "prices.toml"
    usage.write_text(json.dumps(SPEECH))
    missing = run("price", str(usage), "--prices", str(own))
    own.write_text(OWN.replace("minute", "minuet"))
    wrong = run("price", str(usage), "--prices", str(own))

    assert (missing.returncode, wrong.returncode) == (2, 2)
    assert "is not there" in missing.stderr
    assert "line 7" in wrong.stderr
    assert missing.stdout == wrong.stdout == ""


def test_people_see_the_sum_with_what_it_lacks_and_the_reasons(tmp_path: Path) -> None:
    file = tmp_path / "usage.json"
    call = {
        "service": "call",
        "components": [{**GPT, "usage": TOKENS}, {**GPT, "model": "gpt-99", "usage": {"input_tokens": 1}}],
    }
    file.write_text(json.dumps([{**GPT, "usage": TOKENS}, call]))
    lines = run("price", str(file)).stdout.splitlines()

    assert lines[0] == "1  llm openai gpt-4.1  priced  $0.00202"
    assert lines[1].split() == ["USAGE", "BILLED", "UNIT", "PRICE", "AMOUNT", "STATUS"]
    assert lines[2].split() == ["input_tokens", "0.000744", "1M_input_text_tokens", "2", "0.001488", "priced"]
    assert lines[5] == "2  call  partial  ≥ $0.00202, 1 unpriced"
    assert "gpt-99" in lines[-1]


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "usage.json"
    file.write_text(json.dumps({**GPT, "provider": HOSTILE, "model": HOSTILE, "usage": {HOSTILE: 1, "text": HOSTILE}}))

    for options in ((), ("--json",)):
        shown = run("price", str(file), *options).stdout
        assert not {"\x1b", "\u202e", "\x9b", "\x07"} & set(shown)


@pytest.mark.parametrize(
    ("usd", "unpriced", "estimated", "shown"),
    [
        ("0.0123", 0, False, "$0.0123"),
        ("1.234", 0, False, "$1.23"),
        ("0", 0, False, "$0.00"),
        ("0.0000012", 0, False, "$0.00000120"),
        ("0", 2, False, "2 unpriced"),
        ("-0.5", 0, False, "-$0.500"),
        ("0.031", 2, False, "≥ $0.0310, 2 unpriced"),
        ("0.02", 0, True, "~$0.0200"),
        (None, 3, False, "unpriced"),
    ],
)
def test_amounts_say_what_they_are(usd: str | None, unpriced: int, estimated: bool, shown: str) -> None:  # noqa: FBT001 -- a case
    assert money(None if usd is None else D(usd), unpriced, estimated=estimated) == shown
