"""`callscope.open`, as a program uses it."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from archives import NOW_MS, many, small_archive, write

import callscope
from callscope.index.opened import Answer


def test_an_archive_is_asked_from_python(tmp_path: Path) -> None:
    small_archive(tmp_path)

    with callscope.open(tmp_path) as archive:
        calls = archive.calls("agent:billing sort:started")
        assert [call.agent for call in calls] == ["billing", "billing"]
        assert archive.call("refund").path == "2026/11/21/refund"
        assert archive.search('"want a refund"')[0].call_id == "refund"
        assert sum(group.figures.calls for group in archive.stats(by="agent")) == 13
        assert archive.errors("id:silent")[0].count == 2
        assert archive.compare("agent:billing", "-agent:billing").b.calls == 11
        assert archive.sql("SELECT count(*) AS n FROM call")[0] == {"n": 13}


def test_pages_go_on_with_their_cursor(tmp_path: Path) -> None:
    many(tmp_path, 5, turns=2)

    with callscope.open(tmp_path) as archive:
        first = archive.calls("limit:3")
        rest = archive.calls(f'limit:3 cursor:"{first.next}"')

    assert (len(first), len(rest), rest.next) == (3, 2, None)
    assert not {call.path for call in first} & {call.path for call in rest}


def test_periods_are_moments_with_a_zone(tmp_path: Path) -> None:
    write(tmp_path, "one")

    with callscope.open(tmp_path) as archive:
        (group,) = archive.stats(by=["day", "agent"])

    assert group.key == {"day": datetime.fromisoformat("2026-11-21T00:00:00+00:00"), "agent": "front-desk"}


def test_rows_are_flat_for_data_frames(tmp_path: Path) -> None:
    many(tmp_path, 30)

    with callscope.open(tmp_path) as archive:
        (row,) = archive.stats().to_dicts()
        by_day = archive.stats(by="day").to_dicts()

    assert row["calls"] == 30
    assert row["response.p95_ms"] > row["response.p50_ms"] > 0
    assert by_day[0]["day"] < by_day[1]["day"]


def test_answers_become_arrow_tables(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    small_archive(tmp_path)

    with callscope.open(tmp_path) as archive:
        table = archive.calls().to_arrow()
        hits = archive.search("refund").to_arrow()

    assert table.num_rows == 13
    assert set(table.column("agent").to_pylist()) >= {"billing", "front-desk"}
    assert hits.num_rows >= 1


def test_answers_without_rows_have_their_columns_with_types(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    small_archive(tmp_path)

    with callscope.open(tmp_path) as archive:
        pairs: list[tuple[Answer[Any], Answer[Any]]] = [
            (archive.calls(), archive.calls("agent:nobody")),
            (archive.search("refund"), archive.search("refund agent:nobody")),
            (archive.errors(), archive.errors("agent:nobody")),
            (archive.stats(by=["day", "agent"]), archive.stats("agent:nobody", by=["day", "agent"])),
        ]
        names = archive.sql("SELECT call_id, cost_usd FROM calls WHERE 0").to_arrow().column_names

    for some, nothing in [(one.to_arrow(), other.to_arrow()) for one, other in pairs]:
        assert nothing.num_rows == 0 < some.num_rows
        assert set(some.column_names) <= set(nothing.column_names)
        for field in some.schema:
            if not pyarrow.types.is_null(field.type):
                assert nothing.schema.field(field.name).type == field.type, field.name
    assert names == ["call_id", "cost_usd"]


def test_frames_without_rows_have_their_columns_with_types(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    write(tmp_path, "one")

    with callscope.open(tmp_path) as archive:
        some, nothing = archive.stats(by="day").to_pandas(), archive.stats("agent:nobody", by="day").to_pandas()

    assert (len(some), len(nothing)) == (1, 0)
    assert nothing.dtypes["day"] == some.dtypes["day"]
    assert set(some.columns) <= set(nothing.columns)


def test_answers_become_data_frames(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    small_archive(tmp_path)

    with callscope.open(tmp_path) as archive:
        frame = archive.stats(by="day").to_pandas()

    assert list(frame["calls"]) == [2, 3, 8]


@pytest.mark.parametrize(("method", "module"), [("to_pandas", "pandas"), ("to_arrow", "pyarrow")])
def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, module: str
) -> None:
    write(tmp_path, "one")
    monkeypatch.setitem(sys.modules, module, None)

    with callscope.open(tmp_path) as archive, pytest.raises(callscope.MissingExtraError, match="pip install"):
        getattr(archive.calls(), method)()


def test_it_is_as_fresh_as_its_last_refresh(tmp_path: Path) -> None:
    write(tmp_path, "one")

    with callscope.open(tmp_path) as archive:
        write(tmp_path, "two", started_at_ms=NOW_MS)
        assert len(archive.calls()) == 1
        assert archive.refresh().read >= 1
        assert len(archive.calls()) == 2
    with callscope.open(tmp_path, refresh=False) as archive:
        assert len(archive.calls()) == 2


def test_the_environment_says_where_what_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "archive", "one")
    with pytest.raises(callscope.SettingError, match="which archive"):
        callscope.open()
    monkeypatch.setenv("PATTER_LOG_DIR", str(tmp_path / "archive"))
    monkeypatch.setenv("CALLSCOPE_INDEX", str(tmp_path / "kept.sqlite"))

    with callscope.open() as archive:
        assert len(archive.calls()) == 1

    assert (tmp_path / "kept.sqlite").is_file()
    with pytest.raises(callscope.NotFoundError):
        callscope.open(tmp_path / "none")


def test_a_program_that_only_records_does_not_load_it() -> None:
    program = (
        "import callscope, sys; print([name for name in sys.modules if 'callscope.index' in name or name == 'sqlite3'])"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
