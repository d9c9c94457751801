"""What callers waited in calls whose envelopes do not say: Patter's know no worst wait, Node's no wait at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from callscope.archive.reader import read_call
from callscope.model.call import IN_PROGRESS, Call
from callscope.timeline.summary import fold_whole, settled, worst_of

WORST: Final = "worst_wait_ms"
"""Key of ``Call.callscope``."""


def with_waits(call: Call, *, now_ms: int) -> Call:
    """The call with the waits that its envelope lacks, from its rows: about a millisecond's work. Never raises.

    Args:
        call: as `read_envelope` gave it.
        now_ms: Unix milliseconds.
    """
    if call.latency and call.callscope.get(WORST) is not None:
        return call
    record = read_call(call.path, now_ms=now_ms)
    folded = fold_whole(call.started_at_ms, call.ended_at_ms, record.turns, record.events, call=call)
    worst = worst_of(settled(folded.exchanges) if call.status == IN_PROGRESS else folded.exchanges)
    return with_known(call, latency=folded.latency, worst_ms=None if worst is None else worst.waited_ms)


def with_known(call: Call, *, latency: Mapping[str, Any] | None, worst_ms: float | None) -> Call:
    """The call with waits that were measured, in place of those that its envelope does not tell."""
    told = {name: each for name, each in call.callscope.items() if each is not None}
    known = {} if worst_ms is None else {WORST: round(worst_ms)}
    return msgspec.structs.replace(call, latency=call.latency or latency, callscope={**call.callscope, **known, **told})
