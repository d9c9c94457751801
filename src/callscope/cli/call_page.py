"""One call for people: what happened, what was wrong, what was said, where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from callscope.archive.log_line import LogLine
from callscope.archive.reader import CallRecord
from callscope.archive.spend import LINES, NO_PRICES, NO_PROVIDER, NO_USAGE, OPEN, RECORDED, CallSpend, call_spend
from callscope.cli import record_table, stack_text, transcript, waterfall
from callscope.cli.call_table import STATUS_STYLES
from callscope.cli.log_table import LEVEL_STYLES
from callscope.model.call import IN_PROGRESS, Call
from callscope.model.cost import ESTIMATED, NOT_BILLED, CostLine, total
from callscope.model.exchange import Exchange
from callscope.report import figures
from callscope.report.log_lines import facts_in_words, shown
from callscope.report.money import money
from callscope.report.safe_text import clean
from callscope.timeline.summary import Timeline, worst_of

_EXPLAINED: Final = frozenset({LINES, RECORDED, NO_PRICES, NO_PROVIDER})
"""Costs of which there is more to say than their sum."""
_FACTS_WIDTH: Final = 9
_SPEAKER_WIDTH: Final = len("caller ")
_SPEAKER_MOST: Final = len("critical")
_BEFORE_SPEAKER: Final = 17
"""Characters of time and wait, and of the gaps after them."""
_LEAST_REST: Final = Decimal("0.000001")
"""US dollars: the parts of a turn are rounded, and what rounding leaves is nothing that anybody was charged for."""
_AGENT_FACTS: Final = ("provider", "model", "voice")


def render(
    console: Console,
    record: CallRecord,
    timeline: Timeline,
    *,
    slowest: int,
    lines: Sequence[LogLine] | None = None,
) -> None:
    """Print a call.

    Args:
        console: where to.
        record: its files.
        timeline: what they add up to.
        slowest: exchanges whose waterfall is drawn, the ones with the longest wait.
        lines: lines of logs to show between turns and events; None: none were asked for.
    """
    _head(console, record, timeline)
    _problems(console, record, timeline)
    _transcript(console, record, timeline.exchanges, lines or ())
    if lines is not None and not lines:
        console.print(Text("No log lines belong to this call.", style="dim"))
    _waterfalls(console, record.call, timeline.exchanges, slowest)
    _costs(console, record.call)


def title(call: Call) -> Text:
    """Id, outcome and reason in one line."""
    line = Text(clean(call.call_id), style="bold").append("  ")
    line.append(clean(call.status).replace("_", " "), style=STATUS_STYLES.get(call.status, ""))
    reason = call.error or call.end_reason
    return line.append(f": {clean(reason)}") if reason else line


def _head(console: Console, record: CallRecord, timeline: Timeline) -> None:
    call = record.call
    console.print(title(call))
    length = "in progress" if call.status == IN_PROGRESS else f"length {figures.clock(call.duration_ms)}"
    people = " → ".join(clean(end) for end in (call.caller, call.callee) if end)
    facts: dict[str, Sequence[str | None]] = {
        "when": [figures.moment(call.started_at_ms), length],
        "who": [people, call.direction, call.telephony_provider],
        "waits": _waits(timeline),
        "trouble": _trouble(timeline),
        "agent": [
            " ".join(clean(call.agent[key]) for key in _AGENT_FACTS if call.agent.get(key)),
            _framework(call),
        ],
        "cost": _cost(call),
        "labels": [f"{clean(name)}={clean(value)}" for name, value in call.labels.items()],
        "files": [call.path],
    }
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=_FACTS_WIDTH, style="dim")
    table.add_column(overflow="fold")
    for name, values in facts.items():
        shown = [clean(value) for value in values if value]
        if shown:
            table.add_row(name, Text(" · ".join(shown)))
    console.print(table)


def _waits(timeline: Timeline) -> list[str]:
    worst = worst_of(timeline.exchanges)
    if worst is None:
        return [figures.UNKNOWN]
    answer = "" if worst.response_ms is not None else ", no answer"
    answered = [each.response_ms for each in timeline.exchanges if each.kind == "exchange"]
    values = [response_ms for response_ms in answered if response_ms is not None]
    longest = f"worst {figures.wait(worst.waited_ms)} (exchange {worst.index}{answer})"
    return [longest, figures.percentiles(values)] if values else [longest]


def _trouble(timeline: Timeline) -> list[str]:
    facts, unanswered = timeline.facts, timeline.unanswered
    return [
        figures.count(facts.errors, "error")
        + (f", {facts.errors_recovered} recovered" if facts.errors_recovered else ""),
        figures.count(timeline.interruptions, "interruption"),
        f"{figures.count(unanswered, 'turn')} without an answer" if unanswered else "",
        figures.count(facts.silences, "silence") if facts.silences else "",
    ]


def _cost(call: Call) -> list[str]:
    """The sum with what it lacks, then its parts; why there is none, where its recorder said so."""
    spend = _spend(call)
    cost, problem = spend.cost, call.callscope.get("cost_problem")
    if isinstance(problem, str) and cost.usd is None:
        return [f"not priced: {problem}"]
    if spend.source == NO_USAGE:
        return [record_table.amount(cost), *cost.reasons]
    if spend.source == OPEN or (cost.usd is None and not cost.lines):
        return [figures.UNKNOWN]
    parts: dict[str, list[CostLine]] = {}
    for line in cost.lines:
        parts.setdefault(line.service, []).append(line)
    named = {record_table.name_of(service): lines for service, lines in parts.items()} if len(parts) > 1 else {}
    shown = [f"{service} {_part(lines)}" for service, lines in named.items()]
    charged = [f"{clean(actual.provider or '')} charged {actual.amount} {actual.currency}" for actual in cost.actual]
    return [record_table.amount(cost), *shown, *charged]


def _spend(call: Call) -> CallSpend:
    return call_spend(call, started_at_ms=call.started_at_ms or 0)


def _part(lines: list[CostLine]) -> str:
    cost = total(lines)
    return "not billed" if cost.status == NOT_BILLED else record_table.amount(cost)


def _costs(console: Console, call: Call) -> None:
    """A line for each price that applied, and why it is not all of it or not sure."""
    spend = _spend(call)
    if spend.source not in _EXPLAINED:
        return
    console.print()
    console.print(Text("Cost", style="bold"))
    record_table.render_lines(console, spend.cost, of_call=True)


def _framework(call: Call) -> str:
    framework = call.callscope.get("framework")
    if not isinstance(framework, dict):
        return ""
    return f"{framework.get('name') or ''} {framework.get('version') or ''}".strip()


def _problems(console: Console, record: CallRecord, timeline: Timeline) -> None:
    """What went wrong in the call, then what could not be read."""
    lines = [(_since(problem.at_ms, record.call), problem.text) for problem in timeline.problems]
    for problem in record.problems:
        where = problem.file if problem.line is None else f"{problem.file} line {problem.line}"
        lines.append(("file", f"{where}: {problem.message}"))
    if not lines:
        return
    console.print()
    console.print(Text("Problems", style="bold"))
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=7, justify="right", style="yellow")
    table.add_column(overflow="fold")
    for at, text in lines:
        table.add_row(at, Text(clean(text)))
    console.print(table)


def _since(ts_ms: int | None, call: Call) -> str:
    """A moment as the time since the call's start."""
    if ts_ms is None or call.started_at_ms is None:
        return ""
    return figures.clock(max(ts_ms - call.started_at_ms, 0))


def _transcript(console: Console, record: CallRecord, exchanges: Sequence[Exchange], logged: Sequence[LogLine]) -> None:
    console.print()
    lines = transcript.lines_of(record.turns, record.events, exchanges)
    if logged:
        lines = transcript.merged(lines, [log_line(line) for line in logged])
    if not lines:
        console.print(Text("No turns.", style="dim"))
        return
    costs = any(line.cost for line in lines)
    _print_lines(console, lines, record.call, costs=costs)
    rest = _rest(record) if costs else ""
    if rest:
        console.print(Text(rest, style="dim"))


def _print_lines(console: Console, lines: Sequence[transcript.Line], call: Call, *, costs: bool) -> None:
    """One table; where a line has a stack trace, it stands below that line over the whole width."""
    speaker = min(max(_SPEAKER_WIDTH, *(line.who.cell_len for line in lines)), _SPEAKER_MOST)
    cost = max((line.cost.cell_len for line in lines), default=0) if costs else 0
    words = max(line.text.cell_len for line in lines)
    room = max(console.width - _BEFORE_SPEAKER - speaker - 1 - (cost + 1 if costs else 0), 1)
    widths = {"words": min(words, room), "cost": cost}
    parts: list[list[transcript.Line]] = [[]]
    for line in lines:
        parts[-1].append(line)
        if line.stack:
            parts.append([])
    for part in filter(None, parts):
        table = transcript_table(costs=costs, speaker=speaker, **(widths if len(parts) > 1 else {}))
        for line in part:
            table.add_row(*transcript_row(line, call, costs=costs))
        console.print(table)
        stack_text.render(console, part[-1].stack)


def _rest(record: CallRecord) -> str:
    """What the call cost beside its turns, so that these and the rest come to its total; empty for nothing."""
    spend = _spend(record.call)
    if spend.cost.usd is None or spend.source not in (LINES, RECORDED):
        return ""
    left: dict[str, Decimal] = {}
    for line in spend.cost.lines:
        left[line.service] = left.get(line.service, Decimal(0)) + (line.usd or 0)
    rest = spend.cost.usd
    for turn in record.turns:
        for part, value in (turn.cost or {}).items():
            usd = Decimal(str(figures.known(value) or 0))
            if part == "total":
                rest -= usd
            elif part in left:
                left[part] -= usd
    if rest < _LEAST_REST:
        return ""
    of = [service for service, usd in left.items() if usd >= _LEAST_REST]
    assumed = any(line.status == ESTIMATED and line.service in of for line in spend.cost.lines)
    names = ", ".join(record_table.name_of(service) for service in of)
    return f"not in a turn: {money(rest, 0, estimated=assumed)}{f' ({names})' if names else ''}"


def log_line(line: LogLine) -> transcript.Line:
    """A line of a log as one of the transcript."""
    told = shown(line)
    text = Text(f"{told.logger}: " if told.logger else "", style="cyan").append(told.text, style="default")
    facts = facts_in_words(told)
    if facts:
        text.append(f" {facts}", style="dim")
    level = Text(told.level, style=LEVEL_STYLES.get(told.level, ""))
    return transcript.Line(line.at_ms, Text(), level, text, Text(), told.stack)


def transcript_table(
    *, costs: bool = False, speaker: int = _SPEAKER_WIDTH, words: int | None = None, cost: int | None = None
) -> Table:
    """Time, wait, speaker, words; and what a turn cost.

    Args:
        costs: with that column.
        speaker: characters of that column.
        words: characters of that column; None: as many as they need and there are.
        cost: the same of that column.
    """
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=7, justify="right", style="dim")
    table.add_column(width=8, justify="right")
    table.add_column(width=speaker, no_wrap=True, overflow="ellipsis")
    table.add_column(width=words, overflow="fold")
    if costs:
        table.add_column(width=cost, justify="right", style="dim", no_wrap=True)
    return table


def transcript_row(line: transcript.Line, call: Call, *, costs: bool = False) -> tuple[Text, ...]:
    """The cells of one line."""
    cells = (Text(_since(line.ts_ms, call)), line.wait, line.who, line.text)
    return (*cells, line.cost) if costs else cells


def _waterfalls(console: Console, call: Call, exchanges: Sequence[Exchange], slowest: int) -> None:
    worth = [exchange for exchange in exchanges if waterfall.is_telling(exchange)]
    drawn = sorted(worth, key=lambda exchange: exchange.response_ms or exchange.silence_ms or 0, reverse=True)[:slowest]
    for exchange in sorted(drawn, key=lambda exchange: exchange.index):
        console.print()
        console.print(waterfall.heading(exchange, started_at_ms=call.started_at_ms))
        waterfall.render(console, exchange)
    if len(drawn) < len(worth):
        left = _left_out([exchange for exchange in worth if exchange not in drawn], quicker=bool(drawn))
        console.print()
        console.print(Text(f"{left} not drawn: --slowest {len(worth)} draws all", style="dim"))


def _left_out(exchanges: Sequence[Exchange], *, quicker: bool) -> str:
    """``the greeting and 2 quicker exchanges``."""
    greetings = sum(exchange.kind == "greeting" for exchange in exchanges)
    what = "quicker exchange" if quicker else "exchange"
    words = ["the greeting"] if greetings else []
    if greetings < len(exchanges):
        words.append(figures.count(len(exchanges) - greetings, what))
    return " and ".join(words)
