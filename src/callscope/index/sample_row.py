"""A row as a shape of answers has it, so that an answer without rows still has columns, each of its type."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import inspect

from callscope.query.query import STAGES

MOMENT: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""In place of any moment."""
_SAMPLES: Final[dict[type[inspect.Type], Any]] = {
    inspect.StrType: "",
    inspect.IntType: 0,
    inspect.FloatType: 0.0,
    inspect.BoolType: False,
}


def sample_row(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """A value of each field's type; what is inside of something has its name before it, as in ``response.p95_ms``."""
    return dict(_leaves("", inspect.type_info(shape)))


def _leaves(name: str, kind: inspect.Type) -> Iterator[tuple[str, Any]]:
    known = _known(kind)
    if isinstance(known, inspect.StructType):
        for field in known.fields:
            yield from _leaves(f"{name}.{field.name}" if name else field.name, field.type)
    elif isinstance(known, inspect.DictType):  # of stages: there is no other
        for stage in STAGES:
            yield from _leaves(f"{name}.{stage}", known.value_type)
    else:
        yield name, _value(known)


def _known(kind: inspect.Type) -> inspect.Type:
    """The type of what is known, where it may be unknown."""
    if isinstance(kind, inspect.UnionType):
        return next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind


def _value(kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.VarTupleType):
        return [_value(kind.item_type)]
    if isinstance(kind, inspect.TupleType):
        return [_value(each) for each in kind.item_types]
    return _SAMPLES[type(kind)]
