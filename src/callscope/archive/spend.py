"""What the calls of an archive cost, from their envelopes; from their rows where these tell nothing.

What one call cost is told by its cost lines. A call that has none still says something:

- a total that its writer recorded (Patter's SDKs know no lines) is taken as ``estimated``, by service where it says so:
  nobody knows from which prices it was made. A 0 is not believed: they record it for what they have no price for;
- what only its rows tell is taken from there: reported usage, what turns cost (``estimated``, as such a total is), use
  of services whose providers nobody named, which cannot be priced;
- where the lines are of the telephone line alone, as the recorder makes them of the length of a call, the rest of the
  call is told by the total that its writer gave, else by its rows, as above; no service is counted twice;
- usage without prices, and a call that told of no usage at all, are unpriced lines with the reason, never nothing;
- a call that nobody answered used nothing unless it says otherwise, and one that goes on is not priced yet.

So whatever has no known amount is a line without one, and sums can tell how many there are; only a call that goes on
has no line at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from callscope.archive import listing
from callscope.archive.reader import UNREADABLE, CallRecord, read_envelope, why_unreadable
from callscope.archive.row_usage import RowUsage, read_usage, usage_of
from callscope.model.call import BUSY, IN_PROGRESS, NO_ANSWER, Call
from callscope.model.cost import ERROR, ESTIMATED, NOT_BILLED, UNPRICED, Actual, Cost, CostLine, total
from callscope.model.usage import SERVICES, UsageLine

Source = Literal["lines", "recorded", "no_prices", "no_provider", "no_usage", "nothing", "open", "unreadable"]

LINES: Final = "lines"
"""Cost lines, as the recorder or ``callscope reprice`` wrote them."""
RECORDED: Final = "recorded"
"""A total without lines, of another writer or given by the program; or what its turns cost."""
NO_PRICES: Final = "no_prices"
"""Usage that was never priced."""
NO_PROVIDER: Final = "no_provider"
"""Usage of services whose providers nobody named, in another writer's rows."""
NO_USAGE: Final = "no_usage"
"""The call is over, and nobody told what it used."""
NOTHING: Final = "nothing"
"""Nobody answered, so nothing was used."""
OPEN: Final = "open"
"""It goes on; it is priced when it ends."""

REPRICE: Final = "recorded without prices: callscope reprice"
_UNTOLD: Final = "nobody reported what this call used: see what your adapter or your code reports with usage()"
_SILENT: Final = "its writer told neither what this call used nor what it cost"
_UNNAMED: Final = "its rows tell how much was used, but not of which provider: that cannot be priced"
_OF_TURNS: Final = "the sum of what its turns cost, recorded without the prices it was made from"
_UNANSWERED: Final = "nobody answered, and no usage was reported"
_FOREIGN: Final = "recorded by another writer, without the prices it was made from"
_GIVEN: Final = "given by the program, without the prices it was made from"
_SILENT_ZERO: Final = "its writer recorded 0 for speech and language, which is also what it writes without a price"
_NO_LEG: Final = "its writer recorded no cost of the telephone line"
_BROKEN: Final = "a cost line that cannot be read: callscope reprice"
_TELEPHONY: Final = "telephony"
_ROUNDED: Final = Decimal("0.000000001")
"""Sums are kept as numbers of 64 bits: what differs by less is the same."""
_MOST: Final = Decimal(10**15)
"""More than anything costs or uses: what is beyond is a mistake, or meant to break a sum."""

_T = TypeVar("_T", CostLine, Actual)


class CallSpend(msgspec.Struct, frozen=True, kw_only=True):
    """What one call cost."""

    call_id: str
    path: str
    """The call's directory."""
    started_at_ms: int
    """Unix milliseconds; the beginning of its day when the call does not say."""
    duration_ms: float | None
    status: str
    """Of the call: one of `callscope.model.call.STATUSES`."""
    agent: str | None
    """The agent's name, else the label ``agent``, else its provider and model as ``openai/gpt-4.1``."""
    agent_version: str | None
    """The label ``agent_version``."""
    labels: dict[str, Any]
    writer_id: str | None
    """Of the recorder that wrote it; None for other writers."""
    source: Source
    """Where the lines are from."""
    lines: tuple[CostLine, ...]
    """What is not known is a line without ``usd``."""
    bad_lines: int = 0
    """Lines of the file that could not be read; each is in ``lines`` as one of status ``error``."""
    recorded_usd: Decimal | None = None
    """The total at the envelope's top level, in US dollars; without one, what its turns cost."""
    actual: tuple[Actual, ...] = ()
    """What providers reported themselves."""

    @property
    def cost(self) -> Cost:
        """What the lines add up to."""
        return total(self.lines, self.actual)


def cost_document(call: Call, spend: CallSpend) -> dict[str, Any]:
    """What a call cost, as documents tell it: ``cost`` as metadata.json has it, and its ``cost_status``.

    ``cost`` has what is known in US dollars, by service as far as that is known; it is None when nothing is.
    """
    cost = spend.cost
    return {
        "cost": None if cost.usd is None else _in_dollars(call, cost, cost.usd),
        "cost_status": cost.status if spend.lines else None,
    }


def spend_of(
    root: Path, *, now_ms: int, since_ms: int | None = None, until_ms: int | None = None
) -> Iterator[CallSpend]:
    """What each call cost, newest day first, in no order within a day.

    Args:
        root: the archive.
        now_ms: Unix milliseconds, to tell calls in progress.
        since_ms: calls that started then or later.
        until_ms: calls that started before.

    Raises:
        NotFoundError: there is no such directory.
        UnreadableError: a directory may not be listed.
    """
    for day in listing.days_between(root, since_ms=since_ms, until_ms=until_ms):
        for path in listing.calls_of(day.path):
            call = read_envelope(path, now_ms=now_ms)
            started_at_ms = day.start_ms if call.started_at_ms is None else call.started_at_ms
            if (since_ms is None or started_at_ms >= since_ms) and (until_ms is None or started_at_ms < until_ms):
                yield call_spend(call, started_at_ms=started_at_ms)


def call_spend(call: Call, *, started_at_ms: int, record: CallRecord | None = None) -> CallSpend:
    """What a call cost. Never raises.

    Args:
        call: the envelope.
        started_at_ms: Unix milliseconds.
        record: the call with its rows, where they were read: else those of a call whose envelope tells nothing are
            read here.
    """
    lines, bad = _readable(call.callscope.get("cost_lines"), CostLine)
    recorded = _dollars((call.cost or {}).get("total"))
    source = _source(call, has_lines=bool(lines or bad), recorded=recorded)
    if source == LINES and not bad and call.status != IN_PROGRESS and _is_of_the_line_alone(lines):
        source, lines = _with_the_rest(call, lines, recorded, record)
        recorded = recorded if source == RECORDED else total(lines).usd
    elif source == LINES:
        lines += [_unknown(_BROKEN, status=ERROR)] * bad
    elif source == NO_USAGE:
        source, lines = _from_rows(call, read_usage(call.path) if record is None else usage_of(record))
        recorded = total(lines).usd
    else:
        lines = list(_lines_without_lines(call, source, recorded))
    labels, writer = call.labels, call.callscope.get("writer")
    return CallSpend(
        call_id=call.call_id,
        path=call.path,
        started_at_ms=started_at_ms,
        duration_ms=call.duration_ms,
        status=call.status,
        agent=_agent(call),
        agent_version=_word(labels.get("agent_version")),
        labels=labels,
        writer_id=_word(writer.get("id")) if isinstance(writer, dict) else None,
        source=source,
        lines=tuple(lines),
        bad_lines=bad,
        recorded_usd=recorded,
        actual=tuple(_readable(call.callscope.get("actual"), Actual)[0]),
    )


def cost_with(record: CallRecord, cost: Cost) -> Cost:
    """What a call costs if its envelope's lines were these.

    Args:
        record: the call.
        cost: the lines.
    """
    call = record.call
    if not cost.lines or call.status == IN_PROGRESS or not _is_of_the_line_alone(cost.lines):
        return cost
    now = call_spend(call, started_at_ms=0, record=record)
    recorded = now.recorded_usd if now.source == RECORDED and (call.cost or {}).get("total") else None
    _, lines = _with_the_rest(call, list(cost.lines), recorded, record)
    return total(lines, cost.actual)


def _in_dollars(call: Call, cost: Cost, usd: Decimal) -> dict[str, Any]:
    given = _dollars((call.cost or {}).get("total"))
    if call.cost and given is not None and abs(given - usd) <= _ROUNDED:
        return call.cost
    sums: dict[str, Decimal] = {}
    for line in cost.lines:
        if line.usd is not None:
            sums[line.service] = sums.get(line.service, Decimal(0)) + line.usd
    return {"total": float(usd), **{service: float(amount) for service, amount in sorted(sums.items())}}


def _source(call: Call, *, has_lines: bool, recorded: Decimal | None) -> Source:
    if call.status == UNREADABLE:
        return "unreadable"
    if has_lines:
        return "lines"
    if recorded:
        return "recorded"
    if call.status == IN_PROGRESS:
        return "open"
    if _used(call):
        return "no_prices"
    if call.status in {NO_ANSWER, BUSY}:
        return "nothing"
    return "no_usage" if recorded is None else "recorded"


def _lines_without_lines(call: Call, source: Source, recorded: Decimal | None) -> Iterator[CostLine]:
    if source == "recorded" and recorded is not None:
        yield from _recorded_lines(call, recorded)
    elif source == "no_prices":
        for service, provider, model in _used(call):
            yield _unknown(REPRICE, service=service, provider=provider, model=model)
    elif source == "unreadable":
        yield _unknown(why_unreadable(call), status=ERROR)
    elif source == "nothing":
        zero = Decimal(0)
        yield CostLine(service="other", provider=None, model=None, status=NOT_BILLED, usd=zero, reason=_UNANSWERED)


def _from_rows(call: Call, rows: RowUsage) -> tuple[Source, list[CostLine]]:
    """What the rows tell, the surest of it: what can be priced, what somebody priced, what was used."""
    if rows.reported:
        return "no_prices", [
            _unknown(REPRICE, service=line.service, provider=line.provider, model=line.model) for line in rows.reported
        ]
    if rows.usd:
        return "recorded", list(_turn_lines(call, rows))
    if rows.unnamed:
        return "no_provider", [each for line in rows.unnamed for each in _unnamed_lines(line)]
    return "no_usage", [_unknown(_UNTOLD if call.callscope else _SILENT)]


def _is_of_the_line_alone(lines: Iterable[CostLine]) -> bool:
    return all(line.service == _TELEPHONY for line in lines)


def _with_the_rest(
    call: Call, leg: list[CostLine], recorded: Decimal | None, record: CallRecord | None
) -> tuple[Source, list[CostLine]]:
    """The lines of a call whose own are of its telephone line alone, with what else its envelope or its rows tell."""
    if recorded and abs(recorded - (total(leg).usd or 0)) > _ROUNDED:
        told = list(_recorded_lines(call, recorded))
        services = {line.service for line in told if line.usd is not None}
        # A total that is not explained by its parts may hold the line already.
        if services & {_TELEPHONY, "other"}:
            return RECORDED, told
        return RECORDED, [*leg, *(line for line in told if line.service != _TELEPHONY)]
    rows = read_usage(call.path) if record is None else usage_of(record)
    if any(line.service != _TELEPHONY for line in rows.reported) or not (rows.usd or rows.unnamed or rows.turns):
        return LINES, leg
    _, told = _from_rows(call, msgspec.structs.replace(rows, reported=()))
    return LINES, [*leg, *(line for line in told if line.service != _TELEPHONY)]


def _turn_lines(call: Call, rows: RowUsage) -> Iterator[CostLine]:
    """What turns cost by service. What none of them tells of is unknown: other turns, the telephone line."""
    for service, usd in rows.usd.items():
        yield _estimated(call, service, usd, _OF_TURNS)
    if rows.without_cost:
        yield _unknown(f"{rows.without_cost} of {rows.turns} turns tell no cost, or not all of it")
    if _TELEPHONY not in rows.usd and call.telephony_provider:
        yield _unknown(_NO_LEG, service=_TELEPHONY, provider=call.telephony_provider)


def _unnamed_lines(used: UsageLine) -> Iterator[CostLine]:
    for unit, quantity in used.units.items():
        line = _unknown(_UNNAMED, service=used.service)
        yield msgspec.structs.replace(line, usage=unit, quantity=Decimal(str(quantity)))


def _recorded_lines(call: Call, recorded: Decimal) -> Iterator[CostLine]:
    """A foreign total by its parts; what the parts do not explain is of the service ``other``."""
    given = {service: _dollars((call.cost or {}).get(service)) for service in SERVICES if service != "other"}
    parts = {service: amount for service, amount in given.items() if amount}
    rest = recorded - sum(parts.values(), Decimal(0))
    if rest > Decimal("0.000001"):  # writers round each part for itself
        parts["other"] = rest
    for service, usd in parts.items():
        yield _estimated(call, service, usd, _GIVEN if call.callscope.get("writer") else _FOREIGN)
    if not parts.keys() - {_TELEPHONY}:
        yield _unknown(_SILENT_ZERO)
    has_parts = any(amount is not None for amount in given.values())
    if has_parts and given[_TELEPHONY] is None and call.telephony_provider:
        yield _unknown(_NO_LEG, service=_TELEPHONY, provider=call.telephony_provider)


def _estimated(call: Call, service: str, usd: Decimal, reason: str) -> CostLine:
    return CostLine(
        service=service,
        provider=call.telephony_provider if service == _TELEPHONY else None,
        model=None,
        status=ESTIMATED,
        amount=usd,
        usd=usd,
        reason=reason,
    )


def _unknown(
    reason: str,
    *,
    service: str = "other",
    provider: str | None = None,
    model: str | None = None,
    status: Literal["unpriced", "error"] = UNPRICED,
) -> CostLine:
    return CostLine(service=service, provider=provider, model=model, status=status, reason=reason)


def _used(call: Call) -> list[tuple[str, str | None, str | None]]:
    """Service, provider and model of each usage line of the envelope."""
    lines = call.callscope.get("usage")
    return [
        (_word(line.get("service")) or "other", _word(line.get("provider")), _word(line.get("model")))
        for line in (lines if isinstance(lines, list) else [])
        if isinstance(line, Mapping)
    ]


def _readable(values: object, kind: type[_T]) -> tuple[list[_T], int]:
    """The values of a list that are what they should be, and how many are not."""
    if not isinstance(values, list):
        return [], 0
    found: list[_T] = []
    for value in values:
        try:
            line = msgspec.convert(value, kind)
        except (msgspec.ValidationError, ArithmeticError):
            continue
        amounts = [field for field in msgspec.structs.astuple(line) if type(field) is Decimal]
        if all(map(_is_sane, amounts)):
            found.append(line)
    return found, len(values) - len(found)


def _is_sane(value: Decimal) -> bool:
    return value.is_finite() and 0 <= value < _MOST


def _dollars(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    amount = Decimal(str(value))
    return amount if _is_sane(amount) else None


def _agent(call: Call) -> str | None:
    name = _word(call.agent.get("name")) or _word(call.labels.get("agent"))
    if name:
        return name
    known = [word for word in (_word(call.agent.get("provider")), _word(call.agent.get("model"))) if word]
    return "/".join(known) or None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
