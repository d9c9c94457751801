"""What of an answer was heard, by what an output was given and by what it tells."""

from __future__ import annotations

from array import array
from itertools import groupby

from callscope.adapters.livekit.playback import Playback
from callscope.adapters.sound.track import Track

RATE = 8_000


def pcm(ms: int, value: int = 1) -> bytes:
    return array("h", [value] * (ms * RATE // 1000)).tobytes()


class Agent:
    """The agent's side of a recording."""

    def __init__(self) -> None:
        self._track = Track(RATE)
        self._track.begin(0)

    def played(self, sound: bytes, sample_rate: int, from_ms: float) -> None:
        assert sample_rate == RATE
        self._track.played(sound, from_ms)

    def cut(self, at_ms: float) -> None:
        self._track.cut(at_ms)

    def heard(self) -> list[tuple[int, int, int]]:
        """From and to in milliseconds, and what: the stretches that are not silent."""
        found, at = [], 0
        for value, run in groupby(array("h", self._track.take(60_000))):
            count = len(list(run))
            if value:
                found.append((at * 1000 // RATE, (at + count) * 1000 // RATE, value))
            at += count
        return found


def playback() -> tuple[Playback, Agent]:
    agent = Agent()
    return Playback(agent), agent  # type: ignore[arg-type]  # a side of the recording is all that it needs


def test_sound_that_is_given_at_once_is_heard_as_long_as_it_lasts() -> None:
    output, agent = playback()
    output.given(pcm(3_000), RATE, 1_000)
    output.began(1_100)
    output.finished(4_100, 3.0, interrupted=False)
    assert agent.heard() == [(1_100, 4_100, 1)]


def test_of_an_answer_that_still_sounds_what_was_heard_is_known() -> None:
    output, agent = playback()
    output.given(pcm(3_000), RATE, 1_000)
    output.began(1_000)
    output.advance(2_500)
    assert agent.heard() == [(1_000, 2_500, 1)]


def test_an_answer_that_is_cut_off_stops_there() -> None:
    output, agent = playback()
    output.given(pcm(3_000), RATE, 1_000)
    output.began(1_000)
    output.cut_off(1_700)
    output.given(pcm(500), RATE, 1_710)  # on its way, and dropped by the output
    output.finished(1_720, 0.7, interrupted=True)
    output.given(pcm(200, 2), RATE, 3_000)
    output.began(3_000)
    output.finished(3_200, 0.2, interrupted=False)
    assert agent.heard() == [(1_000, 1_700, 1), (3_000, 3_200, 2)]


def test_an_answer_that_is_cut_off_before_it_begins_is_not_heard_with_the_next_one() -> None:
    output, agent = playback()
    output.given(pcm(500), RATE, 1_000)
    output.cut_off(1_050)  # of which the output, having played nothing, tells nothing more
    output.given(pcm(200, 2), RATE, 2_000)
    output.began(2_000)
    output.finished(2_200, 0.2, interrupted=False)
    assert agent.heard() == [(2_000, 2_200, 2)]


def test_a_pause_is_silent_and_nothing_is_lost_over_it() -> None:
    output, agent = playback()
    output.given(pcm(1_000) + pcm(1_000, 2), RATE, 0)
    output.began(0)
    output.paused(1_000)
    output.advance(1_500)
    output.resumed(2_000)
    output.finished(3_000, 2.0, interrupted=False)
    assert agent.heard() == [(0, 1_000, 1), (2_000, 3_000, 2)]


def test_what_a_room_drops_when_it_pauses_is_not_heard() -> None:
    output, agent = playback()
    output.given(pcm(1_040) + pcm(200, 2) + pcm(760, 3), RATE, 0)
    output.began(0)
    output.paused(1_000)
    output.progressed(1.040, dropped_seconds=0.2)  # it pauses between two frames
    output.resumed(2_000)
    output.finished(2_760, 1.8, interrupted=False)
    assert agent.heard() == [(0, 1_040, 1), (2_000, 2_760, 3)]


def test_a_pause_in_an_output_that_was_behind_takes_back_what_was_not_heard() -> None:
    output, agent = playback()
    output.given(pcm(900) + pcm(300, 2) + pcm(800, 3), RATE, 0)
    output.began(0)
    output.paused(1_000)
    output.progressed(0.9, dropped_seconds=0.3)
    output.resumed(2_000)
    output.finished(2_800, 1.7, interrupted=False)
    assert agent.heard() == [(0, 900, 1), (2_000, 2_800, 3)]


def test_a_synthesizer_that_is_slower_than_speech_leaves_gaps() -> None:
    output, agent = playback()
    output.given(pcm(500), RATE, 0)
    output.began(0)
    output.given(pcm(500, 2), RATE, 540)
    output.given(pcm(500, 3), RATE, 1_500)
    output.finished(2_000, 1.5, interrupted=False)
    assert agent.heard() == [(0, 500, 1), (500, 1_000, 2), (1_500, 2_000, 3)]


def test_an_output_that_does_not_say_when_it_begins_is_placed_by_its_end() -> None:
    output, agent = playback()
    output.given(pcm(1_000), RATE, 0)
    output.finished(1_400, 0.8, interrupted=True)
    assert agent.heard() == [(600, 1_400, 1)]


def test_only_so_much_is_held_that_nobody_has_heard() -> None:
    output, _ = playback()
    for _ in range(400):
        output.given(pcm(1_000), RATE, 0)
    assert output._held_samples == 300 * RATE
