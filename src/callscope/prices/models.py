"""The models of one provider, looked up by what was reported."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from callscope.prices.entry import Model, Provider
from callscope.prices.names import model_names

_SIBLINGS: Final = {
    "llm": ("realtime",),
    "realtime": ("llm", "stt", "tts"),
    "stt": ("realtime", "llm"),
    "tts": ("realtime",),
}
"""Where else a model may be listed: frameworks call a speech-to-speech model an LLM, and the other way round."""
RESOLD: Final = {"livekit": dict.fromkeys(("stt", "tts", "llm"), "livekit-inference")}
"""Who is reported, and for which services somebody else's list holds: LiveKit Agents tells of LiveKit Inference so."""
TELEPHONY: Final = "telephony"
_INBOUND: Final = "inbound"


class Match(NamedTuple):
    """The model that is meant."""

    model: Model | None
    assumed: str | None = None
    reason: str | None = None
    """Why there is none, when no name was reported."""


class ModelIndex:
    """Models by service and name; built once a provider."""

    __slots__ = ("_by_name", "_patterns", "provider")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._by_name: dict[tuple[str, str], Model] = {}
        for model in provider.models:
            for name in (model.model.lower(), *model.names):
                self._by_name.setdefault((model.service, name), model)
        self._patterns: dict[str, list[tuple[str, Model]]] = {}

    def match(self, service: str, name: str | None, *, direction: str | None) -> Match:
        """The model of a usage record; a service that lists no such name is asked before its siblings are."""
        if not name:
            return self._unnamed(service, direction)
        names = model_names(name, self.provider)
        for shorter in names:
            found = self._by_name.get((service, shorter)) or self._by_pattern(service, shorter)
            if found is not None:
                return Match(found)
        for sibling in _SIBLINGS.get(service, ()):
            for shorter in names:
                if (found := self._by_name.get((sibling, shorter))) is not None:
                    return Match(found)
        return Match(None)

    def names_of(self, service: str, name: str, model: Model | None) -> list[str]:
        """The names that a report's name may be shortened to without becoming the name of another model than this."""
        names = model_names(name, self.provider)
        return [one for one in names if self.match(service, one, direction=None).model in (None, model)]

    def services_of(self, name: str) -> set[str]:
        """The services that list a model of exactly that name, by the rules for names."""
        names = model_names(name, self.provider)
        return {service for service, listed in self._by_name if listed in names}

    def addon(self, service: str | None, name: str) -> Model | None:
        """The add-on of that name: of this service if it has one, else of another."""
        addons = [model for model in self.provider.models if any(entry.addon for entry in model.prices)]
        addons.sort(key=lambda model: model.service != service)
        for shorter in model_names(name, self.provider):
            for model in addons:
                if shorter in (model.model.lower(), *model.names):
                    return model
        return None

    def _by_pattern(self, service: str, name: str) -> Model | None:
        patterns = self._patterns.get(service)
        if patterns is None:
            models = [model for model in self.provider.models if model.service == service]
            patterns = self._patterns[service] = [(pattern, model) for model in models for pattern in model.patterns]
        return next((model for pattern, model in patterns if _compiled(pattern).search(name)), None)

    def _unnamed(self, service: str, direction: str | None) -> Match:
        usual = self._by_name.get((TELEPHONY, f"*{direction or _INBOUND}")) if service == TELEPHONY else None
        if usual is not None:
            guess = "" if direction else ", and an inbound call"
            return Match(usual, f"US local number assumed{guess}; report the model for the exact rate")
        models = [
            model
            for model in self.provider.models
            if model.service == service and not all(entry.addon for entry in model.prices)
        ]
        if len(models) == 1:
            return Match(models[0], f"no model was reported: {models[0].model} assumed, the only one known")
        return Match(None, reason=f"no model was reported, and {self.provider.id} has several prices: report the model")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when first tried: a provider may have two hundred, and most calls need a few."""
    return re.compile(pattern)
