"""Budgets against the archive: how much of each is spent, and whether that is all that was spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from callscope import config
from callscope.archive import spend
from callscope.archive.price_file import read_budgets
from callscope.archive.spend import CallSpend
from callscope.cli import columns, figures
from callscope.cli.columns import Column
from callscope.cli.money import money
from callscope.cli.price_book import price_book
from callscope.cli.safe_text import clean
from callscope.model.cost import CostLine
from callscope.prices import budget as pure
from callscope.prices.biller import billers
from callscope.prices.budget import Budget, Spend, State

EXAMPLE: Final = """\
schema = 1

[[budget]]
name = "Deepgram"
provider = "deepgram"
usd = "50"
per = "month"
thresholds = [50, 80, 100]
"""
CALL_DAYS: Final = 30
"""A budget per call is shown for the call that stands worst in it in this time."""
_WIDE: Final = 96
_STYLES: Final = {"ok": "green", "warning": "yellow", "over": "bold red", "unknown": "yellow"}
_Biller = Callable[[CostLine], str | None]
_WORST_FIRST: Final = ("over", "warning", "unknown", "ok")


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """A budgets file, and where each budget stands."""

    file: str | None
    """None: there is none."""
    states: tuple[State, ...]


def states(archive: Path, file: str | None, *, now_ms: int) -> Budgets:
    """Where each budget stands now.

    Args:
        archive: the calls that money was spent on.
        file: the budgets file; None: the one of the environment or of the usual place.
        now_ms: Unix milliseconds.

    Raises:
        SettingError: the file is not there or has a mistake; says where. So with the prices file, which names hosts.
        UnreadableError: the archive cannot be read.
    """
    path = Path(file).expanduser() if file is not None else config.budgets_file()
    if path is None:
        return Budgets(file=None, states=())
    book = price_book(None)
    budgets = read_budgets(path)
    since_ms = min((_begins_ms(budget, now_ms) for budget in budgets), default=now_ms)
    calls = tuple(spend.spend_of(archive, now_ms=now_ms, since_ms=since_ms))
    biller = billers(book)
    found = tuple(_state(budget, calls, now_ms, biller) for budget in budgets)
    return Budgets(file=str(path), states=found)


def render(console: Console, budgets: Budgets) -> None:
    """Print a line a budget."""
    found = budgets.states
    if not found:
        columns.print_line(console, Text("none: callscope budget says how to set them", style="dim"))
        return
    wide = not console.is_terminal or console.width >= _WIDE
    table = [
        Column(name="BUDGET", cells=[Text(clean(each.budget.name)) for each in found], left=True, cut=1),
        Column(name="PERIOD", cells=[_period(each, wide=wide) for each in found], left=True),
        Column(name="SPENT", cells=[_spent(each) for each in found]),
        Column(name="LIMIT", cells=[Text(money(each.budget.usd, 0)) for each in found]),
        Column(name="SHARE", cells=[_bar(each, 20 if wide else 10) for each in found], left=True),
    ]
    if wide:
        thresholds = [Text(", ".join(map(str, each.budget.thresholds)) + " %") for each in found]
        table.append(Column(name="TOLD AT", cells=thresholds, left=True))
    table.append(Column(name="VERDICT", cells=[_verdict(each, wide=wide) for each in found], left=True))
    columns.render(console, table)


def document(budgets: Budgets) -> dict[str, Any]:
    """As JSON; dollars are strings, so that nothing is lost."""
    return {"file": budgets.file, "budgets": [_document(each) for each in budgets.states]}


def _document(state: State) -> dict[str, Any]:
    budget = state.budget
    return {
        "name": budget.name,
        "per": budget.per,
        "provider": budget.provider,
        "agent": budget.agent,
        "period": state.period,
        "spent_usd": state.spent_usd,
        "limit_usd": budget.usd,
        "share": state.share,
        "unpriced": state.unpriced,
        "thresholds": list(budget.thresholds),
        "crossed": list(state.crossed),
        "verdict": state.verdict,
    }


def _begins_ms(budget: Budget, now_ms: int) -> int:
    """The first moment of the budget's period that goes on."""
    today = datetime.fromtimestamp(now_ms // 1000, tz=UTC).replace(hour=0, minute=0, second=0)
    first = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "call": today - timedelta(days=CALL_DAYS),
    }[budget.per]
    return round(first.timestamp() * 1000)


def _state(budget: Budget, calls: Sequence[CallSpend], now_ms: int, biller: _Biller) -> State:
    """The budget's state; of a budget per call the worst one."""
    if budget.per != "call":
        return pure.states([budget], _spends(calls, biller), at_ms=now_ms)[0]
    recent = [call for call in calls if call.started_at_ms >= _begins_ms(budget, now_ms)]
    found = [
        state
        for call in recent
        for state in pure.states([budget], _spends([call], biller), at_ms=now_ms, call_id=call.call_id)
    ]
    worst = sorted(found, key=lambda state: (_WORST_FIRST.index(state.verdict), -state.spent_usd))
    return worst[0] if worst else pure.state_of(budget, figures.UNKNOWN, spent_usd=Decimal(0), unpriced=0)


def _spends(calls: Iterable[CallSpend], biller: _Biller) -> Iterator[Spend]:
    for call in calls:
        for line in call.lines:
            yield Spend(
                at_ms=call.started_at_ms,
                usd=line.usd,
                provider=biller(line),
                agent=call.agent,
                call_id=call.call_id,
            )


def _spent(state: State) -> Text:
    if state.unpriced:
        return Text(f"≥ {money(state.spent_usd, 0)}", style="yellow")
    return Text(money(state.spent_usd, 0))


def _bar(state: State, width: int) -> Text:
    """The share as a bar; a mark stands where a threshold is not reached yet."""
    full = min(width, int(state.share * width))
    cells = ["█"] * full + ["·"] * (width - full)
    for threshold in state.budget.thresholds:
        place = threshold * width // 100
        if full <= place < width:
            cells[place] = "│"
    text = Text("".join(cells), style=_STYLES[state.verdict])
    share = f"{state.share * 100:.0f} %" if state.share < 10 else "> 999 %"  # noqa: PLR2004 -- more says no more
    return text.append(f" {share:>7}", style="default")


def _verdict(state: State, *, wide: bool) -> Text:
    text = Text(state.verdict, style=_STYLES[state.verdict])
    return text.append(f", {state.unpriced} unpriced") if state.unpriced and wide else text


def _period(state: State, *, wide: bool) -> Text:
    """A day, week or month; of a budget per call the id of a call, which may be long."""
    text = Text(clean(state.period))
    if not wide:
        text.truncate(len("2026-11-21"), overflow="ellipsis")
    return text
