"""What frameworks report, as provider ids and model names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.prices.entry import Provider
from callscope.prices.names import biller_of, host_of, model_names
from callscope.prices.shipped import catalogue

OPENAI = Provider(id="openai", name="OpenAI")


@pytest.mark.parametrize(
    ("reported", "model", "id_"),
    [
        ("openai", None, "openai"),
        ("OpenAI", None, "openai"),
        ("api.openai.com", None, "openai"),
        ("https://api.openai.com/v1", None, "openai"),
        ("my-resource.openai.azure.com", None, "azure"),
        ("us-central1-aiplatform.googleapis.com", None, "google"),
        ("bedrock-runtime.us-east-1.amazonaws.com", None, "aws"),
        ("grok", None, "xai"),
        (None, "openai/gpt-4o", "openai"),
        (None, "Deepgram/nova-3", "deepgram"),
        ("", "anthropic/claude-haiku-4-5", "anthropic"),
        ("groq", "openai/gpt-oss-120b", "groq"),
        ("openrouter", "openai/gpt-4o", "openrouter"),
        ("livekit.plugins.deepgram", "nova-3", "deepgram"),
        ("livekit.plugins.openai.realtime", "gpt-realtime", "openai"),
        ("pipecat.services.cartesia.tts", "sonic-3", "cartesia"),
        ("deepgram_stt", "nova-3", "deepgram"),
        ("elevenlabs_tts", None, "elevenlabs"),
        ("openai_llm", "gpt-4o", "openai"),
        ("Google-TTS", None, "google"),
        ("livekit.plugins.whisper_stt", "tiny", "local"),
    ],
)
def test_who_bills(reported: str | None, model: str | None, id_: str) -> None:
    biller = biller_of(catalogue(), {}, reported, model)

    assert biller.id == id_


@pytest.mark.parametrize("reported", ["litellm", "crusoe", "acme_llm", "livekit.plugins.acme", "api.acme.test"])
def test_whoever_is_reported_bills_although_the_model_is_another_ones(reported: str) -> None:
    """A gateway or a host of open models has prices of its own: the maker's would be a guess."""
    assert biller_of(catalogue(), {}, reported, "openai/gpt-oss-120b") == (reported, None)


@pytest.mark.parametrize(
    "model",
    [
        "Systran/faster-whisper-tiny",
        "mlx-community/whisper-large-v3-turbo",
        "deepdml/faster-whisper-large-v3-turbo-ct2",
        "/models/ggml-base.en.bin",
        "C:\\models\\whisper",
        "tiny",
        "base.en",
        "large-v3",
        "large-v3-turbo",
        "distil-medium.en",
        "distil-large-v3.5",
    ],
)
def test_whisper_on_this_machine_is_billed_by_nobody(model: str) -> None:
    assert biller_of(catalogue(), {}, "whisper", model).id == "local"


def test_whisper_by_its_api_is_openais_and_without_a_model_it_may_be_either() -> None:
    assert biller_of(catalogue(), {}, "whisper", "whisper-1").id == "openai"
    assert biller_of(catalogue(), {}, "whisper", None).id == "whisper"
    assert biller_of(catalogue(), {}, "whisper", "nova-3").id == "whisper"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:4000",
        "127.0.0.1",
        "127.0.0.1:8000",
        "::1",
        "10.0.0.7",
        "gateway.internal",
        "http://[::1]:80/v1",
    ],
)
def test_a_machine_nearby_is_never_guessed(host: str) -> None:
    """Behind it may be a gateway that somebody bills for, or the user's own model."""
    biller = biller_of(catalogue(), {}, host, "openai/gpt-4o")

    assert biller.id is None
    assert biller.reason is not None
    assert "[hosts]" in biller.reason


@pytest.mark.parametrize("reported", ["localhost:4000", "http://localhost:4000/v1", "LOCALHOST:4000"])
def test_the_users_own_hosts_win(reported: str) -> None:
    assert biller_of(catalogue(), {"localhost:4000": "groq"}, reported, "openai/gpt-4o").id == "groq"
    assert biller_of(catalogue(), {"localhost": "groq"}, reported, "openai/gpt-4o").id == "groq"
    assert biller_of(catalogue(), {"openai": "azure"}, "openai", None).id == "azure"
    assert biller_of(catalogue(), {"openai": "azure"}, "openai_llm", None).id == "azure"
    assert biller_of(catalogue(), {"whisper": "groq"}, "whisper", "tiny").id == "groq"


def test_nobody_reported_is_nobody_known() -> None:
    assert biller_of(catalogue(), {}, None, "gpt-4o").id is None
    assert biller_of(catalogue(), {}, None, None).reason == "no provider was reported: report who bills it"
    assert biller_of(catalogue(), {}, None, "/models/x").id is None


def test_a_name_that_the_catalogue_does_not_know_may_be_known_to_the_user() -> None:
    assert biller_of(catalogue(), {}, "Acme", "loud").id == "acme"


@pytest.mark.parametrize(
    ("provider", "model", "names"),
    [
        ("openai", "GPT-4o", ["gpt-4o"]),
        ("openai", "openai/gpt-4o", ["openai/gpt-4o", "gpt-4o"]),
        ("openai", "gpt-4o-2024-08-06", ["gpt-4o-2024-08-06", "gpt-4o"]),
        ("openai", "gpt-4o-20240806", ["gpt-4o-20240806", "gpt-4o-2024-08-06", "gpt-4o"]),
        ("mistral", "mistral-large-latest", ["mistral-large-latest", "mistral-large"]),
        ("google", "models/gemini-2.5-flash", ["models/gemini-2.5-flash", "gemini-2.5-flash"]),
        ("google", "claude-haiku-4-5@20251001", ["claude-haiku-4-5@20251001", "claude-haiku-4-5"]),
        ("fireworks", "accounts/fireworks/models/kimi-k3", ["accounts/fireworks/models/kimi-k3", "kimi-k3"]),
        (
            "aws",
            "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            [
                "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
                "anthropic.claude-haiku-4-5-20251001-v1:0",
                "anthropic.claude-haiku-4-5-20251001",
                "anthropic.claude-haiku-4-5-2025-10-01",
                "anthropic.claude-haiku-4-5",
            ],
        ),
        ("local", "/models/x/ggml-base.en.bin", ["/models/x/ggml-base.en.bin", "base.en"]),
        ("local", "C:\\voices\\en_US-amy.onnx", ["c:\\voices\\en_us-amy.onnx", "en_us-amy"]),
        ("local", "tiny.en.gguf", ["tiny.en.gguf", "tiny.en"]),
        ("livekit-inference", "deepgram/nova-3", ["deepgram/nova-3"]),
        ("livekit-inference", "deepgram/nova-3:en", ["deepgram/nova-3:en", "deepgram/nova-3"]),
        ("livekit-inference", "cartesia/sonic-3:a-voice", ["cartesia/sonic-3:a-voice", "cartesia/sonic-3"]),
        ("livekit-inference", "deepgram/nova-3:multi", ["deepgram/nova-3:multi", "deepgram/nova-3-multi"]),
        ("deepgram", "deepgram/nova-3:en", ["deepgram/nova-3:en", "deepgram/nova-3", "nova-3"]),
        ("openrouter", "deepseek/deepseek-chat:free", ["deepseek/deepseek-chat:free"]),
        ("openrouter", "openai/gpt-4o", ["openai/gpt-4o"]),
        ("cloudflare", "@cf/meta/llama-3.1-8b-instruct", ["@cf/meta/llama-3.1-8b-instruct"]),
        ("aws", "global.amazon.nova-2-lite", ["global.amazon.nova-2-lite"]),
        ("openai", "gpt-4o-realtime-preview", ["gpt-4o-realtime-preview"]),
        ("openai", "gpt-4o-mini", ["gpt-4o-mini"]),
        ("deepgram", "base.en", ["base.en"]),
    ],
)
def test_names_of_a_model(provider: str, model: str, names: list[str]) -> None:
    assert list(model_names(model, catalogue().provider(provider))) == names


@given(st.text(min_size=1, max_size=40))
def test_the_reported_name_is_always_first_and_shorter_ones_are_never_empty(model: str) -> None:
    names = model_names(model, OPENAI)

    assert names[0] == model.strip().lower()
    assert all(names[1:])


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_that_is_reported_raises(reported: str, model: str) -> None:
    biller_of(catalogue(), {}, reported, model)


def test_the_host_of_an_address() -> None:
    assert host_of("https://key@API.openai.com:443/v1/chat") == "api.openai.com:443"
    assert host_of(" Deepgram ") == "deepgram"


def test_an_engine_on_this_machine_that_has_no_provider_is_told_by_its_model() -> None:
    assert biller_of(catalogue(), {}, None, "espeak-ng").id == "local"
    assert biller_of(catalogue(), {}, None, "deepgram").id is None
