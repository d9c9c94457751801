"""Whether a rule holds: its reading against its threshold and against what is usual. Pure."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from callscope.alerts.rule import DAY_MS, HOUR_MS, MINUTE_MS, Rule, Unit
from callscope.model.wire import format_ts
from callscope.report import figures
from callscope.report.money import at_least

if TYPE_CHECKING:
    from callscope.alerts.faults import About
    from callscope.prices.budget import State

_LEAST_RISING: Final = 5
"""Errors of a sort in a window, before it can rise."""
_LENGTHS: Final = ((7 * DAY_MS, "week"), (DAY_MS, "day"), (HOUR_MS, "hour"), (MINUTE_MS, "minute"))


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A call that shows what a notice is about."""

    call_id: str
    """As the recorder was given it: not safe to print as it is."""
    path: str
    """Its directory, below ``<root>/calls``."""


class Norm(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual."""

    value: float
    """Of the measure: a share, or milliseconds."""
    n: int
    """How many things it is of."""
    share: float
    """Of them that are so (have an error, are longer than ``value``): between 0 and 1, never at an end."""
    spread: float
    """How many times the variance between windows is what chance alone would make; at least 1."""
    windows: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One of the things that a rule tells of one by one: a sort of errors, a budget."""

    key: str
    value: float
    n: int
    about: About | None = None
    before: int = 0
    """How often it was in the baseline."""
    share: float = 0.0
    """Calls of the window / calls of window and baseline."""
    state: State | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule looks at, at a moment. Moments are Unix milliseconds."""

    at_ms: int
    since_ms: int
    """The first moment of the window."""
    calls: int
    """What `Rule.minimum_calls` asks for."""
    value: float | None
    """In the rule's unit; None: unknown."""
    n: int
    """How many things it is of."""
    hits: int | None = None
    """How many of these are so; of waits: longer than usual."""
    unpriced: int = 0
    """Calls whose cost is not known, so that the value is a lower bound."""
    usual: Norm | None = None
    parts: tuple[Part, ...] = ()
    by_parts: bool = False
    """The rule is about its parts, one by one, also when there are none."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule's reading says, of one key."""

    key: str = ""
    holds: bool | None
    """None: not enough to tell."""
    value: float | None = None
    """In the rule's unit; None: unknown."""
    threshold: float | None = None
    """What it was held against; None: nothing."""
    words: str = ""
    """One sentence for people. May hold words of errors: not safe to print as it is."""
    where: str = ""
    """The query that shows it, with its time; empty where no calls do."""
    link: str = ""


def judge(rule: Rule, reading: Reading) -> tuple[Verdict, ...]:
    """What a reading says: one verdict, or one for each part. A part that is not there (any more) does not hold."""
    if reading.by_parts:
        return tuple(_of_part(rule, reading, part) for part in reading.parts)
    threshold = rule.threshold
    if rule.usual is not None and reading.usual is not None:
        threshold = _harder(rule, _worse_than_usual(rule, reading.usual))
    return (
        Verdict(
            holds=_holds(rule, reading),
            value=reading.value,
            threshold=threshold,
            words=_words(rule, reading),
            **_shows(rule, reading, _CONDITIONS.get(rule.kind, "")),
        ),
    )


def chance(hits: int, n: int, norm: Norm, *, below: bool) -> float:
    """How often windows like any other have a share as bad as ``hits`` of ``n``: from 0 to 1."""
    variance = norm.share * (1 - norm.share) * norm.spread * (1 / n + 1 / norm.n)
    away = (hits / n - norm.share) / math.sqrt(variance)
    return 0.5 * math.erfc((-away if below else away) / math.sqrt(2))


def tail(hits: int, n: int, share: float) -> float:
    """How often chance alone makes ``hits`` or more of ``n`` things that are each so with a probability."""
    if hits <= n * share:
        return 1.0
    term = math.exp(
        math.lgamma(n + 1)
        - math.lgamma(hits + 1)
        - math.lgamma(n - hits + 1)
        + hits * math.log(share)
        + (n - hits) * math.log1p(-share)
    )
    total = term
    for at in range(hits, n):
        term *= (n - at) / (at + 1) * share / (1 - share)
        total += term
        if term < total * 1e-9:
            break
    return min(1.0, total)


def amount(value: float | None, unit: Unit) -> str:
    """A value for people: ``812 ms``, ``$1.20``, ``5.2 %``, ``3``."""
    if value is None:
        return figures.UNKNOWN
    if unit == "usd":
        return at_least(Decimal(repr(round(value, 9))), 0)
    if unit == "share":
        return f"{100 * value:.{0 if value >= 1 else 1}f} %"
    if unit == "bytes":
        return figures.size(int(value))
    if unit == "times":
        return f"{value:.1f} times"
    if unit == "ms":
        return figures.wait(value) if value < 2 * MINUTE_MS else f"{value / MINUTE_MS:.1f} min"
    return f"{value:,.0f}"


def length(ms: int) -> str:
    """A length of time for people: ``1 hour``, ``90 minutes``, ``7 days``."""
    for unit_ms, name in _LENGTHS:
        if ms % unit_ms == 0 and ms >= unit_ms and not (name == "week" and ms == unit_ms):
            return figures.count(ms // unit_ms, name)
    return figures.count(ms // 1000, "second")


def _holds(rule: Rule, reading: Reading) -> bool | None:
    if reading.value is None or reading.calls < rule.minimum_calls or reading.n < _least_answers(rule):
        return None
    is_below = rule.direction == "below"
    if rule.threshold is not None:
        over = reading.value < rule.threshold if is_below else reading.value >= rule.threshold
        if not over or rule.usual is None:
            return over
    if rule.usual is None or reading.usual is None or reading.hits is None or not reading.n:
        return None
    limit = _worse_than_usual(rule, reading.usual)
    if (reading.value > limit) if is_below else (reading.value < limit):
        return False
    # Waits of one call belong together: as many independent ones are assumed as there are calls.
    n = min(reading.n, reading.calls) if rule.kind in {"latency", "interruption_rate"} else reading.n
    hits = round(reading.hits * n / reading.n)
    return chance(hits, n, reading.usual, below=is_below) <= 1 - rule.usual.confidence


def _least_answers(rule: Rule) -> int:
    return rule.minimum_answers if rule.kind in {"latency", "interruption_rate"} else 0


def _worse_than_usual(rule: Rule, norm: Norm) -> float:
    worse_by = 0.0 if rule.usual is None else rule.usual.worse_by
    if rule.unit == "ms":
        return norm.value * (1 + worse_by)
    return norm.value - worse_by if rule.direction == "below" else norm.value + worse_by


def _harder(rule: Rule, limit: float) -> float:
    if rule.threshold is None:
        return limit
    return min(rule.threshold, limit) if rule.direction == "below" else max(rule.threshold, limit)


def _of_part(rule: Rule, reading: Reading, part: Part) -> Verdict:
    holds = part.value >= (rule.threshold or 0)
    shows = {"where": "", "link": "/cost"}
    if part.about is not None:
        shows = {**_shows(rule, reading, f"fingerprint:{part.key}"), "link": f"/errors/{quote(part.key)}"}
    if rule.kind == "rising_error":
        sure = 1 - (0.999 if rule.usual is None else rule.usual.confidence)
        holds = holds and part.n >= _LEAST_RISING and tail(part.n, part.n + part.before, part.share) <= sure
    return Verdict(
        key=part.key,
        holds=holds,
        value=part.value,
        threshold=rule.threshold,
        words=_of_the_part(rule, part),
        **shows,
    )


def _of_the_part(rule: Rule, part: Part) -> str:
    if part.state is not None:
        state = part.state
        spent = at_least(state.spent_usd, state.unpriced)
        limit = at_least(state.budget.usd, 0)
        return f"Budget {part.key}: {spent} of {limit} is spent ({amount(part.value, 'share')}) in {state.period}."
    if part.about is None:
        return ""
    place = ", ".join(each for each in (part.about.stage, part.about.provider, part.about.exception_type) if each)
    times = figures.count(part.n, "time")
    pattern = part.about.pattern if len(part.about.pattern) <= _SHOWN else f"{part.about.pattern[:_SHOWN]}…"
    what = f"{pattern!r}{f' ({place})' if place else ''}"
    if rule.kind == "rising_error":
        return f"An error rises: {what}, {times} in {_window(rule)}, {part.value:.1f} times as often as before."
    return f"A new error: {what}, {times} in {_window(rule)}."


_SHOWN: Final = 160
"""Characters of an error's pattern."""
_CONDITIONS: Final = {
    "call_cost": "sort:-cost",
    "cost": "sort:-cost",
    "latency": "sort:-worst",
    "error_rate": "errors>0",
    "silence": "silent",
    "interruption_rate": "interrupted",
    "completion_rate": "-status:completed -live",
    "unpriced": "-priced",
    "lost_rows": "lost>0",
    "long_call": "sort:-duration",
}
"""What shows it, beside the rule's own query and time."""


def _shows(rule: Rule, reading: Reading, condition: str) -> dict[str, str]:
    """The query and the page that show what a verdict is about."""
    if rule.kind == "disk":
        return {"where": "", "link": "/health"}
    if rule.kind == "success_rate":
        label = f'label."{rule.label}"'
        values = ",".join(f'"{value}"' for value in rule.good)
        condition = f"has:{label} -{label}:{values}"
    times = f"since:{_moment(reading.since_ms)} until:{_moment(reading.at_ms)}"
    where = " ".join(each for each in (rule.where, condition, times) if each)
    return {"where": where, "link": f"/calls?q={quote(where)}"}


def _moment(at_ms: int) -> str:
    return format_ts(at_ms).replace(".000Z", "Z")


def _window(rule: Rule) -> str:
    return f"the {rule.per} so far" if rule.per != "window" else length(rule.window_ms)


def _words(rule: Rule, reading: Reading) -> str:
    value = amount(reading.value, rule.unit)
    of = f" of {rule.where}" if rule.where else ""
    during = f" in {_window(rule)}"
    if rule.kind == "disk":
        if reading.value is None:
            return "What was free on the archive's disk then nobody knows: only a look at the moment itself tells."
        return f"{value} of the archive's disk is free."
    if rule.kind == "no_calls":
        calls = "No call" if not reading.value else figures.count(int(reading.value), "call")
        return f"{calls}{of}{during}."
    bound = f", at least: {figures.count(reading.unpriced, 'call')} not wholly priced" if reading.unpriced else ""
    what = {
        "call_cost": "The dearest call",
        "cost": "All calls",
        "latency": f"p{rule.percentile:g} of {'the wait for an answer' if rule.stage == 'response' else rule.stage}",
        "lost_rows": "Rows lost",
        "long_call": "The longest call",
    }.get(rule.kind, f"{rule.shape.what[:1].upper()}{rule.shape.what[1:]}")
    among = f" ({reading.hits:,} of {reading.n:,})" if reading.hits is not None and rule.unit == "share" else ""
    if rule.kind == "latency":
        among = f" (n={reading.n:,})"
    if reading.value is None and rule.unit == "usd" and reading.unpriced:
        unpriced = figures.count(reading.unpriced, "call")
        return f"What {what[:1].lower()}{what[1:]}{of} cost{during} is not known: {unpriced} without a price."
    verb = "took" if rule.kind == "long_call" else "cost" if rule.unit == "usd" else ":"
    head = f"{what}{of}{'' if verb == ':' else ' '}{verb} {value}{among}{during}{bound}"
    return f"{head}{_than(rule, reading)}{_too_few(rule, reading)}."


def _too_few(rule: Rule, reading: Reading) -> str:
    """Why a value says nothing yet."""
    if reading.calls < rule.minimum_calls:
        return f"; {figures.count(reading.calls, 'call')}, and {rule.minimum_calls:,} are needed to tell"
    if reading.n < _least_answers(rule):
        return f"; {figures.count(reading.n, 'answer')}, and {_least_answers(rule):,} are needed to tell"
    return ""


def _than(rule: Rule, reading: Reading) -> str:
    """What it is held against."""
    if rule.usual is not None:
        if reading.usual is None:
            return "; what is usual is not known yet"
        before = length(rule.usual.baseline_ms)
        return f"; usual is {amount(reading.usual.value, rule.unit)} (the {before} before, n={reading.usual.n:,})"
    if rule.threshold is None:
        return ""
    return f"; the limit is {amount(rule.threshold, rule.unit)}"
