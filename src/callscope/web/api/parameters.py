"""What an address of the API may say: each parameter with its form; anything else is an error, never a default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.datastructures import QueryParams

from callscope.errors import SettingError
from callscope.index.grains import DIMENSIONS
from callscope.query.language import MAX_LIMIT
from callscope.web.asked import ALL, RANGES

_PERIODS: Final = ("hour", "day", "week", "month", "year")
SPEND_GROUPS: Final = ("day", "week", "month", "service", "provider", "model", "agent", "version", "environment")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_GROUP: Final = re.compile(r"label\..+", re.DOTALL)
_GROUP_SCHEMA: Final = (
    f"^({'|'.join((*_PERIODS, *DIMENSIONS))}|label\\..+)(,({'|'.join((*_PERIODS, *DIMENSIONS))}|label\\..+))*$"
)


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of an address."""

    name: str
    text: str
    """What it means."""
    schema: dict[str, Any]
    """Its form, as JSON Schema."""
    required: bool = False
    where: str = "query"
    """``query`` or ``path``."""


Q: Final = Parameter(name="q", text="Which calls, in the query language (docs/query.md).", schema={"type": "string"})
RANGE: Final = Parameter(
    name="range",
    text="A stretch of time up to now; a time in `q` has precedence.",
    schema={"type": "string", "enum": list(RANGES), "default": ALL},
)
AFTER: Final = Parameter(name="after", text="`next` of the page before.", schema={"type": "string"})
COUNT: Final = Parameter(
    name="count", text="Also count all calls.", schema={"type": "string", "enum": ["0", "1"], "default": "0"}
)
RANKED: Final = Parameter(
    name="ranked",
    text="Best hits first, by whole words.",
    schema={"type": "string", "enum": ["0", "1"], "default": "0"},
)
STAGES: Final = Parameter(
    name="stages", text="Also percentiles of each stage.", schema={"type": "string", "enum": ["0", "1"], "default": "1"}
)
LIMIT: Final = Parameter(
    name="limit",
    text="How many at most.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
)
BY: Final = Parameter(
    name="by",
    text=f"Groups, with commas: {', '.join((*_PERIODS, *DIMENSIONS))}, label.<name>.",
    schema={"type": "string", "pattern": _GROUP_SCHEMA},
)


SPEND_BY: Final = Parameter(
    name="by",
    text=f"Groups, with commas: {', '.join(SPEND_GROUPS)}.",
    schema={"type": "string", "pattern": f"^({'|'.join(SPEND_GROUPS)})(,({'|'.join(SPEND_GROUPS)}))*$"},
)


def read(parameters: Sequence[Parameter], given: QueryParams, path: Mapping[str, str]) -> dict[str, str]:
    """The values that an address gives, by name.

    Raises:
        SettingError: a parameter is unknown, given twice, missing, or not of its form.
    """
    known = {each.name: each for each in parameters if each.where == "query"}
    values = {each.name: path[each.name] for each in parameters if each.where == "path"}
    for name, value in given.multi_items():
        if name not in known:
            raise SettingError(f"there is no parameter {name!r} here: write {', '.join(known) or 'none'}")
        if name in values:
            raise SettingError(f"the parameter {name} is given twice")
        _check(known[name], value)
        values[name] = value
    for each in known.values():
        if each.required and each.name not in values:
            raise SettingError(f"the parameter {each.name} is missing: {each.text}")
    return values


def _check(parameter: Parameter, value: str) -> None:
    schema = parameter.schema
    allowed = schema.get("enum")
    if allowed is not None and value not in allowed:
        raise SettingError(f"{parameter.name}={value!r}: write one of {', '.join(allowed)}")
    if schema["type"] == "integer":
        least, most = schema["minimum"], schema["maximum"]
        if _WHOLE.fullmatch(value) is None or not least <= int(value) <= most:
            raise SettingError(f"{parameter.name}={value!r}: write a whole number from {least} to {most}")
