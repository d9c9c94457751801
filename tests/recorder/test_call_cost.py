"""What a call costs is in its record: by turn, in its envelope, and against budgets."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from callscope import CallLogger, Settings
from callscope.archive.repair import repair
from callscope.archive.replace import write_json
from callscope.clock import now_ms
from callscope.model.cost import CostLine
from callscope.prices import shipped
from callscope.prices.book import PriceBook
from callscope.recorder.call_log import CallLog
from callscope.testing import call_dirs, metadata, rows


def recorded(root: Path, settings: Settings | None = None, **about: Any) -> tuple[CallLogger, CallLog]:
    logger = CallLogger(root, settings=settings or Settings())
    return logger, logger.start_call("call", **about)


def an_exchange(call: CallLog, *, model: str = "gpt-4-turbo") -> None:
    """0.0020 + 0.0015 USD of language, 0.35 / 60 USD of a minute of speech, 0.006 USD of 120 characters."""
    call.turn("user", "hello")
    call.usage("stt", provider="deepgram", model="nova-2", audio_seconds=60)
    call.usage("llm", provider="openai", model=model, input_tokens=200, output_tokens=50)
    call.usage("tts", provider="cartesia", model="sonic-3", characters=120)
    call.turn("assistant", "good day")


def only_call(root: Path) -> Path:
    (path,) = call_dirs(root)
    return path


def test_an_agents_turn_tells_what_it_cost_by_part(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    an_exchange(call)
    logger.close()

    said, answered = rows(only_call(tmp_path))

    assert said["cost"] is None
    assert answered["cost"] == pytest.approx(
        {"total": 0.0035 + 0.35 / 60 + 0.006, "llm": 0.0035, "stt": 0.35 / 60, "tts": 0.006}
    )


def test_the_turns_and_what_belongs_to_none_add_up_to_the_call(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path, telephony_provider="twilio", direction="inbound")
    an_exchange(call)
    an_exchange(call)
    call.usage("llm", provider="openai", model="gpt-4-turbo", input_tokens=1000, output_tokens=0)
    call.usage("telephony", provider="twilio", call_seconds=61)
    call.end()
    logger.close()

    document = metadata(only_call(tmp_path))
    turns = sum(row["cost"]["total"] for row in rows(only_call(tmp_path)) if row["cost"])

    assert document["cost"]["telephony"] == pytest.approx(2 * 0.0085)
    assert document["cost"]["total"] == pytest.approx(turns + 0.01 + 2 * 0.0085)


def test_a_cost_that_the_program_gives_is_the_turns_cost(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    call.usage("llm", provider="openai", model="gpt-4-turbo", input_tokens=200, output_tokens=50)
    call.turn("assistant", "good day", cost={"total": 1.5})
    logger.close()

    assert rows(only_call(tmp_path))[0]["cost"] == {"total": 1.5}


def test_the_lines_of_the_envelope_add_up_to_its_total(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    for _ in range(3):
        an_exchange(call)
    call.end()
    logger.close()

    document = metadata(only_call(tmp_path))
    lines = document["callscope"]["cost_lines"]

    assert float(sum(Decimal(line["usd"]) for line in lines)) == pytest.approx(document["cost"]["total"])
    assert document["callscope"]["cost_status"] == "priced"
    assert document["callscope"]["unpriced"] == 0
    assert {line["catalogue"] for line in lines} == {document["callscope"]["cost_catalogue"]}


def test_what_has_no_price_is_counted_and_never_a_zero(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    an_exchange(call, model="a-model-of-tomorrow")
    call.end()
    logger.close()

    document = metadata(only_call(tmp_path))

    assert "llm" not in document["cost"]
    assert document["callscope"]["cost_status"] == "partial"
    assert document["callscope"]["unpriced"] == 2
    assert rows(only_call(tmp_path))[1]["cost"]["unpriced"] == 2


def test_a_call_that_nobody_told_the_usage_of_has_no_cost(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    call.turn("assistant", "good day")
    call.end()
    logger.close()

    document = metadata(only_call(tmp_path))

    assert document["cost"] is None
    assert document["callscope"]["cost_status"] == "unpriced"


def test_the_line_is_counted_from_the_length_of_the_call_when_only_its_provider_is_known(tmp_path: Path) -> None:
    start = now_ms() - 200_000
    logger, call = recorded(tmp_path, telephony_provider="twilio", direction="outbound", at_ms=start)
    call.end(at_ms=start + 78_000)
    logger.close()

    document = metadata(only_call(tmp_path))
    (line,) = document["callscope"]["cost_lines"]

    assert document["cost"]["telephony"] == pytest.approx(2 * 0.014)
    assert line["status"] == "estimated"
    assert "length of the call" in line["reason"]


def test_what_a_provider_reports_stands_beside_the_estimate(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    call.usage("telephony", provider="twilio", call_seconds=30, direction="inbound", provider_reported="0.0120")
    call.end()
    logger.close()

    document = metadata(only_call(tmp_path))

    assert document["cost"]["telephony"] == pytest.approx(0.0085)
    assert document["callscope"]["actual"] == [{"service": "telephony", "provider": "twilio", "amount": "0.0120",
                                               "currency": "USD"}]  # fmt: skip


def test_a_request_without_a_report_is_estimated_and_marked(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    call.usage("llm", provider="openai", model="gpt-4-turbo", input_tokens=200, output_tokens=50)
    call.usage("llm", provider="openai", model="gpt-4-turbo", unreported_requests=1)
    call.end()
    logger.close()

    document = metadata(only_call(tmp_path))

    assert document["callscope"]["cost_status"] == "estimated"
    assert document["cost"]["total"] == pytest.approx(2 * 0.0035)


def test_the_users_own_price_wins(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        'schema = 1\n[[price]]\nprovider = "deepgram"\nservice = "stt"\nmodel = "nova-2"\nunit = "minute"\n'
        'price = "0.0036"\n'
    )
    logger, call = recorded(tmp_path / "calls", Settings(prices=str(prices)))
    an_exchange(call)
    logger.close()

    assert rows(only_call(tmp_path / "calls"))[1]["cost"]["stt"] == pytest.approx(0.0036)


def test_a_mistake_in_the_users_file_is_told_and_never_ends_in_list_prices(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('schema = 1\n[[price]]\nprovidr = "deepgram"\n')
    with caplog.at_level(logging.ERROR, "callscope"):
        logger, call = recorded(tmp_path / "calls", Settings(prices=str(prices)))
        an_exchange(call)
        call.end()
        logger.close()

    document = metadata(only_call(tmp_path / "calls"))

    assert document["cost"] is None
    assert document["callscope"]["cost_status"] == "error"
    assert "line 3" in document["callscope"]["cost_problem"]
    assert "line 3" in caplog.text
    assert rows(only_call(tmp_path / "calls"))[1]["cost"] is None


def test_a_call_whose_writer_died_gets_its_cost_when_it_is_closed(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    an_exchange(call)
    logger.close()
    path = only_call(tmp_path)
    document = metadata(path)
    document |= {"status": "in_progress", "ended_at": None, "duration_ms": None, "cost": None}
    for key in ("cost_lines", "cost_status", "unpriced", "cost_catalogue"):
        del document["callscope"][key]
    write_json(path / "metadata.json", document)

    list(repair(tmp_path, now_ms=now_ms(), book=PriceBook(shipped.catalogue())))

    document = metadata(path)
    assert document["status"] == "abandoned"
    assert document["cost"]["total"] == pytest.approx(0.0035 + 0.35 / 60 + 0.006)
    assert document["callscope"]["cost_status"] == "priced"


def test_cost_lines_read_back_as_what_they_are(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    an_exchange(call)
    logger.close()

    lines = msgspec.convert(metadata(only_call(tmp_path))["callscope"]["cost_lines"], list[CostLine])

    assert [line.matched is not None for line in lines] == [True] * len(lines)


BUDGETS = """
schema = 1
[[budget]]
name = "openai"
usd = "0.01"
per = "month"
provider = "openai"
thresholds = [50, 100]

[[budget]]
name = "one call"
usd = "0.004"
per = "call"
"""


@pytest.fixture
def budgets(tmp_path: Path) -> Settings:
    file = tmp_path / "budgets.toml"
    file.write_text(BUDGETS)
    return Settings(budgets=str(file))


def crossings(root: Path, budget: str) -> list[int]:
    return [
        row["data"]["threshold_percent"]
        for path in call_dirs(root)
        for row in rows(path, "events.jsonl")
        if row["type"] == "budget" and row["data"]["budget"] == budget
    ]


def test_a_threshold_is_told_once_in_the_call_that_crosses_it_and_in_the_log(
    tmp_path: Path, budgets: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "calls"
    with caplog.at_level(logging.WARNING, "callscope"):
        logger, call = recorded(root, budgets)
        for _ in range(4):
            an_exchange(call)
        logger.close()

    assert crossings(root, "openai") == [50, 100]
    assert sum("budget openai" in record.message for record in caplog.records) == 2


def test_another_process_of_the_same_period_does_not_tell_it_again(tmp_path: Path, budgets: Settings) -> None:
    root = tmp_path / "calls"
    for name in ("first", "second"):
        logger = CallLogger(root, settings=budgets)
        call = logger.start_call(name)
        for _ in range(4):
            an_exchange(call)
        logger.close()

    assert crossings(root, "openai") == [50, 100]


def others_are_counted(logger: CallLogger) -> None:
    assert logger._writer is not None
    logger._writer.chores.threads["budgets"].join(10)


def test_an_agent_can_ask_before_it_goes_on(tmp_path: Path, budgets: Settings) -> None:
    logger = CallLogger(tmp_path / "calls", settings=budgets)
    before = logger.budget("openai")
    call = logger.start_call("call")
    logger.flush()
    others_are_counted(logger)
    an_exchange(call)
    logger.flush()
    between = logger.budget("openai")
    an_exchange(call)
    an_exchange(call)
    logger.flush()

    assert before.verdict == "unknown"
    assert between.verdict == "ok"
    assert between.spent_usd == pytest.approx(0.0035)
    assert logger.budget("openai").over
    assert logger.budget("one call", call_id="call").over
    assert logger.budget("no such budget").verdict == "unknown"
    logger.close()


def test_a_budget_with_usage_that_has_no_price_is_never_ok(tmp_path: Path, budgets: Settings) -> None:
    logger, call = recorded(tmp_path / "calls", budgets)
    an_exchange(call, model="a-model-of-tomorrow")
    logger.flush()

    assert logger.budget("openai").verdict == "unknown"
    assert logger.budget("openai").unpriced == 2
    logger.close()


def test_what_was_spent_before_this_process_counts(tmp_path: Path, budgets: Settings) -> None:
    root = tmp_path / "calls"
    first, call = recorded(root, budgets)
    an_exchange(call)
    call.end()
    first.close()

    second = CallLogger(root, settings=budgets)
    call = second.start_call("later")
    second.flush()
    others_are_counted(second)
    an_exchange(call)
    second.flush()

    assert second.budget("openai").spent_usd == pytest.approx(2 * 0.0035)
    second.close()


def test_a_logger_that_is_off_knows_no_budget() -> None:
    assert CallLogger(None, settings=Settings()).budget("openai").verdict == "unknown"


def test_a_mistake_in_the_budgets_file_is_told_and_calls_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text('schema = 1\n[[budget]]\nname = "x"\nusd = 1.5\nper = "month"\n')
    with caplog.at_level(logging.ERROR, "callscope"):
        logger, call = recorded(tmp_path / "calls", Settings(budgets=str(file)))
        an_exchange(call)
        logger.close()

    assert "budgets.toml line 4" in caplog.text
    assert json.dumps(metadata(only_call(tmp_path / "calls"))["cost"])


DAILY = """
schema = 1
[[budget]]
name = "all day"
usd = "1"
per = "month"
thresholds = [50, 80, 100]
"""


@pytest.fixture
def daily(tmp_path: Path) -> Settings:
    file = tmp_path / "budgets.toml"
    file.write_text(DAILY)
    return Settings(budgets=str(file))


def spend_a_quarter(call: CallLog) -> None:
    """0.24 USD."""
    call.usage("llm", provider="openai", model="gpt-4-turbo", input_tokens=24_000, output_tokens=0)


def told_in_the_log(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message[-6:-3].lstrip("( ") for record in caplog.records if "budget all day" in record.message]


def test_what_processes_cross_together_is_told_once_by_one_of_them(
    tmp_path: Path, daily: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "calls"
    loggers = [CallLogger(root, settings=daily) for _ in range(6)]
    calls = [logger.start_call() for logger in loggers]
    for logger, call in zip(loggers, calls, strict=True):
        spend_a_quarter(call)
        logger.flush()
    assert told_in_the_log(caplog) == []

    for logger, call in zip(loggers, calls, strict=True):
        call.end()
        logger.close()

    assert told_in_the_log(caplog) == ["50", "80", "100"]


def test_what_others_crossed_is_told_when_a_process_starts_and_is_an_event_of_its_call(
    tmp_path: Path, daily: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "calls"
    before, call = recorded(root)  # it knows of no budget
    for _ in range(4):
        spend_a_quarter(call)
    before.close()

    logger = CallLogger(root, settings=daily)
    call = logger.start_call("later")
    logger.flush()
    others_are_counted(logger)
    assert told_in_the_log(caplog) == ["50", "80"]

    spend_a_quarter(call)
    logger.close()

    assert crossings(root, "all day") == [50, 80, 100]
    assert told_in_the_log(caplog) == ["50", "80", "100"]


def a_text(call: CallLog, text: object, **units: Any) -> None:
    call.usage("tts", provider="cartesia", model="sonic-3", text=text, **units)


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_a_text_is_priced_as_it_was_sent_and_no_word_of_it_is_kept(
    transcript: Literal["full", "redact", "off"], tmp_path: Path
) -> None:
    logger, call = recorded(tmp_path, Settings(transcript=transcript))
    text = "Write to jane.doe@example.com or call +49 170 1234567. Grüße! "
    a_text(call, text * 10)
    call.end()
    logger.close()

    (event,) = [row for row in rows(only_call(tmp_path), "events.jsonl") if row["type"] == "usage"]

    assert "text" not in event["data"]
    assert (event["data"]["characters"], event["data"]["utf8_bytes"]) == (10 * len(text), 10 * len(text.encode()))
    assert metadata(only_call(tmp_path))["cost"]["total"] == pytest.approx(10 * len(text) * 0.006 / 120)


def test_what_a_provider_counted_itself_wins_over_the_text(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    a_text(call, "a synthesizer counts otherwise", characters=120)
    call.end()
    logger.close()

    assert metadata(only_call(tmp_path))["cost"]["total"] == pytest.approx(0.006)


def test_a_text_that_is_none_is_told_of_as_a_mistake(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    a_text(call, 17)
    call.end()
    logger.close()

    assert metadata(only_call(tmp_path))["callscope"]["cost_status"] == "error"


def test_a_turn_counts_what_is_unpriced_as_its_call_does(tmp_path: Path) -> None:
    logger, call = recorded(tmp_path)
    for _ in range(3):
        call.usage("llm", provider="openai", model="a-model-of-tomorrow", input_tokens=200, output_tokens=50)
    call.turn("assistant", "good day")
    call.end()
    logger.close()

    assert rows(only_call(tmp_path))[0]["cost"]["unpriced"] == 2
    assert metadata(only_call(tmp_path))["callscope"]["unpriced"] == 2
