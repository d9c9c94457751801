"""``callscope pipecat-setup``: where the file is that makes Pipecat record without a line of code."""

from __future__ import annotations

from pathlib import Path

import click

import callscope


@click.command("pipecat-setup")
def command() -> None:
    """Print the path of the file for PIPECAT_SETUP_FILES.

    As in: PIPECAT_SETUP_FILES=$(callscope pipecat-setup) python bot.py
    """
    click.echo(Path(callscope.__file__).resolve().parent / "adapters" / "pipecat" / "setup.py")
