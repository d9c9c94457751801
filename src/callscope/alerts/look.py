"""One look at all rules, whatever is wrong with one of them."""

from __future__ import annotations

import sys
import traceback
from typing import NamedTuple

from callscope.alerts.incidents import Notice
from callscope.alerts.reading import Past
from callscope.alerts.rounds import forget, look_at
from callscope.alerts.rule import Rule, Rules
from callscope.alerts.store import State
from callscope.errors import CallscopeError
from callscope.index.index import Index


class Look(NamedTuple):
    """What came of it."""

    state: State
    """With the incidents as they stand now; nothing is on its way yet."""
    decided: tuple[tuple[Rule, Notice], ...]
    problems: tuple[str, ...]
    """Rules that could not be looked at, and why. Not safe to print as they are."""


def look(index: Index, rules: Rules, state: State, at_ms: int) -> Look:
    """Look at each rule. What is wrong with one of them is a problem, and its incidents stay as they were.

    Args:
        index: of the archive, up to date.
        rules: incidents of rules that are not among them are forgotten.
        state: of the file of these rules, before.
        at_ms: now, in Unix milliseconds.

    Raises:
        CallscopeError: the index cannot be asked at all.
    """
    decided: list[tuple[Rule, Notice]] = []
    problems: list[str] = []
    state = forget(state, rules)
    with Past(index, now_ms=at_ms) as past:
        for rule in rules.rules:
            try:
                state, notices = look_at(past, rule, state, at_ms)
            except CallscopeError as error:
                problems.append(f"rule {rule.name!r}: {error}")
            except Exception as error:  # noqa: BLE001 -- one rule must not keep the others from being looked at
                problems.append(mistake(f"rule {rule.name!r}", error))
            else:
                decided += ((rule, notice) for notice in notices)
    return Look(state, tuple(decided), tuple(problems))


def mistake(where: str, error: Exception) -> str:
    """What to say of a mistake of ours; the terminal gets its stack."""
    traceback.print_exc(file=sys.stderr)
    return f"{where}: a mistake of callscope ({type(error).__name__}); please report what its terminal says"
