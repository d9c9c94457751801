"""One measure a process: ``python -m benchmarks.index.measures NAME ARGUMENT ...`` prints one JSON object."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.index.calls import Calls
from callscope.archive import listing
from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.index import database
from callscope.index.extract import rows_of
from callscope.index.grains import WHOLE
from callscope.index.refresh import refresh
from callscope.index.rollups import recompute

_ROUNDS: Final = 9
_ENOUGH_S: Final = 6.0
"""A question is not asked again when it has taken this long."""
_NEW: Final = 100
_SETTLE_S: Final = 2.2
"""After which a day that was written to is no longer looked at again."""


def build(root: str, place: str, processes: str) -> dict[str, Any]:
    """A first build."""
    begun = time.perf_counter()
    report = refresh(Path(place), Path(root), now_ms=now_ms(), rebuild=True, processes=int(processes))
    seconds = time.perf_counter() - begun
    return {
        "calls": report.read,
        "seconds": seconds,
        "calls_per_second": report.read / seconds,
        "index_mb": Path(place).stat().st_size / 1e6,
    }


def phases(root: str, place: str) -> dict[str, Any]:
    """Where the time of a build goes: CPU, microseconds a call, in one process.

    The first ones are steps done alone. What a finished index needs to make its full-text tables and its sums again is
    taken off the whole, which leaves the rows.
    """
    paths = [str(path) for path in listing.call_paths(Path(root))]
    now = now_ms()

    def each(work: Callable[[str], object]) -> Callable[[], None]:
        def every() -> None:
            for path in paths:
                work(path)

        return every

    read_all = each(_read_files)
    read_all()  # from the disk; what is measured is the CPU of a step, not what it waits for
    read_s = _cpu_s(read_all)
    parsed_s = _cpu_s(each(lambda path: read_call(path, now_ms=now)))
    folded_s = _cpu_s(each(lambda path: rows_of(read_call(path, now_ms=now), path=path, stamp="")))
    whole_s = _cpu_s(lambda: build(root, place, "0"))
    db = database.writable(Path(place), root=Path(root))
    database.bulk(db, on=True)
    words_s = _cpu_s(lambda: db.execute("INSERT INTO document_word (document_word) VALUES ('rebuild')"))
    trigrams_s = _cpu_s(lambda: db.execute("INSERT INTO document_trigram (document_trigram) VALUES ('rebuild')"))
    cells = db.execute("SELECT start_ms, dimensions FROM hour WHERE grain = ?", (WHOLE,)).fetchall()
    db.execute("BEGIN")
    db.execute("DELETE FROM hour")
    db.execute("DELETE FROM day_sum")
    sums_s = _cpu_s(lambda: recompute(db, cells))
    db.execute("ROLLBACK")
    db.close()
    steps = {
        "read": read_s,
        "parse": parsed_s - read_s,
        "fold": folded_s - parsed_s,
        "rows": whole_s - folded_s - words_s - trigrams_s - sums_s,
        "words": words_s,
        "trigrams": trigrams_s,
        "sums": sums_s,
        "whole": whole_s,
    }
    return {name: seconds / len(paths) * 1e6 for name, seconds in steps.items()} | {"calls": len(paths)}


def refreshes(root: str, place: str, count: str, rounds: str) -> dict[str, Any]:
    """Refreshes of an index: with nothing changed, with new calls, with calls removed. Milliseconds."""
    from benchmarks.index import material
    from benchmarks.index.archives import write

    def once() -> float:
        begun = time.perf_counter()
        report = refresh(Path(place), Path(root), now_ms=now_ms())
        took = (time.perf_counter() - begun) * 1000
        if not report.complete:
            raise RuntimeError(f"the refresh is not complete: {report}")
        return took

    calls, first = Calls(material.read(), int(count)), int(count)
    time.sleep(_SETTLE_S)
    once()
    unchanged = statistics.median(once() for _ in range(_ROUNDS))
    added, removed = [], []
    for number in range(int(rounds)):
        paths = write(Path(root), calls, first + number * _NEW, first + (number + 1) * _NEW)
        time.sleep(_SETTLE_S)
        added.append(once())
        for path in paths:
            shutil.rmtree(path)
        time.sleep(_SETTLE_S)
        removed.append(once())
    return {
        "unchanged_ms": unchanged,
        "new_100_ms": statistics.median(added),
        "removed_100_ms": statistics.median(removed),
        "open_100_ms": _with_open_calls(Path(root), calls, once),
    }


def _with_open_calls(root: Path, calls: Calls, once: Callable[[], float]) -> float:
    """A refresh with nothing changed while calls are in progress."""
    from benchmarks.index.archives import record
    from callscope import CallLogger
    from callscope.config import Settings

    logger = CallLogger(root, settings=Settings(retention_days=0))
    first = calls.count + 5 * _NEW
    paths = [record(logger, calls.script(first + number), ended=False) for number in range(_NEW)]
    logger.flush(None)
    time.sleep(_SETTLE_S)
    once()
    unchanged = statistics.median(once() for _ in range(_ROUNDS))
    logger.close(None)
    for path in paths:
        if path is not None:
            shutil.rmtree(path)
    time.sleep(_SETTLE_S)
    once()
    return unchanged


def questions(root: str, place: str) -> dict[str, Any]:
    """Every question to the index: median milliseconds by name, and this process's memory at the end.

    ``cut_off`` names those whose time was up before everything was looked at: theirs is no time of an answer.
    """
    from benchmarks.index.queries import QUESTIONS

    db = database.readable(Path(place), root=Path(root))
    found = {question.name: median_ms(partial(question.ask, db)) for question in QUESTIONS}
    cut_off = [question.name for question in QUESTIONS if not getattr(question.ask(db), "complete", True)]
    return {"ms": found, "cut_off": cut_off, "memory_mb": memory_mb(os.getpid())}


def rivals(directory: str) -> dict[str, Any]:
    """The same of DuckDB over Parquet."""
    from benchmarks.index import duck
    from benchmarks.index.queries import QUESTIONS

    db = duck.connect(Path(directory))
    found = {
        question.name: median_ms(partial(_answers, db, question.sql))
        for question in QUESTIONS
        if question.sql is not None
    }
    size = sum(path.stat().st_size for path in Path(directory).iterdir())
    return {"ms": found, "memory_mb": memory_mb(os.getpid()), "parquet_mb": size / 1e6}


def agreement(root: str, place: str, directory: str) -> dict[str, Any]:
    """Which answers are the same as DuckDB's, which are not."""
    from benchmarks.index import duck
    from benchmarks.index.agreement import agrees
    from benchmarks.index.queries import QUESTIONS

    db, rival = database.readable(Path(place), root=Path(root)), duck.connect(Path(directory))
    names = dict(db.execute("SELECT id, path FROM call"))
    found: dict[str, bool | None] = {}
    for question in QUESTIONS:
        if question.sql is not None:
            cursor = rival.execute(question.sql)
            columns = [column[0] for column in cursor.description]
            found[question.name] = agrees(question.ask(db), columns, cursor.fetchall(), names)
    return {"same": found}


def export(root: str, place: str, directory: str) -> dict[str, Any]:
    """The index's rows as Parquet."""
    from benchmarks.index import duck

    db = database.readable(Path(place), root=Path(root))
    return {"seconds": _timed(lambda: duck.export(db, Path(directory)))}


def million(root: str, place: str, copies: str) -> dict[str, Any]:
    """Calls built straight into an index: those of an archive, several times over."""
    from benchmarks.index.copies import fill

    begun = time.perf_counter()
    calls = fill(Path(root), Path(place), copies=int(copies))
    seconds = time.perf_counter() - begun
    return {"calls": calls, "seconds": seconds, "index_mb": Path(place).stat().st_size / 1e6}


def median_ms(ask: Callable[[], Any]) -> float:
    """The median of several rounds after one that warms up, fewer where each takes long."""
    ask()
    rounds: list[float] = []
    while len(rounds) < _ROUNDS and (len(rounds) < 3 or sum(rounds) < _ENOUGH_S * 1000):
        rounds.append(_timed(ask) * 1000)
    return statistics.median(rounds)


def memory_mb(pid: int) -> float:
    """Resident memory of a process; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(name: str, *arguments: str) -> dict[str, Any]:
    """Make a measure in a process of its own; with the CPU and the highest memory of it and its children."""
    command = [sys.executable, "-m", __name__, name, *arguments]
    before = _cpu_of_children()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    peak_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, sum(memory_mb(pid) for pid in (process.pid, *_children(process.pid))))
        time.sleep(0.05)
    output = process.stdout.read() if process.stdout is not None else ""
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[3:])} ended with {process.returncode}")
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result | {"peak_memory_mb": peak_mb, "cpu_seconds": _cpu_of_children() - before}


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _children(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in found.split()]


def _answers(db: Any, sql: str) -> list[Any]:
    found: list[Any] = db.execute(sql).fetchall()
    return found


def _cpu_s(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _read_files(path: str) -> None:
    for name in ("metadata.json", "transcript.jsonl", "events.jsonl"):
        try:
            fd = os.open(f"{path}/{name}", os.O_RDONLY)
        except FileNotFoundError:
            continue
        while os.read(fd, 1 << 16):
            pass
        os.close(fd)


MEASURES: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "build": build,
    "phases": phases,
    "refreshes": refreshes,
    "questions": questions,
    "rivals": rivals,
    "agreement": agreement,
    "export": export,
    "million": million,
}

if __name__ == "__main__":
    print(json.dumps(MEASURES[sys.argv[1]](*sys.argv[2:])))
