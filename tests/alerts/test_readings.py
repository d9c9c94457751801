from __future__ import annotations

import random
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from alert_index import DAY, DAY_MS, HOUR_MS, MINUTE_MS, Wait, fault, filled, insert, past, put, rule, shares

from callscope.alerts.evaluate import Reading, Verdict, judge, tail
from callscope.alerts.rehearsal import moments, rehearse
from callscope.alerts.rule import SHAPES
from callscope.prices.budget import Budget

NOON = DAY + 12 * HOUR_MS


def verdict(root: Path, text: str, at_ms: int = NOON) -> Verdict:
    (found,) = verdicts(root, text, at_ms)
    return found


def verdicts(root: Path, text: str, at_ms: int = NOON) -> tuple[Verdict, ...]:
    one = rule(text)
    with past(root, at_ms) as now, past(root, at_ms + 3 * HOUR_MS, at_ms - DAY_MS) as later:
        reading = now.read(one, at_ms)
        if not SHAPES[one.kind].only_now:
            assert later.read(one, at_ms) == reading  # the past gives the reading that it gave then
    return judge(one, reading)


def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        for at_ms in (NOON - HOUR_MS - 1, NOON - HOUR_MS, NOON - 1, NOON):
            put(db, at_ms=at_ms)

    assert verdict(tmp_path, 'kind = "no_calls"\nwindow = "1h"\nthreshold = 3').value == 2


@pytest.mark.parametrize("window", ["50m", "3h", "2d"])
@pytest.mark.parametrize("where", ["", 'where = "agent:desk"', 'where = "errors<2"'])
def test_figures_are_the_same_from_rollups_and_from_calls(tmp_path: Path, window: str, where: str) -> None:
    chance, errors, waits = random.Random(1), 0, []
    begins_ms = NOON + 7 * MINUTE_MS - {"50m": 50, "3h": 180, "2d": 2880}[window] * MINUTE_MS
    calls = 0
    with filled(tmp_path) as db:
        for _ in range(900):
            at_ms, wait = NOON + 7 * MINUTE_MS - chance.randrange(3 * DAY_MS), chance.randrange(300, 4000)
            has_error = chance.random() < 0.3
            put(db, at_ms=at_ms, errors=int(has_error), waits=[Wait(wait)])
            if at_ms >= begins_ms:
                calls, errors = calls + 1, errors + has_error
                waits.append(wait)

    text = f'window = "{window}"\nminimum_calls = 1\n{where}\n'
    rate = verdict(tmp_path, f'kind = "error_rate"\nthreshold = "1%"\n{text}', NOON + 7 * MINUTE_MS)
    of_waits = f'kind = "latency"\nthreshold = "1s"\npercentile = 50\nminimum_answers = 1\n{text}'
    wait_ms = verdict(tmp_path, of_waits, NOON + 7 * MINUTE_MS)

    assert rate.value == errors / calls
    assert wait_ms.value == pytest.approx(sorted(waits)[len(waits) // 2], rel=0.05)


def test_too_few_calls_tell_nothing(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        for number in range(19):
            put(db, at_ms=NOON - MINUTE_MS * (number + 1), errors=1)
    text = 'kind = "error_rate"\nthreshold = "5%"\n'

    assert verdict(tmp_path, text).holds is None
    assert verdict(tmp_path, f"{text}minimum_calls = 19").holds is True


def test_every_kind_reads_what_it_says(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        for number in range(20):
            put(
                db, at_ms=NOON - MINUTE_MS * (number + 1), errors=int(number < 2), cost_usd=0.25 * number,
                unpriced=int(number == 3), status="failed" if number < 5 else "completed",
                waits=[Wait(1000 + number, interrupted=number < 4, stages={"llm": 500}), Wait(answered=number > 0)],
                labels={"outcome": "Booked" if number < 6 else "lost"} if number < 8 else {},
                duration_ms=1000.0 * number,
            )  # fmt: skip
        db.execute("UPDATE call SET lost = 7 WHERE errors > 0")
        db.execute("UPDATE call SET ended_at_ms = started_at_ms + duration_ms")
        insert(db, "event_types", {"id": 1, "types": '["silence"]'})
        db.execute("UPDATE call SET event_types = 1 WHERE unpriced = 1")
    few = "minimum_calls = 1\n"
    expected = {
        'kind = "call_cost"\nthreshold = "4"': (4.75, True),
        'kind = "cost"\nthreshold = "50"': (47.5, False),
        'kind = "cost"\nper = "day"\nthreshold = "40"': (47.5, True),
        'kind = "latency"\nstage = "llm"\nthreshold = "1s"': (500, False),
        'kind = "error_rate"\nthreshold = 2': (2, True),
        'kind = "error_rate"\nthreshold = "11%"': (0.1, False),
        'kind = "silence"\nthreshold = "10%"': (0.1, True),
        'kind = "completion_rate"\nthreshold = "80%"': (0.75, True),
        'kind = "success_rate"\nlabel = "outcome"\ngood = ["booked"]\nthreshold = "70%"': (0.75, False),
        'kind = "unpriced"': (1, True),
        'kind = "lost_rows"': (14, True),
        'kind = "no_calls"': (20, False),
        'kind = "long_call"\nthreshold = "20s"': (19_000, False),
    }

    for text, (value, holds) in expected.items():
        found = verdict(tmp_path, text if "no_calls" in text else f"{text}\n{few}")
        assert found.value == pytest.approx(value), text
        assert found.holds is holds, text
    rate = verdict(tmp_path, 'kind = "interruption_rate"\nthreshold = "10%"\nminimum_calls = 1')
    assert rate.value == pytest.approx(4 / 39)
    assert rate.holds


def test_what_nobody_knows_the_price_of_is_no_cost_of_nothing(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        put(db, at_ms=NOON - MINUTE_MS, cost_usd=None)

    for kind in ("cost", "call_cost"):
        found = verdict(tmp_path, f'kind = "{kind}"\nthreshold = "1"')
        assert (found.value, found.holds) == (None, None)


def test_a_call_that_goes_on_is_not_unpriced_yet(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        put(db, at_ms=NOON - MINUTE_MS, cost_usd=None, status="in_progress")
        put(db, at_ms=NOON - MINUTE_MS)

    assert verdict(tmp_path, 'kind = "unpriced"').holds is False


def test_a_call_that_goes_on_is_as_long_as_it_is_by_then(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        put(db, at_ms=NOON - 2 * HOUR_MS, status="in_progress", duration_ms=None)
        ended = put(db, at_ms=NOON - 3 * HOUR_MS)
        db.execute("UPDATE call SET ended_at_ms = ? WHERE id = ?", (NOON - HOUR_MS, ended))
    text = 'kind = "long_call"\nthreshold = "3h"\n'

    assert verdict(tmp_path, text).value == 2 * HOUR_MS
    assert verdict(tmp_path, text, NOON + 90 * MINUTE_MS).value == 3.5 * HOUR_MS
    assert verdict(tmp_path, text, NOON - 90 * MINUTE_MS).value == 1.5 * HOUR_MS  # nobody knew its end


def test_a_new_error_is_one_that_no_call_ever_had_and_counts_in_its_own_moment(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        old = put(db, at_ms=NOON - 9 * DAY_MS, errors=1)
        fault(db, old, "old")
        long = put(db, at_ms=NOON - 2 * HOUR_MS, errors=2, agent="other")
        fault(db, long, "old", ts_ms=NOON - 5 * MINUTE_MS)
        fault(db, long, "new", ts_ms=NOON - 4 * MINUTE_MS, seq=1)
        put(db, at_ms=NOON - MINUTE_MS)
    text = 'kind = "new_error"\nwindow = "1h"\n'

    (found,) = verdicts(tmp_path, text)
    assert (found.key, found.holds, found.value) == ("new", True, 1)
    assert found.words == "A new error: 'pattern new' (llm, openai), 1 time in 1 hour."
    assert verdicts(tmp_path, text, NOON - 10 * MINUTE_MS) == ()
    assert verdicts(tmp_path, f'{text}where = "agent:desk"') == ()


def test_an_error_rises_when_it_is_more_frequent_a_call_than_before(tmp_path: Path) -> None:
    def many(db: sqlite3.Connection, at_ms: int, calls: int, errors: int) -> None:
        for number in range(calls):
            call = put(db, at_ms=at_ms + number * 1000, errors=int(number < errors))
            if number < errors:
                fault(db, call, "f")

    with filled(tmp_path) as db:
        for hour in range(2, 50):
            many(db, NOON - hour * HOUR_MS, 20, 1)
        many(db, NOON - HOUR_MS, 20, 7)
    text = 'kind = "rising_error"\nwindow = "1h"\nbaseline = "2d"\nthreshold = "3x"\n'

    (found,) = verdicts(tmp_path, text)
    assert found.holds
    assert found.value == pytest.approx(7, rel=0.1)
    (before,) = verdicts(tmp_path, text, NOON - HOUR_MS)
    assert not before.holds


def test_less_than_usual_is_found_and_as_little_as_chance_makes_is_not(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        chance = random.Random(3)
        for day in range(1, 15):
            shares(db, NOON - (day + 1) * DAY_MS, sum(chance.random() < 0.8 for _ in range(50)), 50)
        shares(db, NOON - DAY_MS, 27, 50)
    text = 'kind = "completion_rate"\nwindow = "1d"\nbaseline = "14d"\nworse_by = "10%"\n'

    found = verdict(tmp_path, text)
    assert found.holds
    assert "54.0 % (27 of 50) in 1 day; usual is " in found.words
    assert not verdict(tmp_path, f'{text}confidence = "99.9999%"').holds
    assert not verdict(tmp_path, text.replace('"10%"', '"40%"')).holds
    assert not any(verdict(tmp_path, text, NOON - day * DAY_MS).holds for day in range(1, 6))
    assert verdict(tmp_path, text, NOON - 12 * DAY_MS).holds is None  # too little past to know what is usual


def test_waits_that_are_longer_than_usual_are_found(tmp_path: Path) -> None:
    chance = random.Random(5)
    with filled(tmp_path) as db:
        for number in range(2400):
            at_ms = NOON - number * 6 * MINUTE_MS - 1
            put(db, at_ms=at_ms, waits=[Wait(round(chance.gauss(1000, 150) * (1.6 if number < 60 else 1)))])
    text = 'kind = "latency"\nwindow = "6h"\nbaseline = "7d"\nworse_by = "20%"\n'

    assert verdict(tmp_path, text).holds
    assert not verdict(tmp_path, text, NOON - DAY_MS).holds


def test_budgets_are_read_by_their_period_up_to_the_moment(tmp_path: Path) -> None:
    budget = Budget(name="day", usd=Decimal(10), per="day")
    with filled(tmp_path) as db:
        for hour in (0, 5, 11):
            call = put(db, at_ms=DAY + hour * HOUR_MS + MINUTE_MS)
            line = '[["llm","openai","gpt-4.1","priced",null,null,null,null,4.0]]'
            insert(db, "detail", {"id": call << 20, "turns": "[]", "usage": "[]", "cost_lines": line, "parts": "[]",
                                  "events": "[]"})  # fmt: skip
            db.execute("INSERT INTO hour_spend SELECT ?, dimensions, 'llm', 'openai', 'gpt-4.1', 4000000000, 1, 0 "
                       "FROM call WHERE id = ?", (DAY + hour * HOUR_MS, call))  # fmt: skip
    one = rule('kind = "budget"\nthreshold = "80%"')
    with past(tmp_path, NOON, DAY - HOUR_MS, budgets=(budget,)) as known:
        values = [
            judge(one, known.read(one, at_ms))[0].value
            for at_ms in (DAY - 1, DAY + HOUR_MS, DAY + 6 * HOUR_MS, DAY + 11 * HOUR_MS + 2 * MINUTE_MS)
        ]

    assert values == pytest.approx([0, 0.4, 0.8, 1.2])


def test_the_room_on_the_disk_is_known_now_and_unknown_in_the_past(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        put(db)
    one = rule('kind = "disk"\nthreshold = "100%"')

    with past(tmp_path, NOON) as now, past(tmp_path, NOON, NOON - HOUR_MS) as then:
        assert judge(one, now.read(one, NOON))[0].holds is True
        assert judge(one, then.read(one, NOON))[0].holds is None


def test_the_chance_of_so_many_is_that_of_the_binomial_distribution() -> None:
    assert tail(3, 10, 0.1) == pytest.approx(0.0701908264)
    assert tail(1, 10, 0.5) == 1.0
    assert tail(10, 10, 0.5) == pytest.approx(0.5**10)


def test_a_rehearsal_tells_what_a_look_at_each_moment_tells_and_shows_calls(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        for minute in range(0, 600, 5):
            put(db, at_ms=DAY + minute * MINUTE_MS, errors=int(200 <= minute < 300))
    one = rule('kind = "error_rate"\nthreshold = "50%"\nwindow = "1h"\nminimum_calls = 5\nrepeat = "1h"')

    with past(tmp_path, DAY + 10 * HOUR_MS, DAY) as known:
        found = rehearse(known, [one], moments(DAY, DAY + 10 * HOUR_MS, 5 * MINUTE_MS))

    told = [(notice.state, (notice.at_ms - DAY) // MINUTE_MS) for notice in found.notices]
    assert told == [("fired", 230), ("repeated", 290), ("resolved", 335)]
    assert len(found.notices[0].calls) == 3
    assert found.notices[0].where == "errors>0 since:2026-11-21T02:50:00Z until:2026-11-21T03:50:00Z"
    assert found.notices[0].link.startswith("/calls?q=errors%3E0%20since%3A")


def test_a_share_of_nothing_is_unknown() -> None:
    reading = Reading(at_ms=NOON, since_ms=DAY, calls=0, value=None, n=0)

    (found,) = judge(rule('kind = "error_rate"\nthreshold = "5%"'), reading)

    assert found.holds is None
    assert "–" in found.words
