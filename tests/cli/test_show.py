from __future__ import annotations

import json
import re
from pathlib import Path

from rich.cells import cell_len
from rich.text import Text
from sample_calls import HOSTILE, ORDER, append, run, run_on_terminal, ts, write, write_order_call

from callscope import CallLogger, Settings
from callscope.clock import now_ms


def shown(root: Path, call: str, *options: str) -> list[str]:
    done = run("show", call, "--root", str(root), *options)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.rstrip() for line in done.stdout.splitlines()]


def test_the_head_tells_the_outcome_the_worst_wait_and_the_trouble(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    head = shown(tmp_path, ORDER)[:10]

    assert head[0] == f"{ORDER}  completed: the caller hung up"
    assert head[1] == "when      2026-11-21 09:30:12 UTC · length 0:15"
    assert head[2] == "who       ***4567 → ***1111 · inbound · twilio"
    assert head[3] == "waits     worst 4.10 s (exchange 2) · p50 3.00 s, p95 \N{EN DASH} (needs 20), n=2"
    assert head[4] == "trouble   1 error, 1 recovered · 1 interruption"
    assert head[5] == "agent     openai gpt-4.1 · pipecat 1.14.0"
    assert head[6].startswith("cost      unpriced · nobody reported what this call used")
    assert head[8] == "labels    env=prod"


def test_problems_stand_before_the_transcript(tmp_path: Path) -> None:
    directory = write_order_call(tmp_path)
    with (directory / "transcript.jsonl").open("a") as file:
        file.write('{"torn')

    page = shown(tmp_path, ORDER)

    problems = page[page.index("Problems") + 1 : page.index("", page.index("Problems"))]
    assert "   0:09 The caller waited 4.10 s; 3.44 s of it was the LLM (openai gpt-4.1)." in problems
    assert "   file transcript.jsonl line 6: a torn row of 6 bytes cannot be read" in problems
    assert page.index("Problems") < next(i for i, line in enumerate(page) if "where is my order" in line)


def test_the_transcript_has_waits_at_its_margin_and_marks_what_was_not_heard(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    page = shown(tmp_path, ORDER)

    assert "   0:03          caller  where is my order" in page
    assert '   0:05          tool    lookup_order({"order":"4711"})' in page
    assert "   0:05          tool    lookup_order completed in 320 ms" in page
    assert (
        "   0:06   1.90 s agent   Your order was shipped [not heard: yesterday and it will arrive on Monday.]" in page
    )
    assert "   0:08                  the caller spoke over the agent" in page


def test_the_parts_of_a_wait_are_drawn_and_add_up(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    page = shown(tmp_path, ORDER)

    start = page.index("Exchange 1 at 0:03: the caller waited 1.90 s, interrupted")
    parts = page[start + 1 : page.index("", start)]
    assert [cell.strip() for cell in re.split(r"\s{2,}|█+", parts[0].strip()) if cell.strip()] == [
        "Endpointing wait",
        "VAD stop_secs",
        "200 ms",
    ]
    assert "Tool lookup_order" in parts[6]
    assert parts[-1].split() == ["the", "caller", "waited", "1.90", "s"]
    assert sum(int(line.split()[-2]) for line in parts[:-1]) == 1900


def test_only_the_slowest_exchanges_are_drawn_when_asked(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    page = shown(tmp_path, ORDER, "--slowest", "1")

    assert [line.split(":")[0] for line in page if line.startswith(("Exchange", "Greeting"))] == ["Exchange 2 at 0"]
    assert page[-1] == "1 quicker exchange not drawn: --slowest 2 draws all"
    assert shown(tmp_path, ORDER, "--slowest", "0")[-1] == "2 exchanges not drawn: --slowest 2 draws all"
    assert shown(tmp_path, ORDER, "--slowest", "2")[-1].startswith("   the caller waited")


def test_a_greeting_that_is_not_drawn_is_called_one(tmp_path: Path) -> None:
    directory = write(tmp_path, "greeted", started_at=ts(0), ended_at=ts(9000))
    said = [("user_started_speaking", 3000), ("user_stopped_speaking", 4000), ("llm_started", 4100)]
    spoke = [("client_connected", 0), ("tts_started", 100), ("tts_first_audio", 400), ("agent_started_speaking", 500)]
    answered = [("llm_first_token", 5000), ("agent_started_speaking", 5200)]
    for kind, ms in (*spoke, ("agent_stopped_speaking", 2000), *said, *answered):
        append(directory / "events.jsonl", {"ts": ts(ms), "type": kind, "data": {"request_id": "1"}})

    page = shown(tmp_path, "greeted", "--slowest", "1")

    assert page[-1] == "the greeting not drawn: --slowest 2 draws all"
    assert shown(tmp_path, "greeted", "--slowest", "0")[-1] == (
        "the greeting and 1 exchange not drawn: --slowest 2 draws all"
    )


def test_what_nobody_heard_is_marked_also_where_nobody_interrupted(tmp_path: Path) -> None:
    directory = write(tmp_path, "unheard")
    append(
        directory / "transcript.jsonl",
        {"ts": ts(0), "turn_index": 0, "role": "assistant", "text": "Hello, this is the shop.", "heard": ""},
        {"ts": ts(900), "turn_index": 1, "role": "assistant", "text": "One. Two.", "heard": "One."},
        {"ts": ts(950), "turn_index": 2, "role": "assistant", "text": "Three.", "heard": "Three."},
        {"ts": ts(990), "turn_index": 3, "role": "assistant", "text": None, "text_length": 7, "heard": ""},
    )

    page = shown(tmp_path, "unheard")

    assert [line.split("agent   ")[1] for line in page if "agent  " in line] == [
        "[not heard: Hello, this is the shop.]",
        "One. [not heard: Two.]",
        "Three.",
        "[not heard, words not recorded, 7 characters]",
    ]
    on_terminal = run_on_terminal("show", "unheard", "--root", str(tmp_path))
    assert re.search(r"\x1b\[[\d;]*9mHello, this is the shop\.", on_terminal), "struck through"


def test_errors_say_whether_they_were_got_over_and_one_cause_is_told_once(tmp_path: Path) -> None:
    directory = write(tmp_path, "troubled", started_at=ts(0), ended_at=ts(9000))
    rows: list[tuple[int, str, dict[str, str | int]]] = [
        (1000, "error", {"error_id": "e1", "stage": "llm", "message": "timeout"}),
        (2000, "error", {"error_id": "e2", "stage": "tts", "message": "no such voice"}),
        (3000, "error", {"error_id": "e3", "stage": "tts", "message": "no audio", "duplicate_of": "e2"}),
        (3200, "error_recovered", {"error_id": "e1", "stage": "llm", "after_ms": 2200}),
    ]
    append(directory / "events.jsonl", *({"ts": ts(ms), "type": kind, "data": data} for ms, kind, data in rows))

    page = shown(tmp_path, "troubled")

    assert "trouble   2 errors, 1 recovered · 0 interruptions" in page
    assert "   0:01 LLM: timeout; recovered after 2.20 s" in page
    assert "   0:02 TTS: no such voice" in page
    append(directory / "transcript.jsonl", {"ts": ts(500), "turn_index": 0, "role": "user", "text": "hello"})
    page = shown(tmp_path, "troubled")
    said = page.index("   0:00          caller  hello")
    assert [line[17:] for line in page[said : page.index("", said)]] == [
        "caller  hello",
        "error   llm: timeout (recovered after 2.20 s)",
        "error   tts: no such voice",
    ]


def test_the_json_holds_everything_that_is_known(tmp_path: Path) -> None:
    directory = write_order_call(tmp_path)
    (directory / ".tmp.x.json").touch()

    document = json.loads(run("show", ORDER, "--json", "--root", str(tmp_path)).stdout)

    assert list(document) == ["call", "turns", "exchanges", "events", "problems"]
    assert document["call"]["path"] == str(directory)
    assert document["turns"][2] == {
        "ts": ts(6400),
        "turn_index": 2,
        "role": "assistant",
        "text": "Your order was shipped yesterday and it will arrive on Monday.",
        "latency": {"response_ms": 1900},
        "cost": None,
        "interrupted": True,
        "heard": "Your order was shipped",
        "duration_ms": None,
        "text_length": None,
        "extra": None,
    }
    assert [exchange["response_ms"] for exchange in document["exchanges"]] == [300, 1900, 4100]
    assert document["events"][0] == {"ts": ts(0), "type": "client_connected", "data": {}}
    assert {problem["kind"] for problem in document["problems"]} == {"file", "barge_in", "slow", "error"}


def test_a_call_that_was_killed_shows_its_latency_and_turns_from_its_rows(tmp_path: Path) -> None:
    directory = write_order_call(tmp_path)
    dead = {"callscope": {"writer": {"id": "gone"}}, "status": "in_progress", "started_at": ts(0), "call_id": ORDER}
    (directory / "metadata.json").write_text(json.dumps(dead))

    call = json.loads(run("show", ORDER, "--json", "--root", str(tmp_path)).stdout)["call"]

    assert (call["status"], call["turns"], call["latency"]["p50_ms"]) == ("abandoned", 5, 3000)


def test_a_call_without_anything_is_shown(tmp_path: Path) -> None:
    (tmp_path / "calls" / "2026" / "11" / "20" / "bare").mkdir(parents=True)

    page = shown(tmp_path, "bare")

    assert page[-1] == "No turns."
    assert "   file metadata.json: missing: the directory and the rows tell what is known" in page


def test_turns_whose_words_stayed_off_the_disk_are_shown_with_their_length(tmp_path: Path) -> None:
    directory = write(tmp_path, "private")
    append(
        directory / "transcript.jsonl",
        {"role": "user", "text": None, "text_length": 12},
        {"user_text": "hm", "agent_text": "[interrupted]"},
        {"role": "assistant", "text": "", "latency": {"response_ms": 700}},
        {"role": "assistant", "text": "said", "interrupted": True, "heard": "other"},
    )

    page = shown(tmp_path, "private")

    assert page[-5:] == [
        "                 caller  [words not recorded, 12 characters]",
        "                 caller  hm",
        "                 agent   [interrupted, words not recorded]",
        "          700 ms agent   [nothing]",
        "                 agent   said [interrupted; heard: other]",
    ]


def test_a_terminal_of_80_columns_is_enough(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    plain = Text.from_ansi(run_on_terminal("show", ORDER, "--root", str(tmp_path))).plain

    assert "Exchange 2" in plain
    assert max(cell_len(line.rstrip()) for line in plain.splitlines()) <= 80


def test_hostile_words_are_harmless(tmp_path: Path) -> None:
    hostile_event = {"type": "tool_call", "ts": ts(9), "data": {"name": HOSTILE, "arguments": {HOSTILE: HOSTILE}}}
    directory = write_order_call(tmp_path)
    append(
        directory / "events.jsonl", hostile_event, {"type": "error", "data": {"stage": HOSTILE, "message": [HOSTILE]}}
    )
    append(directory / "transcript.jsonl", {"role": HOSTILE, "text": HOSTILE, "interrupted": True, "heard": HOSTILE})
    fields = {"error": HOSTILE, "caller": HOSTILE, "agent": {"model": HOSTILE}, "status": HOSTILE}
    callscope = {"labels": {HOSTILE: HOSTILE}, "framework": {"name": HOSTILE}}
    (directory / "metadata.json").write_text(json.dumps({"call_id": HOSTILE, **fields, "callscope": callscope}))

    for options in ([], ["--json"]):
        output = run("show", ORDER, "--root", str(tmp_path), *options).stdout
        assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r"} & set(output)
        assert "[bold]" in output


def record_costs(root: Path, *, model: str = "gpt-4-turbo", transport: bool = True, settings: Settings) -> None:
    logger = CallLogger(root, settings=settings)
    now = now_ms()
    provider = "twilio" if transport else ""
    call = logger.start_call("call", at_ms=now - 60_000, telephony_provider=provider, direction="inbound")
    call.usage("llm", provider="openai", model=model, input_tokens=200, output_tokens=50)
    call.turn("assistant", "good day")
    call.usage("llm", provider="openai", model=model, input_tokens=1000, output_tokens=0)
    call.end(at_ms=now)
    logger.close()


def test_the_turns_and_what_is_in_none_of_them_come_to_the_calls_cost(tmp_path: Path) -> None:
    record_costs(tmp_path, settings=Settings())

    page = shown(tmp_path, "call")

    assert any(line.endswith("good day $0.00350") for line in page)
    assert "not in a turn: ~$0.0185 (llm, telephony)" in page
    assert any(line.startswith("cost      ~$0.0220 ") for line in page)


def test_nothing_is_said_of_a_rest_where_the_turns_are_all_of_it(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings())
    call = logger.start_call("call")
    for _ in range(3):
        call.usage("stt", provider="deepgram", model="nova-2", audio_seconds=7.3)
        call.turn("assistant", "good day")
    call.end()
    logger.close()

    assert not any("not in a turn" in line for line in shown(tmp_path, "call"))


def test_a_call_that_could_not_be_priced_says_why(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('schema = 1\n[[price]]\nprovidr = "deepgram"\n')
    record_costs(tmp_path / "calls", settings=Settings(prices=str(prices)))

    told = "".join("".join(shown(tmp_path / "calls", "call")).split())  # a line may end anywhere in the path

    assert f"costnotpriced:{prices}line3:unknownkey" in told


def test_a_model_without_a_price_is_told_whole_on_a_terminal_of_80_columns(tmp_path: Path) -> None:
    model = "a-model-of-tomorrow-with-a-name-2026-11-21"
    record_costs(tmp_path, model=model, transport=False, settings=Settings())

    output = run_on_terminal("show", "call", "--root", str(tmp_path), columns=80)
    plain = [Text.from_ansi(line).plain.rstrip() for line in output.splitlines()]
    costs = plain[plain.index("Cost") + 1 :]

    assert any(model in line for line in costs)
    assert any("1200 input_tokens" in line for line in costs)
    assert max(cell_len(line) for line in costs) <= 80


def test_a_name_of_absurd_length_is_cut_in_a_pipe_too(tmp_path: Path) -> None:
    record_costs(tmp_path, model="m" * 200_000, transport=False, settings=Settings())

    assert max(len(line) for line in shown(tmp_path, "call")) < 2_000
