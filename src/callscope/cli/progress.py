"""How far a long piece of work is: a bar on stderr, on a terminal alone, gone when the work is done."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_MANY: Final = 500
"""Less than this is done before a bar could be read."""


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A function to tell how much is done and how much there is to do; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (TextColumn(what), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task(what)

    def show(done: int, total: int) -> None:
        if total >= _MANY:
            progress.update(task, completed=done, total=total)
            progress.start()

    try:
        yield show
    finally:
        progress.stop()
