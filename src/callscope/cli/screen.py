"""Where commands print: a console for people, plain JSON for programs."""

from __future__ import annotations

import sys
from typing import Any, Final

import msgspec
from rich.console import Console

from callscope.model import wire
from callscope.report.safe_text import clean_json

_PIPE_WIDTH: Final = 100


class _Screen(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `main`, as everything that prints does; rich's own way ends the process with 1."""
        raise BrokenPipeError


def console() -> Console:
    """Standard output. Colour only on a terminal and without NO_COLOR; nothing in a text is markup."""
    terminal = sys.stdout.isatty()
    return _Screen(
        file=sys.stdout,
        force_terminal=terminal,
        width=None if terminal else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def print_json(value: object) -> None:
    """One JSON document, indented."""
    document = msgspec.json.format(wire.encode(value), indent=2).decode()
    sys.stdout.write(clean_json(document) + "\n")


def print_json_line(value: dict[str, Any]) -> None:
    """One JSON document on one line, at once."""
    sys.stdout.write(clean_json(wire.encode(value).decode()) + "\n")
    sys.stdout.flush()
