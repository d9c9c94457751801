"""Which alert rules fire now, from the file that they keep their state in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive.paths import STATE
from callscope.report.safe_text import clean

NAME: Final = "alerts.json"
_MOST: Final = 100
"""Rules that are told of."""
_FIRING: Final = "firing"


class _Incident(msgspec.Struct):
    rule: str
    state: str


class _State(msgspec.Struct):
    incidents: list[_Incident] = []
    seen: dict[str, msgspec.Raw] = {}
    """By rule that was looked at."""
    files: dict[str, _State] = {}
    """By file of rules; a version before had one state for all."""


def firing(root: Path) -> dict[str, int]:
    """How many incidents each rule fires for, 0 for those that are quiet; empty when no rules are looked at."""
    try:
        state = msgspec.json.decode((root / STATE / NAME).read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    states = [state, *state.files.values()]
    counts = Counter({clean(rule)[:_MOST]: 0 for each in states for rule in each.seen})
    fired = (one for each in states for one in each.incidents if one.state == _FIRING)
    counts.update(clean(one.rule)[:_MOST] for one in fired)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST])
