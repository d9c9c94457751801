"""What of a line reaches a file, under each policy."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import structlog
from kept_lines import configured, failed, lines_of, private
from loguru import logger as guru

WORDS = "my name is Anna and I want two pizzas"
KEY = "sk-proj-abcdefghij1234567890ABCDEFGHIJ"


def kept(directory: Path) -> str:
    return "".join(path.read_text() for path in directory.glob("*.jsonl"))


def say_all() -> None:
    log = logging.getLogger("shop")
    log.info("the caller said %s", WORDS)
    log.info(f"the caller said {WORDS}")  # noqa: G004 -- as programs do
    structlog.get_logger("shop").info("heard", user_text=WORDS, nested={"messages": [{"content": WORDS}]}, note=WORDS)
    guru.info(f"the caller said {WORDS}")
    guru.info("the caller said: {}", WORDS)
    log.error("it failed", exc_info=failed(ValueError(WORDS)))


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_keys_and_passwords_are_masked_under_every_policy(tmp_path: Path, transcript: str) -> None:
    with configured(tmp_path, settings=private(transcript)):
        logging.getLogger("shop").warning(f"used {KEY}")  # noqa: G004 -- as programs do
        logging.getLogger("shop").warning("used %s", KEY, extra={"api_key": KEY, "header": f"Bearer {KEY}"})
        guru.warning(f"used {KEY}")

    assert KEY not in kept(tmp_path)
    assert len(lines_of(tmp_path)) == 3


def test_under_off_no_word_of_anybody_is_kept_and_what_the_code_says_is(tmp_path: Path) -> None:
    with configured(tmp_path, settings=private("off")):
        say_all()
        logging.getLogger("shop").info("the kitchen is open")
        guru.info("Client connected")

    assert "Anna" not in kept(tmp_path)
    events = [line["event"] for line in lines_of(tmp_path)]
    length = len(f"the caller said {WORDS}")
    assert events == [
        "the caller said %s",
        f"(withheld, {length} characters)",
        "heard",
        f"(withheld, {length} characters)",
        f"(withheld, {length + 1} characters)",
        "it failed",
        "the kitchen is open",
        "Client connected",
    ]
    failure = lines_of(tmp_path)[5]["exception"]
    assert failure["type"] == "ValueError"
    assert "raise error" in failure["stack"]
    assert "in failed" in failure["stack"]
    assert failure["message"].startswith("(withheld, ")


def test_under_redact_personal_data_is_replaced(tmp_path: Path) -> None:
    with configured(tmp_path, settings=private("redact")):
        logging.getLogger("shop").info("card %s of anna@example.com", "4111 1111 1111 1111")

    (line,) = lines_of(tmp_path)
    assert "4111" not in line["event"]
    assert "example.com" not in line["event"]
    assert line["event"].startswith("card ")


@pytest.mark.parametrize("transcript", ["full", "redact"])
def test_at_info_fields_that_hold_words_are_withheld_whatever_the_policy(tmp_path: Path, transcript: str) -> None:
    with configured(tmp_path, settings=private(transcript)):
        structlog.get_logger("shop").info(
            "heard", user_text=WORDS, transcript=WORDS, chatCtx=[WORDS], nested={"messages": [{"content": WORDS}]}
        )
        logging.getLogger("livekit.agents").info("x", extra={"user_transcript": WORDS, "arguments": {"a": WORDS}})
        guru.bind(text=WORDS).info("x")

    assert "Anna" not in kept(tmp_path)
    assert lines_of(tmp_path)[0]["data"]["user_text"] == f"(withheld, {len(WORDS)} characters)"


DEBUGGED: dict[str, Any] = {"full": True, "redact": False, "off": False}


@pytest.mark.parametrize(("transcript", "there"), DEBUGGED.items())
def test_context_dumps_are_kept_only_when_debug_and_full_are_asked_for(
    tmp_path: Path, transcript: str, *, there: bool
) -> None:
    with configured(tmp_path, level="debug", settings=private(transcript)):
        logging.getLogger("pipecat.services.openai.base_llm").debug(f"Generating chat from [{WORDS}]")  # noqa: G004 -- as programs do
        logging.getLogger("openai._base_client").debug("Options: %s", {"messages": WORDS}, extra={"body": WORDS})

    assert ("Anna" in kept(tmp_path)) is there
    assert len(lines_of(tmp_path)) == 2


def test_debug_lines_are_nowhere_when_nobody_asked_for_them(tmp_path: Path) -> None:
    with configured(tmp_path):
        guru.debug(f"Generating TTS [{WORDS}]")
        logging.getLogger("shop").debug(WORDS)

    assert not list(tmp_path.glob("*.jsonl"))


PIPECAT = [
    ("pipecat.services.nvidia.omni.llm", f"User said: {WORDS}", "User said: (withheld, 37 characters)"),
    ("pipecat.transports.daily.transport", f"Message from p1: {WORDS}", "Message from p1: (withheld, 37 characters)"),
    (
        "pipecat.services.tts_service",
        f"CartesiaTTSService#0: service is no longer usable, not speaking [{WORDS}]",
        "CartesiaTTSService#0: service is no longer usable, not speaking [(withheld, 38 characters)",
    ),
    (
        "pipecat.services.openai.base_llm",
        f'OpenAILLMService#0: Failed to parse function call arguments: {{"name": "{WORDS}',
        "OpenAILLMService#0: Failed to parse function call arguments: (withheld, 47 characters)",
    ),
    (
        "pipecat.services.deepgram.flux.tts",
        f"Invalid JSON message: {WORDS}",
        "Invalid JSON message: (withheld, 37 characters)",
    ),
    (
        "pipecat.services.ai_service",
        f"X#0: exception processing TextFrame#1(pts: None, text: [{WORDS}]): boom",
        "X#0: exception processing TextFrame#1(pts: None, text: [(withheld, 37 characters)]): boom",
    ),
    (
        "pipecat.adapters.services.open_ai_realtime_adapter",
        f"Unhandled content type in context message: image - {{'content': '{WORDS}'}}",
        "Unhandled content type in context message: (withheld, 60 characters)",
    ),
    (
        "pipecat.utils.context.aggregated_frame_sequencer",
        "seq Dropping word 'Anna' not recognised by any slot.",
        "seq Dropping word (withheld, 34 characters)",
    ),
    ("pipecat.pipeline.worker", "PipelineWorker#0: ready in 0.2 s: [a, b]", "PipelineWorker#0: ready in 0.2 s: [a, b]"),
]


@pytest.mark.parametrize(("logger", "text", "expected"), PIPECAT, ids=[each[0] for each in PIPECAT])
def test_words_in_pipecats_lines_at_info_and_above_are_withheld(
    tmp_path: Path, logger: str, text: str, expected: str
) -> None:
    with configured(tmp_path, settings=private("full")):
        logging.getLogger(logger).warning(text)

    assert [line["event"] for line in lines_of(tmp_path)] == [expected]


def test_the_console_shows_no_more_than_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with configured(tmp_path, console=True, settings=private("off")):
        say_all()

    err = capsys.readouterr().err
    assert "Anna" not in err
    assert "the caller said %s" in err
