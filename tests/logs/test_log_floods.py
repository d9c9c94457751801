from __future__ import annotations

import logging
import threading
from pathlib import Path

import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_lines import configured, lines_of

from callscope.logs.flood import SECOND_NS, Flood
from callscope.logs.line import Line


def a_line(text: str, at_ns: int) -> Line:
    return Line(at_ns=at_ns, level=30, logger="shop", text=text, origin="logging")


def test_the_same_line_a_thousand_times_is_one_line_and_an_exact_count(tmp_path: Path) -> None:
    with configured(tmp_path) as made:

        def flood() -> None:
            for _ in range(2500):
                logging.getLogger("shop").warning("slow")

        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made.flush()
        health = made.health()

    lines = lines_of(tmp_path)
    assert sum(line.get("repeated", 1) for line in lines) == 10_000
    assert len(lines) < 40
    assert (health.accepted, health.written, health.pending) == (10_000, 10_000, 0)
    assert health.folded == sum(line.get("repeated", 0) for line in lines)


def test_lines_that_differ_in_what_was_put_into_them_pass_up_to_a_number(tmp_path: Path) -> None:
    with configured(tmp_path, flood_lines=5):
        for number in range(1000):
            logging.getLogger("shop").warning("frame %d is late", number)

    lines = lines_of(tmp_path)
    assert [line["event"] for line in lines[:5]] == [f"frame {number} is late" for number in range(5)]
    assert sum(line.get("repeated", 1) for line in lines) == 1000
    assert len(lines) < 100


def test_lines_that_have_nothing_in_common_but_their_place_all_pass(tmp_path: Path) -> None:
    with configured(tmp_path, flood_lines=5):
        for number in range(300):
            logging.getLogger("shop").warning(f"frame {number} is late")  # noqa: G004 -- as programs do

    assert len(lines_of(tmp_path)) == 300


def test_events_with_other_fields_are_other_wordings(tmp_path: Path) -> None:
    with configured(tmp_path, flood_lines=5):
        for number in [1, 1, 2, 2, 3]:
            structlog.get_logger("shop").warning("ordered", table=number)

    assert [(line["data"]["table"], line.get("repeated")) for line in lines_of(tmp_path)] == [
        (1, None), (2, None), (3, None), (2, 2),
    ]  # fmt: skip


def test_lines_of_different_loggers_and_levels_are_not_alike(tmp_path: Path) -> None:
    with configured(tmp_path):
        for name in ("shop", "kitchen"):
            logging.getLogger(name).warning("slow")
            logging.getLogger(name).error("slow")

    assert [(line["logger"], line["level"]) for line in lines_of(tmp_path)] == [
        ("shop", "warning"), ("shop", "error"), ("kitchen", "warning"), ("kitchen", "error"),
    ]  # fmt: skip


def test_a_flood_that_goes_on_is_told_every_second() -> None:
    flood = Flood(20)
    passed = [number for number in range(30) if flood.passes(("k",), a_line("slow", number * SECOND_NS // 10))]

    assert passed == [0, 10, 20]
    assert [line.repeated for line in flood.due(3 * SECOND_NS)] == [9, 9, 9]
    assert (flood.waiting, flood.busy) == (0, False)


@settings(max_examples=60, deadline=None)
@given(
    moments=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(-1, 12)), max_size=80),
    wordings=st.integers(1, 3),
)
def test_whatever_comes_passed_and_folded_make_the_sum(moments: list[tuple[int, int, int]], wordings: int) -> None:
    flood = Flood(wordings)
    passed = told = 0
    now = SECOND_NS
    for kind, wording, step in moments:
        now += step * SECOND_NS // 5  # also backwards: clocks are set
        passed += flood.passes((kind,), a_line(f"{kind} {wording}", now))
        if step == 7:
            told += sum(line.repeated for line in flood.due(now))
    told += sum(line.repeated for line in flood.due(0, everything=True))

    assert passed + told == len(moments)
    assert flood.waiting == 0
