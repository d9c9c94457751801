"""Where to be told: the targets of the file of rules as values. What is secret stays a name: `deliver.filled`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

from callscope.alerts.rule import Severity, Target, TargetKind
from callscope.prices.toml_lines import Reader, Table, choice


def targets_of(tables: Iterable[Table], *, length: Reader) -> tuple[Target, ...]:
    """The targets of ``[[target]]``.

    Args:
        tables: in the order of the file.
        length: how a length of time is read.

    Raises:
        SettingError: something in one is wrong; says file, line, and what to write.
    """
    found: dict[str, Target] = {}
    for table in tables:
        target = _target(table, length)
        if target.name in found:
            raise table.error("name", f'a target "{target.name}" stands in {found[target.name].place} already')
        found[target.name] = target
    return tuple(found.values())


def _target(table: Table, length: Reader) -> Target:
    if "kind" not in table.values:
        raise table.error(None, f'"kind" is missing{table.inside}: write one of {", ".join(get_args(TargetKind))}')
    kind: TargetKind = _KIND(table, "kind")
    own, required = _OF_KIND[kind]
    readers = {**_COMMON, **own, **({"timeout": length} if own else {})}
    fields = table.fields(readers, required=("name", *required))
    settings = {key: fields[key] for key in own if key in fields}
    if "timeout" in fields:
        settings["timeout_ms"] = fields["timeout"]
    return Target(
        name=fields["name"],
        kind=kind,
        settings=MappingProxyType(settings),
        minimum_severity=fields.get("severity", "info"),
        place=table.where(),
    )


def _words(table: Table, key: str) -> tuple[str, ...]:
    value = table.values[key]
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise table.error(key, f'"{key}" must be a list of texts, the program first, as ["notify-send", "callscope"]')
    return tuple(value)


def _text_or_texts(table: Table, key: str) -> str | tuple[str, ...]:
    return table.texts(key) if isinstance(table.values[key], list) else table.text(key)


def _texts_by_name(table: Table, key: str) -> dict[str, str]:
    inner = table.table(key)
    return {name: inner.text(name) for name in inner.values}


_KIND: Final = choice(*get_args(TargetKind))
_COMMON: Final[Mapping[str, Reader]] = {
    "name": Table.text,
    "kind": _KIND,
    "severity": choice(*get_args(Severity)),
}
_OF_KIND: Final[Mapping[TargetKind, tuple[Mapping[str, Any], tuple[str, ...]]]] = {
    "log": ({}, ()),
    "event": ({}, ()),
    "command": ({"run": _words, "env": _texts_by_name}, ("run",)),
    "webhook": ({"url": Table.text, "headers": _texts_by_name, "secret": Table.text}, ("url",)),
    "apprise": ({"url": _text_or_texts}, ("url",)),
}
"""The settings of each kind, and those that it needs."""
