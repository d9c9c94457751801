"""How the watching goes: who does it, when it looked last, and what was wrong. ``<root>/.callscope/watch.json``.

The lock of the state says whether somebody watches; this file says who, also to the dashboard of another process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from callscope import ids
from callscope.archive import paths, replace

NAME: Final = "watch.json"
_LATE_LOOKS: Final = 3
_LATE_MS: Final = 120_000


class Lookout(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    who: str
    """``callscope watch`` or ``callscope serve``."""
    host: str
    pid: int
    since_ms: int
    """When it began, in Unix milliseconds."""
    every_ms: int
    rules_file: str
    rules: int = 0
    """That are looked at."""
    looks: int = 0
    looked_ms: int | None = None
    """When it last looked."""
    took_ms: int | None = None
    """For that look."""
    problems: tuple[str, ...] = ()
    """Of the last look: a rule that cannot be looked at, a file that cannot be read. Not safe to print as they are."""
    ended_ms: int | None = None
    """When it was told to stop."""
    is_once: bool = False
    """It looks once and ends by itself."""

    def is_watching(self, *, now_ms: int) -> bool:
        """Whether it looked lately, or has just begun. A process that was killed says nothing."""
        if self.ended_ms is not None:
            return False
        late_ms = max(_LATE_MS, _LATE_LOOKS * (self.every_ms + (self.took_ms or 0)))
        return now_ms - (self.looked_ms or self.since_ms) <= late_ms

    @property
    def name(self) -> str:
        """``callscope watch (process 1234 on host)``."""
        return f"{self.who} (process {self.pid} on {self.host})"


_decoder: Final = msgspec.json.Decoder(Lookout)


def here(who: str, *, since_ms: int, every_ms: int, rules_file: Path) -> Lookout:
    """The one that begins in this process."""
    return Lookout(
        who=who, host=ids.host(), pid=ids.pid(), since_ms=since_ms, every_ms=every_ms, rules_file=str(rules_file)
    )


def load(root: Path) -> Lookout | None:
    """The last one; None: nobody ever watched, or the file cannot be read: it is written anew with the next look."""
    try:
        return _decoder.decode((root / paths.STATE / NAME).read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def save(root: Path, lookout: Lookout) -> None:
    """Write it; raises `OSError` where that is not possible."""
    place = root / paths.STATE / NAME
    replace.make_dir(place.parent)
    replace.write_json(place, msgspec.to_builtins(lookout))
