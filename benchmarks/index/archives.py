"""Archives of any size, written by callscope's own recorder, so that every file is as it leaves it.

An archive is made once and used again: a file beside its calls says what it was made of. What differs between two
archives of one seed is the writer's identity in each call's metadata, and nothing else.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.index import material
from benchmarks.index.calls import Calls, Script
from callscope import CallLogger
from callscope.config import Settings

_FORM: Final = 2
"""Counts up when the calls are invented differently."""
_MADE: Final = "benchmark.json"
_PROCESSES: Final = 2
_AT_ONCE: Final = 200
"""Calls handed over before the recorder is waited for."""


def archive(directory: Path, count: int, *, seed: int = 4) -> Path:
    """The archive of a number of calls below a directory, made if it is not there."""
    root = directory / f"archive-{count}-{seed}"
    made = {"form": _FORM, "calls": count, "seed": seed}
    note = root / _MADE
    if note.exists() and json.loads(note.read_text(encoding="utf-8")) == made:
        return root
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    edges = [count * part // _PROCESSES for part in range(_PROCESSES + 1)]
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(_write_part, root, count, seed, *edges[part : part + 2]) for part in range(_PROCESSES)]
        for part in parts:
            part.result()
    note.write_text(json.dumps(made), encoding="utf-8")
    return root


def write(root: Path, calls: Calls, first: int, last: int) -> list[Path]:
    """Write the calls of the numbers from ``first`` to before ``last``; their directories."""
    logger = CallLogger(root, settings=Settings(retention_days=0))
    paths = []
    for number in range(first, last):
        paths.append(record(logger, calls.script(number)))
        if number % _AT_ONCE == 0:
            logger.flush(None)
    logger.close(None)
    health = logger.health()
    if health.lost:
        raise RuntimeError(f"the recorder lost rows: {health.lost}; is the disk full?")
    return [path for path in paths if path is not None]


def _write_part(root: Path, count: int, seed: int, first: int, last: int) -> None:
    write(root, Calls(material.read(), count, seed=seed), first, last)


def record(logger: CallLogger, script: Script, *, ended: bool = True) -> Path | None:
    """Tell the recorder of one call; where it goes. Not ``ended``, it goes on."""
    call = logger.start_call(script.call_id, **script.start)
    for kind, at_ms, data in script.rows:
        if kind == "turn":
            call.turn(at_ms=at_ms, **data)
        else:
            call.event(kind, data, at_ms=at_ms)
    if ended:
        call.end(**script.end)
    return call.path
