"""What is billed, request by request, and at the end what the session counted beyond that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import models
from callscope.adapters.livekit.moments import known, ms
from callscope.clock import now_ms
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.livekit.errors import Errors
    from callscope.recorder.call_log import CallLog

Key = tuple[str, str | None, str | None]
"""Service, provider and model."""

_CACHE_BESIDE: Final = frozenset({"anthropic"})
"""Providers whose cached tokens are beside the input. LiveKit's plugin adds them to it; they are taken out again."""
_SERVICES: Final = {"llm_usage": "llm", "stt_usage": "stt", "tts_usage": "tts"}
_ROUNDING: Final = 0.01


class Usage:
    """The metrics events of a session's models into ``usage`` events.

    Zero is what LiveKit's classes say where a provider said nothing, so only what is more than zero is told.
    """

    def __init__(self, log: CallLog, session: Any, errors: Errors) -> None:
        self._log = log
        self._session = session
        self._errors = errors
        self._told: dict[Key, dict[str, float]] = {}
        self._realtime = 0

    def on_metrics(self, event: Any) -> None:
        """The figures of one request, or of one decision."""
        metrics = event.metrics
        handle = {
            "llm_metrics": self._on_llm,
            "stt_metrics": self._on_stt,
            "tts_metrics": self._on_tts,
            "realtime_model_metrics": self._on_realtime,
            "decision_metrics": self._on_decision,
            "eot_inference_metrics": self._on_decider,
            "interruption_metrics": self._on_decider,
        }.get(getattr(metrics, "type", ""))
        if handle is not None:
            handle(metrics)

    def reconcile(self) -> None:
        """Add what the session counted and nobody told request by request, such as before it was recorded."""
        for line in getattr(getattr(self._session, "usage", None), "model_usage", None) or ():
            service = _service_of(line)
            if service is None:
                continue
            key = self._key_of(service, line)
            units = _units_of_line(line, key)
            told = self._told.get(key, {})
            missing = {
                unit: round(count - told.get(unit, 0), 6)
                for unit, count in units.items()
                if count - told.get(unit, 0) > _ROUNDING
            }
            if missing:
                self._use(key, missing, now_ms(), reconciled=True)

    def _on_llm(self, metrics: Any) -> None:
        units = _positive(
            {
                "input_tokens": metrics.prompt_tokens,
                "output_tokens": metrics.completion_tokens,
                "total_tokens": metrics.total_tokens,
                "cache_read_input_tokens": metrics.prompt_cached_tokens,
                "cache_creation_input_tokens": getattr(metrics, "cache_creation_tokens", 0),
                "reasoning_tokens": getattr(metrics, "reasoning_tokens", 0),
            }
        )
        if units:
            key = self._key("llm", metrics)
            self._use(key, _apart(units, key), ms(metrics.timestamp))

    def _on_stt(self, metrics: Any) -> None:
        units = _positive(
            {
                "audio_seconds": metrics.audio_duration,
                "input_tokens": getattr(metrics, "input_tokens", 0),
                "output_tokens": getattr(metrics, "output_tokens", 0),
                "input_audio_tokens": getattr(metrics, "input_audio_tokens", 0),
            }
        )
        if units:
            self._use(self._key("stt", metrics), units, ms(metrics.timestamp))
        self._errors.watch(models.current(self._session, "stt"))
        if metrics.duration > 0:
            told = {"processor": metrics.label, "processing_ms": round(metrics.duration * 1000)}
            self._log.event(events.METRICS, told, at_ms=ms(metrics.timestamp))

    def _on_tts(self, metrics: Any) -> None:
        units = _positive(
            {
                "characters": metrics.characters_count,
                "audio_seconds": metrics.audio_duration,
                "input_tokens": getattr(metrics, "input_tokens", 0),
                "output_tokens": getattr(metrics, "output_tokens", 0),
            }
        )
        if units:
            self._use(self._key("tts", metrics), units, ms(metrics.timestamp))

    def _on_realtime(self, metrics: Any) -> None:
        self._tell_response(metrics)
        came, went = metrics.input_token_details, metrics.output_token_details
        cached = getattr(came, "cached_tokens_details", None)
        units = _positive(
            {
                "input_tokens": metrics.input_tokens,
                "output_tokens": metrics.output_tokens,
                "total_tokens": metrics.total_tokens,
                "cache_read_input_tokens": getattr(came, "cached_tokens", 0),
                "cached_audio_tokens": getattr(cached, "audio_tokens", 0),
                "input_audio_tokens": getattr(came, "audio_tokens", 0),
                "output_audio_tokens": getattr(went, "audio_tokens", 0),
                "session_seconds": getattr(metrics, "session_duration", 0),
            }
        )
        if units:
            self._use(self._key("realtime", metrics), units, ms(metrics.timestamp))

    def _tell_response(self, metrics: Any) -> None:
        """A response of a speech-to-speech model, whose figures come when it is done: it has no ``llm_node``."""
        if not metrics.request_id:
            return  # the seconds of a session, not a response
        self._realtime += 1
        id_ = f"realtime-{self._realtime}"
        key = self._key("realtime", metrics)
        began_ms = ms(metrics.timestamp) or now_ms()
        facts = known({"processor": metrics.label, "provider": key[1], "model": key[2]})
        self._log.event(events.LLM_STARTED, {"request_id": id_, **facts}, at_ms=began_ms)
        if metrics.ttft >= 0:
            told = {"request_id": id_, "ttft_ms": round(metrics.ttft * 1000)}
            self._log.event(events.LLM_FIRST_TOKEN, told, at_ms=began_ms + metrics.ttft * 1000)
            self._errors.worked("llm", now_ms())
        outcome = "interrupted" if metrics.cancelled else "completed"
        reported = metrics.total_tokens > 0
        ended_ms = began_ms + metrics.duration * 1000
        self._log.event(
            events.LLM_STOPPED, {"request_id": id_, "outcome": outcome, "usage_reported": reported}, at_ms=ended_ms
        )

    def _on_decision(self, metrics: Any) -> None:
        units = _positive({"input_tokens": metrics.input_tokens or 0, "output_tokens": metrics.output_tokens or 0})
        if units:
            self._use(self._key("other", metrics), units, ms(metrics.timestamp))

    def _on_decider(self, metrics: Any) -> None:
        """A model that judges turns or interruptions: how long it took."""
        told = {
            "processor": metrics.type.removesuffix("_metrics"),
            "requests": getattr(metrics, "num_requests", None),
            "prediction_ms": round(metrics.prediction_duration * 1000, 1),
            "detection_delay_ms": round(metrics.detection_delay * 1000, 1),
        }
        self._log.event(events.METRICS, known(told), at_ms=ms(metrics.timestamp))

    def _key(self, service: str, metrics: Any) -> Key:
        """Who bills it: as the metrics say (since 1.4), else as the model that the session has."""
        meta = getattr(metrics, "metadata", None)
        provider = models.provider_of(getattr(meta, "model_provider", None))
        model = models.text_of(getattr(meta, "model_name", None))
        if provider is None and model is None and service != "other":
            facts = models.facts(models.current(self._session, "llm" if service == "realtime" else service))
            provider, model = facts.get("provider"), facts.get("model")
        return service, provider, model

    def _key_of(self, service: str, line: Any) -> Key:
        key = (service, models.provider_of(line.provider), models.text_of(line.model))
        spoken = ("realtime", *key[1:])
        return spoken if service == "llm" and spoken in self._told else key

    def _use(self, key: Key, units: dict[str, float], at_ms: float | None, **more: Any) -> None:
        sums = self._told.setdefault(key, {})
        for unit, count in units.items():
            sums[unit] = sums.get(unit, 0) + count
        self._log.usage(key[0], provider=key[1], model=key[2], at_ms=at_ms, **units, **more)


def _service_of(line: Any) -> str | None:
    """The service of a line of the session's usage; before 1.8.9 its class tells, as it has no type then."""
    kind = getattr(line, "type", None)
    if kind in _SERVICES:
        return _SERVICES[kind]
    name = type(line).__name__.lower()
    return next((service for service in ("llm", "stt", "tts") if name.startswith(service)), None)


def _units_of_line(line: Any, key: Key) -> dict[str, float]:
    spoken = key[0] == "realtime"
    names = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "input_cached_tokens": "cache_read_input_tokens",
        "input_cache_creation_tokens": "cache_creation_input_tokens",
        "output_reasoning_tokens": "reasoning_tokens",
        "input_audio_tokens": "input_audio_tokens",
        "characters_count": "characters",
        "audio_duration": "audio_seconds",
    }
    if spoken:
        names |= {
            "output_audio_tokens": "output_audio_tokens",
            "input_cached_audio_tokens": "cached_audio_tokens",
            "session_duration": "session_seconds",
        }
    return _apart(_positive({ours: getattr(line, theirs, 0) for theirs, ours in names.items()}), key)


def _apart(units: dict[str, float], key: Key) -> dict[str, float]:
    """Cached tokens where their provider counts them: LiveKit's plugins put all of them inside the input."""
    if key[1] not in _CACHE_BESIDE or "input_tokens" not in units:
        return units
    beside = units.get("cache_read_input_tokens", 0) + units.get("cache_creation_input_tokens", 0)
    return units | {"input_tokens": max(0, units["input_tokens"] - beside)}


def _positive(units: dict[str, Any]) -> dict[str, float]:
    return {
        name: round(count, 4) if isinstance(count, float) else count
        for name, count in units.items()
        if isinstance(count, int | float) and count > 0
    }
