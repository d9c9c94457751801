"""Who calls whom: what telephony data, the worker and its transport tell about a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from callscope.adapters.pipecat.services import place, walk

_CALL_IDS: Final = ("call_id", "call_sid", "callSid", "call_control_id", "callId")
_CALLERS: Final = ("caller", "from_number", "from", "From")
_CALLEES: Final = ("callee", "to_number", "to", "To")
_TELEPHONY: Final = frozenset({"twilio", "telnyx", "plivo", "exotel", "vonage", "genesys"})


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call's parties; unknown is None."""

    call_id: str | None = None
    caller: str | None = None
    callee: str | None = None
    direction: str | None = None
    telephony_provider: str | None = None
    labels: dict[str, Any] = {}


def find(worker: Any, call_data: Any) -> Identity:
    """Put together what there is, the most certain first.

    Args:
        worker: Pipecat's worker.
        call_data: what the runner got from the telephony provider (``runner_args.call_data``), or None.
    """
    params = getattr(worker, "params", None)
    start = getattr(params, "start_metadata", None) or {}
    resources = getattr(worker, "app_resources", None)
    sources = [call_data, start, _field(start, ("call_data",)), _field(resources, ("call_data",))]
    serializers = [each for each in map(_serializer, walk(worker.pipeline)) if each is not None]
    conversation = getattr(worker, "_conversation_id", None)  # Pipecat keeps it without a public name
    labels = _field(start, ("labels",))
    return Identity(
        call_id=_first(sources, _CALL_IDS)
        or _text(conversation)
        or _first(serializers, ("_call_sid", "_call_id", "_call_control_id")),
        caller=_first(sources, _CALLERS),
        callee=_first(sources, _CALLEES),
        direction=_first(sources, ("direction",)),
        telephony_provider=_first(sources, ("telephony_provider",)) or _provider(serializers),
        labels=dict(labels) if isinstance(labels, Mapping) else {},
    )


def _serializer(processor: Any) -> Any | None:
    return getattr(getattr(processor, "_params", None), "serializer", None)


def _provider(serializers: Iterable[Any]) -> str | None:
    return next((name for each in serializers if (name := place(each)) in _TELEPHONY), None)


def _first(sources: Iterable[Any], names: tuple[str, ...]) -> str | None:
    return next((value for source in sources if (value := _text(_field(source, names)))), None)


def _field(source: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
        if value is not None:
            return value
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
