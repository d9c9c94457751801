"""Retell's calls: what its webhook sends (``call_ended``, ``call_analyzed``), and the call object of its API.

Shapes: Retell's API reference (``GET /v2/get-call``, ``list-calls``, webhooks). Moments of words are seconds from the
start of the sound, which Retell calls an approximation. What a product costs is Retell's own figure, in cents: it is
``provider_reported`` of a ``usage`` event, and stands as an actual amount beside what callscope estimates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from callscope.importers.base.original import Original
from callscope.importers.base.shapes import Unknown, known, mapping, moment, number, objects, text
from callscope.model import call as words
from callscope.model import event as events
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn

HELP: Final = "Retell: call_ended and call_analyzed of its webhook, call objects of its API."
_FORMAT: Final = "retell.call"
_SPEAKERS: Final = {"user": "user", "agent": "assistant", "transfer_target": "user"}
_OVER: Final = frozenset({"ended", "error", "not_connected"})
_NO_ANSWER: Final = frozenset({"dial_no_answer", "registered_call_timeout", "error_user_not_joined"})
_BUSY: Final = frozenset({"dial_busy", "user_declined"})
_CANCELED: Final = frozenset({"transfer_cancelled", "manual_stopped"})
_FAILED: Final = frozenset(
    {
        "dial_failed", "concurrency_limit_reached", "no_valid_payment", "scam_detected", "invalid_destination",
        "telephony_provider_permission_denied", "telephony_provider_unavailable", "sip_routing_error", "marked_as_spam",
    }
)  # fmt: skip
_COMPLETED: Final = frozenset(
    {
        "user_hangup", "agent_hangup", "call_transfer", "voicemail_reached", "ivr_reached", "inactivity",
        "max_duration_reached", "transfer_bridged", "machine_detected",
    }
)  # fmt: skip
_BY: Final = {"user_hangup": "caller", "user_declined": "caller", "agent_hangup": "agent"}
_LINES: Final = ("twilio", "telnyx", "vonage", "telephony", "sip")
_MODELS: Final = ("gpt", "claude", "gemini", "llm")
_CENTS: Final = 100


def translate(original: Original) -> list[WholeCall]:
    """The call of a webhook's message or of a call object; none for a call that goes on.

    Raises:
        UnreadableError: it is neither.
    """
    document = original.object()
    call = document["call"] if isinstance(document.get("call"), dict) else document
    call_id = text(call.get("call_id"))
    if call_id is None or "call_status" not in call:
        raise original.unreadable(
            "is no call of Retell: a call object has `call_id` and `call_status`, a webhook's message has it in `call`"
        )
    event = text(document.get("event")) if call is not document else None
    is_over = text(call.get("call_status")) in _OVER or event in {"call_ended", "call_analyzed"}
    return [_Translation(original, call, call_id).whole()] if is_over else []


class _Translation:
    """One call on its way."""

    def __init__(self, original: Original, call: dict[str, Any], call_id: str) -> None:
        self._original = original
        self._call = call
        self._id = call_id
        self._unknown = Unknown()
        self._computed: list[str] = []

    def whole(self) -> WholeCall:
        """The call."""
        call = self._call
        started_at_ms, ended_at_ms = moment(call.get("start_timestamp")), moment(call.get("end_timestamp"))
        duration_ms = number(call.get("duration_ms"))
        if started_at_ms is None:
            if ended_at_ms is None:
                raise self._original.unreadable("tells neither start_timestamp nor end_timestamp")
            self._computed.append("started_at")
            started_at_ms = ended_at_ms - round(duration_ms or 0)
        if ended_at_ms is None:
            self._computed.append("ended_at")
            ended_at_ms = started_at_ms + round(duration_ms or 0)
        ended_at_ms = max(started_at_ms, ended_at_ms)
        rows = (*self._rows(started_at_ms), *self._closing(ended_at_ms))
        end = self._end(duration_ms)
        source = {"format": _FORMAT, "id": self._id, "revision": 2 if call.get("call_analysis") else 1}
        return WholeCall(
            call_id=self._id,
            started_at_ms=started_at_ms,
            ended_at_ms=ended_at_ms,
            fields=self._fields(),
            rows=rows,
            end=end,
            source={**source, "computed": self._computed, **self._unknown.told()},
            originals={"retell.json": self._original.content},
        )

    def _fields(self) -> dict[str, Any]:
        call = self._call
        version = number(call.get("agent_version"))
        return {
            "caller": text(call.get("from_number")) or "",
            "callee": text(call.get("to_number")) or "",
            "direction": text(call.get("direction")) or "inbound",
            "telephony_provider": "twilio" if mapping(call.get("telephony_identifier")).get("twilio_call_sid") else "",
            "provider_mode": text(call.get("call_type")) or "",
            "agent": known(id=text(call.get("agent_id")), name=text(call.get("agent_name"))),
            "labels": known(agent_version=None if version is None else str(version)),
            "framework": {"name": "retell"},
        }

    def _rows(self, started_at_ms: int) -> Iterator[WholeTurn | Event]:
        said = list(objects(self._call.get("transcript_with_tool_calls") or self._call.get("transcript_object")))
        latencies = self._latencies(said)
        at_ms = started_at_ms
        asked = False
        for each in said:
            role = text(each.get("role")) or ""
            if role in _SPEAKERS:
                speaker = _SPEAKERS[role]
                spoken = [word for word in objects(each.get("words")) if number(word.get("start")) is not None]
                begun_ms = started_at_ms + round(spoken[0]["start"] * 1000) if spoken else None
                until = number(spoken[-1].get("end")) if spoken else None
                at_ms = at_ms if begun_ms is None else begun_ms
                if begun_ms is None and "ts" not in self._computed:
                    self._computed.append("ts")
                yield WholeTurn(
                    role=speaker,
                    text=text(each.get("content")) or "",
                    at_ms=at_ms,
                    duration_ms=None if until is None else max(0, started_at_ms + round(until * 1000) - at_ms),
                    latency=latencies.pop(0) if speaker == "assistant" and asked and latencies else None,
                    extra={} if role != "transfer_target" else {"speaker": role},
                )
                asked = speaker == "user"
                at_ms = at_ms if until is None else max(at_ms, started_at_ms + round(until * 1000))
            else:
                event = self._event(each, at_ms)
                if event is not None:
                    yield event

    def _event(self, each: dict[str, Any], at_ms: int) -> Event | None:
        """What is woven into the transcript; it tells no moment of its own, and stands after the words before it."""
        role = text(each.get("role")) or ""
        if role == "tool_call_invocation":
            data = known(tool_call_id=each.get("tool_call_id"), name=each.get("name"), arguments=each.get("arguments"))
            return Event(ts_ms=at_ms, type=events.TOOL_CALL, data=data)
        if role == "tool_call_result":
            successful = each.get("successful")
            outcome = {True: "completed", False: "failed"}.get(successful) if isinstance(successful, bool) else None
            data = known(tool_call_id=each.get("tool_call_id"), result=each.get("content"), outcome=outcome)
            return Event(ts_ms=at_ms, type=events.TOOL_RESULT, data=data)
        if role == "dtmf":
            return Event(ts_ms=at_ms, type=events.DTMF, data={"by": "caller"})
        if role == "node_transition":
            data = {key: value for key, value in each.items() if key != "role"}
            return Event(ts_ms=at_ms, type="node_transition", data=data)
        if role == "sms":
            return Event(ts_ms=at_ms, type="sms", data=known(text=text(each.get("content")), by="caller"))
        self._unknown.add(f"entry with role {role}")
        return None

    def _latencies(self, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One a change of turns; none where it is not known which is whose."""
        values = mapping(mapping(self._call.get("latency")).get("e2e")).get("values")
        told = [each for each in (values if isinstance(values, list) else ()) if number(each) is not None]
        roles = [_SPEAKERS[role] for each in said if (role := text(each.get("role"))) in _SPEAKERS and role]
        answers = sum(roles[place - 1 : place + 1] == ["user", "assistant"] for place in range(1, len(roles)))
        if told and len(told) != answers:
            self._unknown.add("latencies that are not as many as answers")
            return []
        return [{"response_ms": each} for each in told]

    def _closing(self, ended_at_ms: int) -> Iterator[Event]:
        call = self._call
        for cost in objects(mapping(call.get("call_cost")).get("product_costs")):
            product = text(cost.get("product")) or "unknown"
            amount = number(cost.get("cost"))
            data = {"service": _service(product), "provider": "retell", "model": product}
            data |= known(provider_reported=None if amount is None else round(amount / _CENTS, 9))
            yield Event(ts_ms=ended_at_ms, type=events.USAGE, data=data)
        figures = {
            f"{name}_{key}_ms": value
            for name, stage in mapping(call.get("latency")).items()
            for key, value in mapping(stage).items()
            if key in {"min", "max", "p50", "p90", "p95", "p99"} and number(value) is not None
        }
        tokens = mapping(call.get("llm_token_usage"))
        figures |= known(llm_requests=number(tokens.get("num_requests")), tokens_average=number(tokens.get("average")))
        if figures:
            yield Event(ts_ms=ended_at_ms, type=events.METRICS, data={"processor": "retell", **figures})
        analysis = mapping(call.get("call_analysis"))
        if analysis:
            data = known(
                text=text(analysis.get("call_summary")),
                success=analysis.get("call_successful"),
                sentiment=text(analysis.get("user_sentiment")),
                voicemail=analysis.get("in_voicemail"),
                result=analysis.get("custom_analysis_data") or None,
            )
            yield Event(ts_ms=ended_at_ms, type="analysis", data=data)
        reason = text(call.get("disconnection_reason"))
        data = known(reason=reason, initiator=_BY.get(reason or "", "system") if reason else None)
        yield Event(ts_ms=ended_at_ms, type=events.CALL_ENDED, data=data)

    def _end(self, duration_ms: float | None) -> dict[str, Any]:
        call = self._call
        reason = text(call.get("disconnection_reason")) or ""
        status = _status(reason)
        if status is None and call.get("call_status") == "error":
            status = words.FAILED
        if status is None and reason:
            self._unknown.add(f"disconnection_reason {reason}")
        e2e = mapping(mapping(call.get("latency")).get("e2e"))
        latency = {f"{name}_ms": e2e[name] for name in ("p50", "p95", "p99") if number(e2e.get(name)) is not None}
        return known(
            status=status,
            error=(reason or "call_status is error") if status == words.FAILED else None,
            reason=reason.replace("_", " ") or None,
            duration_ms=duration_ms,
            latency=latency or None,
            recording_path=text(call.get("recording_multi_channel_url")) or text(call.get("recording_url")),
        )


def _service(product: str) -> str:
    name = product.lower()
    if name.endswith("_tts") or "voice_clone" in name:
        return "tts"
    if any(line in name for line in _LINES):
        return "telephony"
    return "llm" if any(model in name for model in _MODELS) else "other"


def _status(reason: str) -> str | None:
    for found, reasons in (
        (words.NO_ANSWER, _NO_ANSWER),
        (words.BUSY, _BUSY),
        (words.CANCELED, _CANCELED),
        (words.FAILED, _FAILED),
        (words.COMPLETED, _COMPLETED),
    ):
        if reason in reasons:
            return found
    return words.FAILED if reason.startswith("error_") else None
