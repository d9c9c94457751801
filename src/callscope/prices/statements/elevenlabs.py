"""ElevenLabs: usage over time (``character-stats``) and the history of generated speech.

The answer of ``character-stats`` does not say which metric it holds: it is the ``metric`` that is put beside ``time``
and ``usage``, else the one that the file's name contains, else credits, which the API gives when it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from callscope.prices.statements.charge import Charge
from callscope.prices.statements.format import Format
from callscope.prices.statements.row import DAY_MS, Row, day_of, last_day_of

_METRICS: Final[dict[str, tuple[str, str | None, Decimal]]] = {
    "tts_characters": ("characters", "tts", Decimal(1)),
    "minutes_used": ("seconds", None, Decimal(60)),
    "credits": ("credits", None, Decimal(1)),
}
_DOLLARS: Final = "fiat_units_spent"
_MODELS: Final = ("eleven_", "scribe_")


def _is_stats(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("time"), list) and isinstance(document.get("usage"), dict)


def _is_history(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("history"), list)


def _stats(page: Row, provider: str, file: str) -> Iterator[Charge]:
    metric = page.text("metric") or next((each for each in (_DOLLARS, *_METRICS) if each in file), "credits")
    if metric != _DOLLARS and metric not in _METRICS:
        known = ", ".join((_DOLLARS, *_METRICS))
        raise page.wrong(f"the metric {metric} tells neither an amount nor a quantity; ask for one of {known}")
    unit, service, per = _METRICS.get(metric, (None, None, Decimal(1)))
    days = _days(page)
    for name, series in page.row("usage").values.items():
        if not isinstance(series, list) or len(series) != len(days):
            raise page.wrong(f"usage.{name} has not as many values as time has")
        for index, (day, last_day) in enumerate(days):
            value = Row({name: series[index]}, f"{page.where}.usage.{name}[{index}]").must(name)
            yield Charge(
                provider=provider,
                service=service,
                model=name if name.startswith(_MODELS) else None,
                day=day,
                last_day=last_day,
                unit=unit,
                quantity=None if unit is None else value * per,
                amount=value if unit is None else None,
                line_item=f"{metric} {name}",
            )


def _days(page: Row) -> list[tuple[str | None, str | None]]:
    """First and last day of each value; each lasts until the next one begins, the last as long as the one before."""
    starts = [Row({"time": each}, f"{page.where}.time").moment("time") or 0 for each in page.values["time"]]
    if sorted(starts) != starts:
        raise page.wrong("time does not go up")
    width_ms = starts[-1] - starts[-2] if len(starts) > 1 else DAY_MS
    ends = [*starts[1:], starts[-1] + width_ms] if starts else []
    return [(day_of(start), last_day_of(day_of(start), end)) for start, end in zip(starts, ends, strict=True)]


def _history(page: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    for item in page.rows("history"):
        at_ms = item.moment("date_unix")
        yield Charge(
            provider=provider,
            service="tts",
            model=item.text("model_id"),
            day=day_of(at_ms),
            at_ms=at_ms,
            request_id=item.text("request_id"),
            unit="characters",
            quantity=item.must("character_count_change_to") - item.must("character_count_change_from"),
            line_item=f"history {item.text('source') or ''}".strip(),
        )


FORMATS: Final = (
    Format("ElevenLabs character-stats (JSON)", _is_stats, _stats, provider="elevenlabs", partial=True),
    Format("ElevenLabs history (JSON)", _is_history, _history, provider="elevenlabs", partial=True),
)
