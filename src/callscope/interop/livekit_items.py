"""The items of a LiveKit session's history, row by row: what both sides said, tools, handoffs.

LiveKit keeps of an answer that was cut off what was heard of it. What was generated is in its traces only.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from callscope.interop import aliases
from callscope.interop.livekit_events import Events
from callscope.interop.livekit_report import Report
from callscope.interop.livekit_values import mapping, ms, text, words_of
from callscope.interop.told import Told, provider_named
from callscope.model import event as events

_ROLES: Final = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_MESSAGE: Final = "message"
_LEAST_MS: Final = 500
"""What interrupts LiveKit's agents unless a session says otherwise."""
_EARLY_MS: Final = 500
_LATE_MS: Final = 50
_MS: Final = 1000
_SILENT: Final = frozenset({"agent_config_update", "function_call_output"})


class _Heard(NamedTuple):
    """From when to when an answer was heard, and whether the caller cut it off."""

    began_ms: float
    ended_ms: float
    interrupted: bool


class Items:
    """Tells a report's items, after its events.

    Args:
        told: the call.
        report: whose items.
        edges: its events, told.
    """

    def __init__(self, told: Told, report: Report, edges: Events) -> None:
        self._told = told
        self._report = report
        self._edges = edges
        self._has_states = any(each.get("type") == "agent_state_changed" for each in report.events)
        self._has_transcripts = any(each.get("type") == "user_input_transcribed" for each in report.events)
        self._asked_ms: float | None = None

    def tell(self) -> None:
        """Tell all of them."""
        for place, each in enumerate(self._report.items):
            kind, at_ms = text(each.get("type")) or _MESSAGE, ms(each.get("created_at"))
            if self._report.is_context(each):
                self._told.about["context_items"] = self._told.about.get("context_items", 0) + 1
            elif at_ms is None:
                self._told.missed(f"{kind} without a moment")
            elif kind == _MESSAGE:
                self._on_message(each, at_ms, place)
            elif kind == "function_call":
                self._on_call(each, place)
            elif kind == "agent_handoff":
                self._on_handoff(each, at_ms)
            elif kind not in _SILENT:
                self._told.missed(f"item {kind}")

    def _on_message(self, item: dict[str, Any], at_ms: float, place: int) -> None:
        role = _ROLES.get(text(item.get("role")) or "")
        if role is None:
            self._told.missed(f"message of {item.get('role')}")
        elif role == "user":
            self._on_user(item, at_ms)
        elif role == "assistant":
            self._on_agent(item, at_ms, place)
        elif words_of(item):
            self._told.turn(role, words_of(item), at_ms, extra=_extra(item))

    def _on_user(self, item: dict[str, Any], at_ms: float) -> None:
        metrics = mapping(item.get("metrics"))
        began_ms, ended_ms = ms(metrics.get("started_speaking_at")), ms(metrics.get("stopped_speaking_at"))
        self._asked_ms = at_ms
        if began_ms is not None and ended_ms is not None and not self._has_states:
            self._told.event(events.USER_STARTED_SPEAKING, began_ms)
            self._told.event(events.USER_STOPPED_SPEAKING, ended_ms)
            self._told.computed.add("speaking edges")
            self._edges.user.begin(began_ms)
            self._edges.user.end(ended_ms)
        delay_s, code_s = aliases.figure(metrics.get("end_of_turn_delay")), metrics.get("on_user_turn_completed_delay")
        if ended_ms is not None and delay_s is not None:
            code_ms = round(ms(code_s) or 0) or None
            self._told.event(events.USER_TURN_STOPPED, ended_ms + delay_s * _MS, code_ms=code_ms)
        words = words_of(item)
        self._tell_transcript(words, ended_ms, metrics)
        if words:
            duration_ms = None if began_ms is None or ended_ms is None else round(max(0.0, ended_ms - began_ms))
            self._told.turn("user", words, began_ms or at_ms, duration_ms=duration_ms, extra=_extra(item))

    def _tell_transcript(self, words: str, ended_ms: float | None, metrics: dict[str, Any]) -> None:
        """When the words came, where no event tells it.

        It is counted from the last sound, so the VAD's silence is in it, and no recogniser is named as who was waited
        for: nobody tells how much of it was the silence.
        """
        delay_s = aliases.figure(metrics.get("transcription_delay"))
        if self._has_transcripts or not words or ended_ms is None or delay_s is None:
            return
        self._told.event(events.TRANSCRIPT, ended_ms + delay_s * _MS, text=words)
        self._told.computed.add(events.TRANSCRIPT)

    def _on_agent(self, item: dict[str, Any], at_ms: float, place: int) -> None:
        words, was_cut = words_of(item), item.get("interrupted") is True
        metrics = mapping(item.get("metrics"))
        heard = None if self._report.is_typed else self._heard(item, metrics, place)
        if heard is not None:
            self._tell_stages(item, metrics, heard.began_ms)
            if heard.interrupted:
                self._told.event(events.BARGE_IN, heard.ended_ms, heard_characters=len(words))
        if words:
            self._told.turn(
                "assistant",
                words,
                self._spoken_ms(metrics, at_ms) if heard is None else heard.began_ms,
                duration_ms=None if heard is None else round(heard.ended_ms - heard.began_ms),
                latency=self._latency(metrics) if heard is None else None,
                interrupted=heard is not None and heard.interrupted,
                heard=words if was_cut else None,
                extra=_extra(item),
            )
        self._asked_ms = None

    def _spoken_ms(self, metrics: dict[str, Any], at_ms: float) -> float:
        return ms(metrics.get("started_speaking_at")) or at_ms

    def _heard(self, item: dict[str, Any], metrics: dict[str, Any], place: int) -> _Heard | None:
        began_ms, ended_ms = ms(metrics.get("started_speaking_at")), ms(metrics.get("stopped_speaking_at"))
        was_cut = item.get("interrupted") is True
        if self._has_states:
            added_ms = self._report.added_ms.get(str(item.get("id")))
            since_ms = began_ms if began_ms is not None else ms(item.get("created_at")) or 0
            until_ms = ended_ms if ended_ms is not None else added_ms if added_ms is not None else since_ms
            sound = self._edges.agent.within(since_ms - _EARLY_MS, max(since_ms, until_ms) + _LATE_MS)
            if sound is None:
                return None
            spoken_over = self._edges.user.overlaps(*sound)
            return _Heard(*sound, interrupted=was_cut and spoken_over and not self._is_end(sound[1]))
        if began_ms is None or ended_ms is None:
            return None
        over_ms = self._spoken_over_ms(place, began_ms, ended_ms) if was_cut else None
        stopped_ms = ended_ms if over_ms is None else min(ended_ms, over_ms)
        self._told.event(events.AGENT_STARTED_SPEAKING, began_ms)
        self._told.event(events.AGENT_STOPPED_SPEAKING, stopped_ms)
        self._told.computed.add("speaking edges")
        return _Heard(began_ms, stopped_ms, interrupted=over_ms is not None)

    def _spoken_over_ms(self, place: int, began_ms: float, ended_ms: float) -> float | None:
        """When a caller who spoke over the agent silenced it: LiveKit stamps the end of the caller's turn instead."""
        least_s = aliases.figure(self._report.options.get("min_interruption_duration"))
        least_ms = _LEAST_MS if least_s is None else least_s * _MS
        for each in self._report.items[place + 1 :]:
            spoke_ms = ms(mapping(each.get("metrics")).get("started_speaking_at"))
            if each.get("role") == "user" and spoke_ms is not None:
                return spoke_ms + least_ms if began_ms <= spoke_ms <= ended_ms else None
        return None

    def _is_end(self, at_ms: float) -> bool:
        """Whether the session's end silenced the agent: what is cut off then, nobody interrupted."""
        close_ms = ms((self._report.close or {}).get("created_at"))
        return close_ms is not None and at_ms >= close_ms

    def _tell_stages(self, item: dict[str, Any], metrics: dict[str, Any], began_ms: float) -> None:
        """The work on an answer, counted back from its first sound: LiveKit tells how long, not when."""
        id_ = text(item.get("id")) or ""
        output_ms, ttfb_ms = ms(metrics.get("playback_latency")) or 0, ms(metrics.get("tts_node_ttfb"))
        if ttfb_ms is None:
            return
        first_ms = began_ms - output_ms
        voice, mind = (_who(metrics.get(name)) for name in ("tts_metadata", "llm_metadata"))
        self._told.event(events.TTS_STARTED, first_ms - ttfb_ms, request_id=f"{id_}-tts", **voice)
        told = {"request_id": f"{id_}-tts", "ttfb_ms": round(ttfb_ms)}
        self._told.event(events.TTS_FIRST_AUDIO, first_ms, **told)
        self._told.computed |= {events.TTS_STARTED, events.TTS_FIRST_AUDIO}
        sentence_ms, ttft_ms = ms(metrics.get("llm_node_ttfs")), ms(metrics.get("llm_node_ttft"))
        if sentence_ms is None or ttft_ms is None:
            return
        asked_ms = first_ms - ttfb_ms - sentence_ms
        self._told.event(events.LLM_STARTED, asked_ms, request_id=f"{id_}-llm", **mind)
        told = {"request_id": f"{id_}-llm", "ttft_ms": round(ttft_ms)}
        self._told.event(events.LLM_FIRST_TOKEN, asked_ms + ttft_ms, **told)
        self._told.computed |= {events.LLM_STARTED, events.LLM_FIRST_TOKEN}

    def _latency(self, metrics: dict[str, Any]) -> dict[str, Any] | None:
        """What the caller waited where no edges of speech tell it."""
        response_ms = ms(metrics.get("e2e_latency"))
        if response_ms is None and self._report.is_typed and self._asked_ms is not None:
            asked_ms = self._asked_ms
            answered = [each for each in self._edges.answered if each >= asked_ms]
            spoken_ms = ms(metrics.get("started_speaking_at"))
            first_ms = answered[0] if answered else spoken_ms
            response_ms = first_ms - asked_ms if first_ms is not None and first_ms > asked_ms else None
            self._told.computed.add("latency")
        return None if response_ms is None else {"response_ms": round(response_ms)}

    def _on_call(self, item: dict[str, Any], place: int) -> None:
        call_id = text(item.get("call_id"))
        if call_id is None or call_id in self._edges.tools:
            return
        later = self._report.items[place + 1 :]
        outputs = (each for each in later if each.get("type") == "function_call_output")
        output = next((each for each in outputs if each.get("call_id") == call_id), None)
        ended_ms = ms((output or item).get("created_at")) or 0
        if output is not None:
            self._edges.tell_tool(item, output, ended_ms)
        else:
            self._told.missed("tool call without an output")

    def _on_handoff(self, item: dict[str, Any], at_ms: float) -> None:
        before, after = text(item.get("old_agent_id")), text(item.get("new_agent_id"))
        if before is not None:  # the first agent is handed a call by nobody
            self._told.event("handoff", at_ms, **{"from": before, "to": after})


def _extra(item: dict[str, Any]) -> dict[str, Any]:
    """What else LiveKit says of a message, as it says it: seconds."""
    confidence = aliases.figure(item.get("transcript_confidence"))
    told = {
        "item_id": text(item.get("id")),
        "confidence": confidence or None,  # 0.0 is what a recogniser without one gives
        "livekit_metrics": mapping(item.get("metrics")) or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _who(metadata: object) -> dict[str, str]:
    told = mapping(metadata)
    provider, model = text(told.get("model_provider")), text(told.get("model_name"))
    named = {"provider": None if provider is None else provider_named(provider), "model": model}
    return {name: value for name, value in named.items() if value is not None and value != "unknown"}
