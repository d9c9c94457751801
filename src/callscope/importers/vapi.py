"""Vapi's calls: the ``end-of-call-report`` that its webhook sends, and the call object of its API.

Shapes: Vapi's API reference (server message ``end-of-call-report``; ``GET /call/{id}``). A report has the call under
``message``, and some of its fields beside ``call``; both are read alike.

What a component costs is Vapi's own figure: it is ``provider_reported`` of a ``usage`` event, and stands as an actual
amount beside what callscope estimates. Vapi tells the latency of turns in a list of its own: it is put to the turns
only where there are as many latencies as answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from callscope.importers.base.original import Original
from callscope.importers.base.shapes import Unknown, known, mapping, moment, number, objects, text, within
from callscope.model import call as words
from callscope.model import event as events
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn

HELP: Final = "Vapi: end-of-call reports of its webhook, call objects of its API."
_FORMAT: Final = "vapi.call"
_REPORT: Final = "end-of-call-report"
_ENDED: Final = "ended"
_SPEAKERS: Final = {"user": "user", "bot": "assistant", "assistant": "assistant"}
_NO_ANSWER: Final = frozenset({"customer-did-not-answer", "call.forwarding.no-answer"})
_BUSY: Final = frozenset({"customer-busy", "call.forwarding.operator-busy"})
_CANCELED: Final = frozenset(
    {
        "manually-canceled", "scheduled-call-deleted", "call-deleted",
        "call.ringing.sip-inbound-caller-hungup-before-call-connect",
    }
)  # fmt: skip
_COMPLETED: Final = frozenset(
    {
        "assistant-ended-call", "assistant-ended-call-after-message-spoken", "assistant-ended-call-with-hangup-task",
        "assistant-forwarded-call", "assistant-said-end-call-phrase", "assistant-said-message-with-end-call-enabled",
        "customer-ended-call", "customer-ended-call-before-warm-transfer",
        "customer-ended-call-after-warm-transfer-attempt", "customer-ended-call-during-transfer",
        "exceeded-max-duration", "silence-timed-out", "voicemail", "vonage-completed", "vonage-disconnected",
        "call.in-progress.twilio-completed-call", "call.in-progress.sip-completed-call",
    }
)  # fmt: skip
_BROKEN: Final = ("error", "fail", "reject", "not-found", "not-valid", "timed-out", "misdialed", "worker-shutdown",
                  "did-not-give-microphone-permission", "closed-websocket", "unallocated", "released")  # fmt: skip
_LATENCIES: Final = {
    "turnLatency": "response_ms",
    "endpointingLatency": "endpointing_ms",
    "transcriberLatency": "transcription_ms",
    "modelLatency": "llm_ms",
    "voiceLatency": "tts_ms",
}
_SECONDS_A_MINUTE: Final = 60


def translate(original: Original) -> list[WholeCall]:
    """The call of a report or of a call object; none for other messages and for calls that have not ended.

    Raises:
        UnreadableError: it is neither.
    """
    document = original.object()
    message = document["message"] if isinstance(document.get("message"), dict) else document
    kind = message.get("type")
    if isinstance(message.get("call"), dict):
        if kind != _REPORT:
            return []
        call = {**message["call"], **{name: value for name, value in message.items() if value is not None}}
        call |= {"id": message["call"].get("id"), "type": message["call"].get("type"), "status": _ENDED}
    else:
        call = message
    call_id = text(call.get("id"))
    if call_id is None or not ("status" in call or "orgId" in call or "endedReason" in call):
        raise original.unreadable(
            "is no call of Vapi: an end-of-call-report has `message.call`, a call object has `id` and `status`"
        )
    if call.get("status") != _ENDED:
        return []
    return [_Translation(original, call, call_id).whole()]


class _Translation:
    """One call on its way."""

    def __init__(self, original: Original, call: dict[str, Any], call_id: str) -> None:
        self._original = original
        self._call = call
        self._id = call_id
        self._artifact = mapping(call.get("artifact"))
        self._assistant = mapping(call.get("assistant"))
        self._unknown = Unknown()
        self._computed: list[str] = []

    def whole(self) -> WholeCall:
        """The call."""
        call = self._call
        started_at_ms = moment(call.get("startedAt"))
        if started_at_ms is None:
            self._computed.append("started_at")
            started_at_ms = moment(call.get("createdAt"))
        if started_at_ms is None:
            raise self._original.unreadable("tells neither startedAt nor createdAt")
        ended_at_ms = moment(call.get("endedAt"))
        told_ms = [at for name in ("updatedAt", "timestamp") if (at := moment(call.get(name))) is not None]
        if ended_at_ms is None:
            self._computed.append("ended_at")
            ended_at_ms = max(told_ms, default=started_at_ms)
        ended_at_ms = max(started_at_ms, ended_at_ms)
        rows = [*self._messages(started_at_ms), *self._closing(ended_at_ms)]
        fields = self._fields()
        end = self._end()
        revision = max(told_ms, default=None)
        return WholeCall(
            call_id=self._id,
            started_at_ms=started_at_ms,
            ended_at_ms=ended_at_ms,
            fields=fields,
            rows=tuple(sorted(rows, key=lambda row: row.at_ms if isinstance(row, WholeTurn) else row.ts_ms or 0)),
            end=end,
            source={
                "format": _FORMAT,
                "id": self._id,
                **known(revision=revision),
                "computed": self._computed,
                **self._unknown.told(),
            },
            originals={"vapi.json": self._original.content},
        )

    def _fields(self) -> dict[str, Any]:
        call, assistant = self._call, self._assistant
        customer = text(within(call, "customer", "number")) or text(within(call, "customer", "sipUri")) or ""
        ours = text(within(call, "phoneNumber", "number")) or text(within(call, "phoneNumber", "sipUri")) or ""
        outbound = call.get("type") == "outboundPhoneCall"
        return {
            "caller": ours if outbound else customer,
            "callee": customer if outbound else ours,
            "direction": "outbound" if outbound else "inbound",
            "telephony_provider": text(call.get("phoneCallProvider")) or "",
            "provider_mode": text(call.get("type")) or "",
            "agent": known(
                id=text(call.get("assistantId")),
                name=text(assistant.get("name")),
                provider=text(within(assistant, "model", "provider")),
                model=text(within(assistant, "model", "model")),
                voice=text(within(assistant, "voice", "voiceId")),
            ),
            "labels": known(call_name=text(call.get("name")), assistant_version=text(call.get("assistantVersion"))),
            "framework": {"name": "vapi"},
        }

    def _messages(self, started_at_ms: int) -> Iterator[WholeTurn | Event]:
        messages = list(objects(self._artifact.get("messages") or self._call.get("messages")))
        latencies = self._latencies(messages)
        asked = False
        for message in messages:
            at_ms = _moment_of(message, started_at_ms)
            role = text(message.get("role")) or ""
            if role in _SPEAKERS:
                speaker = _SPEAKERS[role]
                latency = latencies.pop(0) if speaker == "assistant" and asked and latencies else None
                yield WholeTurn(
                    role=speaker,
                    text=text(message.get("message")) or "",
                    at_ms=at_ms,
                    duration_ms=_duration_ms(message),
                    latency=latency,
                    extra=known(confidence=number(message.get("confidence"))),
                )
                asked = speaker == "user"
            elif role == "tool_calls":
                for tool in objects(message.get("toolCalls")):
                    function = mapping(tool.get("function"))
                    yield Event(
                        ts_ms=at_ms,
                        type=events.TOOL_CALL,
                        data=known(
                            tool_call_id=tool.get("id"), name=function.get("name"), arguments=function.get("arguments")
                        ),
                    )
            elif role == "tool_call_result":
                data = known(
                    tool_call_id=message.get("toolCallId"), name=message.get("name"), result=message.get("result")
                )
                yield Event(ts_ms=at_ms, type=events.TOOL_RESULT, data=data)
            elif role != "system":  # the prompt, which nobody said: it is in the original
                self._unknown.add(f"message with role {role}")

    def _latencies(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One a turn that answers the caller; none where it is not known which is whose."""
        told = list(objects(within(self._artifact, "performanceMetrics", "turnLatencies")))
        roles = [_SPEAKERS[role] for each in messages if (role := text(each.get("role"))) in _SPEAKERS and role]
        answers = sum(roles[place - 1 : place + 1] == ["user", "assistant"] for place in range(1, len(roles)))
        if told and len(told) != answers:
            self._unknown.add("turn latencies that are not as many as answers")
            return []
        return [
            {ours: each[theirs] for theirs, ours in _LATENCIES.items() if number(each.get(theirs)) is not None}
            for each in told
        ]

    def _closing(self, ended_at_ms: int) -> Iterator[Event]:
        for data in self._costs():
            yield Event(ts_ms=ended_at_ms, type=events.USAGE, data=data)
        metrics = mapping(self._artifact.get("performanceMetrics"))
        figures = {name: value for name, value in metrics.items() if number(value) is not None}
        if figures:
            yield Event(ts_ms=ended_at_ms, type=events.METRICS, data={"processor": "vapi", **figures})
        analysis = mapping(self._call.get("analysis"))
        if analysis:
            data = known(
                text=text(analysis.get("summary")),
                success=analysis.get("successEvaluation"),
                result=analysis.get("structuredData"),
            )
            yield Event(ts_ms=ended_at_ms, type="analysis", data=data)
        reason = text(self._call.get("endedReason"))
        data = known(reason=reason, initiator=_initiator(reason or ""))
        yield Event(ts_ms=ended_at_ms, type=events.CALL_ENDED, data=data)

    def _costs(self) -> Iterator[dict[str, Any]]:
        costs = list(objects(self._call.get("costs")))
        for cost in costs:
            data = _component(cost)
            if data is None:
                self._unknown.add(f"cost of type {cost.get('type')}")
                data = {"service": "other", "provider": "vapi", "model": text(cost.get("type"))}
            yield {**data, **known(provider_reported=number(cost.get("cost")))}
        if not costs:
            yield from self._breakdown(mapping(self._call.get("costBreakdown")))

    def _breakdown(self, costs: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The older form: sums by component, whose provider only the assistant tells."""
        model, voice, ears = (mapping(self._assistant.get(name)) for name in ("model", "voice", "transcriber"))
        parts: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("transport", "telephony", {"provider": text(self._call.get("phoneCallProvider"))}),
            ("stt", "stt", _who(ears)),
            ("llm", "llm", {**_who(model), **known(
                input_tokens=number(costs.get("llmPromptTokens")),
                output_tokens=number(costs.get("llmCompletionTokens")),
                cached_tokens=number(costs.get("llmCachedPromptTokens")),
            )}),
            ("tts", "tts", {**_who(voice), **known(characters=number(costs.get("ttsCharacters")))}),
            ("vapi", "other", {"provider": "vapi", "model": "platform"}),
            ("chat", "other", {"provider": "vapi", "model": "chat"}),
        )  # fmt: skip
        for name, service, data in parts:
            amount = number(costs.get(name))
            if amount is not None:
                yield {"service": service, **data, "provider_reported": amount}

    def _end(self) -> dict[str, Any]:
        reason = text(self._call.get("endedReason")) or ""
        status = _status(reason)
        if status is None and reason:
            self._unknown.add(f"endedReason {reason}")
        recording = (
            text(self._artifact.get("stereoRecordingUrl"))
            or text(self._artifact.get("recordingUrl"))
            or text(within(self._artifact, "recording", "stereoUrl"))
            or text(within(self._artifact, "recording", "mono", "combinedUrl"))
            or text(self._call.get("recordingUrl"))
        )
        failed = status == words.FAILED
        return known(
            status=status,
            error=(text(self._call.get("endedMessage")) or reason) if failed else None,
            reason=reason.replace("-", " ") or None,
            recording_path=recording,
        )


def _component(cost: dict[str, Any]) -> dict[str, Any] | None:
    """One component's usage; None for a component that is not known."""
    kind = text(cost.get("type"))
    minutes = number(cost.get("minutes"))
    seconds = None if minutes is None else round(minutes * _SECONDS_A_MINUTE, 3)
    tokens = known(
        input_tokens=number(cost.get("promptTokens")),
        output_tokens=number(cost.get("completionTokens")),
        cached_tokens=number(cost.get("cachedPromptTokens")),
        reasoning_tokens=number(cost.get("reasoningTokens")),
    )
    if kind == "transport":
        return {"service": "telephony", "provider": text(cost.get("provider")), **known(call_seconds=seconds)}
    if kind == "transcriber":
        return {"service": "stt", **_who(mapping(cost.get("transcriber"))), **known(audio_seconds=seconds)}
    if kind == "voice":
        characters = number(cost.get("characters"))
        return {"service": "tts", **_who(mapping(cost.get("voice"))), **known(characters=characters)}
    if kind in {"model", "analysis", "knowledge-base"}:
        return {"service": "llm", **_who(mapping(cost.get("model"))), **tokens}
    if kind == "vapi":
        return {"service": "other", "provider": "vapi", "model": "platform", **known(call_seconds=seconds)}
    if kind == "voicemail-detection":
        return {"service": "other", "provider": text(cost.get("provider")) or "vapi", "model": "voicemail-detection"}
    return None


def _who(about: dict[str, Any]) -> dict[str, Any]:
    """Who did it; Vapi's names of voices stand where there is no model."""
    provider = text(about.get("provider"))
    return {"provider": {"11labs": "elevenlabs"}.get(provider or "", provider), "model": text(about.get("model"))}


def _moment_of(message: dict[str, Any], started_at_ms: int) -> int:
    at_ms = moment(message.get("time"))
    if at_ms is not None:
        return at_ms
    seconds = number(message.get("secondsFromStart"))
    return started_at_ms + round((seconds or 0) * 1000)


def _duration_ms(message: dict[str, Any]) -> float | None:
    """How long it was spoken, by its two moments: what stands as ``duration`` is told in various units."""
    begun, ended = moment(message.get("time")), moment(message.get("endTime"))
    return ended - begun if begun is not None and ended is not None and ended >= begun else None


def _status(reason: str) -> str | None:
    for found, reasons in (
        (words.NO_ANSWER, _NO_ANSWER),
        (words.BUSY, _BUSY),
        (words.CANCELED, _CANCELED),
        (words.COMPLETED, _COMPLETED),
    ):
        if reason in reasons:
            return found
    return words.FAILED if any(part in reason for part in _BROKEN) else None


def _initiator(reason: str) -> str | None:
    if reason.startswith("customer-"):
        return "caller"
    return "agent" if reason.startswith("assistant-") else "system" if reason else None
