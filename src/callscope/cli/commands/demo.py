"""``callscope demo``: real calls, recorded offline, and what callscope shows of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from callscope import config
from callscope.archive import listing
from callscope.archive.reader import read_call
from callscope.cli import call_page, call_table, screen
from callscope.clock import now_ms
from callscope.demo import run
from callscope.report.safe_text import clean
from callscope.timeline.summary import summarise

_DEFAULT: Final = "demo-calls"
_SHOWN: Final = 20
_SLOWEST: Final = 2


@click.command("demo")
@click.option("--root", metavar="DIR", help=f"Where the calls are kept [default: ./{_DEFAULT}].")
@click.option("--again", is_flag=True, help="Record anew what is there already.")
def command(*, root: str | None, again: bool) -> None:
    """Record real calls with a real Pipecat pipeline, without a network or keys, and show them."""
    archive = config.resolve_log_root(root or _DEFAULT) or Path(_DEFAULT)
    run.record(archive, again=again, progress=lambda line: click.echo(clean(line), err=True))
    now = now_ms()
    calls = listing.list_calls(archive, now_ms=now, limit=_SHOWN).calls
    console = screen.console()
    _say(f"callscope ls --root {archive}")
    call_table.render(console, calls, now_ms=now)
    for call in reversed(calls):
        _say(f"callscope show {call.call_id} --root {archive} --slowest {_SLOWEST}")
        record = read_call(call.path, now_ms=now)
        timeline = summarise(
            record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events, call=record.call
        )
        call_page.render(console, record, timeline, slowest=_SLOWEST)


def _say(command_line: str) -> None:
    click.echo(f"\n$ {clean(command_line)}")
