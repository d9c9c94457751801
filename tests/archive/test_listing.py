from __future__ import annotations

import json
from pathlib import Path

import pytest
from call_tree import DAY_MS, NOW_MS, envelope, open_envelope, touch_all, write_call
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.archive.listing import find_call, list_calls
from callscope.archive.paths import safe_name
from callscope.cli.main import main
from callscope.errors import NotFoundError, SettingError
from callscope.model.wire import format_ts, parse_ts


def start_call(root: Path, name: str, moment: str, **fields: object) -> Path:
    day = moment[:10].replace("-", "/")
    return write_call(root, name, day=day, metadata=envelope(name, started_at=moment, **fields))


def ids(root: Path, **query: object) -> list[str]:
    page = list_calls(root, now_ms=NOW_MS, **{"limit": 100, **query})  # type: ignore[arg-type]
    return [call.call_id for call in page.calls]


def test_calls_come_newest_first(tmp_path: Path) -> None:
    start_call(tmp_path, "b", "2026-11-20T23:59:59.999Z")
    start_call(tmp_path, "a", "2026-11-21T00:00:00.000Z")
    start_call(tmp_path, "c", "2025-12-31T12:00:00.000Z")
    start_call(tmp_path, "d", "2026-11-20T08:00:00.000Z")

    assert ids(tmp_path) == ["a", "b", "d", "c"]


def test_pages_hold_every_call_once_though_new_calls_arrive_between_them(tmp_path: Path) -> None:
    for number in range(7):
        start_call(tmp_path, f"old-{number}", f"2026-11-2{number % 2}T09:00:0{number}.000Z")
    seen = []
    cursor = None
    for arrival in range(10):
        page = list_calls(tmp_path, now_ms=NOW_MS, limit=2, cursor=cursor)
        seen += [call.call_id for call in page.calls]
        start_call(tmp_path, f"new-{arrival}", "2026-11-21T09:59:00.000Z")
        cursor = page.next
        if cursor is None:
            break

    assert seen == ["old-5", "old-3", "old-1", "old-6", "old-4", "old-2", "old-0"]


@settings(max_examples=30, deadline=None)
@given(
    moments=st.lists(st.integers(NOW_MS - 3 * DAY_MS, NOW_MS).map(lambda ms: ms - ms % 10_000_000), max_size=12),
    limit=st.integers(1, 5),
)
def test_pages_of_any_size_together_are_the_whole_list(
    tmp_path_factory: pytest.TempPathFactory, moments: list[int], limit: int
) -> None:
    root = tmp_path_factory.mktemp("archive")
    for number, moment in enumerate(moments):
        start_call(root, f"call-{number}", format_ts(moment))
    paged: list[str] = []
    cursor = None
    while True:
        page = list_calls(root, now_ms=NOW_MS, limit=limit, cursor=cursor)
        assert len(page.calls) <= limit
        paged += [call.call_id for call in page.calls]
        cursor = page.next
        if cursor is None:
            break

    assert paged == ids(root)
    assert sorted(paged) == sorted(f"call-{number}" for number in range(len(moments)))


def test_a_range_of_time_holds_its_beginning_and_not_its_end(tmp_path: Path) -> None:
    for hour in range(5):
        start_call(tmp_path, f"at-{hour}", f"2026-11-21T0{hour}:00:00.000Z")
    since, until = parse_ts("2026-11-21T01:00:00Z"), parse_ts("2026-11-21T03:00:00Z")

    assert ids(tmp_path, since_ms=since, until_ms=until) == ["at-2", "at-1"]


def test_a_range_that_ends_before_it_begins_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="range of time is empty"):
        list_calls(tmp_path, now_ms=NOW_MS, limit=1, since_ms=2, until_ms=1)


def test_a_status_is_the_one_that_is_read(tmp_path: Path) -> None:
    start_call(tmp_path, "went-wrong", "2026-11-21T09:00:00.000Z", error="auth")
    start_call(tmp_path, "went-well", "2026-11-21T09:00:00.000Z")
    gone = write_call(tmp_path, "gone", metadata=open_envelope("gone"))
    touch_all(gone, NOW_MS - DAY_MS)

    assert ids(tmp_path, statuses=["failed"]) == ["went-wrong"]
    assert ids(tmp_path, statuses=["abandoned"]) == ["gone"]


@pytest.mark.parametrize("cursor", ["", "x", "bm90IGpzb24", "W10", "\udcff", "WyIyMDI2LTExLTIxIiwxLCJ6eiJd", "YSAxIGI"])
def test_a_cursor_that_no_page_gave_is_an_error(tmp_path: Path, cursor: str) -> None:
    with pytest.raises(SettingError, match="cursor"):
        list_calls(tmp_path, now_ms=NOW_MS, limit=1, cursor=cursor)


def test_an_archive_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no directory"):
        list_calls(tmp_path / "none", now_ms=NOW_MS, limit=1)


def test_links_files_and_what_is_no_day_are_no_calls(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    outside = write_call(tmp_path / "outside", "elsewhere", metadata=envelope("elsewhere"))
    start_call(archive, "here", "2026-11-21T09:00:00.000Z")
    day = archive / "calls" / "2026" / "11" / "21"
    (day / "link").symlink_to(outside)
    (day / "file").touch()
    (day / ".hidden").mkdir()
    (day.parent / "22").symlink_to(outside.parent)
    (archive / "calls" / "2027").symlink_to(outside.parents[2])
    write_call(archive, "no-day", day="2026/11/99", metadata=envelope())
    write_call(archive, "no-year", day="latest/11/21", metadata=envelope())
    write_call(archive, "no-digits", day="٢٠٢٦/11/21", metadata=envelope())

    assert ids(archive) == ["here"]


def test_a_call_is_found_by_its_id_its_directory_its_beginning_and_its_place(tmp_path: Path) -> None:
    plain = start_call(tmp_path, "CA123", "2026-11-21T09:00:00.000Z")
    odd = write_call(tmp_path, safe_name("v3:Yh7=="), metadata=envelope("v3:Yh7=="))
    foreign = write_call(tmp_path, "a_b", metadata=envelope("a/b"))

    for name, path in {
        "CA123": plain,
        "CA1": plain,
        "2026/11/21/CA123": plain,
        str(plain): plain,
        "v3:Yh7==": odd,
        odd.name: odd,
        "a/b": foreign,
        "a_b": foreign,
    }.items():
        assert find_call(tmp_path, name, now_ms=NOW_MS) == path


def test_a_whole_id_is_found_though_others_begin_with_it(tmp_path: Path) -> None:
    path = start_call(tmp_path, "CA1", "2026-11-21T09:00:00.000Z")
    start_call(tmp_path, "CA12", "2026-11-21T09:00:00.000Z")

    assert find_call(tmp_path, "CA1", now_ms=NOW_MS) == path


def test_calls_that_share_a_name_are_told_apart_by_their_place(tmp_path: Path) -> None:
    start_call(tmp_path, "same", "2026-11-20T09:00:00.000Z")
    start_call(tmp_path, "same", "2026-11-21T09:00:00.000Z")
    write_call(tmp_path, "same~2", metadata=envelope("same"))

    with pytest.raises(NotFoundError) as caught:
        find_call(tmp_path, "same", now_ms=NOW_MS)

    assert str(caught.value).endswith("give one of 2026/11/21/same, 2026/11/21/same~2, 2026/11/20/same")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", ["CA124", "", "../../../etc", "2026/11/21/nothing", "a\0b", "2026/11/../x", "\udcff"])
def test_a_call_that_is_not_there_is_an_error_that_names_the_nearest(tmp_path: Path, call: str) -> None:
    start_call(tmp_path, "CA123", "2026-11-21T09:00:00.000Z")

    with pytest.raises(NotFoundError, match="CA123"):
        find_call(tmp_path, call, now_ms=NOW_MS)


def test_calls_of_one_millisecond_have_one_order_with_and_without_a_query(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed(*words: str) -> list[str]:
        with pytest.raises(SystemExit):
            main(["ls", *words, "--json", "--root", str(tmp_path)])
        return [call["call_id"] for call in json.loads(capsys.readouterr().out)["calls"]]

    for name in ("b", "d"):
        start_call(tmp_path, name, "2026-11-21T09:00:00.000Z")
    listed("status:completed")  # the index knows of them before the others
    for name in ("c", "a"):
        start_call(tmp_path, name, "2026-11-21T09:00:00.000Z")

    assert listed() == ["d", "c", "b", "a"]
    assert listed("status:completed") == listed()
    assert listed("status:completed", "sort:started") == ["a", "b", "c", "d"]
