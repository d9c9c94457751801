"""What calls cost by group: the same as the envelopes of the calls add up to, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dashboards import NOW_MS, site_of
from plain_files import DAY_MS, HOUR_MS, line, put

from callscope.archive.reader import read_envelope
from callscope.archive.spend import CallSpend, call_spend
from callscope.index.index import Index
from callscope.query.language import parse
from callscope.report import budgets
from callscope.web.cost_review import budgets_of
from callscope.web.spending import Key, Spent, calls_by, regrouped, spent

QUERIES = (
    "",
    "since:24h",
    "since:7d",
    "since:36h until:9h",
    "agent:billing since:3d",
    "cost>0.3",
    "version:2.4 -agent:x",
)
UNITS = {"hour": HOUR_MS, "day": DAY_MS}
COLUMNS = (("provider",), ("service",), ("provider", "model"), ("agent", "version"), ("hour",), ("day", "provider"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls of four days: of two currencies, with nothing priced, nothing billed, and more lines than a row holds."""
    root = tmp_path_factory.mktemp("spending") / "archive"
    foreign = {"amount": "0.20", "currency": "EUR"}
    kinds: tuple[list[Any], ...] = (
        [line("openai", "0.4000001", model="gpt-4.1"), line("deepgram", "0.1", service="stt")],
        [line("openai", "0.217", model="gpt-4.1") | foreign, line("acme", None, service="tts") | foreign],
        [line("acme", None, service="tts", model="voice"), line("", "0", service="other")],
        [line("openai", "0.001", model="gpt-4.1") for _ in range(300)] + [line("openai", None)],
        [],
    )
    for hours in range(0, 96, 3):
        put(
            root,
            f"CA{hours}",
            ago_ms=hours * HOUR_MS + 1234,
            agent="billing" if hours % 2 else "front-desk",
            lines=kinds[hours // 3 % len(kinds)],
        )
    return root


@pytest.fixture(scope="module")
def index(root: Path) -> Index:
    return site_of(root).index


@pytest.fixture(scope="module")
def spends(root: Path) -> list[CallSpend]:
    """Each call's envelope, read as the terminal reads it: one without lines has what says that nothing is known."""
    calls = [read_envelope(path.parent, now_ms=NOW_MS) for path in root.rglob("metadata.json")]
    return [call_spend(call, started_at_ms=call.started_at_ms or 0) for call in calls]


def keys(spend: CallSpend, by: tuple[str, ...]) -> Iterator[tuple[Key, Decimal | None]]:
    """The key and the dollars of each line."""
    about: dict[str, str | int] = {"agent": spend.agent or "", "version": spend.agent_version or ""}
    about |= {name: spend.started_at_ms - spend.started_at_ms % length for name, length in UNITS.items()}
    for each in spend.lines:
        of_line = {"service": each.service, "provider": each.provider or "", "model": each.model or ""}
        yield tuple((about | of_line)[name] for name in by), each.usd


def found_by(index: Index, spends: list[CallSpend], text: str) -> list[CallSpend]:
    """Those of the calls of a query."""
    names = {call.call_id for call in index.calls(parse(f"{text} limit:1000", now_ms=NOW_MS)).calls}
    return [each for each in spends if each.call_id in names]


@pytest.mark.parametrize(("text", "by"), list(product(QUERIES, COLUMNS)))
def test_groups_are_what_the_envelopes_add_up_to(
    index: Index, spends: list[CallSpend], text: str, by: tuple[str, ...]
) -> None:
    usd: dict[Key, list[Decimal]] = {}
    lines: Counter[Key] = Counter()
    for spend in found_by(index, spends, text):
        for key, amount in keys(spend, by):
            lines[key] += 1
            usd.setdefault(key, []).extend([] if amount is None else [amount])

    found = spent(index, parse(text, now_ms=NOW_MS), by=by)

    unpriced = {key: lines[key] - len(usd[key]) for key in lines}
    known = {key: sum(usd[key], Decimal(0)) if usd[key] else None for key in lines}
    assert {each.key: (each.usd, each.lines, each.unpriced) for each in found} == {
        # What costs nothing says nothing of what the rest costs.
        key: (None if unpriced[key] and not known[key] else known[key], lines[key], unpriced[key])
        for key in lines
    }


@pytest.mark.parametrize(("text", "by"), list(product(QUERIES, COLUMNS[:3])))
def test_a_call_counts_once_for_each_group_that_it_has_lines_of(
    index: Index, spends: list[CallSpend], text: str, by: tuple[str, ...]
) -> None:
    calls: Counter[Key] = Counter()
    for spend in found_by(index, spends, text):
        calls.update({key for key, _ in keys(spend, by)})

    assert calls_by(index, parse(text, now_ms=NOW_MS), by) == calls


@pytest.mark.parametrize(("text", "by"), list(product(QUERIES, (("agent", "version"), ("day",)))))
def test_every_call_counts_for_its_agent_and_day(
    index: Index, spends: list[CallSpend], text: str, by: tuple[str, ...]
) -> None:
    calls = Counter(
        key
        for spend in found_by(index, spends, text)
        for key, _ in keys(msgspec.structs.replace(spend, lines=spend.lines[:1]), by)
    )

    assert calls_by(index, parse(text, now_ms=NOW_MS), by) == calls


def test_groups_added_up_to_fewer_are_what_is_asked_for_at_once(index: Index) -> None:
    query = parse("", now_ms=NOW_MS)
    of_provider: Callable[[Key], Key] = lambda key: key[1:]  # noqa: E731 -- with its type

    found = regrouped(spent(index, query, by=("day", "provider")), of_provider)

    assert sorted(found, key=lambda each: each.key) == spent(index, query, by=("provider",))


def test_budgets_from_the_index_stand_as_those_from_the_envelopes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, file = tmp_path / "archive", tmp_path / "budgets.toml"
    of_provider = '[[budget]]\nname = "{0}"\nprovider = "{0}"\nusd = "10"\nper = "month"\n'
    a_call = '[[budget]]\nname = "a call"\nusd = "10"\nper = "call"\n'
    file.write_text("schema = 1\n" + of_provider.format("local") + of_provider.format("openai") + a_call)
    monkeypatch.setenv("CALLSCOPE_BUDGETS", str(file))
    free = line("piper", "0", service="tts", status="not_billed", biller="local")
    for name in ("CA3", "CA0", "CA2"):
        put(root, name, lines=[free, line("local", None), line("localhost", "2", biller="openai")])

    told = budgets.states(root, None, now_ms=NOW_MS).states

    assert [(state.known_usd, state.unpriced, state.period[:2]) for state in told] == [
        (None, 3, "20"),
        (Decimal(6), 0, "20"),
        (Decimal(2), 1, "CA"),
    ]
    assert told[2].period == "CA0"
    assert budgets_of(site_of(root).index, now_ms=NOW_MS).states == told


def test_groups_added_up_are_unknown_where_only_zeros_are_known() -> None:
    free = Spent(key=("a",), usd=Decimal(0), lines=2, unpriced=0)
    unknown = Spent(key=("b",), usd=None, lines=1, unpriced=1)
    dear = Spent(key=("c",), usd=Decimal(1), lines=1, unpriced=0)

    def added(*parts: Spent) -> list[Decimal | None]:
        return [each.usd for each in regrouped(parts, lambda _: ())]

    assert (added(free), added(free, unknown), added(unknown, free)) == ([Decimal(0)], [None], [None])
    assert added(free, unknown, dear) == added(dear, unknown, free) == [Decimal(1)]
