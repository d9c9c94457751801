"""Who is who in a Pipecat pipeline: its services, whose they are, and what they run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from callscope.interop.hosts import provider_of_host

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS: Final = {"STTService": "stt", "LLMService": "llm", "TTSService": "tts"}
_SERVICE: Final = "AIService"
_OUTPUT: Final = "BaseOutputTransport"
_TRANSPORTS: Final = frozenset({_OUTPUT, "BaseInputTransport"})
_PROVIDER: Final = re.compile(r"pipecat\.services\.(\w+)\.")
_PLACE: Final = re.compile(r"pipecat\.(?:transports|serializers)\.(\w+)")
_REALTIME: Final = re.compile(r"realtime|live|sonic|ultravox", re.IGNORECASE)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 -- compared with, not bound
_MAX_DEPTH: Final = 16
_FAILOVER: Final = "ServiceSwitcherStrategyFailover"
_DEFERRED: Final = "DeferredUserTurnStopStrategy"
"""Leaves the end of a turn to another one."""
_STRATEGY: Final = re.compile(r"(?<=.)(?:UserTurnStop)?Strategy$")


class Service:
    """One processor that somebody may bill for. What it runs is asked anew, as it may change during a call."""

    __slots__ = ("_processor", "kind", "name", "provider")

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self.name: str = processor.name
        self.kind = _kind(processor)
        """``stt``, ``llm``, ``tts``, ``realtime``, ``transport`` or ``other``."""
        self.provider = _provider(processor)

    @property
    def model(self) -> str | None:
        """As configured now; None when it has none."""
        return _setting(self._processor, "model")

    @property
    def voice(self) -> str | None:
        """As configured now; None when it has none."""
        return _setting(self._processor, "voice")

    @property
    def usable(self) -> bool:
        """Whether Pipecat still gives it work (before 1.8 it always did)."""
        return bool(getattr(self._processor, "is_usable", True))

    @property
    def may_be_replaced(self) -> bool:
        """Whether a failover would replace it now."""
        return not getattr(self._processor, "is_usable", False)

    def facts(self) -> dict[str, Any]:
        """Who it is, as events tell it."""
        return {"processor": self.name, "provider": self.provider, "model": self.model}


class Services:
    """The processors of one pipeline, by name; those that were not found there are learned when they are met."""

    def __init__(self) -> None:
        self._by_name: dict[str, Service] = {}
        self._outputs: dict[int, bool] = {}
        self._failovers: list[list[Service]] = []
        self.classes: set[str] = set()
        """Names of all classes that the pipeline's processors are made of."""

    def learn(self, pipeline: Any) -> None:
        """Take a pipeline's processors, nested ones too."""
        for processor in walk(pipeline):
            self.classes.update(class_names(processor))
            self.of(processor)
            if _FAILOVER in class_names(getattr(processor, "strategy", None)):
                self._failovers.append([self.of(each) for each in processor.services])

    def has_stand_in(self, service: Service) -> bool:
        """Whether a failover takes over from a service that just failed. Since 1.8 it does so from an unusable one."""
        group = next((group for group in self._failovers if service in group), [])
        return service.may_be_replaced and any(each.usable for each in group if each is not service)

    def of(self, processor: Any) -> Service:
        """The service that a processor is; its kind is ``other`` for one that is none."""
        name = processor.name
        service = self._by_name.get(name)
        if service is None:
            service = self._by_name[name] = Service(processor)
        return service

    def named(self, name: str) -> Service | None:
        """The service of that processor name."""
        return self._by_name.get(name)

    def all(self, kind: str) -> list[Service]:
        """The services of a kind, in the order of the pipeline."""
        return [service for service in self._by_name.values() if service.kind == kind]

    def is_output(self, processor: Any) -> bool:
        """Whether a processor is the output transport: what it pushes has been played."""
        known = self._outputs.get(id(processor))
        if known is None:
            known = self._outputs[id(processor)] = _OUTPUT in class_names(processor)
        return known

    def agent(self) -> dict[str, Any]:
        """The agent as metadata tells it: who thinks, and with which voice it speaks."""
        mind = next(iter(self.all("realtime") or self.all("llm")), None)
        voice = next(iter(self.all("tts")), None)
        ear = next(iter(self.all("stt")), None)
        agent: dict[str, Any] = {
            "provider": mind.provider if mind else None,
            "model": mind.model if mind else None,
            "voice": (voice.voice if voice else None) or (mind.voice if mind else None),
        }
        for part, service in (("stt", ear), ("tts", voice)):
            if service is not None:
                agent[part] = {"provider": service.provider, "model": service.model}
        return {name: value for name, value in agent.items() if value is not None}


def walk(processor: Any, depth: int = 0) -> Iterator[Any]:
    """A processor and all that it is made of."""
    yield processor
    if depth < _MAX_DEPTH:
        for part in getattr(processor, "processors", None) or ():
            yield from walk(part, depth + 1)


def class_names(processor: Any) -> set[str]:
    """Names of a processor's class and its bases: classes are looked up by name, as they move between versions."""
    return {cls.__name__ for cls in type(processor).__mro__}


def stop_strategy(processor: Any) -> str | None:
    """Which strategy ends the caller's turns, as ``SpeechTimeout``; None where several might, or nobody is known."""
    controller = getattr(processor, "_user_turn_controller", None)  # has no public name
    strategies = getattr(getattr(controller, "_user_turn_strategies", None), "stop", None) or ()
    deciding = [type(each).__name__ for each in strategies if _DEFERRED not in class_names(each)]
    return _STRATEGY.sub("", deciding[0]) if len(deciding) == 1 else None


def place(thing: Any) -> str | None:
    """Which of Pipecat's transports or serializers a thing is: ``websocket``, ``daily``, ``twilio``; None: neither."""
    for cls in type(thing).__mro__:
        found = _PLACE.match(cls.__module__)
        if found and found[1] not in {"base_input", "base_output", "base_transport", "base_serializer"}:
            return found[1]
    return None


def _kind(processor: Any) -> str:
    names = class_names(processor)
    for name, kind in _KINDS.items():
        if name in names:
            return "realtime" if kind == "llm" and _REALTIME.search(type(processor).__name__) else kind
    if names & _TRANSPORTS:
        return "transport"
    return "other"


def _provider(processor: Any) -> str | None:
    if _SERVICE not in class_names(processor):
        return None
    named = next((found[1] for cls in type(processor).__mro__ if (found := _PROVIDER.match(cls.__module__))), None)
    # One client class serves many OpenAI-compatible providers: the address tells which.
    return (_host_provider(processor) or named) if named in {None, "openai"} else named


def _host_provider(processor: Any) -> str | None:
    url = getattr(getattr(processor, "_client", None), "base_url", None)
    host = urlsplit(str(url)).hostname if url is not None else None
    if not host:
        return None
    if host in _LOOPBACK:
        return "localhost"
    return provider_of_host(host)


def _setting(processor: Any, name: str) -> str | None:
    value = getattr(getattr(processor, "settings", None) or getattr(processor, "_settings", None), name, None)
    return value if isinstance(value, str) and value else None
