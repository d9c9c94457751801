"""``callscope pack CALL``: one call with everything as one file."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from callscope.archive import bundle, listing
from callscope.archive.replace import FILE_MODE
from callscope.cli import options
from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.report import figures
from callscope.report.safe_text import clean


@click.command("pack")
@click.argument("call")
@options.root
@click.option("-o", "--output", metavar="FILE", help=f"Where to [default: CALL{bundle.SUFFIX}, here].")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(*, call: str, root: str | None, output: str | None, force: bool) -> None:
    """Put one call with everything into one file.

    Its rows, metadata, sound and originals, as they are in the archive. `callscope unpack` takes them out again, byte
    for byte. The file holds words of callers, and is readable by you only.
    """
    directory = listing.find_call(options.archive(root), call, now_ms=now_ms())
    path = Path(f"{directory.name}{bundle.SUFFIX}" if output is None else output)
    if path.exists() and not force:
        raise SettingError(f"{path} is there already: give another --output, or --force to replace it")
    packed = _write(directory, path, force=force)
    for name in packed.left_out:
        click.echo(f"callscope: left out: {clean(name)} is no plain file with a plain name", err=True)
    files = figures.count(len(packed.manifest.files), "file")
    click.echo(f"{clean(path)}  {files}, {figures.size(path.stat().st_size)}")


def _write(directory: Path, path: Path, *, force: bool) -> bundle.Packed:
    """Write it beside its place, and put it there in one step."""
    temporary = path.with_name(f".{path.name[:100]}.{os.urandom(6).hex()}")
    try:
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            with os.fdopen(fd, "w+b") as file:
                packed = bundle.pack(directory, file, now_ms=now_ms())
            if force:
                temporary.replace(path)
            else:
                _put_new(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    except FileExistsError:
        raise SettingError(f"{path} is there already: give another --output, or --force to replace it") from None
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error.strerror}): give another --output") from error
    return packed


def _put_new(temporary: Path, path: Path) -> None:
    """Give a file its name where nothing has it; raises `FileExistsError` where something has."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        temporary.replace(path)
