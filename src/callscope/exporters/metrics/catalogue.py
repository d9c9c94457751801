"""Every metric: its name, what it means, its labels. The guide: docs/prometheus.md."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

OTHER: Final = "other"
"""In place of a label's value, once there are as many values as there may be."""
UNKNOWN: Final = "unknown"

Family = Literal["agent", "service", "error", ""]
"""Which labels are bounded together: ``agent``; service, provider and model; category, stage and provider."""

_AGENT: Final = ("agent",)
_SERVICE: Final = ("service", "provider", "model")
_ERROR: Final = ("category", "stage", "provider")
MOST: Final = {"agent": 30, "service": 60, "error": 60}
"""Combinations of labels that are told apart; all others are `OTHER`."""
BOUNDS_MS: Final = (100, 200, 300, 400, 500, 750, 1_000, 1_250, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 7_500, 10_000,
                    15_000, 30_000)  # fmt: skip
"""Of the buckets of histograms."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric."""

    name: str
    """Without what its kind adds: ``_total``, ``_bucket``, ``_sum``, ``_count``."""
    kind: Literal["counter", "histogram", "gauge"]
    text: str
    labels: tuple[str, ...] = ()
    family: Family = ""
    scale: float = 1.0
    """What a counted unit is in the metric's."""

    @property
    def shown(self) -> str:
        """The name that a query uses first: of a counter with ``_total``."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def _of_calls(name: str, text: str, *more: str, scale: float = 1.0) -> Metric:
    return Metric(name=name, kind="counter", text=text, labels=(*_AGENT, *more), family="agent", scale=scale)


def _of_services(name: str, text: str, *more: str, scale: float = 1.0) -> Metric:
    return Metric(name=name, kind="counter", text=text, labels=(*_SERVICE, *more), family="service", scale=scale)


CALLS: Final = _of_calls("callscope_calls", "Calls that ended.", "status")
DURATION: Final = _of_calls("callscope_call_duration_seconds", "How long calls took, together.", scale=1e-6)
TURNS: Final = _of_calls("callscope_turns", "Turns of both sides.")
EXCHANGES: Final = _of_calls("callscope_exchanges", "A caller's turn and its answer; greetings are not counted.")
UNANSWERED: Final = _of_calls("callscope_unanswered_exchanges", "Exchanges in which the caller heard nothing back.")
INTERRUPTIONS: Final = _of_calls("callscope_interruptions", "Answers that the caller cut off.")
WITH_ERRORS: Final = _of_calls("callscope_calls_with_errors", "Calls with an error, recovered or not.")
ERRORS: Final = Metric(
    name="callscope_errors", kind="counter", text="Errors, recovered or not.", labels=_ERROR, family="error"
)
COST: Final = _of_services("callscope_cost_usd", "US dollars, of what has a price: a lower bound.", scale=1e-9)
COST_LINES: Final = _of_services("callscope_cost_lines", "Things that somebody bills for, priced or not.")
UNPRICED: Final = _of_services("callscope_unpriced_cost_lines", "Of these, those without a price.")
TOKENS: Final = _of_services("callscope_tokens", "Tokens by kind: input, output, cached and so on.", "kind")
AUDIO: Final = _of_services("callscope_audio_seconds", "Seconds of sound that were recognised or made.")
CHARACTERS: Final = _of_services("callscope_characters", "Characters that were spoken.")
UNREPORTED: Final = _of_services("callscope_unreported_requests", "Requests that nobody told the usage of.")
LOST: Final = Metric(name="callscope_lost_rows", kind="counter", text="Rows that recorders could not write.")
RESPONSE: Final = Metric(
    name="callscope_response_latency_seconds",
    kind="histogram",
    text="What callers waited for an answer.",
    labels=_AGENT,
    family="agent",
)
STAGES: Final = Metric(
    name="callscope_stage_latency_seconds",
    kind="histogram",
    text="The parts of that wait: llm, tool, synthesis and so on.",
    labels=("stage",),
)
IN_PROGRESS: Final = Metric(
    name="callscope_calls_in_progress", kind="gauge", text="Calls that go on now.", labels=_AGENT, family="agent"
)
ARCHIVE_CALLS: Final = Metric(
    name="callscope_archive_calls", kind="gauge", text="Calls that the archive holds; fewer when old ones are deleted."
)
INDEX_UPDATED: Final = Metric(
    name="callscope_index_updated_timestamp_seconds",
    kind="gauge",
    text="When the index last held all of the archive: all metrics are as of then.",
)
ALERTS: Final = Metric(
    name="callscope_alerts_firing",
    kind="gauge",
    text="Incidents that alert rules hold for now; absent when no rules are looked at.",
    labels=("rule",),
)
KEPT: Final = Metric(
    name="callscope_counters_kept",
    kind="gauge",
    text="1: counters are kept over restarts. 0: their file cannot be written.",
)
BUILD: Final = Metric(name="callscope_build_info", kind="gauge", text="Always 1.", labels=("version",))

COUNTERS: Final = (CALLS, DURATION, TURNS, EXCHANGES, UNANSWERED, INTERRUPTIONS, WITH_ERRORS, ERRORS, COST, COST_LINES,
                   UNPRICED, TOKENS, AUDIO, CHARACTERS, UNREPORTED, LOST)  # fmt: skip
HISTOGRAMS: Final = (RESPONSE, STAGES)
GAUGES: Final = (IN_PROGRESS, ARCHIVE_CALLS, INDEX_UPDATED, ALERTS, KEPT, BUILD)
METRICS: Final = {metric.name: metric for metric in (*COUNTERS, *HISTOGRAMS, *GAUGES)}
