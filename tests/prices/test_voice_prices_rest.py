"""The hand-kept prices of the smaller voice and telephony providers, against the survey that they were taken from."""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT / "src" / "callscope" / "prices" / "data"
SURVEY: Final = ROOT.parent / "shared" / "pricing" / "voice_prices.csv"

PROVIDERS: Final = (
    *("agora", "bland", "cartesia", "daily", "elevenlabs", "fishaudio", "hume", "ibm", "inworld", "livekit"),
    *("livekit-inference", "lmnt", "minimax", "murf", "plivo", "retell", "rime", "speechify", "synthflow"),
    *("telnyx", "twilio", "ultravox", "vapi", "vonage", "voximplant"),
)


class Where(NamedTuple):
    """Where a row of the survey stands, when its name says more than the model or something else."""

    names: tuple[str, ...]
    plan: str | None = None
    mode: str | None = None
    since: str | None = None


def _cartesia(name: str, *, mode: str | None = None, since: str | None = "2026-08-21") -> Where:
    return Where((name,), plan="pro", mode=mode, since=since)


ELSEWHERE: Final[dict[tuple[str, str], Where]] = {
    ("elevenlabs", "overage Creator plan (credits, 2024-25)"): Where(("eleven_multilingual_v2",), plan="creator-2024"),
    ("elevenlabs", "overage Pro plan (credits, 2024-25)"): Where(("eleven_multilingual_v2",), plan="pro-2024"),
    ("elevenlabs", "overage Scale plan (credits, 2024-25)"): Where(("eleven_multilingual_v2",), plan="scale-2024"),
    ("elevenlabs", "agents (conversational AI)"): Where(("agents", "convai")),
    ("elevenlabs", "agents burst"): Where(("agents-burst",)),
    ("cartesia", "credit (Pro plan)"): _cartesia("credit"),
    ("cartesia", "credit (Pro plan, old)"): _cartesia("credit", since=None),
    ("cartesia", "credit (Startup plan)"): Where(("credit",), plan="startup"),
    ("cartesia", "credit (Scale plan)"): Where(("credit",), plan="scale"),
    ("cartesia", "sonic-3 / sonic-3.5 / sonic-3.6"): Where(("sonic-3", "sonic-3.5", "sonic-3.6", "sonic"), plan="pro"),
    ("cartesia", "sonic PVC voice"): _cartesia("sonic-pvc"),
    ("cartesia", "ink-2 realtime"): _cartesia("ink-2", mode="streaming"),
    ("cartesia", "ink-whisper realtime"): _cartesia("ink-whisper", mode="streaming"),
    ("cartesia", "ink-whisper batch"): _cartesia("ink-whisper", mode="batch"),
    ("cartesia", "line (agent calling)"): Where(("line",)),
    ("cartesia", "line telephony add-on"): Where(("line-telephony",)),
    ("rime", "mist / mistv2 / mistv3"): Where(("mist", "mistv2", "mistv3")),
    ("hume", "octave (Creator plan)"): Where(("octave",), plan="creator"),
    ("hume", "octave (Pro plan)"): Where(("octave",), plan="pro"),
    ("hume", "octave (Scale plan)"): Where(("octave",), plan="scale"),
    ("hume", "octave (Business plan)"): Where(("octave",), plan="business"),
    ("lmnt", "blizzard/aurora (Indie)"): Where(("blizzard", "aurora"), plan="indie"),
    ("lmnt", "blizzard (largest plan)"): Where(("blizzard",), plan="largest"),
    ("murf", "gen2 api"): Where(("gen2",)),
    ("telnyx", "voice api (call control) fee"): Where(("voice-api",)),
    ("telnyx", "ai assistant (orchestration+stt+tts)"): Where(("ai-assistant",)),
    ("twilio", "client/browser leg"): Where(("client", "browser")),
    ("twilio", "sip interface in/out"): Where(("sip", "sip-interface")),
    ("twilio", "us local inbound volume tier"): Where(("us-local-inbound",), plan="volume-500k"),
    ("twilio", "media streams (launch)"): Where(("media-streams",)),
    ("twilio", "us local number rental"): Where(("us-local-number",)),
    ("twilio", "us toll-free number rental"): Where(("us-toll-free-number",)),
    ("plivo", "us local inbound"): Where(("us-local-inbound",), since="2026-05-11"),
    ("plivo", "us local inbound (2021)"): Where(("us-local-inbound",)),
    ("plivo", "browser/sdk leg"): Where(("client", "browser")),
    ("vonage", "audio connector (websocket)"): Where(("audio-connector",)),
    ("vonage", "sip interconnect (video api)"): Where(("sip-interconnect",)),
    ("livekit", "third-party sip (Ship overage)"): Where(("sip-thirdparty",), plan="ship"),
    ("livekit", "third-party sip (Scale overage)"): Where(("sip-thirdparty",), plan="scale"),
    ("livekit", "webrtc participant (Ship)"): Where(("webrtc-participant",), plan="ship"),
    ("livekit", "webrtc participant (Scale)"): Where(("webrtc-participant",), plan="scale"),
    ("daily", "pipecat cloud agent-1x active"): Where(("pipecat-cloud-agent-1x",)),
    ("daily", "pipecat cloud agent-2x active"): Where(("pipecat-cloud-agent-2x",)),
    ("retell", "tts (platform, cartesia, openai)"): Where(("tts-platform", "tts-cartesia", "tts-openai")),
    ("retell", "addon pii removal"): Where(("pii-removal",)),
    ("retell", "addon knowledge base"): Where(("knowledge-base",)),
    ("bland", "start plan all-in"): Where(("all-in",), plan="start"),
    ("bland", "build plan all-in"): Where(("all-in",), plan="build"),
    ("bland", "scale plan all-in"): Where(("all-in",), plan="scale"),
    ("ultravox", "sip (PAYG)"): Where(("sip",)),
    ("voximplant", "voice ai websocket connect"): Where(("voice-ai-websocket",)),
}

TARGETS: Final = (
    ("stt", "elevenlabs", "scribe_v2_realtime", "hour", "0.39"),
    ("stt", "cartesia", "ink-2", "minute", "0.009"),
    ("tts", "cartesia", "sonic-3", "1k_chars", "0.05"),
    ("tts", "elevenlabs", "eleven_flash_v2_5", "1k_chars", "0.04"),
    ("tts", "elevenlabs", "eleven_multilingual_v2", "1k_chars", "0.08"),
    ("tts", "rime", "mistv2", "1k_chars", "0.03"),
    ("tts", "inworld", "inworld-tts-2", "1k_chars", "0.025"),
    ("telephony", "twilio", "us-local-inbound", "minute", "0.0085"),
    ("telephony", "twilio", "us-local-outbound", "minute", "0.014"),
    ("telephony", "telnyx", "us-local-inbound", "minute", "0.0032"),
    ("telephony", "plivo", "us-local-inbound", "minute", "0.0055"),
    ("telephony", "livekit", "sip-thirdparty", "minute", "0.004"),
)
"""Those of the 51 targets of the price research that fall to these providers, valid on 2026-11-20."""

CREDIT: Final = {
    "pro until 2026-08-21": Decimal("0.00004"),
    "pro": Decimal("0.00005"),
    "startup": Decimal("0.0000392"),
    "scale": Decimal("0.000037375"),
}
CREDITS: Final = {
    ("sonic", None): 1000,
    ("sonic-pvc", None): 1500,
    ("ink-2", "streaming"): 180,
    ("ink-whisper", "streaming"): 60,
    ("ink-whisper", "batch"): 30,
}
"""What 1,000 characters, or a minute, take at Cartesia."""

MARKED: Final = ("daily", "livekit", "plivo", "retell", "telnyx", "twilio", "ultravox", "vonage", "voximplant")


def _load(provider: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{provider}.toml").read_text(encoding="utf-8"))


FILES: Final = {provider: _load(provider) for provider in (*PROVIDERS, "local")}


def _survey() -> list[dict[str, str]]:
    if not SURVEY.exists():
        return []
    with SURVEY.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


ALL_ROWS: Final = _survey()
ROWS: Final = [row for row in ALL_ROWS if row["provider"] in PROVIDERS and row["service"] != "llm"]


def _row_id(row: dict[str, str]) -> str:
    return "/".join((row["provider"], row["service"], row["model"], row["effective_from"] or "always"))


def _models(provider: str, service: str, name: str) -> list[dict[str, Any]]:
    """Those that the name means, exactly or by pattern."""
    models = [model for model in FILES[provider].get("model", []) if model["service"] == service]
    exact = [model for model in models if name in (model["model"], *model.get("names", ()))]
    return exact or [model for model in models if any(re.search(each, name) for each in model.get("patterns", ()))]


def _prices(provider: str, model: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**FILES[provider].get("defaults", {}), **price} for price in model["price"]]


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_force(price: dict[str, Any], moment: datetime) -> bool:
    starts: datetime | None = price.get("effective_from")
    ends: datetime | None = price.get("effective_to")
    return (starts is None or starts <= moment) and (ends is None or moment < ends)


def _stated(row: dict[str, str]) -> list[dict[str, Any]]:
    """The one price that the row says, once for each name of its."""
    where = ELSEWHERE.get((row["provider"], row["model"])) or Where((row["model"].replace(" ", "-"),))
    since = _moment(where.since or row["effective_from"])
    found = []
    for name in where.names:
        models = _models(row["provider"], row["service"], name)
        assert len(models) == 1, f"{name} means {len(models)} models"
        prices = [
            price
            for price in _prices(row["provider"], models[0])
            if (price.get("plan"), price.get("mode"), price.get("effective_from")) == (where.plan, where.mode, since)
        ]
        assert len(prices) == 1, f"{name} has {len(prices)} such prices"
        found += prices
    return found


@pytest.mark.skipif(not ALL_ROWS, reason="the survey is not beside this checkout")
def test_every_provider_of_the_survey_has_a_file() -> None:
    assert {row["provider"] for row in ALL_ROWS} <= {file.stem for file in DATA.glob("*.toml")}
    assert {row["provider"] for row in ROWS} == set(PROVIDERS)


@pytest.mark.skipif(not ALL_ROWS, reason="the survey is not beside this checkout")
def test_only_rows_of_the_survey_are_said_to_stand_elsewhere() -> None:
    assert {(row["provider"], row["model"]) for row in ROWS} >= set(ELSEWHERE)


@pytest.mark.parametrize("row", ROWS, ids=_row_id)
def test_a_row_of_the_survey_is_a_price(row: dict[str, str]) -> None:
    for price in _stated(row):
        assert Decimal(price["rates"][row["unit"]]) == Decimal(row["usd_per_unit"])
        assert price["source"] == row["source"]
        assert price["read_on"] == date.fromisoformat(row["as_of"])


@pytest.mark.parametrize("row", [row for row in ROWS if "effective_to=2" in row["notes"]], ids=_row_id)
def test_a_price_ends_when_the_survey_says_so(row: dict[str, str]) -> None:
    ends = re.search(r"effective_to=([\dTZ:-]+)", row["notes"])
    assert ends
    assert [price.get("effective_to") for price in _stated(row)] == [_moment(ends[1])]


@pytest.mark.parametrize("row", [row for row in ROWS if "Scale plan" in row["notes"]], ids=_row_id)
def test_livekit_inference_has_a_scale_price_where_it_differs(row: dict[str, str]) -> None:
    told = re.search(r"Scale plan ([\d.]+)", row["notes"])
    assert told
    (model,) = _models("livekit-inference", row["service"], row["model"])
    scale = [Decimal(price["rates"][row["unit"]]) for price in model["price"] if price.get("plan") == "scale"]
    # A Scale price of 0 beside a price is data that was missing; what is alike is what everybody pays.
    differs = Decimal(told[1]) not in (0, Decimal(row["usd_per_unit"]))
    assert scale == ([Decimal(told[1])] if differs else [])


@pytest.mark.parametrize(
    ("service", "name", "rates"),
    [
        ("stt", "keyterm-prompting", {"hour": "0.05"}),
        ("stt", "entity-detection", {"hour": "0.07"}),
        (
            "realtime",
            "eleven_realtime_v1_max",
            {
                "hour": "4.8",
                "1M_input_text_tokens": "1.8",
                "1M_cached_input_text_tokens": "0.18",
                "1M_output_text_tokens": "9",
            },
        ),
        (
            "realtime",
            "eleven_realtime_v1_mini",
            {"hour": "4.8", "1M_input_text_tokens": "0.2", "1M_output_text_tokens": "6"},
        ),
    ],
)
def test_elevenlabs_prices_that_stand_in_the_surveys_notes(service: str, name: str, rates: dict[str, str]) -> None:
    (model,) = _models("elevenlabs", service, name)
    (price,) = model["price"]
    assert {unit: Decimal(usd) for unit, usd in price["rates"].items()} == {
        unit: Decimal(usd) for unit, usd in rates.items()
    }


@pytest.mark.parametrize(("service", "provider", "name", "unit", "usd"), TARGETS)
def test_a_target_of_the_research_resolves_by_name(service: str, provider: str, name: str, unit: str, usd: str) -> None:
    (model,) = _models(provider, service, name)
    now = datetime(2026, 11, 20, tzinfo=UTC)
    listed = FILES[provider]["provider"].get("plan")
    (price,) = (
        price
        for price in _prices(provider, model)
        if _in_force(price, now) and price.get("plan") in (None, listed) and not price.get("addon")
    )
    if unit not in price["rates"]:
        assert unit == "1k_chars"
        assert Decimal(price["rates"]["1M_chars"]) / 1000 == Decimal(usd)
    else:
        assert Decimal(price["rates"][unit]) == Decimal(usd)


@pytest.mark.parametrize(("name", "mode"), CREDITS)
def test_cartesia_costs_its_credits_on_every_plan(name: str, mode: str | None) -> None:
    (model,) = (model for model in FILES["cartesia"]["model"] if model["model"] == name)
    priced = {
        " until ".join(filter(None, (price["plan"], str(price.get("effective_to", ""))[:10]))): [
            Decimal(rate) for rate in price["rates"].values()
        ]
        for price in model["price"]
        if price.get("mode") == mode
    }
    assert priced == {plan: [CREDITS[name, mode] * usd] for plan, usd in CREDIT.items()}


@pytest.mark.parametrize(
    "name", ["sonic-english", "sonic-multilingual", "sonic-turbo", "sonic-3-2025-10-27", "sonic-3.6-2026-08-27"]
)
def test_every_sonic_is_one_model(name: str) -> None:
    assert [model["model"] for model in _models("cartesia", "tts", name)] == ["sonic"]


@pytest.mark.parametrize(
    ("provider", "service", "name", "model"),
    [
        ("telnyx", "tts", "telnyx.naturalhd.astra", "natural-hd"),
        ("telnyx", "tts", "telnyx.natural.abbie", "natural"),
        ("ultravox", "realtime", "ultravox-v0.7", "fixie-ai/ultravox"),
    ],
)
def test_names_as_frameworks_report_them_are_known(provider: str, service: str, name: str, model: str) -> None:
    assert [found["model"] for found in _models(provider, service, name)] == [model]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_telephony_provider_has_one_default_in_each_direction(provider: str) -> None:
    marked = Counter(
        name for model in FILES[provider]["model"] for name in model.get("names", ()) if name.startswith("*")
    )
    assert marked == (Counter({"*inbound": 1, "*outbound": 1}) if provider in MARKED else Counter())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_direction_and_region_are_those_of_the_name(provider: str) -> None:
    for model in FILES[provider]["model"]:
        for price in model["price"] if model["service"] == "telephony" else ():
            name = model["model"]
            assert price.get("direction") == next((way for way in ("inbound", "outbound") if name.endswith(way)), None)
            assert price.get("region") == next(
                (each for each in ("US", "AU") if name.startswith(f"{each.lower()}-")), None
            )


@pytest.mark.parametrize(
    ("provider", "name", "increment_seconds"),
    [
        ("twilio", "us-local-inbound", 60),
        ("twilio", "media-streams", 60),
        ("plivo", "us-local-outbound", 60),
        ("telnyx", "us-local-inbound", 6),
        ("vonage", "us-inbound", 1),
        ("voximplant", "us-outbound", 15),
        ("livekit", "sip-thirdparty", 60),
    ],
)
def test_a_leg_is_rounded_as_the_provider_rounds_it(provider: str, name: str, increment_seconds: int) -> None:
    (model,) = _models(provider, "telephony", name)
    for price in model["price"]:
        assert (price["increment_seconds"], price["scope"]) == (increment_seconds, "leg")


def test_livekit_inference_bills_speech_to_text_by_the_second_of_connection() -> None:
    for model in FILES["livekit-inference"]["model"]:
        for price in model["price"] if model["service"] == "stt" else ():
            assert (price["meter"], price["increment_seconds"], price["scope"]) == ("session_seconds", 1, "session")


def test_a_name_or_host_is_one_providers() -> None:
    claims: Counter[str] = Counter()
    for file in FILES.values():
        facts = file["provider"]
        claims.update({facts["id"], *facts.get("aliases", ()), *facts.get("hosts", ())})
    assert [name for name, count in claims.items() if count > 1] == []
    assert [name for name in claims if name != name.lower()] == []


def test_software_on_this_machine_is_named_and_hosts_are_not() -> None:
    facts = FILES["local"]["provider"]
    assert facts["local"] is True
    assert {"pocketsphinx", "espeak-ng", "piper", "kokoro", "ollama", "faster-whisper"} <= set(facts["aliases"])
    assert not {"localhost", "127.0.0.1", "::1", "whisper"} & set(facts["aliases"])
    assert "hosts" not in facts
    assert "model" not in FILES["local"]
