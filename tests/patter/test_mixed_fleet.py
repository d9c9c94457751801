"""One root, many writers: it lists, searches and sums as one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from node_writer import JS, needs_node, node, run_node
from patter_trees import exchange, run_sdk, told, typescript_metadata, write_call

from callscope import CallLogger
from callscope.archive.reader import read_call
from callscope.archive.repair import repair_call
from callscope.archive.spend import spend_of
from callscope.clock import now_ms
from callscope.index.database import readable
from callscope.index.refresh import refresh
from callscope.testing import call_dirs, metadata

NODE = """
import {{ CallLogger }} from "{index}";
const logger = CallLogger.fromEnv();
const now = Date.now();
const call = logger.startCall("CA-node", {{ agent: {{ model: "gpt-4.1" }}, labels: {{ environment: "prod" }} }});
call.event("user_started_speaking", null, {{ atMs: now - 4000 }});
call.event("user_stopped_speaking", null, {{ atMs: now - 2000 }});
call.turn("user", "where is my parcel", {{ atMs: now - 4000 }});
call.event("agent_started_speaking", null, {{ atMs: now - 1200 }});
call.turn("assistant", "on its way", {{ atMs: now - 1200 }});
call.usage("llm", {{ provider: "openai", model: "gpt-4.1", input_tokens: 1000, output_tokens: 1000 }});
{end}
"""
PATTER = """
import sys
from getpatter.services.call_log import CallLogger
logger = CallLogger(sys.argv[1])
logger.log_call_start("CA-patter", caller="+15551234567", agent={"model": "gpt-4.1"})
logger.log_turn("CA-patter", {"turn_index": 0, "user_text": "a parcel, please", "agent_text": "sure"})
logger.log_call_end("CA-patter", duration_seconds=12.5, turns=1, cost={"total": 0.25, "llm": 0.25})
"""


def by_node(root: Path, directory: Path, *, end: str) -> None:
    program = directory / "agent.mjs"
    program.write_text(NODE.format(index=(JS / "src" / "index.js").as_uri(), end=end), encoding="utf-8")
    run_node(program, root=root)


def in_python(root: Path) -> None:
    with closing(CallLogger(root)) as logger:
        with logger.start_call("CA-pipecat", framework={"name": "pipecat", "version": "1.14"}) as call:
            call.event("user_started_speaking")
            call.event("user_stopped_speaking")
            call.turn("user", "my parcel is late")
            call.event("agent_started_speaking")
            call.turn("assistant", "I am sorry")
            call.event("agent_stopped_speaking")
            call.end(cost={"total": 0.5, "llm": 0.5})
        logger.log_call_start("CA-moved", agent={"model": "gpt-4.1"})
        logger.log_turn("CA-moved", exchange(0, "the parcel is here", "great"))
        logger.log_call_end("CA-moved", duration_seconds=3.5, cost={"total": 0.125, "llm": 0.125})


@pytest.mark.e2e
@needs_node
def test_calls_of_five_writers_list_search_and_sum_as_one(tmp_path: Path) -> None:
    pytest.importorskip("getpatter.services.call_log")
    root = tmp_path / "root"
    in_python(root)
    program = tmp_path / "patter.py"
    program.write_text(PATTER, encoding="utf-8")
    run_sdk(root, str(program))
    write_call(root, typescript_metadata(), [exchange(0, "one parcel", "yes")])
    by_node(root, tmp_path, end="call.end({ cost: { total: 0.0625, llm: 0.0625 } }); await logger.close();")

    names = {"CA-pipecat", "CA-moved", "CA-patter", "CA-ts", "CA-node"}
    listed = told(root, "ls")["calls"]
    assert {call["call_id"] for call in listed} == names
    assert {call["status"] for call in listed} == {"completed"}
    assert {hit["call_id"] for hit in told(root, "search", "parcel")["hits"]} == names
    assert told(root, "verify")["bad"] == []
    spent = [each.recorded_usd for each in spend_of(root, now_ms=now_ms())]
    assert sum(filter(None, spent), Decimal(0)) == Decimal("0.5") + Decimal("0.125") + Decimal("0.25") + Decimal(
        "0.0255"
    ) + Decimal("0.0625")
    refresh(root / "index.sqlite", root, now_ms=now_ms(), processes=0)
    with closing(readable(root / "index.sqlite", root=root)) as index:
        assert index.execute("SELECT count(*), sum(turns) FROM call").fetchone() == (5, 8)


@needs_node
def test_what_node_used_is_priced_and_what_callers_waited_is_found(tmp_path: Path) -> None:
    root = tmp_path / "root"
    by_node(root, tmp_path, end="call.end(); await logger.close();")

    (line,) = told(root, "reprice")["calls"]
    assert line["call_id"] == "CA-node"
    shown = told(root, "show", "CA-node")
    assert shown["call"]["cost"]["total"] == pytest.approx(0.01)  # 2 and 8 dollars a million tokens
    assert shown["exchanges"][0]["response_ms"] == 800


@needs_node
def test_a_call_of_a_node_process_goes_on_while_it_lives_and_is_abandoned_after(tmp_path: Path) -> None:
    program = tmp_path / "agent.mjs"
    end = "await logger.flush(); console.log('ready'); setInterval(() => {}, 1000);"
    program.write_text(NODE.format(index=(JS / "src" / "index.js").as_uri(), end=end), encoding="utf-8")
    root = tmp_path / "root"
    environment = {"PATH": os.environ["PATH"], "PATTER_LOG_DIR": str(root)}
    with subprocess.Popen([node(), program], env=environment, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "ready\n"
        (directory,) = call_dirs(root)
        assert read_call(directory, now_ms=now_ms()).call.status == "in_progress"
        assert repair_call(directory, now_ms=now_ms()) == []
        agent.send_signal(signal.SIGKILL)

    (sign,) = (root / ".callscope" / "writers").iterdir()
    os.utime(sign, (time.time() - 61, time.time() - 61))  # its next sign of life did not come
    assert read_call(directory, now_ms=now_ms()).call.status == "abandoned"
    assert [action.kind for action in repair_call(directory, now_ms=now_ms())] == ["closed"]
    assert metadata(directory)["status"] == "abandoned"
