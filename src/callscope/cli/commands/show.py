"""``callscope show CALL``: one call, its transcript, its waits, where the time went."""

from __future__ import annotations

from typing import Final

import click

from callscope.archive import listing
from callscope.archive.log_line import LogLine, row_of
from callscope.archive.reader import UNREADABLE, CallRecord, read_call
from callscope.archive.spend import call_spend, cost_document
from callscope.cli import call_page, options, screen
from callscope.cli.log_index import find_lines, log_files
from callscope.clock import now_ms
from callscope.errors import UnreadableError
from callscope.report import documents, figures
from callscope.report.log_lines import of_call
from callscope.timeline.summary import Timeline, summarise

_MOST_LINES: Final = 100_000


@click.command("show")
@click.argument("call")
@options.root
@options.as_json
@click.option(
    "--slowest", type=click.IntRange(min=0), default=10, show_default=True, help="Exchanges to draw in parts."
)
@click.option("--logs", "with_logs", is_flag=True, help="With the call's log lines between its turns and events.")
def command(*, call: str, root: str | None, as_json: bool, slowest: int, with_logs: bool) -> None:
    """Show one call.

    CALL is its id, the beginning of its id, or its place as 2026/11/21/name. Ends with 4 when a file of it cannot be
    read; without its metadata nothing is shown.
    """
    now = now_ms()
    archive = options.archive(root)
    record = read_call(listing.find_call(archive, call, now_ms=now), now_ms=now)
    if record.call.status == UNREADABLE:
        require_readable(record)
    timeline = summary_of(record)
    if not with_logs:
        _show(record, timeline, None, as_json=as_json, slowest=slowest)
    else:
        with log_files(archive) as logs:
            answer = find_lines(archive, logs, of_call(record.call, limit=_MOST_LINES))
            _show(record, timeline, answer.lines, as_json=as_json, slowest=slowest)
        if answer.more:
            click.echo(f"the newest {figures.count(_MOST_LINES, 'log line')} shown, there are older ones", err=True)
    require_readable(record)


def _show(
    record: CallRecord, timeline: Timeline, lines: tuple[LogLine, ...] | None, *, as_json: bool, slowest: int
) -> None:
    if as_json:
        logs = {} if lines is None else {"logs": [row_of(line) for line in lines]}
        screen.print_json({**document(record, timeline), **logs})
    else:
        call_page.render(screen.console(), record, timeline, slowest=slowest, lines=lines)


def require_readable(record: CallRecord) -> None:
    """Raise `UnreadableError` when a file of the call is there and cannot be read."""
    for problem in record.unreadable:
        raise UnreadableError(f"{record.call.path}/{problem.file} {problem.message}")


def summary_of(record: CallRecord) -> Timeline:
    """What the call's rows add up to."""
    call = record.call
    return summarise(call.started_at_ms, call.ended_at_ms, record.turns, record.events, call=call)


def document(record: CallRecord, timeline: Timeline) -> dict[str, object]:
    """What ``--json`` prints. Latency and cost that the metadata does not tell are those that were summed up."""
    call = documents.call(record.call)
    spend = call_spend(record.call, started_at_ms=record.call.started_at_ms or 0, record=record)
    return {
        "call": {**call, **cost_document(record.call, spend), "latency": call["latency"] or timeline.latency},
        "turns": [documents.turn(turn) for turn in record.turns],
        "exchanges": [documents.exchange(exchange) for exchange in timeline.exchanges],
        "events": [documents.event(event) for event in record.events],
        "problems": documents.problems(record.problems, timeline.problems),
    }
