"""The loop: fires once, over restarts, through failures, whatever one rule or one target does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback_ears import HANG, Receiver, receiver
from watched import HOUR_MS, NOBODY_CALLS, Watched, target

from callscope.alerts import history, lookout, store
from callscope.alerts.standing import troubles
from callscope.alerts.watch import Problem

EVENT = target("file", "event")
BUDGET = '[[rule]]\nname = "money"\nkind = "budget"\n'
Begin = Callable[..., Watched]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-settings"))
    begun: list[Watched] = []

    def begin(*parts: str) -> Watched:
        begun.append(Watched(tmp_path, *parts))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def hook(here: Receiver, *lines: str, name: str = "hook") -> str:
    return target(name, "webhook", f'url = "{here.address}"', *lines)


def events(at: Watched) -> list[str]:
    file = at.root / "alerts.jsonl"
    return [json.loads(line)["state"] for line in file.read_text().splitlines()] if file.exists() else []


def problems(at: Watched) -> list[str]:
    return [each.words for each in at.told if isinstance(each, Problem) and not each.is_over]


def test_an_incident_reaches_an_endpoint_once_and_its_end_once(watched: Begin) -> None:
    with receiver() as here:
        at = watched(NOBODY_CALLS, hook(here))
        assert [at.look(), at.look(after_ms=30_000), at.look(after_ms=30_000)] == [["fired"], [], []]
        at.call("one", at.now_ms)
        assert [at.look(after_ms=1000), at.look(after_ms=30_000)] == [["resolved"], []]

    assert [posted.document["state"] for posted in here.posted] == ["fired", "resolved"]
    assert here.posted[0].document["incident"] == here.posted[1].document["incident"]


def test_a_restart_does_not_fire_again(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    at.look()
    at.watch.finish()

    at.begin()

    assert at.look(after_ms=30_000) == []
    assert events(at) == ["fired"]


def test_a_receiver_that_fails_twice_gets_the_same_notice_until_it_takes_it(watched: Begin) -> None:
    with receiver(503, 500, 200) as here:
        at = watched(NOBODY_CALLS, hook(here))
        at.look()
        at.look(after_ms=9_999)
        assert len(here.posted) == 1
        at.look(after_ms=1)
        assert len(here.posted) == 2
        at.look(after_ms=20_000)
        at.look(after_ms=HOUR_MS)

    assert len({posted.headers["X-Callscope-Id"] for posted in here.posted}) == 1
    assert len(here.posted) == 3
    told = at.state.delivered["hook"]
    assert (told.sent, told.failed, told.given_up) == (1, 2, 0)


def test_a_receiver_that_hangs_holds_up_neither_the_others_nor_the_looking(watched: Begin) -> None:
    with receiver(HANG) as here:
        at = watched(NOBODY_CALLS, hook(here, 'timeout = "30s"'), EVENT)
        at.watch.look()
        at.watch.pump()
        assert here.came.wait(30)
        at.call("one", at.now_ms)
        at.now_ms += 1000
        at.watch.look()
        while events(at) != ["fired", "resolved"]:
            at.watch.drain(patience_seconds=0.01)

        assert len(here.posted) == 1
        assert len([each for each in at.state.pending if each.target == "hook"]) == 2
        here.closing.set()
        at.watch.drain(patience_seconds=30)


def test_a_process_that_is_killed_before_it_sends_sends_after_its_restart(watched: Begin) -> None:
    with receiver() as here:
        at = watched(NOBODY_CALLS, hook(here))
        (notice,) = at.watch.look()

        at.begin()
        at.look(after_ms=5_000)

    assert [posted.document["id"] for posted in here.posted] == [notice.id]


def test_a_process_that_is_killed_after_it_sent_sends_again_with_the_same_id(watched: Begin) -> None:
    with receiver() as here:
        at = watched(NOBODY_CALLS, hook(here))
        at.watch.look()
        at.watch.pump()
        at.watch._senders.wait(30)  # what came of it is fetched by nobody

        at.begin()
        at.look()

    first, second = here.posted
    assert first.body == second.body


def test_a_target_whose_least_severity_is_higher_is_not_told(watched: Begin) -> None:
    rule = NOBODY_CALLS.replace('"critical"', '"warning"')
    at = watched(rule, target("urgent", "event", 'severity = "critical"'))

    assert at.look() == ["fired"]
    assert events(at) == []


def test_a_rule_that_cannot_be_looked_at_is_a_problem_and_the_others_go_on(watched: Begin) -> None:
    at = watched(BUDGET, NOBODY_CALLS, EVENT)

    assert at.look() == ["fired"]
    at.look(after_ms=30_000)

    (problem,) = problems(at)
    assert problem.startswith("rule 'money': ")
    assert "budgets" in problem
    assert at.watch.lookout.problems == (problem,)


def test_a_problem_that_is_gone_is_told_once(watched: Begin) -> None:
    at = watched(BUDGET, EVENT)
    at.look()
    at.write(NOBODY_CALLS, EVENT)
    at.look()
    at.look()

    assert [each.is_over for each in at.told if isinstance(each, Problem)] == [False, True]


def test_a_mistake_in_the_file_is_told_and_the_rules_before_it_go_on(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    at.look()
    at.write(NOBODY_CALLS.replace("window", "windwo"), EVENT)
    at.call("one", at.now_ms)

    assert at.look(after_ms=1000) == ["resolved"]
    (problem,) = problems(at)
    assert "rules.toml line 5" in problem
    assert "still watched" in problem


def test_a_secret_that_is_not_set_is_a_problem_and_nothing_is_looked_at(
    watched: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_URL", raising=False)
    at = watched(NOBODY_CALLS, target("hook", "webhook", 'url = "${HOOK_URL}"'))

    assert at.look() == []
    assert "no variable HOOK_URL" in problems(at)[0]


def test_no_file_of_ours_holds_a_secret(watched: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver((403, {"X-Why": "t0p-secret"})) as here:
        monkeypatch.setenv("HOOK_URL", f"{here.address}/t0p-secret")
        at = watched(NOBODY_CALLS, target("hook", "webhook", 'url = "${HOOK_URL}"', 'secret = "als0-secret"'))
        at.look()
        at.watch.finish()

    assert "answered 403" in at.state.delivered["hook"].last_error  # type: ignore[operator]  # it failed
    for file in at.root.rglob("*"):
        assert not file.is_file() or b"0p-secret" not in file.read_bytes()
        assert not file.is_file() or b"als0-secret" not in file.read_bytes()
    assert "0-secret" not in str(at.told)


def test_while_the_archive_cannot_be_read_no_rule_fires(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    (at.root / "calls").rename(at.root.parent / "away")
    at.root.rename(at.root.parent / "gone")

    assert at.look() == []
    assert "no archive" in problems(at)[0] or "no directory" in problems(at)[0]


def test_a_state_that_cannot_be_read_tells_nobody_and_is_left_alone(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    place = store.place_of(at.root)
    place.parent.mkdir(exist_ok=True)
    place.write_text('{"version": 1, "incidents": 7}')

    assert at.look() == []
    assert "cannot be read" in problems(at)[0]
    assert place.read_text() == '{"version": 1, "incidents": 7}'


def test_a_state_that_cannot_be_written_tells_nobody_until_it_can(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    place = store.place_of(at.root)
    at.watch.look()  # its first look has read the state
    at.begin()
    assert at.look() == []
    state = place.read_bytes()
    place.unlink()
    place.mkdir()  # nothing can be renamed to a directory
    at.call("one", at.now_ms)

    assert at.look(after_ms=1000) == []
    place.rmdir()
    place.write_bytes(state)
    assert at.look(after_ms=1000) == ["resolved"]


def test_what_was_told_is_kept_and_the_last_comes_first(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    at.look()
    at.call("one", at.now_ms)
    at.look(after_ms=1000)
    at.look(after_ms=2 * HOUR_MS)

    first, second = history.stories(history.load(at.root))
    assert (first.is_over, first.told) == (False, 1)
    assert (second.is_over, second.told) == (True, 2)


def test_a_notice_that_is_on_its_way_is_in_the_list_after_a_crash(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    (notice,) = at.watch.look()
    history.place_of(at.root).unlink()

    at.begin()
    at.watch.look()

    assert [each.id for each in history.load(at.root)] == [notice.id]


def test_the_last_look_is_written_down_and_its_end(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    at.look()
    now = lookout.load(at.root)
    assert now is not None
    assert (now.rules, now.looks, now.looked_ms) == (1, 1, at.now_ms)
    assert now.is_watching(now_ms=at.now_ms + 60_000)
    assert not now.is_watching(now_ms=at.now_ms + 600_000)

    at.watch.finish()
    ended = lookout.load(at.root)
    assert ended is not None
    assert not ended.is_watching(now_ms=at.now_ms)


def test_what_is_wrong_is_said_with_what_to_do(watched: Begin) -> None:
    with receiver(503) as here:
        at = watched(NOBODY_CALLS, hook(here))
        at.look()
        said = troubles(at.root, rules_file=at.file, now_ms=at.now_ms)
        at.watch.finish()
        after = troubles(at.root, rules_file=at.file, now_ms=at.now_ms)

    assert said == (
        "alerts do not reach hook (hook: answered 503 Service Unavailable); waiting there: 1, tried again for a day",
    )
    assert "run callscope watch" in after[0]


def test_incidents_of_a_rule_that_left_the_file_are_forgotten(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    at.look()
    assert at.state.arrived == {"nobody calls": at.now_ms}
    at.write(EVENT)
    at.look()

    assert (at.state.incidents, at.state.seen, at.state.arrived) == ((), {}, {})
