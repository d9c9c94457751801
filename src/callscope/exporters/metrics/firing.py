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


def firing(root: Path) -> dict[str, int]:
    """How many incidents each rule fires for, 0 for those that are quiet; empty when no rules are looked at."""
    try:
        state = msgspec.json.decode((root / STATE / NAME).read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    counts = Counter({clean(rule)[:_MOST]: 0 for rule in state.seen})
    counts.update(clean(each.rule)[:_MOST] for each in state.incidents if each.state == _FIRING)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST])
