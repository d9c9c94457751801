"""``callscope export CALL``: a call's page as one file that can be sent to somebody."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

import click

from callscope.archive import listing
from callscope.archive.replace import FILE_MODE, write_all
from callscope.cli import options
from callscope.clock import now_ms
from callscope.errors import MissingExtraError, SettingError
from callscope.query import quantities
from callscope.report import figures
from callscope.report.safe_text import clean
from callscope.version import __version__

_STDOUT: Final = "-"
_FORMATS: Final = ("html",)
_LARGE_BYTES: Final = 10_000_000
"""From here on, mail servers refuse a file."""


@click.command("export")
@click.argument("call")
@options.root
@click.option("--format", "form", type=click.Choice(_FORMATS), default="html", show_default=True, help="Of the file.")
@click.option("--sound", is_flag=True, help="Put the recording into it, up to 25 MB.")
@click.option("--redact", is_flag=True, help="Without secrets and personal data; never with sound.")
@click.option("--output", metavar="FILE", help='Where to; "-" is standard output [default: CALL.html, here].')
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--target", metavar="WAIT", default="1.5s", show_default=True, help="The wait from which it is trouble.")
def command(
    *,
    call: str,
    root: str | None,
    form: str,  # noqa: ARG001 -- there is one so far
    sound: bool,
    redact: bool,
    output: str | None,
    force: bool,
    target: str,
) -> None:
    """Write a call's page as one file.

    It opens in any browser, offline and without scripts, and loads nothing. CALL is the call's id, the beginning of its
    id, or its place as 2026/11/21/name. A file that is there is not replaced without --force.
    """
    try:
        from callscope.web.export import export_call  # noqa: PLC0415 -- an extra, and slow to import for other commands
    except ModuleNotFoundError as error:
        raise MissingExtraError("dashboard", what="The exported page") from error
    directory = listing.find_call(options.archive(root), call, now_ms=now_ms())
    target_ms = round(quantities.number(target, field="--target", unit="ms"))
    exported = export_call(
        directory, now_ms=now_ms, target_ms=target_ms, version=__version__, sound=sound, redact=redact
    )
    data = exported.text.encode("utf-8", "replace")
    if output == _STDOUT:
        sys.stdout.buffer.write(data)
        return
    path = Path(exported.name if output is None else output)
    _put(path, data, force=force)
    click.echo(f"{clean(path)}  {figures.size(len(data))}")
    if len(data) > _LARGE_BYTES:
        click.echo(f"callscope: {figures.size(len(data))} is more than many mail servers take", err=True)


def _put(path: Path, data: bytes, *, force: bool) -> None:
    """Put a file in place in one step; readable by its owner only, as it holds words of callers."""
    temporary = path.with_name(f".{path.name[:100]}.{os.urandom(6).hex()}")
    is_ours = False
    try:
        if not force:  # the name is taken first, so that two who write at once do not replace each other's
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
            is_ours = True
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            write_all(fd, data)
        finally:
            os.close(fd)
        temporary.replace(path)
        is_ours = False
    except FileExistsError:
        raise SettingError(f"{path} is there already: give another --output, or --force to replace it") from None
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error.strerror}): give another --output") from error
    finally:
        for left in (temporary, *((path,) if is_ours else ())):
            with contextlib.suppress(OSError):
                left.unlink()
