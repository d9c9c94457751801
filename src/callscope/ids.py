"""Names that nobody else has."""

from __future__ import annotations

import os
from functools import cache


def new_call_id() -> str:
    """An id for a call that its caller did not name."""
    return f"call-{os.urandom(8).hex()}"


def new_writer_id() -> str:
    """An id for one writer: a logger in a process."""
    return os.urandom(8).hex()


@cache
def host() -> str:
    """This machine's name, as it calls itself."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket  # noqa: PLC0415 -- Windows

    return socket.gethostname()


@cache
def boot() -> str | None:
    """The running kernel's boot id, which changes at each start of the machine; None where there is none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 -- no need for a Path
            return file.read().strip()
    except OSError:
        return None


def pid() -> int:
    """This process."""
    return os.getpid()
