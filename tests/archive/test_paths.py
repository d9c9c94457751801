from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.archive import paths

HOSTILE = [
    "../../etc/passwd", "..", ".", "", " ", "a/b", "a\\b", "/abs", "con", "CON", "nul.txt", "aux", "LPT1.log",
    "x" * 300, "nul\0byte", ".hidden", "trailing.", "-", "~", "a~b", "née", "日本語", "\ud800", "a b", '*?<>|:"', "\n",
]  # fmt: skip


@pytest.mark.parametrize("call_id", ["CA0123456789abcdef", "room-7", "a", "v1.2_x", "x" * 64])
def test_a_safe_call_id_is_its_own_directory_name(call_id: str) -> None:
    assert paths.safe_name(call_id) == call_id


@pytest.mark.parametrize("call_id", HOSTILE)
def test_a_hostile_call_id_becomes_one_safe_path_segment(call_id: str, tmp_path: Path) -> None:
    name = paths.safe_name(call_id)

    assert 1 <= len(name) <= 64
    assert name == Path(name).name
    assert not name.startswith(".")
    assert not name.endswith(".")
    assert name.split(".")[0].lower() not in {"con", "nul", "aux", "prn", "lpt1"}
    (tmp_path / name).mkdir()
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@given(st.lists(st.one_of(st.text(), st.sampled_from(HOSTILE)), unique=True, max_size=30))
def test_different_call_ids_have_different_names(call_ids: list[str]) -> None:
    assert len({paths.safe_name(call_id) for call_id in call_ids}) == len(call_ids)


@given(st.text())
def test_no_call_id_can_take_the_name_made_for_another(call_id: str) -> None:
    made = paths.safe_name(call_id)

    assert made == call_id or paths.safe_name(made) != made


def test_the_day_is_the_utc_day_of_the_start(tmp_path: Path) -> None:
    just_before_midnight = 1_795_305_599_999  # 2026-11-21T23:59:59.999Z

    assert paths.day_dir(tmp_path, just_before_midnight) == tmp_path / "calls" / "2026" / "11" / "21"
    assert paths.day_dir(tmp_path, just_before_midnight + 1) == tmp_path / "calls" / "2026" / "11" / "22"
