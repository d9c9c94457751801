"""``callscope mcp``: answers a coding assistant's questions about calls."""

from __future__ import annotations

import signal

import click

from callscope.archive.listing import require_root
from callscope.cli import options


@click.command("mcp")
@options.root
def command(*, root: str | None) -> None:
    """Answer a coding assistant's questions about calls, on standard input and output.

    For the configuration of an assistant that speaks the Model Context Protocol; it starts this command itself. Nothing
    of the calls is changed, and nothing is sent anywhere but to the assistant. See docs/mcp.md.
    """
    archive = options.archive(root)
    require_root(archive)
    from callscope.mcp.server import serve  # noqa: PLC0415 -- takes a second, and an extra

    # Ctrl-C would wait for the thread that reads standard input, which waits for a line. There is nothing to save.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve(archive)
