"""A baseline as a file: the figures of some calls, to hold later ones against without keeping the calls."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from callscope.cli.gate_measures import Measured, Sample
from callscope.errors import NotFoundError, SettingError, UnreadableError
from callscope.exporters.place import new_file
from callscope.model.wire import format_ts
from callscope.version import __version__

SUFFIX: Final = ".json"
_VERSION: Final = 1
_MODE: Final = 0o644
"""It holds figures alone, and goes with the code."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in the file."""

    callscope_baseline: int
    """The version of this form."""
    callscope: str
    """Which callscope measured it."""
    made_at: str
    query: str
    """Which calls it is of."""
    calls: int
    measures: dict[str, Measured]


def load(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        NotFoundError: there is no such file.
        UnreadableError: it is no baseline, or one of a newer callscope.
    """
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except FileNotFoundError:
        raise NotFoundError(f"there is no baseline {path}: make one with callscope gate --save {path}") from None
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{path} is no baseline ({error}): make one with callscope gate --save FILE") from error
    if baseline.callscope_baseline != _VERSION:
        raise UnreadableError(f"{path} is of another version of callscope ({baseline.callscope}): make it anew")
    return baseline


def save(path: Path, sample: Sample, *, query: str, now_ms: int) -> None:
    """Put a baseline in place; one that is there is replaced, and nothing else is.

    Raises:
        SettingError: something else is there, or it cannot be written.
    """
    if path.exists():
        try:
            load(path)
        except UnreadableError as error:
            raise SettingError(f"{error}; --save replaces baselines alone") from error
    baseline = Baseline(
        callscope_baseline=_VERSION,
        callscope=__version__,
        made_at=format_ts(now_ms),
        query=query,
        calls=sample.calls,
        measures=sample.measures,
    )
    with new_file(path, force=True, mode=_MODE) as file:
        file.write(msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n")
