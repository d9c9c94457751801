"""What the user wants to be told of, and where: values, as the file of rules says them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

Kind = Literal[
    "call_cost",
    "cost",
    "budget",
    "latency",
    "error_rate",
    "new_error",
    "rising_error",
    "silence",
    "interruption_rate",
    "completion_rate",
    "success_rate",
    "unpriced",
    "lost_rows",
    "no_calls",
    "long_call",
    "disk",
]
Severity = Literal["info", "warning", "critical"]
Unit = Literal["usd", "ms", "share", "count", "bytes", "times"]
"""``share``: 0 to 1. ``times``: how many times what is usual."""
Direction = Literal["at_least", "below"]
"""A rule holds when its value is at least the threshold, or when it is below."""
Per = Literal["window", "day", "week", "month"]
TargetKind = Literal["log", "event", "command", "webhook", "apprise"]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What all rules of a kind have in common."""

    what: str
    """For people: what is looked at."""
    units: tuple[Unit, ...]
    """What a threshold may be written in."""
    direction: Direction = "at_least"
    threshold: float | None = None
    """Where the rule does not say; None: it must."""
    unit: Unit | None = None
    """Of that threshold; None: the first of `units`."""
    window_ms: int = HOUR_MS
    minimum_calls: int = 1
    compares: bool = False
    """Whether it may be compared with what is usual."""
    only_now: bool = False
    """It is a fact about this moment: nobody can tell it of the past."""


SHAPES: Final[Mapping[Kind, Shape]] = MappingProxyType(
    {
        "call_cost": Shape(what="cost of the dearest call", units=("usd",), window_ms=DAY_MS),
        "cost": Shape(what="cost of all calls", units=("usd",), window_ms=DAY_MS),
        "budget": Shape(what="share of a budget that is spent", units=("share",), threshold=1.0, minimum_calls=0),
        "latency": Shape(what="wait for an answer", units=("ms",), minimum_calls=20, compares=True),
        "error_rate": Shape(what="calls with an error", units=("share", "count"), minimum_calls=20, compares=True),
        "new_error": Shape(what="errors of a sort never seen before", units=("count",), threshold=1),
        "rising_error": Shape(what="errors of a sort, times as many as usual", units=("times",), threshold=3),
        "silence": Shape(
            what="calls in which the caller was left without an answer",
            units=("share", "count"),
            minimum_calls=20,
            compares=True,
        ),
        "interruption_rate": Shape(
            what="answers that callers cut off", units=("share",), minimum_calls=20, compares=True
        ),
        "completion_rate": Shape(
            what="ended calls that were completed",
            units=("share",),
            direction="below",
            minimum_calls=20,
            compares=True,
        ),
        "success_rate": Shape(
            what="calls that reached what they were for",
            units=("share",),
            direction="below",
            minimum_calls=20,
            compares=True,
        ),
        "unpriced": Shape(
            what="calls whose cost is not known", units=("count", "share"), threshold=1, window_ms=DAY_MS
        ),
        "lost_rows": Shape(what="rows that could not be written", units=("count",), threshold=1),
        "no_calls": Shape(what="calls", units=("count",), direction="below", threshold=1, minimum_calls=0),
        "long_call": Shape(what="length of the longest call", units=("ms",), window_ms=DAY_MS),
        "disk": Shape(
            what="free room on the archive's disk",
            units=("share", "bytes"),
            direction="below",
            threshold=0.05,
            minimum_calls=0,
            only_now=True,
        ),
    }
)


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """Hours in which nobody is told."""

    from_minute: int
    """Minutes after midnight; the first quiet one."""
    to_minute: int
    """The first one that is not quiet; not after ``from_minute``: on the next day."""
    zone: str
    """IANA name of the time zone, as ``Europe/Berlin``."""
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """Days on which the quiet begins; Monday is 0."""


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared with: the same measure over a longer time before the window."""

    baseline_ms: int
    worse_by: float
    """How much worse than usual: of a share, a difference of shares (0.1: ten points); of a wait, a part of the usual
    one (0.2: a fifth longer)."""
    confidence: float = 0.99
    """How sure it has to be that this is no chance: 1 - the share of windows like any other that would be found."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Somewhere to be told: one ``[[target]]`` of the file."""

    name: str
    kind: TargetKind
    settings: Mapping[str, Any] = MappingProxyType({})
    """As the file says them, checked for their names and types. Secrets are still names of variables of the
    environment, as ``$SLACK_URL`` or ``https://example.org/${TOKEN}``."""
    minimum_severity: Severity = "info"
    """Notices of less are not sent there."""
    place: str = ""
    """File and line, for errors."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. Lengths of time are in milliseconds."""

    name: str
    kind: Kind
    severity: Severity = "warning"
    where: str = ""
    """Which calls, in the query language; without a time."""
    window_ms: int = HOUR_MS
    per: Per = "window"
    """Other than ``window``: what is looked at is the UTC day, week or month that goes on."""
    threshold: float | None = None
    """None: only compared with what is usual."""
    unit: Unit = "count"
    direction: Direction = "at_least"
    minimum_calls: int = 1
    """Fewer calls in the window tell nothing. Of what is a share of other things (ended calls, calls with the label):
    fewer of these."""
    minimum_answers: int = 20
    """Of ``latency`` and ``interruption_rate``: fewer answers tell nothing."""
    usual: Usual | None = None
    percentile: float = 95.0
    """Of ``latency``."""
    stage: str = "response"
    """Of ``latency``: ``response``, or one of `callscope.query.query.STAGES`."""
    label: str = ""
    """Of ``success_rate``: the label that says how the call went."""
    good: tuple[str, ...] = ("true", "yes", "1", "success")
    """Values of the label that are a success, without case; calls without the label do not count."""
    budget: str | None = None
    """Of ``budget``: its name; None: each of them."""
    for_ms: int = 0
    """How long it must hold before anybody is told."""
    recover_for_ms: int = 0
    """How long it must not hold before it is over."""
    repeat_ms: int | None = None
    """How long until it is told again while it goes on; None: once."""
    quiet: Quiet | None = None
    targets: tuple[str, ...] | None = None
    """Names of targets; None: all of them."""
    place: str = ""
    """File and line, for errors."""

    @property
    def shape(self) -> Shape:
        """What its kind says of it."""
        return SHAPES[self.kind]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """A file of rules."""

    file: str
    rules: tuple[Rule, ...]
    targets: tuple[Target, ...]

    def targets_of(self, rule: Rule) -> tuple[Target, ...]:
        """Where a rule's notices go, in the order of the file; their least severity is already asked for."""
        rank = SEVERITIES.index(rule.severity)
        return tuple(
            target
            for target in self.targets
            if (rule.targets is None or target.name in rule.targets)
            and SEVERITIES.index(target.minimum_severity) <= rank
        )


SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
"""Ascending."""
