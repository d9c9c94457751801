"""Several files of rules on one archive: who looks by one of them leaves what the others say alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from loopback_ears import receiver
from noticed import AT_MS, notice
from test_alerts_page import page
from watched import HOUR_MS, NOBODY_CALLS, Watched, target

from callscope.alerts import store
from callscope.alerts.rule import DAY_MS
from callscope.alerts.standing import troubles
from callscope.alerts.store import Delivery, Seen, State, States

EVENT = target("file", "event")
NOTHING_ENDS = '[[rule]]\nname = "nothing for a day"\nkind = "no_calls"\nwindow = "1d"\n'
Begin = Callable[..., Watched]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Begin]:
    begun: list[Watched] = []

    def begin(*parts: str) -> Watched:
        begun.append(Watched(tmp_path, *parts))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def other_file(at: Watched, *parts: str) -> Path:
    file = at.file.with_name("other.toml")
    file.write_text("\n".join(["schema = 1", *parts]))
    return file


def once(at: Watched, file: Path | None = None, *, after_ms: int = 60_000) -> list[str]:
    """As a run of ``callscope watch --once``."""
    at.begin(file)
    states = at.look(after_ms=after_ms)
    at.watch.finish()
    return states


def test_two_files_that_take_turns_tell_each_incident_once(watched: Begin) -> None:
    with receiver() as here:
        hook = target("hook", "webhook", f'url = "{here.address}"')
        at = watched(NOBODY_CALLS, hook)
        other = other_file(at, NOTHING_ENDS, hook)
        told = [once(at, file) for file in (None, other, None, other, None)]

    assert told == [["fired"], ["fired"], [], [], []]
    assert [posted.document["rule"] for posted in here.posted] == ["nobody calls", "nothing for a day"]


def test_rules_of_the_same_name_in_two_files_are_two_rules(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    other = other_file(at, '[[rule]]\nname = "nobody calls"\nkind = "disk"\nthreshold = "1MB"\n', EVENT)

    assert [once(at), once(at, other), once(at)] == [["fired"], [], []]


def test_a_rule_that_left_its_file_is_forgotten_and_those_of_the_other_file_are_not(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    other = other_file(at, NOTHING_ENDS, EVENT)
    once(at)
    once(at, other)
    at.write(EVENT)
    once(at)

    assert at.state.incidents == ()
    assert [each.rule for each in store.load(at.root).of(other).incidents] == ["nothing for a day"]


def test_what_waits_for_a_target_is_sent_by_its_own_file_alone(watched: Begin) -> None:
    with receiver(503, 200) as first, receiver() as second:
        at = watched(NOBODY_CALLS, target("hook", "webhook", f'url = "{first.address}"'))
        other = other_file(at, target("hook", "webhook", f'url = "{second.address}"'))
        once(at)
        once(at, other, after_ms=HOUR_MS)
        assert len(at.state.pending) == 1
        once(at)

    assert (len(first.posted), len(second.posted)) == (2, 0)
    assert not at.state.pending


def test_another_path_to_the_same_file_finds_its_state(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    link = at.file.with_name("link.toml")
    link.symlink_to(at.file)

    assert [once(at), once(at, link), once(at)] == [["fired"], [], []]
    assert len(store.load(at.root).files) == 1


def test_a_link_that_leads_to_the_next_release_keeps_its_state(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    link, release = at.file.with_name("link.toml"), other_file(at, NOBODY_CALLS, EVENT)
    link.symlink_to(at.file)
    once(at, link)
    link.unlink()
    link.symlink_to(release)

    assert once(at, link) == []


def as_before(at: Watched) -> None:
    """The state as it was when there was one for all files."""
    place = store.place_of(at.root)
    place.write_text(json.dumps({"version": 1, **msgspec.to_builtins(at.state)}))


def test_an_old_state_is_of_the_file_that_was_looked_at_last(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    other = other_file(at, NOTHING_ENDS, EVENT)
    once(at)
    as_before(at)

    assert [once(at, other), once(at)] == [["fired"], []]


def test_an_old_state_of_nobody_knows_which_file_is_of_the_first_that_asks(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    once(at)
    as_before(at)
    (at.root / ".callscope" / "watch.json").unlink()

    assert once(at) == []
    assert list(store.load(at.root).files) == [str(at.file)]


def test_the_state_of_a_file_that_is_gone_goes_after_a_day(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    other = other_file(at, EVENT)
    once(at)
    at.file.unlink()

    once(at, other)
    assert len(store.load(at.root).files) == 2
    once(at, other, after_ms=DAY_MS)
    assert list(store.load(at.root).files) == [str(other)]


def test_a_file_that_is_there_keeps_its_state_however_long_nobody_looks(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    once(at)
    once(at, other_file(at, EVENT), after_ms=30 * DAY_MS)

    assert len(at.state.incidents) == 1


def test_the_page_shows_what_fires_by_all_files_and_that_it_goes_on(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    other = other_file(at, NOTHING_ENDS, EVENT)
    once(at)
    once(at, other)

    shown = page(at)

    assert "2 incidents" in shown
    assert shown.count('">goes on</span>') == 2
    assert "not told</span>" not in shown
    assert f'1 rule in <span class="mono">{at.file}</span>, looked at' in shown
    assert f'1 rule in <span class="mono">{other}</span>, looked at' in shown
    assert 'id="rail-Alerts" data-part>2</b>' in shown


def test_a_notice_that_nobody_got_is_not_called_told_on_the_page(watched: Begin) -> None:
    with receiver(503) as here:
        at = watched(NOBODY_CALLS, target("hook", "webhook", f'url = "{here.address}"'))
        once(at)
        shown = page(at)

    assert "not delivered to hook" in shown
    assert "1×" not in shown


def test_what_does_not_arrive_is_told_with_its_file_where_there_are_several(watched: Begin) -> None:
    at = watched(EVENT)
    waiting = Delivery(notice=notice(), target="hook", error="no")
    mine = State(pending=(waiting,), seen={"r": Seen(at_ms=AT_MS, value=None, holds=None)})
    store.place_of(at.root).parent.mkdir(exist_ok=True)
    store.save(at.root, States().having(at.file, mine).having(other_file(at, EVENT), State()))

    said = troubles(at.root, rules_file=at.file, now_ms=at.now_ms)

    assert f"alerts of {at.file} do not reach hook (no); waiting there: 1, tried again for a day" in said
