"""``callscope unpack FILE...``: calls out of the files that ``callscope pack`` made."""

from __future__ import annotations

from pathlib import Path

import click

from callscope.archive import bundle
from callscope.cli import options
from callscope.errors import UnreadableError
from callscope.report.safe_text import clean


@click.command("unpack")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@options.root
@click.pass_context
def command(ctx: click.Context, *, files: tuple[str, ...], root: str | None) -> None:
    """Take calls out of files that `callscope pack` made.

    No call that is there is overwritten: another one of the same name gets ~2, the very same one stays as it is. Ends
    with 4 when a file is no bundle or is damaged; nothing is left of it then.
    """
    archive = options.archive(root)
    failed = False
    for name in files:
        try:
            unpacked = bundle.unpack(Path(name), archive)
        except UnreadableError as error:
            click.echo(f"callscope: {clean(str(error))}", err=True)
            failed = True
        else:
            click.echo(f"{clean(str(unpacked.path))}{'' if unpacked.is_new else '  (there already)'}")
    ctx.exit(UnreadableError.exit_code if failed else 0)
