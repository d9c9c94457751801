"""The user's rules: their file as values. The form: docs/alerts.md and examples/alerts.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from callscope.alerts.rule import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SHAPES,
    Kind,
    Per,
    Quiet,
    Rule,
    Rules,
    Severity,
    Unit,
    Usual,
)
from callscope.alerts.target_source import targets_of
from callscope.errors import SettingError
from callscope.prices.source import schema
from callscope.prices.toml_lines import Reader, Table, choice, nearest, parse
from callscope.query import language
from callscope.query.query import STAGES
from callscope.query.query_error import QueryError

_LENGTH: Final = re.compile(r"([0-9]{1,6})\s*(s|m|h|d|w)")
_UNIT_MS: Final = {"s": 1000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_LONGEST_MS: Final = 400 * DAY_MS
_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?)"
_FORMS: Final[Mapping[Unit, tuple[re.Pattern[str], str]]] = {
    "usd": (re.compile(rf"\$?{_NUMBER}"), '"20" or "$0.50", in quotes'),
    "ms": (re.compile(rf"{_NUMBER}\s*(ms|s|m|h)"), '"1.5s" or "800ms"'),
    "share": (re.compile(rf"{_NUMBER}\s*%"), '"5%"'),
    "count": (re.compile(r"([0-9]+)"), "3"),
    "bytes": (re.compile(rf"{_NUMBER}\s*(MB|GB|TB)"), '"10GB"'),
    "times": (re.compile(rf"{_NUMBER}\s*(?:x|times)?"), '"3x"'),
}
"""What a threshold looks like in a unit, and how it is written."""
_FACTORS: Final = {"ms": 1, "s": 1000, "m": MINUTE_MS, "h": HOUR_MS, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERCENT: Final = re.compile(rf"{_NUMBER}\s*%")
_RISING_BASELINE_MS: Final = 7 * DAY_MS
_SURE: Final = 0.999
_LIKELY: Final = 0.99
_IDLE: Final = dict.fromkeys(("sort", "limit", "cursor"), "a rule is about all calls that fit")
_A_MOMENT_MS: Final = 1_800_000_000_000
"""What time it is does not matter: times are not allowed in a rule's query."""


def read_rules(path: Path) -> Rules:
    """The rules of a file; raises `SettingError` as `rules_of` does, and where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SettingError(f"{path} is not there: `callscope alerts init` writes one to begin with") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read as rules ({error})") from error
    return rules_of(text, file=str(path))


def rules_of(text: str, *, file: str) -> Rules:
    """The rules and targets of a file.

    Args:
        text: what is in the file.
        file: its name, for errors.

    Raises:
        SettingError: something in it is wrong; says file, line, and what to write.
    """
    top = parse(text, file=file).fields(_FILE, required=("schema",))
    targets = targets_of(top.get("target", ()), length=_length)
    defaults = top["defaults"].fields(_DEFAULTS) if "defaults" in top else {}
    rules: dict[str, Rule] = {}
    for table in top.get("rule", ()):
        rule = _rule(table, defaults, {target.name for target in targets})
        if rule.name in rules:
            before = rules[rule.name].place
            raise table.error("name", f'a rule "{rule.name}" stands in {before} already: name it otherwise')
        rules[rule.name] = rule
    return Rules(file=file, rules=tuple(rules.values()), targets=targets)


def _rule(table: Table, defaults: Mapping[str, Any], targets: set[str]) -> Rule:
    fields = {**defaults, **table.fields(_RULE, required=("name", "kind"))}
    kind: Kind = fields["kind"]
    shape = SHAPES[kind]
    for key in table.values:
        allowed = _OF_KINDS.get(key)
        if allowed is not None and kind not in allowed:
            raise table.error(key, f'"{key}" means nothing to a rule of kind {kind}: it is for {", ".join(allowed)}')
    for name in fields.get("targets") or ():
        if name not in targets:
            raise table.error("targets", f'there is no target "{name}" in this file: {nearest(name, targets)}')
    if kind == "success_rate" and "label" not in fields:
        raise table.error(None, f'"label" is missing{table.inside}: the label that says how a call went')
    usual = _usual(table, fields, kind)
    threshold, unit = _threshold(table, kind, usual)
    values = {
        key: fields[key]
        for key in ("severity", "where", "per", "minimum_calls", "minimum_answers", "percentile", "stage", "label",
                    "good", "budget", "targets")
        if key in fields
    }  # fmt: skip
    values.setdefault("minimum_calls", shape.minimum_calls)
    return Rule(
        **values,
        window_ms=fields.get("window", shape.window_ms),
        name=fields["name"],
        kind=kind,
        threshold=threshold,
        unit=unit,
        direction=shape.direction,
        usual=usual,
        for_ms=fields.get("for", 0),
        recover_for_ms=fields.get("recover_for", 0),
        repeat_ms=fields.get("repeat"),
        quiet=_quiet(table, fields),
        place=table.where(),
    )


def _usual(table: Table, fields: Mapping[str, Any], kind: Kind) -> Usual | None:
    if kind == "rising_error":
        return Usual(
            baseline_ms=fields.get("baseline", _RISING_BASELINE_MS),
            worse_by=0.0,
            confidence=fields.get("confidence", _SURE),
        )
    if "baseline" not in fields:
        for key in ("worse_by", "confidence"):
            if key in table.values:
                raise table.error(key, f'"{key}" is about what is usual: write "baseline", too, as baseline = "28d"')
        return None
    length_ms = max(fields.get("window", SHAPES[kind].window_ms), HOUR_MS)
    if fields["baseline"] < 4 * length_ms:
        raise table.error("baseline", '"baseline" must be at least four times as long as "window"')
    if SHAPES[kind].units[0] == "share" and not str(table.values.get("threshold", "%")).endswith("%"):
        raise table.error("threshold", 'a number of calls is not compared with what is usual: write a share, as "5%"')
    return Usual(
        baseline_ms=fields["baseline"],
        worse_by=fields.get("worse_by", 0.0),
        confidence=fields.get("confidence", _LIKELY),
    )


def _threshold(table: Table, kind: Kind, usual: Usual | None) -> tuple[float | None, Unit]:
    shape = SHAPES[kind]
    if "threshold" not in table.values:
        if shape.threshold is None and usual is None:
            forms = " or ".join(_FORMS[unit][1] for unit in shape.units)
            also = ', or compare with what is usual: baseline = "28d"' if shape.compares else ""
            raise table.error(None, f'"threshold" is missing{table.inside}: write {forms}{also}')
        return shape.threshold, shape.unit or shape.units[0]
    written = table.values["threshold"]
    is_number = isinstance(written, int) and not isinstance(written, bool)
    text = str(written) if is_number else table.text("threshold") if isinstance(written, str) else ""
    for unit in shape.units:
        found = _FORMS[unit][0].fullmatch(text)
        if found is not None:
            factor = _FACTORS[found[2]] if unit in {"ms", "bytes"} else 0.01 if unit == "share" else 1
            value = float(found[1]) * factor
            if unit == "share" and value > 1 and kind != "budget":
                raise table.error("threshold", f'"threshold" cannot be more than 100 %: {text}')
            if not value:
                raise table.error("threshold", '"threshold" must be above 0')
            return value, unit
    forms = " or ".join(_FORMS[unit][1] for unit in shape.units)
    raise table.error("threshold", f'"threshold" of a rule of kind {kind} is {shape.what}: write {forms}')


def _quiet(table: Table, fields: Mapping[str, Any]) -> Quiet | None:
    hours = fields.get("quiet")
    if hours is None:
        for key in ("quiet_zone", "quiet_days"):
            if key in table.values:
                raise table.error(key, f'"{key}" is about quiet hours: write "quiet", too, as quiet = "22:00-07:00"')
        return None
    if "quiet_zone" not in fields:
        raise table.error("quiet", '"quiet" needs a time zone: write quiet_zone = "Europe/Berlin", or "UTC"')
    days = fields.get("quiet_days", Quiet(from_minute=0, to_minute=0, zone="UTC").days)
    return Quiet(from_minute=hours[0], to_minute=hours[1], zone=fields["quiet_zone"], days=days)


def _length(table: Table, key: str) -> int:
    """Milliseconds of ``90s``, ``5m``, ``1h``, ``7d``, ``4w``."""
    found = _LENGTH.fullmatch(str(table.values[key])) if isinstance(table.values[key], str) else None
    if found is None:
        raise table.error(key, f'"{key}" must be a length of time in quotes, as "90s", "5m", "1h" or "7d"')
    value = int(found[1]) * _UNIT_MS[found[2]]
    if not value or value > _LONGEST_MS:
        raise table.error(key, f'"{key}" must be more than 0 and not more than 400 days')
    return value


def _where(table: Table, key: str) -> str:
    text = table.text(key)
    try:
        query = language.parse(text, now_ms=_A_MOMENT_MS, idle=_IDLE)
    except QueryError as error:
        raise table.error(key, f'"{key}": {error.problem}, in column {error.column + 1} of {text!r}') from None
    except SettingError as error:
        raise table.error(key, f'"{key}": {error}') from None
    if query.since_ms is not None or query.until_ms is not None:
        raise table.error(key, f'"{key}" must not say a time: that is "window"')
    return text


def _hours(table: Table, key: str) -> tuple[int, int]:
    found = _CLOCK.fullmatch(table.text(key))
    if found is None:
        raise table.error(key, f'"{key}" must be two times of the day, as "22:00-07:00"')
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if begin == end:
        raise table.error(key, f'"{key}" begins when it ends: nobody would ever be told; leave out the rule instead')
    return begin, end


def _zone(table: Table, key: str) -> str:
    name = table.text(key)
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, OSError, ValueError):  # which of them depends on what is no zone in it
        raise table.error(key, f'there is no time zone "{name}": write one as "Europe/Berlin" or "UTC"') from None


def _weekdays(table: Table, key: str) -> tuple[int, ...]:
    names = table.texts(key)
    for name in names:
        if name not in _WEEKDAYS:
            raise table.error(key, f'"{name}" in "{key}" is no day: {nearest(name, _WEEKDAYS)}')
    return tuple(sorted({_WEEKDAYS.index(name) for name in names}))


def _percent(table: Table, key: str) -> float:
    """A share of ``10%``."""
    found = _PERCENT.fullmatch(str(table.values[key])) if isinstance(table.values[key], str) else None
    if found is None:
        raise table.error(key, f'"{key}" must be a percentage in quotes, as "10%"')
    return round(float(found[1]) / 100, 12)


def _confidence(table: Table, key: str) -> float:
    value = _percent(table, key)
    if not 0.5 <= value < 1:  # noqa: PLR2004 -- less is no confidence
        raise table.error(key, f'"{key}" must be from 50% to below 100%, as "99%" or "99.9%"')
    return value


def _percentile(table: Table, key: str) -> float:
    value = table.values[key]
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100:  # noqa: PLR2004 -- a percentile
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)?", value) and float(value):
        return float(value)
    raise table.error(key, f'"{key}" must be a number between 0 and 100, as 95 or "99.5"')


def _optional_length(table: Table, key: str) -> int | None:
    return None if table.values[key] == "never" else _length(table, key)


_COMMON: Final[Mapping[str, Reader]] = {
    "severity": choice(*get_args(Severity)),
    "repeat": _optional_length,
    "for": _length,
    "recover_for": _length,
    "quiet": _hours,
    "quiet_zone": _zone,
    "quiet_days": _weekdays,
    "targets": Table.texts,
}
_DEFAULTS: Final = _COMMON
_RULE: Final[Mapping[str, Reader]] = {
    **_COMMON,
    "name": Table.text,
    "kind": choice(*get_args(Kind)),
    "where": _where,
    "window": _length,
    "per": choice(*get_args(Per)),
    "threshold": lambda table, key: table.values[key],
    "minimum_calls": Table.count,
    "minimum_answers": Table.count,
    "baseline": _length,
    "worse_by": _percent,
    "confidence": _confidence,
    "percentile": _percentile,
    "stage": choice("response", *STAGES),
    "label": Table.text,
    "good": Table.texts,
    "budget": Table.text,
}
_COMPARING: Final = tuple(kind for kind, shape in SHAPES.items() if shape.compares)
_WITH_WINDOW: Final = tuple(kind for kind in SHAPES if kind not in {"budget", "disk"})
_OF_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "where": _WITH_WINDOW,
    "window": _WITH_WINDOW,
    "per": ("cost",),
    "minimum_calls": _WITH_WINDOW,
    "minimum_answers": ("latency", "interruption_rate"),
    "baseline": (*_COMPARING, "rising_error"),
    "worse_by": _COMPARING,
    "confidence": (*_COMPARING, "rising_error"),
    "percentile": ("latency",),
    "stage": ("latency",),
    "label": ("success_rate",),
    "good": ("success_rate",),
    "budget": ("budget",),
}
"""Keys that not every kind has."""
_FILE: Final[Mapping[str, Reader]] = {
    "schema": schema,
    "defaults": Table.table,
    "rule": Table.tables,
    "target": Table.tables,
}
