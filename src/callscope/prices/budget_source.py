"""The user's budgets: their file as values. The form: examples/budgets.toml."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, get_args

from callscope.prices.budget import Budget, Per
from callscope.prices.entry import Provider
from callscope.prices.own_source import by_name, provider_id
from callscope.prices.source import schema
from callscope.prices.toml_lines import Reader, Table, choice, parse


def budgets_of(text: str, *, file: str, providers: Mapping[str, Provider]) -> tuple[Budget, ...]:
    """The budgets of a file; raises `SettingError` with file and line for whatever is wrong in it.

    Args:
        text: what is in the file.
        file: its name, for errors.
        providers: the catalogue's, by id.
    """
    top = parse(text, file=file).fields(_FILE, required=("schema", "budget"))
    known = by_name(providers)
    budgets: dict[str, Budget] = {}
    lines: dict[str, str] = {}
    for table in top["budget"]:
        fields = table.fields(_BUDGET, required=("name", "usd", "per"))
        if "provider" in fields:
            fields["provider"] = provider_id(table, "provider", fields["provider"], known, may_be_new=True)
        budget = Budget(**fields)
        if budget.name in budgets:
            raise table.error(
                "name", f'a budget "{budget.name}" stands in {lines[budget.name]} already: name it otherwise'
            )
        budgets[budget.name] = budget
        lines[budget.name] = table.where()
    return tuple(budgets.values())


def _thresholds(table: Table, key: str) -> tuple[int, ...]:
    values = table.values[key]
    whole = isinstance(values, list) and values and all(type(one) is int and one > 0 for one in values)
    if not whole or any(later <= earlier for earlier, later in pairwise(values)):
        raise table.error(key, f'"{key}" must be whole percents that ascend, as [50, 80, 100]')
    return tuple(values)


_FILE: Final[Mapping[str, Reader]] = {"schema": schema, "budget": Table.tables}
_BUDGET: Final[Mapping[str, Reader]] = {
    "name": Table.text,
    "usd": Table.positive,
    "per": choice(*get_args(Per)),
    "provider": Table.text,
    "agent": Table.text,
    "thresholds": _thresholds,
}
