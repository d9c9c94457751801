"""Whose models a session runs: provider, model and voice as LiveKit's plugins tell them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from callscope.interop.hosts import provider_of_host

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_UNKNOWN: Final = frozenset({"", "unknown"})
_FALLBACKS: Final = ("_llm_instances", "_stt_instances", "_tts_instances")
"""Where a `FallbackAdapter` keeps what it falls back to; it has no public name."""


def provider_of(told: object) -> str | None:
    """A provider's name from what a plugin says, which may be a host: ``api.openai.com`` is ``openai``."""
    if not isinstance(told, str) or told.lower() in _UNKNOWN:
        return None
    host = urlsplit(f"//{told}").hostname if "." in told or ":" in told or told == "localhost" else None
    if host is None:
        return told.lower()
    if host in _LOOPBACK:
        return "localhost"
    return provider_of_host(host)


def text_of(told: object) -> str | None:
    """A name; None where a plugin has none."""
    return told if isinstance(told, str) and told.lower() not in _UNKNOWN else None


def is_model(thing: object) -> bool:
    """Whether a thing is one of LiveKit's models, not ``None`` and not its "not given"."""
    return hasattr(thing, "provider") and (hasattr(thing, "emit") or is_realtime(thing))


def is_realtime(model: object) -> bool:
    """Whether a model speaks and listens itself; its events are its session's.

    Looked up by name, as its module moves between versions.
    """
    return any(cls.__name__ == "RealtimeModel" for cls in type(model).__mro__)


def facts(model: object) -> dict[str, Any]:
    """Who a model is, as events tell it; empty for none."""
    if not is_model(model):
        return {}
    told = {
        "processor": text_of(getattr(model, "label", None)),
        "provider": provider_of(getattr(model, "provider", None)),
        "model": text_of(getattr(model, "model", None)),
    }
    return {name: value for name, value in told.items() if value is not None}


def voice(model: object) -> str | None:
    """The voice that a synthesizer or a realtime model speaks with; None where it does not say."""
    options = getattr(model, "_opts", None)  # plugins have no public name for it
    for place in (options, model):
        told = getattr(place, "voice", None)
        for name in (told, getattr(told, "id", None)):
            if isinstance(name, str) and name:
                return name
    return None


def stand_ins(model: object) -> list[Any]:
    """The models behind a `FallbackAdapter`; empty for any other."""
    for name in _FALLBACKS:
        instances = getattr(model, name, None)
        if isinstance(instances, list):
            return instances
    return []


def current(session: Any, kind: str) -> Any:
    """The model of a kind (``llm``, ``stt``, ``tts``, ``vad``) that the session's agent uses now; None for none."""
    agent = getattr(session, "_agent", None)  # `current_agent` raises where there is none
    own = getattr(agent, kind, None)
    if is_model(own):
        return own
    if own is None and agent is not None and hasattr(agent, kind):
        return None  # the agent switched it off
    shared = getattr(session, kind, None)
    return shared if is_model(shared) else None


def agent_facts(session: Any) -> dict[str, Any]:
    """The agent as metadata tells it: who thinks, and with which voice it speaks."""
    mind, speaker, ear = (current(session, kind) for kind in ("llm", "tts", "stt"))
    mind_facts = facts(mind)
    told: dict[str, Any] = {
        "provider": mind_facts.get("provider"),
        "model": mind_facts.get("model"),
        "voice": voice(speaker) or (voice(mind) if is_realtime(mind) else None),
    }
    for part, model in (("stt", ear), ("tts", speaker)):
        known = facts(model)
        known.pop("processor", None)
        if known:
            told[part] = known
    return {name: value for name, value in told.items() if value is not None}
