"""Reading back what logs left, without the package's own reader."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from callscope import logs
from callscope.config import Settings


@contextmanager
def configured(directory: Path | None, **given: Any) -> Iterator[logs.Logs]:
    """Logs without a console unless it is asked for, closed at the end."""
    given.setdefault("console", False)
    made = logs.configure(directory="off" if directory is None else directory, **given)
    try:
        yield made
    finally:
        made.close()


def private(transcript: Any) -> Settings:
    return Settings(transcript=transcript)


def lines_of(directory: Path) -> list[dict[str, Any]]:
    """All lines of a directory, the oldest file first; a line that is no JSON is an error."""
    files = sorted(
        (path for path in directory.iterdir() if path.is_file()),
        key=lambda path: (path.name[:10], int(number) if (number := path.name.split(".")[1]).isdigit() else 10**9),
    )
    found: list[dict[str, Any]] = []
    for path in files:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [json.loads(line) for line in data.splitlines()]
    return found


def events_of(directory: Path) -> list[str]:
    return [line["event"] for line in lines_of(directory)]


def bot(program: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A process that runs a program."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def failed(error: Exception) -> Exception:
    """An exception that was raised, as a program's own code does it."""
    try:
        raise error
    except type(error) as raised:
        return raised


def run(program: str, *arguments: str, **environment: str) -> tuple[str, str]:
    """What a program printed on standard output and standard error; it has to end well."""
    process = bot(program, *arguments, **environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out, err
