"""What the writer does beside rows: retention, warnings, its sign of life."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from callscope import CallLogger, Settings
from callscope.archive.liveness import is_alive, read_ledgers
from callscope.archive.paths import writers_dir
from callscope.clock import now_ms
from callscope.recorder import chores, guard
from callscope.testing import Disk, call_dirs, metadata

DAY_MS = 86_400_000


def old_call(root: Path, *, days: int) -> Path:
    logger = CallLogger(root, settings=Settings(retention_days=0))
    with logger.start_call(f"old-{days}", at_ms=now_ms() - days * DAY_MS) as call:
        call.turn("user", "hello")
    logger.close()
    assert call.path is not None
    return call.path


@pytest.fixture
def sweep_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "SWEEP_CHANCE", 1.0)


def start_one_call(root: Path, settings: Settings) -> None:
    logger = CallLogger(root, settings=settings)
    logger.start_call("new").end()
    logger.flush()
    assert logger._writer is not None
    for thread in logger._writer.chores.threads.values():
        thread.join(10)
    logger.close()


@pytest.mark.usefixtures("sweep_always")
def test_old_days_go_in_the_background_of_a_call_start(tmp_path: Path) -> None:
    gone, kept = old_call(tmp_path, days=40), old_call(tmp_path, days=20)

    start_one_call(tmp_path, Settings(retention_days=30))

    assert not gone.exists()
    assert kept.exists()


@pytest.mark.usefixtures("sweep_always")
@pytest.mark.parametrize("retention_days", [0, None])
def test_nothing_goes_when_calls_are_kept_for_ever_or_the_setting_is_unreadable(
    retention_days: int | None, tmp_path: Path
) -> None:
    kept = old_call(tmp_path, days=4000)

    start_one_call(tmp_path, Settings(retention_days=retention_days))

    assert kept.exists()


@pytest.mark.usefixtures("sweep_always")
def test_an_old_call_in_progress_is_never_deleted(tmp_path: Path) -> None:
    other = CallLogger(tmp_path)
    call = other.start_call("long", at_ms=now_ms() - 40 * DAY_MS)
    other.flush()
    gone = old_call(tmp_path, days=40)

    start_one_call(tmp_path, Settings(retention_days=30))

    assert not gone.exists()
    assert call.path is not None
    assert metadata(call.path)["status"] == "in_progress"
    other.close()


def test_a_start_closes_the_calls_of_a_dead_writer(tmp_path: Path) -> None:
    program = """
import os, sys
from callscope import CallLogger
logger = CallLogger(sys.argv[1])
call = logger.start_call("dead", labels={"env": "prod"})
call.turn("user", "last words")
call.usage("stt", provider="deepgram", audio_seconds=3)
logger.flush()
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    other = CallLogger(tmp_path)
    living = other.start_call("living")
    other.flush()

    start_one_call(tmp_path, Settings())

    found = {directory.name: metadata(directory) for directory in call_dirs(tmp_path)}
    assert found["dead"]["status"] == "abandoned"
    assert found["dead"]["turns"] == 1
    assert found["dead"]["callscope"]["labels"] == {"env": "prod"}
    assert found["dead"]["callscope"]["usage"][0]["units"] == {"audio_seconds": 3}
    assert found["living"]["status"] == "in_progress"
    assert [ledger["open_calls"] for ledger in read_ledgers(tmp_path)] == [1]
    living.end()
    other.close()


def test_about_one_start_in_fifty_sweeps() -> None:
    assert chores.SWEEP_CHANCE == 0.02


def test_a_cause_is_told_once_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.break_with(5)
    for _ in range(50):
        call.turn("user", "x")
        logger.flush()

    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert "Input/output error" in told[0].message
    disk.mend()
    logger.close()


def test_warnings_of_different_causes_are_told_apart() -> None:
    warnings = guard.Warnings()
    warnings.add("a", "first")
    warnings.add("b", "second", count=3)

    assert list(warnings._waiting) == ["a", "b"]


def test_a_writer_shows_that_it_lives_and_takes_its_sign_away(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.start_call("a")
    logger.flush()
    identity = metadata(call_dirs(tmp_path)[0])["callscope"]["writer"]
    assert is_alive(tmp_path, identity)

    logger.close()

    assert not is_alive(tmp_path, identity)
    assert read_ledgers(tmp_path) == []


def test_a_writer_that_may_not_be_looked_at_counts_as_alive(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.start_call("a")
    logger.flush()
    identity = metadata(call_dirs(tmp_path)[0])["callscope"]["writer"]
    (writers_dir(tmp_path) / f"{identity['id']}.json").rename(tmp_path / "moved")
    (writers_dir(tmp_path) / f"{identity['id']}.json").symlink_to(tmp_path / "moved")  # refused as a permission is

    assert is_alive(tmp_path, identity)
    logger.close()


def test_the_ledger_of_a_writer_that_lost_rows_stays(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.break_with(5)
    call.turn("user", "lost")
    logger.flush()
    disk.mend()
    logger.close()

    (ledger,) = read_ledgers(tmp_path)
    assert (ledger["lost"], ledger["written"], ledger["alive"]) == ({"io_error": 1}, 0, False)


@pytest.mark.parametrize("writer_id", ["../../x", "", "nobody", None, 7])
def test_a_writer_that_was_never_there_is_not_alive(writer_id: object, tmp_path: Path) -> None:
    assert not is_alive(tmp_path, {"id": writer_id})


def test_closing_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    async def main() -> int:
        disk = Disk()
        logger = CallLogger(tmp_path, write=disk)
        call = logger.start_call("a")
        await logger.aflush()
        disk.stall()
        call.turn("user", "x")
        closing = asyncio.create_task(logger.aclose())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not closing.done()
        disk.mend()
        assert await closing
        return logger.health().written

    assert asyncio.run(main()) == 1


def test_closing_gives_up_on_a_disk_that_hangs(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.stall()
    call.turn("user", "x")
    assert disk.reached.wait(10)

    assert not logger.close(0.01)
    disk.mend()
    assert logger._writer is not None
    assert logger._writer.thread is not None
    logger._writer.thread.join(10)
