"""How much each thing that happens in a call matters, as a level of logs; its sentence is `timeline.sentence`."""

from __future__ import annotations

from typing import Final

from callscope.logs import level as levels
from callscope.model import event as types
from callscope.timeline.sentence import CALL_OVER, CALL_STARTED, SILENCE, TURN, WITH_SERVICE, Facts, of

__all__ = ["WITH_SERVICE", "level_of", "of"]

_LEVELS: Final = {
    types.ERROR: levels.ERROR,
    types.WARNING: levels.WARNING,
    types.BUDGET: levels.WARNING,
    SILENCE: levels.WARNING,
    **dict.fromkeys(
        (
            CALL_STARTED, CALL_OVER, TURN, types.CLIENT_CONNECTED, types.CLIENT_DISCONNECTED, types.AGENT_CONNECTED,
            types.CALL_ENDED, types.TOOL_CALL, types.TOOL_RESULT, types.BARGE_IN, types.USAGE, types.ERROR_RECOVERED,
            types.SERVICE_SWITCHED,
        ),
        levels.INFO,
    ),
}  # fmt: skip


def level_of(event_type: str, data: Facts) -> int:
    """How much it matters. An error that a line or another event has told already is only worth DEBUG."""
    if event_type == types.ERROR and (data.get("duplicate_of") or data.get("logger")):
        return levels.DEBUG
    return _LEVELS.get(event_type, levels.DEBUG)
