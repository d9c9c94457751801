"""Deepgram: the billing breakdown (dollars), the usage breakdown (hours), and single requests with their dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from callscope.prices.statements.charge import Charge
from callscope.prices.statements.format import Format
from callscope.prices.statements.row import Row, day_of

_HOUR: Final = Decimal(3600)
_MODES: Final = {"streaming": "streaming", "async": "batch", "sync": "batch", "batch": "batch"}
_SERVICES: Final = {"listen": "stt", "speak": "tts", "agent": "realtime", "read": "llm"}
_CALL_TAG: Final = re.compile(r"call_id[:=](.+)")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _is_breakdown(document: Mapping[str, Any], key: str) -> bool:
    results = document.get("results")
    return (
        "resolution" in document
        and isinstance(results, list)
        and all(isinstance(each, dict) and key in each for each in results)
    )


def _is_billing(document: Mapping[str, Any]) -> bool:
    return _is_breakdown(document, "dollars")


def _is_usage(document: Mapping[str, Any]) -> bool:
    return _is_breakdown(document, "hours") or _is_breakdown(document, "requests")


def _is_request(document: Mapping[str, Any]) -> bool:
    if isinstance(document.get("requests"), list):
        return all(isinstance(each, dict) and _is_request(each) for each in document["requests"])
    return "request_id" in document and ("response" in document or "path" in document)


def _billing(page: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    for result in page.rows("results"):
        grouping = result.row("grouping")
        day, last_day = _days(page, grouping)
        line_item = grouping.text("line_item") or ""
        way, _, model = line_item.rpartition("::")
        model = model.split("::")[0]
        yield Charge(
            provider=provider,
            service=_service(model) if way else None,
            model=model if way else None,
            day=day,
            last_day=last_day,
            amount=result.must("dollars"),
            line_item=line_item,
            mode=_MODES.get(way),
        )


def _usage(page: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    for result in page.rows("results"):
        grouping = result.row("grouping")
        day, last_day = _days(page, grouping)
        models = grouping.values.get("models")
        model = grouping.text("model") if not isinstance(models, list) else ", ".join(map(str, models)) or None
        model = grouping.text("models") if isinstance(models, str) else model
        endpoint, method = grouping.text("endpoint"), grouping.text("method")
        hours = result.number("total_hours")  # of all channels, which is what is billed
        hours = result.number("hours") if hours is None else hours
        counted = {
            ("seconds", "stt"): (hours or Decimal(0)) * _HOUR,
            ("seconds", "realtime"): (result.number("agent_hours") or Decimal(0)) * _HOUR,
            ("characters", "tts"): result.number("tts_characters") or result.number("tts") or Decimal(0),
            ("input_text_tokens", "llm"): result.number("tokens_in") or Decimal(0),
            ("output_text_tokens", "llm"): result.number("tokens_out") or Decimal(0),
        }
        for (unit, service), quantity in counted.items():
            if quantity:
                yield Charge(
                    provider=provider,
                    service=_SERVICES.get(endpoint or "", service) if unit == "seconds" else service,
                    model=model,
                    day=day,
                    last_day=last_day,
                    unit=unit,
                    quantity=quantity,
                    line_item=" ".join(filter(None, (endpoint, method, model))),
                    mode=_MODES.get(method or ""),
                )


def _requests(page: Row, provider: str, file: str) -> Iterator[Charge]:
    if "requests" in page.values:
        for request in page.rows("requests"):
            yield from _requests(request, provider, file)
        return
    details = page.row("response").row("details")
    at_ms = page.moment("created", "completed")
    seconds = details.number("total_audio")
    seconds = details.number("duration") if seconds is None else seconds
    path = (page.text("path") or "").split("?", maxsplit=1)[0].rstrip("/")
    models = [str(each) for each in details.values.get("models") or () if not _UUID.fullmatch(str(each))]
    call_ids = (_CALL_TAG.fullmatch(str(tag)) for tag in details.values.get("tags") or ())
    amount = details.number("usd")
    yield Charge(
        provider=provider,
        service=_SERVICES.get(path.rpartition("/")[2]),
        model=models[0] if len(models) == 1 else None,
        day=day_of(at_ms),
        at_ms=at_ms,
        request_id=page.text("request_id"),
        call_id=next((found[1] for found in call_ids if found), None),
        unit=None if seconds is None else "seconds",
        quantity=seconds,
        amount=amount,
        line_item=path,
        mode=_MODES.get(details.text("method") or ""),
        rated=amount is not None,
    )


def _days(page: Row, grouping: Row) -> tuple[str | None, str | None]:
    """First and last day, both inclusive, of a result; of the page where the result does not say."""
    source = grouping if grouping.text("start") else page
    first, last = day_of(source.moment("start")), day_of(source.moment("end"))
    return first, last if first and last and last > first else None


def _service(model: str) -> str:
    return "tts" if model.startswith("aura") else "realtime" if "agent" in model else "stt"


FORMATS: Final = (
    Format("Deepgram billing breakdown (JSON)", _is_billing, _billing, provider="deepgram"),
    Format("Deepgram usage breakdown (JSON)", _is_usage, _usage, provider="deepgram", partial=True),
    Format("Deepgram requests (JSON)", _is_request, _requests, provider="deepgram"),
)
