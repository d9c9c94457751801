"""What is wrong with alerts, in sentences for ``callscope doctor`` and for pages: each with what to do."""

from __future__ import annotations

from pathlib import Path

from callscope.alerts import lookout, store
from callscope.alerts.store import State
from callscope.errors import CallscopeError


def troubles(root: Path, *, rules_file: Path, now_ms: int) -> tuple[str, ...]:
    """What is wrong; nothing where there are no rules. Not safe to print as it is.

    Args:
        root: the archive.
        rules_file: the rules, whether they are there or not.
        now_ms: Unix milliseconds.
    """
    now = lookout.load(root)
    is_watching = now is not None and now.is_watching(now_ms=now_ms)
    if now is None and not rules_file.is_file():
        return ()
    found = list(now.problems) if now is not None and is_watching else []
    if not is_watching and rules_file.is_file():
        found.append("there are rules of alerts and nobody looks at them: run callscope watch, or callscope serve")
    try:
        states = store.load(root)
    except CallscopeError as error:
        return (*found, str(error))
    for name, state in sorted(states.files.items()):
        found += _of_targets(state, of=f" of {name}" if name and len(states.files) > 1 else "")
    return tuple(found)


def _of_targets(state: State, *, of: str) -> list[str]:
    """What does not arrive of what a file of rules tells."""
    found: list[str] = []
    failing = {each.target: each.error for each in state.pending if each.error is not None}
    for target, why in sorted(failing.items()):
        waiting = sum(each.target == target for each in state.pending)
        found.append(f"alerts{of} do not reach {target} ({why}); waiting there: {waiting}, tried again for a day")
    for target, told in sorted(state.delivered.items()):
        if target not in failing and told.given_up and (told.last_error_ms or 0) > (told.last_sent_ms or 0):
            found.append(f"alerts{of} to {target} were given up ({told.given_up}); the last: {told.last_error}")
    return found
