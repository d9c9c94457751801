"""``callscope verify``: does what the files say add up?"""

from __future__ import annotations

import click
import msgspec

from callscope.archive import listing
from callscope.archive.verify import Check, verify, verify_call
from callscope.cli import options, screen
from callscope.clock import now_ms
from callscope.report import figures
from callscope.report.safe_text import clean


@click.command("verify")
@click.argument("call", required=False)
@options.root
@options.as_json
@click.pass_context
def command(ctx: click.Context, *, call: str | None, root: str | None, as_json: bool) -> None:
    """Check every call, or one: rows readable, counts right, nothing lost.

    Ends with 1 when there are problems.
    """
    now = now_ms()
    archive = options.archive(root)
    if call is None:
        checks = list(verify(archive, now_ms=now))
    else:
        checks = [verify_call(listing.find_call(archive, call, now_ms=now), now_ms=now)]
    bad = [check for check in checks if check.problems]
    if as_json:
        screen.print_json(
            {
                "calls": len(checks),
                "rows": sum(check.rows for check in checks),
                "bad": msgspec.to_builtins(bad),
            }
        )
    else:
        for check in bad:
            _print(check)
        rows = figures.count(sum(check.rows for check in checks), "row")
        click.echo(f"{figures.count(len(checks), 'call')}, {rows}: {_verdict(len(bad))}")
    ctx.exit(1 if bad else 0)


def _print(check: Check) -> None:
    click.echo(f"{clean(check.call_id)}  {clean(check.path)}")
    for problem in check.problems:
        line = f" line {problem.line}" if problem.line is not None else ""
        click.echo(f"  ! {clean(problem.file)}{line}: {clean(problem.message)}")


def _verdict(bad: int) -> str:
    return f"{bad} with problems" if bad else "all is well"
