"""A line of ``<root>/alerts.jsonl``: for programs that read files, and for who looks later.

The file is bounded: when it would grow over its size it becomes ``alerts.1.jsonl``, and the one before that goes.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from callscope.alerts.deliver.delivery_error import DeliveryError
from callscope.alerts.deliver.document import body
from callscope.alerts.deliver.filled import Filled
from callscope.alerts.incidents import Notice
from callscope.archive.append import Appender
from callscope.archive.replace import make_dir

NAME: Final = "alerts.jsonl"
OLDER: Final = "alerts.1.jsonl"
MOST_BYTES: Final = 5_000_000

_one_at_a_time: Final = threading.Lock()
"""Two targets of this kind would rotate the file under each other."""


def send(notice: Notice, target: Filled, *, root: Path) -> None:  # noqa: ARG001 -- there is nothing to set
    """Append it, by one write; raises `DeliveryError` when the disk does not take it, and nothing is left of it."""
    line = body(notice) + b"\n"
    path = root / NAME
    with _one_at_a_time:
        try:
            make_dir(root)
            _make_room(path, len(line))
            appender = Appender(max_open=1)
            try:
                appender.append(str(path), line)
            finally:
                appender.close_all()
        except OSError as error:
            raise DeliveryError(f"{NAME} of the archive takes no line ({error.strerror})") from error


def _make_room(path: Path, more: int) -> None:
    try:
        size = path.lstat().st_size
    except FileNotFoundError:
        return
    if size and size + more > MOST_BYTES:
        os.replace(path, path.with_name(OLDER))  # noqa: PTH105 -- atomic by definition
