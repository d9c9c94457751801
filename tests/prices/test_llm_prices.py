"""The shipped prices of models against genai-prices itself: every difference is listed here, with its reason."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from callscope.prices.book import Found, PriceBook
from callscope.prices.entry import Provider
from callscope.prices.shipped import catalogue
from callscope.prices.units import UNITS

pytest.importorskip("genai_prices")

from genai_prices import types
from genai_prices.data import providers

SCRIPT = Path(__file__).parents[2] / "scripts" / "update_prices.py"
BOOK = PriceBook(catalogue())
NOON = timedelta(hours=12)
FIXED = (
    datetime(2023, 4, 1, 12, tzinfo=UTC),
    datetime(2023, 9, 1, 12, tzinfo=UTC),
    datetime(2024, 1, 30, 12, tzinfo=UTC),
    datetime(2024, 6, 1, 12, tzinfo=UTC),
    datetime(2026, 11, 20, 2, tzinfo=UTC),
    datetime(2026, 11, 20, 12, tzinfo=UTC),
    datetime(2027, 2, 1, 12, tzinfo=UTC),
)

USAGES: tuple[Mapping[str, int], ...] = (
    {"input_text_tokens": 812, "output_text_tokens": 143},
    {"input_text_tokens": 812, "cached_input_text_tokens": 1664, "output_text_tokens": 143},
    {"input_text_tokens": 3, "cache_write_tokens": 2048, "cache_write_1h_tokens": 512, "output_text_tokens": 143},
    {"input_text_tokens": 812, "input_audio_tokens": 500, "cached_input_audio_tokens": 300, "output_audio_tokens": 700},
    {"input_text_tokens": 812, "output_audio_tokens": 700},
    {"input_text_tokens": 300_001, "cached_input_text_tokens": 7, "output_text_tokens": 143},
    {"seconds": 90, "messages": 3},
    {"characters": 1200},
)
CONTEXTS: tuple[Mapping[str, str], ...] = (
    {},
    {"processing": "batch"},
    {"service_tier": "priority"},
    {"service_tier": "flex"},
    {"service_tier": "fast"},
    {"speed": "fast"},
)

BY_THE_HOUR = "charged by the hour of the day: we take what applies for most of it, and what it gives is estimated"
BATCH_BEFORE = "genai-prices charges the standard rate before the day it learnt of the variant; we the first known one"
TWO_STEPS = "a second threshold of long context: we know one"
BY_HAND_NO_VARIANTS = "speech models are written by hand, without batch and tiers; a tier is marked as assumed"
NO_HISTORY = "genai-prices has today's price of the name alone; we have what it cost before, from the announcements"
FIRST_PREVIEW = "genai-prices has 40/80 for the first preview of gpt-4o-realtime; its list price was 100/200"
MEANT = {BY_THE_HOUR, BATCH_BEFORE, TWO_STEPS, BY_HAND_NO_VARIANTS, NO_HISTORY, FIRST_PREVIEW}
"""Reasons for differences that are meant."""
REPLACED = {
    "openai/llm/gpt-3.5-turbo@2023-03-01",
    "openai/llm/gpt-3.5-turbo@2023-06-13",
    "openai/llm/gpt-4o@2024-05-13",
}
"""Prices that somebody announced the end of."""


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("update_prices", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["update_prices"] = module
    spec.loader.exec_module(module)
    return module


UPDATE = script()
GENAI = {provider.id: provider for provider in providers}


def theirs(
    provider: types.Provider, model: types.ModelInfo, usage: Mapping[str, int], at: datetime, how: Any
) -> Decimal:
    """What genai-prices makes of usage whose kinds of token hold each other, as its own extractors give it."""
    get = usage.get
    audio = {
        "input_audio_tokens": get("input_audio_tokens", 0) + get("cached_input_audio_tokens", 0),
        "cache_audio_read_tokens": get("cached_input_audio_tokens", 0),
        "output_audio_tokens": get("output_audio_tokens", 0),
    }
    tokens = {
        "input_tokens": get("input_text_tokens", 0)
        + get("cached_input_text_tokens", 0)
        + get("cache_write_tokens", 0)
        + get("cache_write_1h_tokens", 0)
        + audio["input_audio_tokens"],
        "cache_read_tokens": get("cached_input_text_tokens", 0) + get("cached_input_audio_tokens", 0),
        "cache_write_tokens": get("cache_write_tokens", 0) + get("cache_write_1h_tokens", 0),
        "cache_write_1h_tokens": get("cache_write_1h_tokens", 0),
        "output_tokens": get("output_text_tokens", 0) + audio["output_audio_tokens"],
        **audio,
        "audio_seconds": get("seconds", 0),
        "input_audio_seconds": get("seconds", 0),
        "input_text_messages": get("messages", 0),
        "input_characters": get("characters", 0),
    }
    used = types.Usage(**{key: value for key, value in tokens.items() if value})
    price = model.get_prices(at, how)
    # What we do not count is no difference: searches, images, and the fee for a request.
    counted = {key: value for key, value in vars(price).items() if key in UPDATE.UNITS or key == "input_audio_hours"}
    if "audio_hours" in counted:
        counted.pop("input_audio_hours", None)
    return types.ModelPrice(**counted).calc_price(used)["total_price"]


def ours(found: Found, usage: Mapping[str, int]) -> Decimal:
    assert found.entry is not None
    rates = found.entry.rates
    total_input = sum(count for kind, count in usage.items() if "input" in kind or "cache" in kind)
    if found.entry.long_context and total_input > found.entry.long_context.above_input_tokens:
        rates = found.entry.long_context.rates
    return sum((rate * usage.get(UNITS[unit].usage, 0) / UNITS[unit].per for unit, rate in rates.items()), Decimal(0))


def is_priced(found: Found, usage: Mapping[str, int]) -> bool:
    """Whether each kind that was used has a rate: what has none is a line without a price, and not at another rate."""
    assert found.entry is not None
    return set(usage) <= {UNITS[unit].usage for unit in found.entry.rates}


def moments(model: types.ModelInfo) -> list[datetime]:
    """Some fixed ones, and noon and midnight on both sides of every day on which a price changes."""
    conditions = [*([] if isinstance(model.prices, types.ModelPrice) else model.prices), *(model.price_variants or ())]
    days = {one.constraint.start_date for one in conditions if isinstance(one.constraint, types.StartDateConstraint)}
    midnights = [datetime.combine(day, datetime.min.time(), UTC) for day in sorted(days)]
    changes = [midnight + step for midnight in midnights for step in (-NOON, -timedelta(seconds=1), timedelta(), NOON)]
    return [*FIXED, *changes]


def contexts(model: types.ModelInfo) -> list[Mapping[str, str]]:
    known = [variant.when for variant in model.price_variants or ()]
    return [context for context in CONTEXTS if not context or context in known]


def begins(model: types.ModelInfo, context: Mapping[str, str]) -> date:
    return min(
        variant.constraint.start_date if isinstance(variant.constraint, types.StartDateConstraint) else date.min
        for variant in model.price_variants or ()
        if variant.when == context
    )


def sample() -> Iterator[tuple[str, types.Provider, types.ModelInfo, str]]:
    """(our provider, theirs, model, service) of all models, of OpenRouter's a fifth and those that changed."""
    for id_, origin in UPDATE.ORIGINS.items():
        for index, (model, service, _) in enumerate(UPDATE.candidates(origin)):
            if id_ != "openrouter" or index % 5 == 0 or not isinstance(model.prices, types.ModelPrice):
                yield id_, GENAI[origin.genai], model, service


def difference(model: types.ModelInfo, found: Found, context: Mapping[str, str], at: datetime) -> str:
    """The reason why two prices may differ here."""
    assert found.entry is not None
    if "hours a day" in found.entry.varies:
        return BY_THE_HOUR
    if context and at.date() < begins(model, context):
        return BATCH_BEFORE
    if "dearer again" in found.entry.note:
        return TWO_STEPS
    if context and found.entry.service == "tts" and not (found.entry.tier or found.entry.mode):
        return BY_HAND_NO_VARIANTS
    if found.entry.id == "openai/realtime/gpt-4o-realtime-preview@2024-10-01":
        return FIRST_PREVIEW
    if found.entry.id in REPLACED:
        return NO_HISTORY
    return "?"


def differences() -> tuple[Counter[str], list[str]]:
    """How often each reason applied (``same``: none was needed), and what has no reason."""
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    for id_, provider, model, service in sample():
        is_own = any(model is one for one in provider.models)
        for context in contexts(model) if is_own else [{}]:
            for at in moments(model):
                found = at_that_time(id_, service, model.id, at, context)
                if found.entry is None:
                    wrong += [f"{id_} {service} {model.id} at {at}: {found.reason}"] if has_rates(model, at) else []
                    continue
                for usage in USAGES:
                    if not is_priced(found, usage):
                        continue
                    expected = theirs(provider, model, usage, at, context)
                    reason = "same" if ours(found, usage) == expected else difference(model, found, context, at)
                    reasons[reason] += 1
                    if reason == "?":
                        wrong.append(f"{found.entry.id} {context} {at} {usage}: {ours(found, usage)}, not {expected}")
    return reasons, wrong


def at_that_time(id_: str, service: str, name: str, at: datetime, context: Mapping[str, str]) -> Found:
    return BOOK.find(
        service,
        id_,
        name,
        at_ms=int(at.timestamp()) * 1000,
        mode="batch" if "processing" in context else None,
        tier=context.get("service_tier") or context.get("speed"),
    )


def has_rates(model: types.ModelInfo, at: datetime) -> bool:
    return any(value is not None for key, value in vars(model.get_prices(at)).items() if key in UPDATE.UNITS)


def test_every_model_costs_what_genai_prices_says_or_differs_for_a_reason() -> None:
    reasons, wrong = differences()

    assert wrong == []
    assert set(reasons) == {"same", *MEANT}
    assert reasons["same"] > 10_000


def test_every_name_that_genai_prices_knows_is_found_and_costs_the_same() -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    usage = USAGES[0]
    wrong = []
    for id_, provider, model, service in sample():
        named = {name for name in UPDATE.names_of(model.match) if provider.find_model(name) is model}
        prefixed = {f"{id_}/{name}" for name in named}
        for name in sorted(named | {name for name in prefixed if provider.find_model(name) is None}):
            found = at_that_time(id_, service, name, at, {})
            if found.entry is None:
                wrong += [f"{id_} {service} {name}: {found.reason}"] if has_rates(model, at) else []
            elif is_priced(found, usage) and ours(found, usage) != theirs(provider, model, usage, at, {}):
                wrong.append(f"{id_} {service} {name}: {found.entry.id}")

    assert wrong == []


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4o-2024-11-20", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4.1-2025-04-14", "gpt-4.1"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", "ft:gpt-4o-mini"),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "regional.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("google", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("azure", "gpt-4o", "gpt-4o"),
        ("azure", "claude-haiku-4-5", "claude-haiku-4-5"),
        ("openrouter", "openai/gpt-4o", "openai/gpt-4o"),
        ("fireworks", "accounts/fireworks/models/gpt-oss-120b", "gpt-oss-120b"),
        ("sambanova", "Meta-Llama-3.3-70B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"),
        ("sambanova", "gpt-oss-120b", "openai/gpt-oss-120b"),
    ],
)
def test_names_of_models_as_they_are_reported(provider: str, name: str, model: str) -> None:
    found = BOOK.find("llm", provider, name, at_ms=1_795_000_000_000)

    assert found.entry is not None
    assert found.entry.model == model


@pytest.mark.parametrize(
    ("name", "day", "price"),
    [
        ("gpt-3.5-turbo", "2023-05-01", ("2", "2")),
        ("gpt-3.5-turbo", "2023-06-13", ("1.5", "2")),
        ("gpt-3.5-turbo", "2023-12-24", ("1.5", "2")),
        ("gpt-3.5-turbo", "2024-02-16", ("0.5", "1.5")),
        ("gpt-3.5-turbo-0125", "2024-02-10", ("0.5", "1.5")),
        ("gpt-3.5-turbo-1106", "2023-12-24", ("1", "2")),
        ("gpt-3.5-turbo-0613", "2024-03-01", ("1.5", "2")),
        ("gpt-4-turbo", "2023-11-06", ("10", "30")),
        ("gpt-4-1106-preview", "2024-01-01", ("10", "30")),
        ("gpt-4o", "2024-10-01", ("5", "15")),
        ("gpt-4o", "2024-10-02", ("2.5", "10")),
        ("gpt-4o-2024-08-06", "2024-09-01", ("2.5", "10")),
        ("gpt-4o-2024-05-13", "2024-11-01", ("5", "15")),
    ],
)
def test_a_name_costs_what_it_cost_on_the_day(name: str, day: str, price: tuple[str, str]) -> None:
    found = at_that_time("openai", "llm", name, datetime.fromisoformat(f"{day}T12:00:00+00:00"), {})

    assert found.entry is not None
    assert found.assumed is None
    rates = found.entry.rates
    assert (rates["1M_input_text_tokens"], rates["1M_output_text_tokens"]) == tuple(map(Decimal, price))


def test_before_anybody_sold_it_a_model_costs_its_first_price_and_that_is_assumed() -> None:
    found = at_that_time("openai", "llm", "gpt-4-turbo", datetime(2023, 11, 5, tzinfo=UTC), {})

    assert found.assumed == "its price is known from 2023-11-06 on only"


def test_a_price_by_the_hour_says_which_hours_and_is_the_one_of_most_of_the_day() -> None:
    """genai-prices charges half of it at midnight of 2025-01-10: it knows no day on which the discount began."""
    chat = at_that_time("deepseek", "llm", "deepseek-chat", datetime(2025, 1, 10, tzinfo=UTC), {}).entry
    flash = at_that_time("deepseek", "llm", "deepseek-flash", datetime(2026, 11, 20, tzinfo=UTC), {}).entry

    assert chat is not None
    assert flash is not None
    assert chat.rates["1M_input_text_tokens"] == Decimal("0.27")
    assert chat.varies.startswith("8 hours a day (16:30-00:30 UTC) are charged 0.5 times as much")
    assert flash.varies.startswith("7 hours a day (01:00-04:00 and 06:00-10:00 UTC) are charged 2 times as much")


def test_the_audio_of_a_model_without_a_price_for_audio_has_no_rate() -> None:
    """genai-prices charges it as text: here there is no rate, and costing says so."""
    found = BOOK.find("llm", "openai", "gpt-4o", at_ms=1_795_000_000_000)

    assert found.entry is not None
    assert "1M_input_audio_tokens" not in found.entry.rates


def test_input_is_net_of_the_cache_where_the_provider_counts_it_so() -> None:
    net = {id_ for id_ in BOOK.catalogue.provider_ids if not _provider(id_).cached_inside_input}

    assert net == {"anthropic", "aws"}


def _provider(id_: str) -> Provider:
    provider = BOOK.catalogue.provider(id_)
    assert provider is not None
    return provider


def test_the_generated_part_is_what_the_script_writes() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")
