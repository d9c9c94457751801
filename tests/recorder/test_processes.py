"""Fork, spawn, exit, signals, several processes: each in real processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from callscope import CallLogger
from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.testing import call_dirs, metadata, rows

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run(program: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def start(program: str, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(root)], stdout=subprocess.PIPE, text=True
    )


def texts(directory: Path) -> list[str]:
    return [row["text"] for row in rows(directory)]


def test_a_process_that_ends_without_close_loses_nothing(tmp_path: Path) -> None:
    result = run(
        """
        import sys
        from callscope import CallLogger
        call = CallLogger(sys.argv[1]).start_call("a")
        for number in range(2000):
            call.turn("user", str(number))
        """,
        tmp_path,
    )

    assert result.stderr == ""
    (directory,) = call_dirs(tmp_path)
    assert texts(directory) == [str(number) for number in range(2000)]
    assert metadata(directory)["status"] == "abandoned"


def test_a_logger_that_was_let_go_before_the_exit_loses_nothing(tmp_path: Path) -> None:
    result = run(
        """
        import sys
        from callscope import CallLogger

        def one_call():
            with CallLogger(sys.argv[1]).start_call("a") as call:
                for number in range(5000):
                    call.turn("user", str(number))

        one_call()
        """,
        tmp_path,
    )

    assert result.stderr == ""
    assert len(texts(call_dirs(tmp_path)[0])) == 5000
    assert metadata(call_dirs(tmp_path)[0])["status"] == "completed"


def test_a_process_that_dies_of_an_exception_loses_nothing(tmp_path: Path) -> None:
    result = run(
        """
        import sys
        from callscope import CallLogger
        with CallLogger(sys.argv[1]).start_call("a") as call:
            call.turn("user", "last words")
            raise RuntimeError("the bot's own")
        """,
        tmp_path,
    )

    assert "RuntimeError: the bot's own" in result.stderr
    assert metadata(call_dirs(tmp_path)[0])["status"] == "failed"
    assert texts(call_dirs(tmp_path)[0]) == ["last words"]


def test_sigterm_ends_the_process_as_ever_and_leaves_every_row(tmp_path: Path) -> None:
    process = start(
        """
        import sys, signal
        from callscope import CallLogger
        logger = CallLogger(sys.argv[1])
        call = logger.start_call("a")
        for number in range(100):
            call.turn("user", str(number))
        logger.flush()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        print("ready", flush=True)
        signal.pause()
        """,
        tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == -signal.SIGTERM
    process.stdout.close()
    (directory,) = call_dirs(tmp_path)
    assert len(texts(directory)) == 100
    assert read_call(directory, now_ms=now_ms()).call.status == "abandoned"


def test_the_hosts_signal_handlers_stay_its_own(tmp_path: Path) -> None:
    def mine(*_: object) -> None: ...

    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    previous = signal.signal(signal.SIGTERM, mine)
    try:
        logger = CallLogger(tmp_path)
        logger.start_call("a").end()
        logger.close()
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert before == {number: signal.getsignal(number) for number in signal.valid_signals()}


def test_a_forked_child_goes_on_with_its_parents_call(tmp_path: Path) -> None:
    result = run(
        """
        import os, sys
        from callscope import CallLogger
        logger = CallLogger(sys.argv[1])
        call = logger.start_call("a", caller="+15551234567")
        call.turn("user", "before")
        logger.flush()
        pid = os.fork()
        if pid == 0:
            for number in range(100):
                call.turn("assistant", f"child {number}")
            logger.start_call("b").end()
            logger.flush()
            os._exit(0)
        for number in range(100):
            call.turn("user", f"parent {number}")
        os.waitpid(pid, 0)
        call.end()
        logger.close()
        """,
        tmp_path,
    )

    assert "Error" not in result.stderr
    a, b = call_dirs(tmp_path)
    assert sorted(texts(a)) == sorted(
        ["before", *[f"{who} {number}" for who in ("child", "parent") for number in range(100)]]
    )
    assert metadata(a)["status"] == metadata(b)["status"] == "completed"
    assert metadata(a)["caller"] == "***4567"


def test_a_forked_child_can_end_its_parents_call(tmp_path: Path) -> None:
    result = run(
        """
        import os, sys
        from callscope import CallLogger
        logger = CallLogger(sys.argv[1])
        call = logger.start_call("a", caller="+15551234567", labels={"env": "prod"})
        call.turn("user", "before")
        logger.flush()
        pid = os.fork()
        if pid == 0:
            call.turn("assistant", "answer")
            call.end(reason="done in the child")
            logger.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        os._exit(0)
        """,
        tmp_path,
    )

    assert "Error" not in result.stderr
    envelope = metadata(call_dirs(tmp_path)[0])
    assert (envelope["status"], envelope["turns"], envelope["caller"]) == ("completed", 2, "***4567")
    assert envelope["callscope"]["labels"] == {"env": "prod"}


def test_a_call_whose_writer_lives_is_not_abandoned_when_a_forked_sibling_dies(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.turn("user", "hello")
    logger.flush()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

    assert read_call(call_dirs(tmp_path)[0], now_ms=now_ms()).call.status == "in_progress"
    logger.close()


def test_a_call_is_abandoned_though_a_forked_child_of_its_writer_lives(tmp_path: Path) -> None:
    process = start(
        """
        import os, sys, signal
        from callscope import CallLogger
        logger = CallLogger(sys.argv[1])
        logger.start_call("a").turn("user", "hello")
        logger.flush()
        pid = os.fork()
        if pid == 0:
            print(os.getpid(), flush=True)
        signal.pause()
        """,
        tmp_path,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.kill()
    process.wait(10)
    try:
        assert read_call(call_dirs(tmp_path)[0], now_ms=now_ms()).call.status == "abandoned"
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def _work(logger: CallLogger, name: str) -> None:
    call = logger.start_call(name)
    for number in range(500):
        call.turn("user", str(number))
    call.end()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_lose_nothing_without_close(method: str, tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.start_call("parent").end()
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=_work, args=(logger, f"worker-{number}")) for number in range(2)]  # type: ignore[attr-defined]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    logger.close()

    assert [worker.exitcode for worker in workers] == [0, 0]
    written = {directory.name: len(rows(directory)) for directory in call_dirs(tmp_path)}
    assert written == {"parent": 0, "worker-0": 500, "worker-1": 500}
    assert {metadata(directory)["status"] for directory in call_dirs(tmp_path)} == {"completed"}


def test_two_processes_on_one_root_with_the_same_ids_mix_nothing(tmp_path: Path) -> None:
    program = """
        import sys
        from callscope import CallLogger
        logger = CallLogger(sys.argv[1])
        for number in range(30):
            with logger.start_call(f"call-{number}") as call:
                for turn in range(10):
                    call.turn("user", "x" * 20_000)
        logger.close()
        """
    processes = [start(program, tmp_path) for _ in range(2)]
    for process in processes:
        assert process.wait(60) == 0
        assert process.stdout is not None
        process.stdout.close()

    directories = call_dirs(tmp_path)
    assert len(directories) == 60
    assert all([len(row["text"]) for row in rows(directory)] == [20_000] * 10 for directory in directories)


def test_kill_9_at_random_moments_loses_at_most_the_last_10_ms(tmp_path: Path) -> None:
    program = """
        import sys, time
        from callscope import CallLogger
        logger = CallLogger(sys.argv[1])
        calls = [logger.start_call(f"call-{number}") for number in range(4)]
        logger.flush()
        number = 0
        begun = time.monotonic()
        while True:
            calls[number % 4].turn("user", str(number))
            number += 1
            print(f"{time.monotonic():.6f} {number}", flush=True)
            ahead = begun + number / 2000 - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
        """
    late = 0
    for attempt in range(5):
        root = tmp_path / str(attempt)
        process = start(program, root)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(100 + 157 * attempt)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
        lines = [line for line in lines if line.endswith("\n")]
        process.wait()
        process.stdout.close()

        last_at, accepted = float(lines[-1].split()[0]), int(lines[-1].split()[1])
        before_10_ms = [int(line.split()[1]) for line in lines if float(line.split()[0]) < last_at - 0.010]
        found = sorted(
            int(turn.text or -1)
            for directory in call_dirs(root)
            for turn in read_call(directory, now_ms=now_ms()).turns
        )
        statuses = {read_call(directory, now_ms=now_ms()).call.status for directory in call_dirs(root)}
        assert found == list(range(len(found)))
        late += len(found) < (before_10_ms or [0])[-1]
        assert accepted - 500 <= len(found) <= accepted + 1
        assert statuses == {"abandoned"}
    assert late <= 1  # a busy machine may stop the writer's thread alone for longer, but not as a rule


def test_a_call_of_a_dead_writer_takes_no_later_rows_and_stays_readable(tmp_path: Path) -> None:
    program = """
        import os, sys
        from callscope import CallLogger
        logger = CallLogger(sys.argv[1])
        logger.start_call("a").turn("user", "first life")
        logger.flush()
        os.kill(os.getpid(), 9)
        """
    run(program, tmp_path)
    logger = CallLogger(tmp_path)
    with logger.start_call("a") as call:
        call.turn("user", "second life")
    logger.close()

    first, second = (read_call(directory, now_ms=int(time.time() * 1000)) for directory in call_dirs(tmp_path))
    assert (first.call.status, second.call.status) == ("abandoned", "completed")
