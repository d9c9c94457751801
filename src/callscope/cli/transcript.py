"""What was said, in order, with what the caller waited at the margin and what nobody heard marked as such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from rich.text import Text

from callscope.model import event as types
from callscope.model import wire
from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.report import figures
from callscope.report.money import at_least
from callscope.report.safe_text import clean
from callscope.timeline.latency import response_of_row
from callscope.timeline.summary import recoveries

_SPEAKERS: Final = {"user": ("caller", "blue"), "assistant": ("agent", "magenta")}
_MAX_VALUE: Final = 200
_TOLD: Final = frozenset(
    {
        types.TOOL_CALL,
        types.TOOL_RESULT,
        types.BARGE_IN,
        types.ERROR,
        types.ERROR_RECOVERED,
        types.WARNING,
        types.CLIENT_DISCONNECTED,
    }
)
_SLOW_MS: Final = 2000


class Line(NamedTuple):
    """One line of a transcript."""

    ts_ms: int | None
    wait: Text
    who: Text
    text: Text
    cost: Text
    stack: tuple[str, ...] = ()
    """Lines of a stack trace."""


def lines_of(turns: Sequence[Turn], events: Sequence[Event], exchanges: Sequence[Exchange]) -> list[Line]:
    """Turns and what is worth telling beside them, in the order of their moments."""
    waits: dict[int | None, Exchange] = {
        exchange.agent_turn_index: exchange for exchange in exchanges if exchange.agent_turn_index is not None
    }
    said = [turn_line(turn, waits.get(turn.turn_index) if turn.role == "assistant" else None) for turn in turns]
    recovered = recoveries(events)
    told = [
        line
        for event in events
        if event.type != types.ERROR_RECOVERED  # the error itself says so here
        and (line := event_line(event, recovered=recovered.get(_id(event)))) is not None
    ]
    return merged(said, told)


def merged(lines: list[Line], others: list[Line]) -> list[Line]:
    """Two lists of lines, each in order, as one; at the same moment those of the first come first."""
    return [line for _, _, line in sorted([*_keyed(lines, 0), *_keyed(others, 1)], key=lambda item: item[:2])]


def turn_line(turn: Turn, exchange: Exchange | None = None) -> Line:
    """A turn; its wait is the exchange's, else what its own row says."""
    name, style = _SPEAKERS.get(turn.role, (turn.role, "dim"))
    waited = exchange.response_ms if exchange is not None else None
    if waited is None and turn.role == "assistant":
        waited = response_of_row(turn.latency)
    return Line(turn.ts_ms, _wait(waited), Text(clean(name), style=style), words_of(turn), _cost(turn))


def words_of(turn: Turn) -> Text:
    """What was said; what of it was not heard is in brackets and struck through."""
    interrupted = ["interrupted"] if turn.interrupted else []
    if turn.text is None:
        length = [f"{turn.text_length} characters"] if turn.text_length is not None and not interrupted else []
        unheard = ["not heard"] if turn.heard == "" and not interrupted else []
        return Text(f"[{', '.join([*interrupted, *unheard, 'words not recorded', *length])}]", style="dim")
    text = clean(turn.text).strip()
    heard = text if turn.heard is None else clean(turn.heard).strip()
    if not text.startswith(heard):
        notes = "; ".join([*interrupted, f"heard: {heard}"])
        return Text(text).append(f" [{notes}]", style="yellow")
    rest = text[len(heard) :].strip()
    if rest:
        line = Text(f"{heard} " if heard else "").append("[not heard: ", style="yellow")
        return line.append(rest, style="strike dim").append("]", style="yellow")
    if interrupted:
        return Text(text).append(" [interrupted]", style="yellow")
    return Text(text) if text else Text("[nothing]", style="dim")


def event_line(event: Event, *, recovered: str | None = None) -> Line | None:
    """An event that a reader of the transcript wants to see; None for the others.

    Args:
        event: any event.
        recovered: of an error, how it was got over, where that is known by now.
    """
    data = event.data
    if event.type not in _TOLD or data.get("duplicate_of") is not None:
        return None
    if event.type == types.TOOL_CALL:
        text = Text(f"{_value(data.get('name'))}({_value(data.get('arguments'), none='')})")
        return _event(event, "tool", "green", text)
    if event.type == types.TOOL_RESULT:
        return _event(event, "tool", "green", _tool_result(data))
    if event.type == types.BARGE_IN:
        return _event(event, "", "", Text("the caller spoke over the agent", style="yellow"))
    if event.type == types.CLIENT_DISCONNECTED:
        return _event(event, "", "", Text("the caller's side left", style="dim"))
    if event.type == types.ERROR_RECOVERED:
        after_ms = figures.known(data.get("after_ms"))
        after = f", {figures.wait(after_ms)} after it failed" if after_ms is not None else ""
        return _event(event, "", "", Text(f"{_value(data.get('stage'))} works again{after}", style="green"))
    if recovered is None and data.get("recovered") is True:
        recovered = "recovered"
    style = "red" if event.type == types.ERROR and recovered is None else "yellow"
    return _event(event, event.type, style, error_text(data, recovered))


def error_text(data: Mapping[str, Any], recovered: str | None = None) -> Text:
    """What an error or warning says: where, what, and how it was got over."""
    where = " ".join(_value(data[key]) for key in ("stage", "provider", "model") if data.get(key))
    what = _value(data.get("message") or data.get("error_code") or data.get("code") or data.get("exception_type"))
    text = Text(f"{where}: {what}" if where else what)
    return text.append(f" ({recovered})", style="dim") if recovered is not None else text


def _id(event: Event) -> str:
    error_id = event.data.get("error_id")
    return error_id if isinstance(error_id, str) else ""


def _tool_result(data: Mapping[str, Any]) -> Text:
    outcome = _value(data.get("outcome"), none="returned")
    took = f" in {figures.wait(data.get('duration_ms'))}" if figures.known(data.get("duration_ms")) is not None else ""
    said = data.get("message") or data.get("result")
    text = Text(f"{_value(data.get('name'), none='')} {outcome}{took}".strip())
    if outcome in {"failed", "timed_out"}:
        text.stylize("red")
    return text.append(f": {_value(said)}", style="dim") if said is not None else text


def _event(event: Event, who: str, style: str, text: Text) -> Line:
    return Line(event.ts_ms, Text(), Text(who, style=style), text, Text())


def _wait(ms: int | None) -> Text:
    if ms is None:
        return Text()
    return Text(figures.wait(ms), style="bold red" if ms >= _SLOW_MS else "bold")


def _cost(turn: Turn) -> Text:
    """What the turn cost; ``≥`` where something in it has no price."""
    if not turn.cost:
        return Text()
    usd = figures.known(turn.cost.get("total"))
    known = None if usd is None else Decimal(str(usd))
    return Text(at_least(known, bool(turn.cost.get("unpriced")), estimated=bool(turn.cost.get("estimated"))))


def _value(value: object, *, none: str = figures.UNKNOWN) -> str:
    if value is None:
        return none
    text = value if isinstance(value, str) else wire.encode(value).decode()
    text = clean(text)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _keyed(lines: list[Line], rank: int) -> Iterator[tuple[int, int, Line]]:
    """Lines with what they are sorted by: one without a moment stays behind the one before it."""
    last = 0
    for line in lines:
        last = line.ts_ms if line.ts_ms is not None else last
        yield last, rank, line
