"""Whose service it is, what it runs, and who is on the line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames import frames as pf
from pipecat.frames.frames import KeypadEntry
from pipecat.pipeline.pipeline import Pipeline
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.groq.llm import GroqLLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.settings import LLMSettings
from scripted_bot import Answer, Bot, Ear, Line, Mind, Voice

from callscope.adapters.pipecat import identity
from callscope.adapters.pipecat.services import Service, Services


class OwnLLMService(OpenAILLMService):  # type: ignore[misc]
    """An application's own, in its own module."""


def openai(base_url: str | None = None) -> OpenAILLMService:
    return OpenAILLMService(api_key="made up", base_url=base_url, settings=OpenAILLMService.Settings(model="gpt-4.1"))


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        (None, "openai"),
        ("https://api.openai.com/v1", "openai"),
        ("https://my-name.openai.azure.com/v1", "azure"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://models.example.com:8443/v1", "models.example.com"),
        ("http://127.0.0.1:8080/v1", "localhost"),
    ],
)
def test_behind_an_openai_compatible_client_the_address_tells_the_provider(base_url: str | None, provider: str) -> None:
    service = Service(openai(base_url))

    assert (service.kind, service.provider, service.model) == ("llm", provider, "gpt-4.1")


def test_the_provider_is_read_from_pipecats_module_also_of_an_applications_own_class() -> None:
    own = OwnLLMService(api_key="made up", settings=OpenAILLMService.Settings(model="gpt-4.1"))

    assert Service(own).provider == "openai"
    assert Service(GroqLLMService(api_key="made up")).provider == "groq"


def test_a_service_that_is_nobodys_has_no_provider_rather_than_a_guessed_one() -> None:
    kinds = [(service.kind, service.provider) for service in map(Service, (Ear(), Mind([]), Voice(), Line()))]

    assert kinds == [("stt", None), ("llm", None), ("tts", None), ("other", None)]


def test_services_are_found_in_nested_pipelines() -> None:
    services = Services()
    services.learn(Pipeline([Line(), Pipeline([Ear(), Pipeline([Mind([]), Voice()])])]))

    assert [len(services.all(kind)) for kind in ("stt", "llm", "tts")] == [1, 1, 1]
    assert services.agent() == {
        "model": "mind-1",
        "voice": "anna",
        "stt": {"provider": None, "model": "ear-1"},
        "tts": {"provider": None, "model": "voice-1"},
    }


def worker(**known: Any) -> Any:
    params = SimpleNamespace(start_metadata=known.pop("start_metadata", {}))
    known.setdefault("pipeline", Pipeline([]))
    return SimpleNamespace(params=params, app_resources=known.pop("app_resources", None), **known)


def test_what_the_runner_was_told_goes_before_what_the_worker_knows() -> None:
    data = SimpleNamespace(call_id="CA1", from_number="+15550001234", to_number=None)

    found = identity.find(worker(_conversation_id="c", start_metadata={"call_id": "s", "to": "+1555"}), data)

    assert (found.call_id, found.caller, found.callee) == ("CA1", "+15550001234", "+1555")


def test_call_data_may_also_come_with_the_workers_metadata_or_resources() -> None:
    data = {"call_id": "CA2", "from": "alice"}

    by_metadata = identity.find(worker(start_metadata={"call_data": data}), None)
    by_resources = identity.find(worker(app_resources={"call_data": data}), None)

    assert by_metadata.call_id == by_resources.call_id == "CA2"
    assert by_metadata.caller == by_resources.caller == "alice"


def test_the_transports_serializer_tells_the_telephony_provider_and_the_calls_name() -> None:
    serializer = TwilioFrameSerializer(
        stream_sid="MZ1", call_sid="CA3", params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
    )
    line = Line()
    line._params = SimpleNamespace(serializer=serializer)

    found = identity.find(worker(pipeline=Pipeline([line])), None)

    assert (found.call_id, found.telephony_provider) == ("CA3", "twilio")


def test_what_nobody_tells_is_unknown() -> None:
    assert identity.find(worker(), None) == identity.Identity()


def test_a_changed_model_is_the_one_that_is_billed_from_then_on(record: Any) -> None:
    async def change(bot: Bot) -> None:
        await bot.ask("How are you?")
        bot.mind._settings.model = "mind-2"
        bot.mind._sync_model_name_to_metrics()
        await bot.worker.queue_frame(pf.LLMUpdateSettingsFrame(delta=LLMSettings(model="mind-2")))
        await bot.until("LLMUpdateSettingsFrame")
        await bot.ask("And now?")

    call = record(lambda: Bot([Answer(("Fine.",)), Answer(("Better.",))]), change)

    assert [each["model"] for each in call.of("llm_started")] == ["mind-1", "mind-2"]
    assert call.of("settings_changed") == [{"settings": ["model"], "model": "mind-2"}]
    assert [each["model"] for each in call.metadata["callscope"]["usage"] if each["service"] == "llm"] == [
        "mind-1",
        "mind-2",
    ]


def test_key_presses_are_told_without_the_keys(record: Any) -> None:
    async def press(bot: Bot) -> None:
        for key in (KeypadEntry.FOUR, KeypadEntry.ONE):
            await bot.line.push_frame(pf.InputDTMFFrame(button=key))

    call = record(Bot, press)

    assert call.of("dtmf") == [{"by": "caller"}, {"by": "caller"}]


def test_a_caller_whom_nothing_was_understood_of_is_dead_air(record: Any) -> None:
    async def mumble(bot: Bot) -> None:
        await bot.user._call_event_handler("on_user_turn_stop_timeout")
        await bot.greet("Hello?")

    call = record(Bot, mumble)

    (warning,) = call.of("warning")
    assert warning["code"] == "dead_air"


def test_a_caller_who_hangs_up_is_the_reason_also_where_the_application_gives_none(record: Any) -> None:
    class Transport(Line):
        def __init__(self) -> None:
            super().__init__()
            self._register_event_handler("on_client_disconnected")

    transport = Transport()

    def connected() -> Bot:
        bot = Bot()
        bot.line._transport = transport
        return bot

    async def hang_up(bot: Bot) -> None:
        await transport._call_event_handler("on_client_disconnected", None)
        await bot.greet("Hello?")
        await bot.worker.cancel()

    call = record(connected, hang_up)

    assert call.of("client_disconnected") == [{"reason": "the caller hung up"}]
    assert call.of("call_ended") == [{"reason": "the caller hung up", "initiator": "caller"}]
