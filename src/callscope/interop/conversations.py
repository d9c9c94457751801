"""Which conversation a record is of.

A conversation has an id that its spans tell, or some of them; where none of a trace does, the trace is the
conversation. Metrics and logs belong to the conversation whose id they tell.
"""

from __future__ import annotations

from typing import Any, Final

from callscope.interop import aliases, callscope_spans, generic_spans, livekit_spans, pipecat_spans
from callscope.interop.spans import LogRecord, Point, Span
from callscope.interop.tree import Tree

_ROOM: Final[aliases.Names] = (*aliases.CONVERSATION, "room_id", "room_sid")
_JOB: Final[aliases.Names] = (*aliases.CONVERSATION_IF_NONE, "job_id")
_LONGEST: Final = 512


def name_of(span: Span) -> str | None:
    """The conversation that a span says it is of."""
    return _name(span.attributes, aliases.CONVERSATION)


def second_name_of(span: Span) -> str | None:
    """A name that counts where no span of its trace has one of the first kind."""
    return _name(span.attributes, aliases.CONVERSATION_IF_NONE) if dialect_of(span) is not None else None


def names_of(record: Point | LogRecord) -> tuple[str, ...]:
    """The conversations that a figure or a line of a log may be of."""
    told = (_name(place, names) for place in (record.attributes, record.resource) for names in (_ROOM, _JOB))
    return tuple(dict.fromkeys(name for name in told if name is not None))


def dialect_of(span: Span) -> str | None:
    """Whose words a span speaks; None where nobody of this house understands it."""
    if callscope_spans.is_of(span):
        return "callscope"
    if livekit_spans.is_of(span):
        return "livekit"
    if pipecat_spans.is_of(span):
        return "pipecat"
    return "gen_ai" if generic_spans.is_of(span) else None


def split(spans: list[Span]) -> dict[str | None, list[Span]]:
    """The spans of one trace by their conversation; under None where no span names one.

    Of several conversations in one trace a span belongs to the one that it names, else to its nearest ancestor's; what
    stands above all of them is part of each.
    """
    names = {name for each in spans if (name := name_of(each)) is not None}
    names = names or {name for each in spans if (name := second_name_of(each)) is not None}
    if len(names) <= 1:
        return {next(iter(names), None): spans}
    tree = Tree(spans)
    found: dict[str | None, list[Span]] = {name: [] for name in sorted(names)}
    for each in spans:
        line = (_first_name(one) for one in (each, *tree.above(each)))
        own = next((name for name in line if name in names), None)
        for name in names if own is None else {own}:
            found[name].append(each)
    return found


def _first_name(span: Span) -> str | None:
    return name_of(span) or second_name_of(span)


def _name(attributes: dict[str, Any], names: aliases.Names) -> str | None:
    value = aliases.first(attributes, names)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip()[:_LONGEST] if isinstance(value, str) and value.strip() else None
