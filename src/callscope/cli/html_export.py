"""``callscope export CALL --format html``: a call's page as one file that can be sent to somebody."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from callscope.archive import listing
from callscope.clock import now_ms
from callscope.errors import MissingExtraError, SettingError
from callscope.exporters.format import Option
from callscope.exporters.place import new_file
from callscope.query import quantities
from callscope.report import figures
from callscope.report.safe_text import clean
from callscope.version import __version__

NAME: Final = "html"
OPTIONS: Final = (
    Option(name="sound", text="Put the recording into it, up to 25 MB."),
    Option(name="redact", text="Without secrets and personal data; never with sound."),
    Option(name="target", text="The wait from which it is trouble.", metavar="WAIT", default="1.5s"),
)
_LARGE_BYTES: Final = 10_000_000
"""From here on, mail servers refuse a file."""


def write(root: Path, words: tuple[str, ...], output: str | None, *, force: bool, options: dict[str, Any]) -> None:
    """Write the page of one call, and say where it is.

    Args:
        root: the archive.
        words: the call, in one word.
        output: where to, ``-`` for standard output; None: a file here, named after the call.
        force: replace a file that is there.
        options: by the names of `OPTIONS`.
    """
    if len(words) != 1:
        raise SettingError("which call? give one: its id, the beginning of it, or its place as 2026/11/21/name")
    try:
        from callscope.web.export import export_call  # noqa: PLC0415 -- an extra, and slow to import for other commands
    except ModuleNotFoundError as error:
        raise MissingExtraError("dashboard", what="The exported page") from error
    directory = listing.find_call(root, words[0], now_ms=now_ms())
    target_ms = round(quantities.number(options["target"], field="--target", unit="ms"))
    exported = export_call(
        directory,
        now_ms=now_ms,
        target_ms=target_ms,
        version=__version__,
        sound=options["sound"],
        redact=options["redact"],
    )
    data = exported.text.encode("utf-8", "replace")
    if output == "-":
        sys.stdout.buffer.write(data)
        return
    path = Path(exported.name if output is None else output)
    with new_file(path, force=force) as file:
        file.write(data)
    click.echo(f"{clean(path)}  {figures.size(len(data))}")
    if len(data) > _LARGE_BYTES:
        click.echo(f"callscope: {figures.size(len(data))} is more than many mail servers take", err=True)
