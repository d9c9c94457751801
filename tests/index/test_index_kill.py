"""A refresh that is killed at any moment: what it left is whole, and the next one comes to what a fresh build has."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archives import DAY_MS, NOW_MS, many, settle, small_archive, write
from dumps import check_words, dump

from callscope.index.database import writable
from callscope.index.refresh import refresh
from callscope.testing import call_dirs

LATER_MS = NOW_MS + 400 * DAY_MS
PROGRAM = """
import sys
import time
from pathlib import Path
from callscope.index import readers, refresh
refresh._BATCH, refresh._BULK, readers._MANY = 100, 300, 300
print("ready", flush=True)
refresh.refresh(Path(sys.argv[1]), Path(sys.argv[2]), now_ms=int(sys.argv[3]), processes=int(sys.argv[4]))
"""


def start(place: Path, root: Path, *, processes: int) -> subprocess.Popen[bytes]:
    """A process that refreshes; it has just begun."""
    arguments = [sys.executable, "-c", PROGRAM, str(place), str(root), str(LATER_MS), str(processes)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill it then; whether it had not ended by itself."""
    fd = os.pidfd_open(process.pid)
    ended = bool(select.select([fd], [], [], seconds)[0])
    os.close(fd)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return not ended


def seconds_of_a_build(place: Path, root: Path, *, processes: int) -> float:
    """How long a build takes that nothing interrupts, on this machine and now."""
    process = start(place, root, processes=processes)
    began = time.perf_counter()
    process.communicate()
    assert process.returncode == 0
    return time.perf_counter() - began


@pytest.mark.parametrize("processes", [0, 1])
def test_a_killed_refresh_leaves_whole_batches_and_the_next_one_does_the_rest(tmp_path: Path, processes: int) -> None:
    dice = random.Random(processes)
    root, place, other = tmp_path / "root", tmp_path / "index.sqlite", tmp_path / "other.sqlite"
    root.mkdir()
    small_archive(root)
    many(root, 600, days=5)
    settle(root)
    whole_seconds = seconds_of_a_build(tmp_path / "timed.sqlite", root, processes=processes)
    killed = 0
    for attempt in range(6):
        write(root, f"more-{attempt}", started_at_ms=NOW_MS - attempt * DAY_MS)
        shutil.rmtree(call_dirs(root)[attempt * 7])
        # Two such shares of a build are less than the whole: at least two attempts are cut off.
        killed += kill_after(start(place, root, processes=processes), whole_seconds * dice.uniform(0.05, 0.4))
        db = writable(place, root=root)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        check_words(db)
        torn = (
            "SELECT count(*) FROM call WHERE path LIKE '%/call-%' "
            "AND turns != (SELECT count(*) FROM turn WHERE turn.call = call.id)"
        )
        assert db.execute(torn).fetchone()[0] == 0
        db.close()
    assert killed >= 2

    assert refresh(place, root, now_ms=LATER_MS).complete
    refresh(other, root, now_ms=LATER_MS, processes=0)
    assert dump(place, root) == dump(other, root)
