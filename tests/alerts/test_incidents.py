from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.alerts import store
from callscope.alerts.evaluate import Verdict
from callscope.alerts.incidents import Incident, Notice, step
from callscope.alerts.quiet import is_quiet
from callscope.alerts.rule import DAY_MS, HOUR_MS, MINUTE_MS, Quiet, Rule
from callscope.alerts.store import State, States
from callscope.errors import UnreadableError

START = 1_795_219_200_000  # 2026-11-21T00:00:00Z, a Saturday
NIGHT = Quiet(from_minute=22 * 60, to_minute=7 * 60, zone="UTC")

Told = list[tuple[str, int]]


def rule(**settings: object) -> Rule:
    fields: dict[str, object] = {"name": "r", "kind": "error_rate", **settings}
    return msgspec.convert(fields, Rule)


def run(
    one: Rule, said: Sequence[bool | None], *, every_ms: int = MINUTE_MS, restart: bool = False, start: int = START
) -> list[Notice]:
    incidents: dict[str, Incident] = {}
    told: list[Notice] = []
    for number, holds in enumerate(said):
        verdict = Verdict(holds=holds, value=1.0, words="w")
        incidents, notices = step(one, incidents, [verdict], start + number * every_ms)
        told += notices
        if restart:
            incidents = msgspec.json.decode(msgspec.json.encode(incidents), type=dict[str, Incident])
    return told


def minutes(notices: list[Notice]) -> Told:
    return [(notice.state, (notice.at_ms - START) // MINUTE_MS) for notice in notices]


def test_it_fires_once_and_its_end_is_told_once() -> None:
    told = minutes(run(rule(), [False, True, True, False, False, True]))

    assert told == [("fired", 1), ("resolved", 3), ("fired", 5)]


def test_it_fires_after_it_held_for_as_long_as_it_must() -> None:
    assert minutes(run(rule(for_ms=2 * MINUTE_MS), [True, True, False, True, True, True, True])) == [("fired", 5)]


def test_it_is_over_after_it_did_not_hold_for_as_long_as_it_must() -> None:
    said = [True, False, True, False, False, False]

    assert minutes(run(rule(recover_for_ms=2 * MINUTE_MS), said)) == [("fired", 0), ("resolved", 5)]


def test_not_enough_to_tell_neither_fires_nor_ends_it() -> None:
    assert minutes(run(rule(), [None, True, None, None, False, None])) == [("fired", 1), ("resolved", 4)]


def test_it_is_told_again_after_the_interval_and_only_while_it_holds() -> None:
    said = [True, True, True, True, False, False, True]
    one = rule(repeat_ms=2 * MINUTE_MS, recover_for_ms=HOUR_MS)

    assert minutes(run(one, said)) == [("fired", 0), ("repeated", 2), ("repeated", 6)]


def test_what_holds_at_the_end_of_quiet_hours_is_told_then() -> None:
    told = run(rule(quiet=NIGHT), [True] * 9, every_ms=HOUR_MS)

    assert [(notice.state, notice.at_ms - START) for notice in told] == [("fired", 7 * HOUR_MS)]
    assert told[0].since_ms == START


def test_what_begins_and_ends_in_quiet_hours_is_never_told() -> None:
    assert run(rule(quiet=NIGHT), [True, True, False, *[False] * 8], every_ms=HOUR_MS) == []


def test_an_end_in_quiet_hours_is_told_when_they_are_over() -> None:
    evening = START - 3 * HOUR_MS

    told = run(rule(quiet=NIGHT), [True, True, False, *[False] * 9], every_ms=HOUR_MS, start=evening)

    assert [(notice.state, notice.at_ms - START) for notice in told] == [
        ("fired", -3 * HOUR_MS),
        ("resolved", 7 * HOUR_MS),
    ]


def test_what_comes_back_before_its_end_was_told_goes_on_silently() -> None:
    evening = START - 3 * HOUR_MS

    told = run(rule(quiet=NIGHT), [True, False, True, *[True] * 9], every_ms=2 * HOUR_MS, start=evening)

    assert [notice.state for notice in told] == ["fired"]


def test_a_new_error_is_told_once_for_ever_also_when_it_comes_at_night() -> None:
    one = rule(kind="new_error", quiet=NIGHT)
    incidents: dict[str, Incident] = {}
    told: list[Notice] = []
    for hour in range(60):
        said = [Verdict(key="f", holds=True, words="A new error: f")] if hour in {1, 2, 40} else []
        incidents, notices = step(one, incidents, said, START + hour * HOUR_MS, by_parts=True)
        told += notices

    assert [(notice.state, notice.at_ms - START) for notice in told] == [
        ("fired", 7 * HOUR_MS),
        ("resolved", 8 * HOUR_MS),
    ]
    assert incidents["f"].state == "known"


def test_each_key_is_an_incident_of_its_own() -> None:
    one = rule(kind="rising_error")
    incidents, first = step(one, {}, [Verdict(key="a", holds=True)], START, by_parts=True)
    _, second = step(one, incidents, [Verdict(key="b", holds=True)], START + MINUTE_MS, by_parts=True)

    assert [(notice.state, notice.key) for notice in (*first, *second)] == [
        ("fired", "a"),
        ("resolved", "a"),
        ("fired", "b"),
    ]


RULES = st.builds(
    rule,
    for_ms=st.sampled_from([0, MINUTE_MS, 5 * MINUTE_MS]),
    recover_for_ms=st.sampled_from([0, MINUTE_MS, 5 * MINUTE_MS]),
    repeat_ms=st.sampled_from([None, 3 * MINUTE_MS]),
    quiet=st.sampled_from([None, NIGHT, Quiet(from_minute=10, to_minute=20, zone="Europe/Berlin")]),
)
SAID = st.lists(st.sampled_from([True, False, None]), max_size=60)


@given(RULES, SAID, st.sampled_from([MINUTE_MS, 17 * MINUTE_MS, HOUR_MS]))
def test_whatever_is_said_beginnings_and_ends_alternate_and_quiet_hours_are_quiet(
    one: Rule, said: list[bool | None], every_ms: int
) -> None:
    told = run(one, said, every_ms=every_ms)

    edges = [notice.state for notice in told if notice.state != "repeated"]
    assert edges == (["fired", "resolved"] * len(edges))[: len(edges)]
    assert all(told[number - 1].state != "resolved" for number, notice in enumerate(told) if notice.state == "repeated")
    assert not any(is_quiet(one.quiet, notice.at_ms) for notice in told)
    assert len({notice.id for notice in told}) == len(told)


@given(RULES, SAID, st.sampled_from([MINUTE_MS, HOUR_MS]))
def test_a_restart_at_any_point_changes_nothing(one: Rule, said: list[bool | None], every_ms: int) -> None:
    assert run(one, said, every_ms=every_ms, restart=True) == run(one, said, every_ms=every_ms)


@pytest.mark.parametrize(
    ("hour", "zone", "days", "quiet"),
    [
        (23, "UTC", (5,), True),  # Saturday evening
        (23, "UTC", (6,), False),
        (30, "UTC", (5,), True),  # the morning after it
        (31, "UTC", (5,), False),
        (6, "UTC", (5,), False),  # the morning of Friday's night
        (6, "Europe/Berlin", (4,), False),  # seven there
        (5, "Europe/Berlin", (4,), True),
    ],
)
def test_quiet_hours_are_those_of_their_zone_and_the_day_they_begin(
    hour: int, zone: str, days: tuple[int, ...], *, quiet: bool
) -> None:
    hours = Quiet(from_minute=22 * 60, to_minute=7 * 60, zone=zone, days=days)

    assert is_quiet(hours, START + hour * HOUR_MS) is quiet


def test_the_state_is_the_same_when_it_is_read_again_and_one_process_holds_it(tmp_path: Path) -> None:
    incidents, notices = step(rule(), {}, [Verdict(holds=True, value=0.5, words="w")], START + DAY_MS)
    delivery = store.Delivery(notice=notices[0], target="log")
    state = State(incidents=tuple(incidents.values()), pending=(delivery,))

    states = States().having(tmp_path / "rules.toml", state)

    with store.held(tmp_path) as ours, store.held(tmp_path) as of_another:
        assert (ours, of_another) == (True, False)
        store.save(tmp_path, states)

    assert store.load(tmp_path) == states
    assert store.load(tmp_path).of(tmp_path / "rules.toml") == state
    assert store.load(tmp_path / "elsewhere") == States()


def test_a_state_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    store.save(tmp_path, States())
    store.place_of(tmp_path).write_text('{"version": 2, "files": {"rules.toml"')

    with pytest.raises(UnreadableError, match=r"alerts\.json cannot be read .* move it away"):
        store.load(tmp_path)
