"""What was said, in order, with what happened beside it: tools, errors, barge-ins, answers that never came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from callscope.archive.reader import CallRecord
from callscope.model import event as types
from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.report import figures
from callscope.timeline.latency import response_of_row
from callscope.timeline.summary import Timeline
from callscope.web.call.axis import Axis
from callscope.web.call.links import Links, seconds
from callscope.web.call.selection import Selection
from callscope.web.call.tool_calls import ToolCall
from callscope.web.call.turn_cost import turn_cost
from callscope.web.call.values import short, text_of

Kind = Literal["turn", "tool", "barge_in", "error", "unanswered", "warning", "note"]

_WHO: Final = {
    "user": ("Caller", "k-caller"),
    "assistant": ("Agent", "k-agent"),
    "tool": ("Tool", "k-tool"),
    "system": ("System", "k-other"),
}
_NOTES: Final = {types.CLIENT_DISCONNECTED: "The caller's side left", types.CALL_ENDED: "The call was ended"}
_LONG: Final = 140
"""A tool's arguments and result that take more than this are folded."""
_STACK: Final = 8_000
_ROLE: Final = 16


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a row is."""

    since_ms: int | None = None
    """Milliseconds after the call's start; None when the row does not say."""
    at: str = ""
    """The moment as in an address."""
    end_ms: int | None = None
    """Milliseconds after the call's start at which a turn ends."""
    href: str = ""
    is_in_exchange: bool = False
    """It belongs to the selected exchange."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a transcript. Fields that do not apply are empty."""

    kind: Kind
    place: Place
    who: str
    look: str
    """Class of the hue, or of the trouble."""
    words: str = ""
    """What was said and heard, or a plain sentence."""
    unheard: str = ""
    """What of a turn's words was not heard."""
    note: str = ""
    """What is to be said of the words."""
    wait_ms: int | None = None
    wait_href: str = ""
    is_slow: bool = False
    cost: str = ""
    cost_of: str = ""
    """The cost by service."""
    tool: ToolCall | None = None
    is_folded: bool = False
    """Of a tool: its arguments and result are long."""
    stack: str = ""
    is_selected: bool = False


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """All rows."""

    rows: tuple[Row, ...]
    turns: int
    has_costs: bool
    is_kept_off: bool
    """The words of all turns were kept off the disk."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What rows are made with."""

    axis: Axis
    links: Links
    selection: Selection
    target_ms: int
    """The wait from which it is slow."""


def transcript_of(record: CallRecord, timeline: Timeline, calls: Sequence[ToolCall], scene: Scene) -> Transcript:
    """The rows of a call in the order of their moments."""
    waits: dict[int | None, Exchange] = {
        each.agent_turn_index: each for each in timeline.exchanges if each.agent_turn_index is not None
    }
    said = [
        (turn.ts_ms, _turn_row(turn, waits.get(turn.turn_index) if turn.role == "assistant" else None, scene))
        for turn in record.turns
    ]
    told = [
        *((call.start_ms, _tool_row(call, scene)) for call in calls),
        *_trouble(record.events, timeline, scene),
        *((row.ts_ms, _note_row(row, scene)) for row in record.events if row.type in _NOTES),
    ]
    keyed = sorted([*_keyed(said, 0), *_keyed(told, 1)], key=lambda item: item[:2])
    rows = _selected([row for _, _, row in keyed], scene)
    return Transcript(
        rows=tuple(rows),
        turns=len(record.turns),
        has_costs=any(row.cost for row in rows),
        is_kept_off=bool(record.turns) and all(turn.text is None for turn in record.turns),
    )


def _selected(rows: list[Row], scene: Scene) -> list[Row]:
    """The row at the selected moment, else the answer of the selected exchange."""
    at_ms, exchange = scene.selection.at_ms, scene.selection.exchange
    place: int | None = None
    if at_ms is not None:
        limit = scene.axis.since(at_ms)
        moments = [(n, row.place.since_ms) for n, row in enumerate(rows)]
        place = max((n for n, since_ms in moments if since_ms is not None and since_ms <= limit), default=0)
    elif exchange is not None:
        wanted = scene.links.exchange(exchange.index)
        inside = [n for n, row in enumerate(rows) if row.place.is_in_exchange]
        place = next((n for n in inside if rows[n].wait_href == wanted), inside[0] if inside else None)
    if place is None or not rows:
        return rows
    rows[place] = msgspec.structs.replace(rows[place], is_selected=True)
    return rows


def _turn_row(turn: Turn, exchange: Exchange | None, scene: Scene) -> Row:
    who, look = _WHO.get(turn.role, (short(turn.role, _ROLE) or "?", "k-other"))
    waited = exchange.response_ms if exchange is not None else None
    if waited is None and turn.role == "assistant":
        waited = response_of_row(turn.latency)
    words, unheard, note = words_of(turn)
    cost = turn_cost([turn])
    is_greeting = exchange is not None and exchange.kind == "greeting"
    return Row(
        kind="turn",
        who=who,
        look=look,
        words=words,
        unheard=unheard,
        note=note,
        wait_ms=waited,
        wait_href=scene.links.exchange(exchange.index) if exchange is not None else "",
        is_slow=waited is not None and waited >= scene.target_ms and not is_greeting,
        cost=cost.words if cost is not None else "",
        cost_of=" · ".join(f"{name} ${usd:f}" for name, usd in cost.parts.items()) if cost is not None else "",
        place=_place(turn.ts_ms, scene, length_ms=figures.known(turn.duration_ms)),
    )


def words_of(turn: Turn) -> tuple[str, str, str]:
    """Of a turn: what was heard, what was not, and what else is to be said of it."""
    if turn.text is None:
        notes = ["interrupted"] if turn.interrupted else []
        notes += ["not heard"] if turn.heard == "" else []
        notes.append("words not recorded")
        notes += [figures.count(turn.text_length, "character")] if turn.text_length is not None else []
        return "", "", ", ".join(notes)
    text = turn.text.strip()
    heard = text if turn.heard is None else turn.heard.strip()
    cut = "interrupted" if turn.interrupted else ""
    if not text.startswith(heard):
        return text, "", f"{'interrupted; ' if cut else ''}heard: {heard}"
    rest = text[len(heard) :]
    if rest.strip():
        return heard, rest.strip(), ""
    return text, "", cut if text else "nothing was said"


def _tool_row(call: ToolCall, scene: Scene) -> Row:
    return Row(
        kind="tool",
        who="Tool",
        look="k-tool",
        tool=call,
        is_folded=len(call.arguments) + len(call.result) > _LONG,
        place=_place(call.start_ms, scene),
    )


def _trouble(events: Sequence[Event], timeline: Timeline, scene: Scene) -> Iterator[tuple[int | None, Row]]:
    """Errors, barge-ins and missing answers in the words of the problems strip; an error has its stack as well."""
    stacks: dict[int | None, list[str]] = {}
    for row in events:
        if row.type == types.ERROR and row.data.get("duplicate_of") is None:
            stacks.setdefault(row.ts_ms, []).append(text_of(row.data.get("stack"))[:_STACK])
        elif row.type == types.WARNING:
            words = text_of(row.data.get("message") or row.data.get("code")) or "a warning without words"
            place = _place(row.ts_ms, scene)
            yield row.ts_ms, Row(kind="warning", who="Warning", look="k-warn", words=words, place=place)
    for problem in timeline.problems:
        place = _place(problem.at_ms, scene)
        if problem.kind == "error":
            found = stacks.get(problem.at_ms)
            stack = found.pop(0) if found else ""
            error = Row(kind="error", who="Error", look="k-bad", words=problem.text, stack=stack, place=place)
            yield problem.at_ms, error
        elif problem.kind == "barge_in":
            yield problem.at_ms, Row(kind="barge_in", who="Barge-in", look="k-warn", words=problem.text, place=place)
        elif problem.kind in {"unanswered", "silence"}:
            yield problem.at_ms, Row(kind="unanswered", who="Silence", look="k-bad", words=problem.text, place=place)


def _note_row(event: Event, scene: Scene) -> Row:
    reason = short(text_of(event.data.get("reason")), _LONG)
    words = _NOTES[event.type] + (f": {reason}" if reason else "")
    return Row(kind="note", who="", look="k-other", words=words, place=_place(event.ts_ms, scene))


def _place(ts_ms: int | None, scene: Scene, *, length_ms: float | None = None) -> Place:
    if ts_ms is None:
        return Place()
    since_ms = max(scene.axis.since(ts_ms), 0)
    return Place(
        since_ms=since_ms,
        at=seconds(since_ms),
        end_ms=since_ms + round(length_ms) if length_ms is not None else None,
        href=scene.links.at(since_ms),
        is_in_exchange=scene.selection.holds(ts_ms),
    )


def _keyed(rows: Sequence[tuple[int | None, Row]], rank: int) -> Iterator[tuple[int, int, Row]]:
    """Rows with what they are sorted by: one without a moment stays behind the one before it."""
    last = 0
    for ts_ms, row in rows:
        last = ts_ms if ts_ms is not None else last
        yield last, rank, row
