"""Pipecat's own figures: latencies and what is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.model import event as events

if TYPE_CHECKING:
    from collections.abc import Callable

    from callscope.adapters.pipecat.handlers import Handlers
    from callscope.adapters.pipecat.inference import Inferences
    from callscope.adapters.pipecat.services import Service, Services
    from callscope.adapters.pipecat.synthesis import Syntheses
    from callscope.recorder.call_log import CallLog

_NO_SERVICE: Final = "PipelineSource"
"""Pushes one frame at the start that holds 0 for everything: it measured nothing."""
_TOKENS: Final = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "cache_read_input_tokens": "cache_read_input_tokens",
    "cache_creation_input_tokens": "cache_creation_input_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "cache_read_input_audio_tokens": "cached_audio_tokens",
}
"""Pipecat's names and ours. The numbers stay as the provider counts them: whether cached tokens are inside
``input_tokens`` depends on it, and that is for the price list to know."""
_MS: Final = 1000
_WORTH_TELLING_MS: Final = 1


class Metrics:
    """Metrics frames into usage events and into what the requests tell.

    Keyed by processor, as several services of a kind are normal; billed by provider and model.
    """

    def __init__(self, log: CallLog, services: Services, inferences: Inferences, syntheses: Syntheses) -> None:
        self._log = log
        self._services = services
        self._inferences = inferences
        self._syntheses = syntheses
        self._kinds: dict[type, Callable[[Any, float], None] | None] = {}

    def handlers(self) -> Handlers:
        """What to do at which frame's first push."""
        return {"MetricsFrame": self._on_metrics}

    def _on_metrics(self, data: Any, at_ms: float) -> None:
        if type(data.source).__name__ == _NO_SERVICE:
            return
        for item in data.frame.data:
            kind = type(item)
            if kind not in self._kinds:
                self._kinds[kind] = self._handler(kind)
            handle = self._kinds[kind]
            if handle is not None:
                handle(item, at_ms)

    def _handler(self, kind: type) -> Callable[[Any, float], None] | None:
        handlers: dict[str, Callable[[Any, float], None]] = {
            "TTFBMetricsData": self._on_ttfb,
            "TTFAMetricsData": self._on_ttfa,
            "TTFATMetricsData": self._on_ttfat,
            "ProcessingMetricsData": self._on_processing,
            "TextAggregationMetricsData": self._on_aggregation,
            "TurnMetricsData": self._on_turn,
            "LLMUsageMetricsData": self._on_llm_usage,
            "STTUsageMetricsData": self._on_stt_usage,
            "TTSUsageMetricsData": self._on_tts_usage,
        }
        return next((handlers[cls.__name__] for cls in kind.__mro__ if cls.__name__ in handlers), None)

    def _on_ttfb(self, item: Any, at_ms: float) -> None:
        service = self._services.named(item.processor)
        if service is None:
            return
        value_ms = item.value * _MS
        if service.kind in {"llm", "realtime"}:
            # Reported for a request that was cut off, too: it counts once the first token is there.
            inference = self._inferences.of(item.processor)
            if inference is not None and not inference.first_token:
                inference.ttfb_ms = value_ms
        elif service.kind == "tts":
            self._syntheses.took(item.processor, value_ms)
        else:
            self._tell(item, at_ms, ttfb_ms=value_ms)

    def _on_ttfa(self, item: Any, at_ms: float) -> None:
        synthesis = self._syntheses.waiting(item.processor)
        if synthesis is not None:
            synthesis.leading_silence_ms = item.leading_silence * _MS
        else:
            self._tell(item, at_ms, ttfa_ms=item.ttfa * _MS, leading_silence_ms=item.leading_silence * _MS)

    def _on_ttfat(self, item: Any, at_ms: float) -> None:
        inference = self._inferences.of(item.processor)
        if inference is not None:
            self._inferences.first_token(
                inference, at_ms, ttft_ms=item.ttfat * _MS, thinking_ms=item.thinking_time * _MS
            )

    def _on_processing(self, item: Any, at_ms: float) -> None:
        service = self._services.named(item.processor)
        if service is not None and service.kind == "stt":
            self._tell(item, at_ms, processing_ms=item.value * _MS)

    def _on_aggregation(self, item: Any, at_ms: float) -> None:
        if item.value * _MS >= _WORTH_TELLING_MS:
            self._tell(item, at_ms, aggregation_ms=item.value * _MS)

    def _on_turn(self, item: Any, at_ms: float) -> None:
        told = {
            "complete": item.is_complete,
            "probability": round(item.probability, 4),
            "duration_ms": round(item.e2e_processing_time_ms),
            "processor": item.processor,
        }
        if item.model:
            told["model"] = item.model
        self._log.event(events.TURN_DETECTION, told, at_ms=at_ms)

    def _tell(self, item: Any, at_ms: float, **values_ms: float) -> None:
        rounded = {name: round(value, 1) for name, value in values_ms.items()}
        self._log.event(events.METRICS, {"processor": item.processor, **rounded}, at_ms=at_ms)

    def _on_llm_usage(self, item: Any, at_ms: float) -> None:
        inference = self._inferences.reported(item.processor)
        counts = {ours: getattr(item.value, theirs, None) for theirs, ours in _TOKENS.items()}
        units: dict[str, Any] = {name: count for name, count in counts.items() if count is not None}
        if inference is not None:
            units["request_id"] = inference.id
        self._use(item, "llm", at_ms, units)

    def _on_stt_usage(self, item: Any, at_ms: float) -> None:
        self._use(item, "stt", at_ms, {"audio_seconds": round(item.value.audio_seconds, 4)})

    def _on_tts_usage(self, item: Any, at_ms: float) -> None:
        self._use(item, "tts", at_ms, {"characters": item.value})

    def _use(self, item: Any, kind: str, at_ms: float, units: dict[str, Any]) -> None:
        service: Service | None = self._services.named(item.processor)
        self._log.usage(
            "realtime" if kind == "llm" and service is not None and service.kind == "realtime" else kind,
            provider=service.provider if service else None,
            model=item.model or (service.model if service else None),
            at_ms=at_ms,
            processor=item.processor,
            **units,
        )
