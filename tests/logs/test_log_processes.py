"""Several processes, one directory: real processes, real kills."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from kept_lines import bot, configured, events_of, lines_of, run

from callscope.archive import liveness
from callscope.logs.closed import compress, tidy
from callscope.logs.file import SharedFile, close_day

MANY = """
import logging, sys
from callscope import logs
directory, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
made = logs.configure(console=False, directory=directory, max_mb=0.1, files_a_day=1000, buffer_lines=10**6)
log = logging.getLogger("bot")
for number in range(count):
    log.warning(f"{name} {number} {'x' * (number % 200)}")
made.close(None)
health = made.health()
assert (health.accepted, health.written, health.lost) == (count, count, {}), health
"""


def said(directory: Path) -> Counter[str]:
    return Counter(" ".join(event.split(" ")[:2]) for event in events_of(directory))


def test_lines_of_several_processes_are_all_there_once_also_when_files_are_closed_meanwhile(tmp_path: Path) -> None:
    processes = [bot(MANY, str(tmp_path), name, "3000") for name in "abcd"]
    for process in processes:
        _, err = process.communicate(timeout=80)
        assert process.returncode == 0, err

    assert said(tmp_path) == {f"{name} {number}": 1 for name in "abcd" for number in range(3000)}
    files = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    closed = [name for name in files if name.endswith(".gz")]
    assert len(closed) > 10
    assert [name for name in files if not re.fullmatch(r"\d{4}-\d\d-\d\d(\.\d+\.jsonl\.gz|\.jsonl)", name)] == []
    assert all(path.stat().st_size <= 200_000 for path in tmp_path.glob("*.jsonl"))


def test_of_one_process_lines_keep_their_order_over_files(tmp_path: Path) -> None:
    run(MANY, str(tmp_path), "a", "5000")

    assert [event.split(" ")[1] for event in events_of(tmp_path)] == [str(number) for number in range(5000)]


def test_a_killed_process_loses_none_of_the_lines_before_and_tears_none(tmp_path: Path) -> None:
    process = bot(
        """
        import logging, sys, time
        from callscope import logs
        logs.configure(console=False, directory=sys.argv[1])
        for number in range(10**9):
            logging.getLogger("bot").warning(f"line {number}")
            if number % 100 == 99:
                time.sleep(0.02)
                print(number, flush=True)
        """,
        str(tmp_path),
    )
    assert process.stdout is not None
    last = 0
    for _ in range(5):
        last = int(process.stdout.readline())
    process.kill()
    process.communicate()

    found = [int(event.split(" ")[1]) for event in events_of(tmp_path)]
    assert found[: last + 1] == list(range(last + 1))
    with configured(tmp_path) as made:
        __import__("logging").getLogger("bot").warning("after")
        made.flush()
    assert events_of(tmp_path)[-1] == "after"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_its_own_lines_and_none_of_its_parents(tmp_path: Path) -> None:
    run(
        """
        import logging, os, sys
        from callscope import logs
        made = logs.configure(console=False, directory=sys.argv[1])
        log = logging.getLogger("bot")
        for number in range(300):
            log.warning(f"parent {number}")
        for _ in range(51):
            log.warning("slow")
        child = os.fork()
        name = "child" if child == 0 else "father"
        for number in range(300):
            log.warning(f"{name} {number}")
        assert made.flush(20)
        assert made.health().written == (300 if child == 0 else 651), made.health()
        if child:
            assert os.waitpid(child, 0)[1] == 0
            made.close()
        else:
            made.close()
            os._exit(0)
        """,
        str(tmp_path),
    )

    found = said(tmp_path)
    assert found.pop("slow") == 2
    assert found == {f"{name} {number}": 1 for name in ("parent", "child", "father") for number in range(300)}
    assert [line["repeated"] for line in lines_of(tmp_path) if "repeated" in line] == [50]
    assert len({line["process"] for line in lines_of(tmp_path)}) == 2


def test_workers_of_multiprocessing_leave_their_lines(tmp_path: Path) -> None:
    program = tmp_path / "workers.py"
    program.write_text(
        "import logging, multiprocessing, sys\n"
        "from callscope import logs\n"
        "def work(number):\n"
        "    logging.getLogger('bot').warning(f'work {number}')\n"
        "if __name__ == '__main__':\n"
        "    logs.configure(console=False, directory=sys.argv[1])\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        pool.map(work, range(20))\n"
        "        pool.close()\n"
        "        pool.join()\n"
    )
    start = f"import runpy, sys; sys.argv = ['x', sys.argv[1]]; runpy.run_path({str(program)!r}, run_name='__main__')"
    run(start, str(tmp_path / "logs"))

    assert said(tmp_path / "logs") == {f"work {number}": 1 for number in range(20)}


def test_a_process_that_ends_without_closing_leaves_all_its_lines(tmp_path: Path) -> None:
    run(
        """
        import logging, sys
        from callscope import logs
        logs.configure(console=False, directory=sys.argv[1])
        for number in range(2000):
            logging.getLogger("bot").warning(f"line {number}")
        """,
        str(tmp_path),
    )

    assert len(events_of(tmp_path)) == 2000


def test_a_stopped_process_holds_nobody_up(tmp_path: Path) -> None:
    stopped = bot(
        """
        import logging, sys
        from callscope import logs
        logs.configure(console=False, directory=sys.argv[1])
        while True:
            logging.getLogger("bot").warning("busy")
            print("going", flush=True)
        """,
        str(tmp_path),
    )
    assert stopped.stdout is not None
    stopped.stdout.readline()
    stopped.send_signal(signal.SIGSTOP)
    try:
        run(MANY, str(tmp_path), "a", "1000")
    finally:
        stopped.kill()
        stopped.communicate()

    assert sum(1 for event in events_of(tmp_path) if event.startswith("a ")) == 1000


def test_of_a_day_the_newest_files_are_kept_and_what_goes_is_counted_and_told(tmp_path: Path) -> None:
    run(
        """
        import logging, sys
        from callscope import logs
        made = logs.configure(console=False, directory=sys.argv[1], max_mb=0.05, files_a_day=3)
        log = logging.getLogger("bot")
        for number in range(3000):
            log.warning(f"line {number}")
            if number % 250 == 0:
                made.flush()
        made.close()
        health = made.health()
        assert health.written == 3000, health
        print(health.removed)
        """,
        str(tmp_path),
    )
    with configured(tmp_path, files_a_day=3):
        pass

    kept = [event for event in events_of(tmp_path) if event.startswith("line ")]
    assert kept[-1] == "line 2999"
    assert kept == [f"line {number}" for number in range(3000 - len(kept), 3000)]
    assert len(list(tmp_path.glob("*.jsonl*"))) <= 4
    (ledger,) = liveness.read_ledgers(tmp_path)
    assert (ledger["kind"], ledger["alive"]) == ("logs", False)
    assert ledger["removed"] > 0


def test_a_closed_file_is_not_written_to_again_by_who_has_it_open(tmp_path: Path) -> None:
    first = SharedFile(tmp_path, max_bytes=1000)
    first.append([b'{"event":"a"}\n'], 0)
    assert close_day(tmp_path, "1970-01-01")
    first.append([b'{"event":"b"}\n'], 0)
    first.append([b'{"event":"c"}\n'], 86_400_000)
    first.close()

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "1970-01-01.1.jsonl": '{"event":"a"}\n',
        "1970-01-01.jsonl": '{"event":"b"}\n',
        "1970-01-02.jsonl": '{"event":"c"}\n',
    }


def test_a_file_is_not_closed_while_somebody_writes(tmp_path: Path) -> None:
    results = []

    def write(fd: int, data: bytes) -> int:
        results.append(close_day(tmp_path, "1970-01-01"))
        return os.write(fd, data)

    file = SharedFile(tmp_path, max_bytes=1000, write=write)
    assert file.append([b"{}\n"], 0) == (1, None)
    results.append(close_day(tmp_path, "1970-01-01"))
    file.close()

    assert results == [False, True]


def test_a_file_that_was_left_between_two_steps_is_put_in_order(tmp_path: Path) -> None:
    for name in ("2026-11-20.1.jsonl", "2026-11-20.2.jsonl", "2026-11-20.3.jsonl"):
        (tmp_path / name).write_text(f'{{"event":"{name}"}}\n')
    compress(tmp_path / "2026-11-20.1.jsonl")
    (tmp_path / "2026-11-20.1.jsonl").write_text("torn")  # killed before the last step
    (tmp_path / ".tmp.2026-11-20.2.jsonl.gz").write_bytes(b"torn")  # killed while compressing

    assert tidy(tmp_path, today="2026-11-22", files_a_day=2, retention_days=0, now_ms=0) == 1

    assert events_of(tmp_path) == ["2026-11-20.2.jsonl", "2026-11-20.3.jsonl"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-11-20.2.jsonl.gz", "2026-11-20.3.jsonl.gz"]


def test_the_file_of_a_day_that_is_over_is_closed_by_the_next_process(tmp_path: Path) -> None:
    (tmp_path / "2026-01-05.jsonl").write_text('{"event":"old"}\n')
    run(MANY, str(tmp_path), "a", "1", PATTER_LOG_RETENTION_DAYS="0")

    assert (tmp_path / "2026-01-05.1.jsonl.gz").exists()
    assert not (tmp_path / "2026-01-05.jsonl").exists()
    assert events_of(tmp_path)[0] == "old"


def test_days_older_than_the_retention_go(tmp_path: Path) -> None:
    (tmp_path / "2020-01-05.1.jsonl.gz").write_bytes(b"")
    run(MANY, str(tmp_path), "a", "1", PATTER_LOG_RETENTION_DAYS="30")

    assert [path.name for path in tmp_path.glob("2020*")] == []
