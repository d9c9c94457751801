"""What must not be, as people write it: ``p95>+10%``, ``error_rate>2%``, ``completion<-5pp``."""

from __future__ import annotations

import math
import re
from typing import Final, Literal

import msgspec

from callscope.cli.gate_measures import MEASURES, Unit
from callscope.errors import SettingError
from callscope.query import fields
from callscope.query.query import STAGES
from callscope.query.query_error import quoted

Kind = Literal["relative", "change", "level"]

_CONDITION: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(>=|<=|>|<)\s*(\S.*?)\s*")
_LIMIT: Final = re.compile(r"([+\-\N{MINUS SIGN}]?)(\$?)([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s?(%|pp|ms|s|m|)")
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000}
_PERCENT: Final = 100
_EXAMPLES: Final[dict[Unit, str]] = {
    "ms": "+10%, +200ms or 1500ms",
    "share": "+10%, +2pp (percentage points) or 2%",
    "usd": "+10%, +$0.01 or $0.05",
}


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a gate fails on."""

    text: str
    """As it was written."""
    measure: str
    """A key of `callscope.cli.gate_measures.MEASURES`."""
    is_above: bool
    """Fails when the figure is above the limit, otherwise when it is below."""
    or_equal: bool
    kind: Kind
    """``relative``: ``number`` is a part of the baseline; ``change``: it is added to it; ``level``: it is the limit."""
    number: float
    """In the unit of the measure; 0.1 of a relative one is 10 %."""

    @property
    def unit(self) -> Unit:
        """Of the measure."""
        return MEASURES[self.measure]

    def limit(self, baseline: float) -> float:
        """The limit, by what it is held against."""
        if self.kind == "relative":
            return baseline * (1 + self.number)
        return baseline + self.number if self.kind == "change" else self.number

    def is_beyond(self, value: float, limit: float) -> bool:
        """Whether a figure is what must not be. Both come from divisions: they are equal to a billionth."""
        if math.isclose(value, limit, rel_tol=1e-9):
            return self.or_equal
        return value > limit if self.is_above else value < limit


def parse(text: str) -> Condition:
    """A condition from its text.

    Raises:
        SettingError: it is none; says what to write.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise SettingError(f"--fail-on {quoted(text)} is no condition: write as in p95>+10% or error_rate>2%")
    measure = found[1].lower().removeprefix("response.")
    if measure not in MEASURES:
        raise SettingError(f"--fail-on {quoted(text)}: there is no measure {quoted(found[1])}: {_advice(measure)}")
    kind, number = _limit(text, found[3], MEASURES[measure])
    return Condition(
        text=text.strip(),
        measure=measure,
        is_above=found[2][0] == ">",
        or_equal=found[2].endswith("="),
        kind=kind,
        number=number,
    )


def _limit(text: str, limit: str, unit: Unit) -> tuple[Kind, float]:
    found = _LIMIT.fullmatch(limit)
    if found is None:
        raise _wrong(text, limit, unit)
    sign, dollar, digits, suffix = found.groups()
    number = float(digits) * (1 if sign in {"", "+"} else -1)
    if suffix == "%" and sign and not dollar:
        return "relative", number / _PERCENT
    if (bool(dollar) and (unit != "usd" or suffix)) or (suffix in _MS) != (unit == "ms"):
        raise _wrong(text, limit, unit)
    if unit == "ms":
        number *= _MS[suffix]
    elif unit == "usd":
        if suffix:
            raise _wrong(text, limit, unit)
    elif (suffix == "pp") != bool(sign):
        raise _wrong(text, limit, unit)
    elif suffix:
        number /= _PERCENT
    return ("change" if sign else "level"), number


def _wrong(text: str, limit: str, unit: Unit) -> SettingError:
    return SettingError(f"--fail-on {quoted(text)}: {quoted(limit)} is no limit here: write {_EXAMPLES[unit]}")


def _advice(name: str) -> str:
    near = fields.nearest(name, list(MEASURES))
    if near is not None:
        return f"did you mean {near}?"
    plain = [each for each in MEASURES if not each.startswith("stage.")]
    return f"write one of {', '.join(plain)}, or stage.NAME.p95 with one of {', '.join(STAGES)}"
