"""The loads. Each runs in a process of its own: ``python -m benchmarks.loads LOAD RECORDER`` prints one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.recorders import RECORDERS, TEXT, Recorder

TICK_SECONDS = 0.02


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def memory_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def paced(recorder: Recorder, *, calls: int, rows_per_second: int, seconds: float) -> dict[str, Any]:
    """Calls that log at a steady rate on one event loop, beside a ticker that should fire every 20 ms."""
    for number in range(calls):
        recorder.start(number)
        if number % 50 == 0:
            await asyncio.sleep(0)
    await recorder.done()
    inside: list[float] = []
    late: list[float] = []
    stop = False

    async def ticker() -> None:
        due = time.perf_counter()
        while not stop:
            due += TICK_SECONDS
            await asyncio.sleep(due - time.perf_counter())
            late.append((time.perf_counter() - due) * 1000)
            due = max(due, time.perf_counter() - TICK_SECONDS)

    ticking = asyncio.create_task(ticker())
    memory, cpu, begun = memory_mb(), time.process_time(), time.perf_counter()
    total, number, clock = int(rows_per_second * seconds), 0, time.perf_counter_ns
    while number < total:
        due = min(total, int((time.perf_counter() - begun) * rows_per_second) + 1)
        for index in range(number, due):
            before = clock()
            recorder.row(index % calls)
            inside.append((clock() - before) / 1000)
        number = due
        await asyncio.sleep(0.001)
    wall = time.perf_counter() - begun
    waiting = recorder.tasks
    stop = True
    await recorder.done()
    await ticking
    return {
        "rows": total,
        "rows_per_second": total / wall,
        "call_p50_us": percentile(inside, 0.5),
        "call_p99_us": percentile(inside, 0.99),
        "tick_late_p50_ms": percentile(late, 0.5),
        "tick_late_p99_ms": percentile(late, 0.99),
        "cpu_us_per_row": (time.process_time() - cpu) / total * 1e6,
        "memory_growth_mb": memory_mb() - memory,
        "not_done_at_end": waiting,
        "written": recorder.written(),
    }


async def flood(recorder: Recorder, *, rows: int) -> dict[str, Any]:
    """As many rows as go through, a thousand at a time, with no more than 20,000 under way."""
    for number in range(100):
        recorder.start(number)
    await recorder.done()
    cpu, begun = time.process_time(), time.perf_counter()
    for number in range(rows):
        recorder.row(number % 100)
        if number % 1000 == 999:
            await asyncio.sleep(0)
            while recorder.tasks > 20_000:
                await asyncio.sleep(0.001)
    await recorder.done()
    wall = time.perf_counter() - begun
    return {"rows_per_second": rows / wall, "cpu_us_per_row": (time.process_time() - cpu) / rows * 1e6}


def disabled(_: str) -> dict[str, Any]:
    """What a method of a logger that is off costs, beside an empty method."""
    from callscope import CallLogger

    class Empty:
        def turn(self, role: str, text: str) -> None:
            """Do nothing."""

    def cost(subject: Any) -> float:
        turn, best = subject.turn, float("inf")
        for _ in range(5):
            before = time.perf_counter()
            for _ in range(200_000):
                turn("user", TEXT)
            best = min(best, (time.perf_counter() - before) / 200_000 * 1e6)
        return best

    return {"call_us": cost(CallLogger(None).start_call("a")), "empty_method_us": cost(Empty())}


def imported(name: str) -> dict[str, Any]:
    """Time until the recorder can be used in a fresh process, the interpreter's own start left out."""
    module = {"callscope": "callscope", "patter": "getpatter.services.call_log"}[name]
    program = f"import time; begun = time.perf_counter(); import {module}; print(time.perf_counter() - begun)"
    times = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout) * 1000
        for _ in range(9)
    ]
    return {"import_p50_ms": percentile(times, 0.5)}


def killed(name: str) -> dict[str, Any]:
    """Rows lost by kill -9 at 2,000 rows/s: those handed over before the kill and not on disk, over several kills."""
    program = "import sys; from benchmarks.loads import victim; victim(sys.argv[1], sys.argv[2])"
    losses: list[float] = []
    for attempt in range(9):
        root = Path(tempfile.mkdtemp(prefix="callscope-bench-"))
        process = subprocess.Popen([sys.executable, "-c", program, name, str(root)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None  # noqa: S101 -- a pipe was asked for
        lines = [process.stdout.readline() for _ in range(1500 + 97 * attempt)]
        os.kill(process.pid, signal.SIGKILL)
        lines += [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        process.wait()
        process.stdout.close()
        on_disk = sum(path.read_bytes().count(b"\n") for path in root.rglob("transcript.jsonl"))
        losses.append(max(0, int(lines[-1]) - on_disk))
        shutil.rmtree(root)
    return {"lost_rows_median": percentile(losses, 0.5), "lost_rows_max": max(losses)}


def victim(name: str, root: str) -> None:
    """Log 2,000 rows/s and tell how many, until killed."""

    async def talk() -> None:
        recorder = RECORDERS[name](Path(root))
        for number in range(10):
            recorder.start(number)
        await recorder.done()
        number, begun = 0, time.perf_counter()
        while True:
            recorder.row(number % 10)
            number += 1
            os.write(1, b"%d\n" % number)
            await asyncio.sleep(max(0.0, begun + number / 2000 - time.perf_counter()))

    asyncio.run(talk())


def _on_a_loop(load: Callable[..., Any], **load_arguments: Any) -> Callable[[str], dict[str, Any]]:
    def run(name: str) -> dict[str, Any]:
        root = Path(tempfile.mkdtemp(prefix="callscope-bench-"))

        async def main() -> dict[str, Any]:
            result: dict[str, Any] = await load(RECORDERS[name](root), **load_arguments)
            return result

        try:
            return asyncio.run(main())
        finally:
            shutil.rmtree(root, ignore_errors=True)

    return run


LOADS: dict[str, Callable[[str], dict[str, Any]]] = {
    "steady": _on_a_loop(paced, calls=1000, rows_per_second=2000, seconds=10),
    "busy": _on_a_loop(paced, calls=5000, rows_per_second=10_000, seconds=60),
    "flood": _on_a_loop(flood, rows=200_000),
    "disabled": disabled,
    "imported": imported,
    "killed": killed,
}

if __name__ == "__main__":
    print(json.dumps(LOADS[sys.argv[1]](sys.argv[2])))
