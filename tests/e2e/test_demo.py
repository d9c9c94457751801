"""The demo's instruments: the caller's ear, and what `record` refuses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from callscope.demo.caller import Ear, Heard
from callscope.demo.espeak import SAMPLE_RATE
from callscope.demo.run import record
from callscope.demo.scenarios import REPLIES, SCENARIOS
from callscope.errors import MissingExtraError, SettingError

if TYPE_CHECKING:
    from pathlib import Path


def loud(ms: int) -> bytes:
    return np.full(SAMPLE_RATE * ms // 1000, 8000, dtype=np.int16).tobytes()


def silence(ms: int) -> bytes:
    return bytes(SAMPLE_RATE * ms // 1000 * 2)


def test_sound_that_arrives_early_is_heard_after_the_sound_before_it() -> None:
    ear = Ear()
    ear.sound(loud(100), now_ms=1000)
    ear.sound(loud(100), now_ms=1010)
    assert ear.heard == [Heard(1000, 1200)]


def test_a_silence_in_the_samples_is_not_sound() -> None:
    ear = Ear()
    ear.sound(silence(100) + loud(50) + silence(500) + loud(50), now_ms=1000)
    assert ear.heard == [Heard(1100, 1150), Heard(1650, 1700)]
    assert ear.silent_since(2000) == 300


def test_what_was_not_yet_played_when_the_agent_was_cut_off_is_never_heard() -> None:
    ear = Ear()
    ear.sound(loud(500), now_ms=1000)
    ear.cut(now_ms=1200)
    assert ear.heard == [Heard(1000, 1200)]
    ear.sound(loud(100), now_ms=2000)
    assert ear.first_after(1500) == 2000


def test_sound_that_breaks_off_in_a_word_is_choppy_and_a_pause_between_words_is_not() -> None:
    ear = Ear()
    ear.sound(loud(100), now_ms=1000)
    ear.sound(loud(100) + silence(20), now_ms=1150)
    ear.sound(loud(100), now_ms=2000)
    assert ear.choppy_ms == 50


def test_every_line_of_every_caller_has_a_reply_and_no_line_is_said_twice() -> None:
    lines = [line.text for scenario in SCENARIOS.values() for line in scenario.lines]
    assert sorted(lines) == sorted(REPLIES)


def test_an_unknown_scenario_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="order"):
        record(tmp_path, scenarios=["nonsense"], progress=print)


def test_without_its_packages_the_demo_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'callscope\[demo\]'"):
        record(tmp_path, progress=print)
