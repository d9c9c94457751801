"""Disks and terminals that fail: nothing raises, nothing waits, the ledger is exact."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from kept_lines import configured, events_of, lines_of, run

from callscope.archive import liveness
from callscope.logs import Logs
from callscope.testing import Disk

log = logging.getLogger("shop")


def exact(made: Logs, accepted: int) -> dict[str, int]:
    health = made.health()
    assert health.accepted == health.written + sum(health.lost.values()) + health.pending == accepted
    return health.lost


def test_a_full_disk_loses_lines_by_number_and_says_so_when_there_is_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = Disk()
    with configured(tmp_path, write=disk, console=True) as made:
        log.warning("before")
        made.flush()
        disk.fill(room=700)
        for number in range(100):
            log.warning(f"line {number}")  # noqa: G004 -- as programs do
        made.flush()
        lost = exact(made, 101)["disk_full"]
        assert "are missing here" not in capsys.readouterr().err
        disk.mend()
        made._worker._failed_at_ns = 0  # a second later
        log.warning("after")
        made.flush()
        assert exact(made, 102) == {"disk_full": lost}
        assert capsys.readouterr().err.count("are missing here") == 1

    lines = lines_of(tmp_path)  # each is whole JSON
    kept = [line["event"] for line in lines if line["logger"] == "shop"]
    assert len(kept) == 102 - lost
    assert (kept[0], kept[-1]) == ("before", "after")
    told = lines[-2]
    assert (told["logger"], told["level"], told["data"]) == ("callscope.logs", "warning", {"disk_full": lost})
    assert f"{lost} log lines are missing here (disk_full {lost})" in told["event"]


def test_a_real_full_disk_tears_no_line(tmp_path: Path) -> None:
    out, _ = run(
        """
        import logging, resource, signal, sys
        from callscope import logs
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        made = logs.configure(console=False, directory=sys.argv[1])
        for number in range(1000):
            logging.getLogger("shop").warning(f"line {number}")
        made.close()
        health = made.health()
        assert health.accepted == health.written + sum(health.lost.values()) == 1000, health
        print(health.written)
        """,
        str(tmp_path),
    )

    assert len(events_of(tmp_path)) == int(out)
    assert int(out) > 30


def test_beyond_what_may_wait_lines_are_dropped_and_counted_and_nobody_waits(tmp_path: Path) -> None:
    disk = Disk()
    with configured(tmp_path, write=disk, buffer_lines=50) as made:
        disk.stall()
        log.warning("first")
        disk.reached.wait(10)
        for number in range(500):
            log.warning(f"line {number}")  # noqa: G004 -- as programs do
        assert exact(made, 501) == {"buffer_full": 450}
        assert made.health().pending == 51
        disk.mend()
        made.flush()
        assert exact(made, 501) == {"buffer_full": 450}

    events = events_of(tmp_path)
    assert events[0] == "first"
    assert sum(event.startswith("line ") for event in events) == 50
    assert "450 log lines are missing here (buffer_full 450)" in events
    (ledger,) = liveness.read_ledgers(tmp_path)
    assert ledger["lost"] == {"buffer_full": 450}


def test_long_lines_are_bounded_by_their_size(tmp_path: Path) -> None:
    disk = Disk()
    with configured(tmp_path, write=disk, buffer_mb=1) as made:
        disk.stall()
        log.warning("first")
        disk.reached.wait(10)
        for number in range(100):
            log.warning(f"{number} {'x' * 30_000}")  # noqa: G004 -- as programs do
        assert made.health().pending_bytes < 1_100_000
        assert 60 < made.health().lost["buffer_full"] < 70
        disk.mend()


def test_a_directory_that_was_removed_is_made_again(tmp_path: Path) -> None:
    with configured(tmp_path / "logs") as made:
        log.warning("gone")
        made.flush()
        shutil.rmtree(tmp_path / "logs")
        log.warning("here")
        made.flush()

    assert events_of(tmp_path / "logs") == ["here"]


def test_a_place_that_cannot_be_written_raises_nothing_and_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with configured(tmp_path / "file" / "logs", console=True) as made:
        log.warning("shown all the same")
        made.flush()
        assert exact(made, 1) == {"io_error": 1}

    err = capsys.readouterr().err
    assert "shown all the same" in err
    assert "log lines cannot be written to" in err


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    with configured(tmp_path) as made:
        log.warning("x")
        made.flush()
        (file,) = tmp_path.glob("*.jsonl")
        file.unlink()
        file.symlink_to(tmp_path / "elsewhere")
        log.warning("y")
        made.flush()
        assert sum(exact(made, 2).values()) == 1

    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_with_errors_is_counted_by_its_reason(tmp_path: Path) -> None:
    disk = Disk()
    with configured(tmp_path, write=disk) as made:
        disk.break_with(errno.EIO)
        log.warning("x")
        made.flush()
        assert exact(made, 1) == {"io_error": 1}


def test_a_terminal_that_stands_still_keeps_nothing_from_the_files(tmp_path: Path) -> None:
    """A pipe that nobody reads, as behind Ctrl-S."""
    reader, writer = os.pipe()
    try:
        run_with = f"""
        import logging, os, sys
        from callscope import logs
        os.dup2({writer}, 2)
        made = logs.configure(directory=sys.argv[1])
        for number in range(3000):
            logging.getLogger("shop").warning(f"line {{number}} {{'x' * 100}}")
        assert made.flush(30)
        assert made.health().written == 3000, made.health()
        print("flushed", flush=True)
        os._exit(0)
        """
        os.set_inheritable(writer, True)
        process = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(run_with), str(tmp_path)],
            pass_fds=(writer,), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(reader)
        os.close(writer)

    assert process.stdout == "flushed\n", process
    assert len(events_of(tmp_path)) == 3000


def test_a_reader_of_the_console_that_went_away_stops_nothing(tmp_path: Path) -> None:
    out, _ = run(
        """
        import logging, os, sys
        from callscope import logs
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 2)
        made = logs.configure(directory=sys.argv[1])
        for number in range(10):
            logging.getLogger("shop").warning(f"line {number}")
            made.flush()
        made.close()
        print(made.health().written, made.health().not_shown)
        """,
        str(tmp_path),
    )

    assert len(events_of(tmp_path)) == 10
    assert out == "10 10\n"
