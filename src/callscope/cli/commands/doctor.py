"""``callscope doctor``: does recording work, and if not, what to do."""

from __future__ import annotations

from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callscope import config
from callscope.alerts import standing
from callscope.archive import listing
from callscope.cli import columns, options, screen
from callscope.clock import now_ms
from callscope.report import figures
from callscope.report.health import Health, examine
from callscope.report.safe_text import clean
from callscope.web.mistakes import mistakes


@click.command("doctor")
@options.root
@options.as_json
@click.pass_context
def command(ctx: click.Context, *, root: str | None, as_json: bool) -> None:
    """Say whether recording is on and works, what was lost, and what to do.

    It tells of the environment it runs in: run it where the agent runs. Ends with 1 when something is wrong.
    """
    own = config.resolve_log_root()
    archive = config.resolve_log_root(root)
    if root is not None and archive is not None:
        listing.require_root(archive)
    now = now_ms()
    rules_file = config.alerts_file()
    wrong = mistakes(rules_file)
    health = examine(archive, recording=own is not None, settings=config.load(), now_ms=now, mistakes=wrong)
    if archive is not None and health.exists:
        alerting = standing.troubles(archive, rules_file=rules_file, now_ms=now)
        health = msgspec.structs.replace(health, troubles=(*health.troubles, *alerting))
    if as_json:
        screen.print_json(document(health))
    else:
        _print(screen.console(), health)
    ctx.exit(1 if health.troubles else 0)


def document(health: Health) -> dict[str, Any]:
    """What ``--json`` prints; the key of the hashes is not among it."""
    fields: dict[str, Any] = msgspec.to_builtins(health)
    fields["settings"]["hash_key"] = health.settings.hash_key is not None
    return fields


def _print(console: Console, health: Health) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=10, style="dim")
    table.add_column(overflow="fold")
    for name, value in _facts(health):
        table.add_row(name, Text(clean(value)))
    console.print(table)
    if health.troubles or health.notes:
        console.print()
    for style, mark, lines in (("red", "✗", health.troubles), ("dim", "·", health.notes)):
        for line in lines:
            columns.print_fact(console, mark, clean(line), indent=2, style=style)
    if not health.troubles:
        console.print(Text("✓ Nothing is wrong.", style="green"))


def _facts(health: Health) -> list[tuple[str, str]]:
    settings = health.settings
    keep = {None: "nothing is deleted", 0: "for ever"}.get(settings.retention_days, f"{settings.retention_days} days")
    hashed = " (keyed)" if settings.phone == "hash_only" and settings.hash_key else ""
    facts = [
        ("recording", f"on ({config.ROOT})" if health.recording else f"off ({config.ROOT} is not set)"),
        ("phone", f"{settings.phone}{hashed}"),
        ("transcript", settings.transcript),
        ("keep", keep),
        ("buffer", f"{settings.buffer_rows} rows, {settings.buffer_mb} MB"),
    ]
    if health.root is not None:
        state = "writable" if health.writable else "not writable"
        state = state if health.exists else f"{state}, not there yet"
        facts.insert(1, ("archive", f"{health.root} ({state}; {figures.size(health.free_bytes or 0)} free)"))
        facts.append(("calls", _calls(health)))
        facts.append(("lost", ", ".join(_lost(health, reason) for reason in health.lost) or "no rows"))
        if health.log_lines_lost:
            facts.append(("log lines lost", ", ".join(f"{n} {why}" for why, n in health.log_lines_lost.items())))
        facts += [("writer", _writer(writer)) for writer in health.writers if writer.get("alive")]
    versions = (f"{name} {version or 'not installed'}" for name, version in health.versions.items())
    return [*facts, ("versions", " · ".join(versions))]


def _lost(health: Health, reason: str) -> str:
    until = health.lost_until.get(reason)
    return f"{health.lost[reason]} {reason}{f' (until {until[:10]})' if until is not None else ''}"


def _calls(health: Health) -> str:
    by_status = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in health.calls.items())
    return f"{sum(health.calls.values())}{f': {by_status}' if by_status else ''}"


def _writer(ledger: dict[str, Any]) -> str:
    writer = ledger["writer"]
    figures_of = ", ".join(
        f"{ledger[key]} {key.replace('_', ' ')}" for key in ("open_calls", "written", "pending") if key in ledger
    )
    return f"process {writer.get('pid')} on {writer.get('host')}: {figures_of}"
