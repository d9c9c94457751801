"""An archive with its index, and formats asked as the command asks them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "index"))
sys.path.append(str(Path(__file__).parents[1] / "cli"))

from archives import DAY_MS, HOUR_MS, NOW_MS, Error, Said, Tool, cost_line, many, settle, small_archive, write

from callscope.exporters.format import Done, Request
from callscope.exporters.registry import formats
from callscope.index.index import Index
from callscope.query.language import parse

__all__ = [
    "DAY_MS",
    "HOUR_MS",
    "NOW_MS",
    "Error",
    "Said",
    "Tool",
    "cost_line",
    "exported",
    "index_of",
    "many",
    "settle",
    "small_archive",
    "write",
    "written",
]  # fmt: skip


@contextmanager
def index_of(root: Path, *, now_ms: int = NOW_MS) -> Iterator[Index]:
    """The index of an archive, beside it, up to date."""
    with Index.open(root, place=root.parent / "index.sqlite", now_ms=lambda: now_ms) as index:
        index.refresh(processes=0)
        yield index


def written(form: str, index: Index, output: Path | None, query: str = "", **options: Any) -> tuple[Done, bytes]:
    """What a format did, and what it wrote to standard output."""
    stdout = io.BytesIO()
    chosen = formats()[form]
    given = {"table": (), "no-text": False} | {name.replace("_", "-"): value for name, value in options.items()}
    force = bool(given.pop("force", False))
    request = Request(
        root=index.root,
        index=index,
        query=parse(query, now_ms=NOW_MS),
        now_ms=NOW_MS,
        output=output,
        force=force,
        options=given,
        stdout=stdout,
    )
    return chosen.run(request), stdout.getvalue()


def exported(form: str, index: Index, query: str = "", **options: Any) -> bytes:
    """What a format writes to standard output."""
    return written(form, index, None, query, **options)[1]
