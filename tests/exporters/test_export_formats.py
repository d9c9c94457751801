"""Formats and their guide: what is documented is so, and the examples run on real exports."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import index_of, small_archive, written

from callscope.errors import MissingExtraError
from callscope.exporters.format import Format
from callscope.exporters.registry import formats
from callscope.exporters.tables.all_tables import TABLES
from callscope.exporters.tables.column import VERSION
from callscope.index.index import Index

GUIDE = Path(__file__).parents[2] / "docs" / "export.md"
KINDS = {
    "text": "text",
    "path": "text",
    "moment": "timestamp",
    "whole": "whole number",
    "number": "number",
    "usd": "US dollars",
    "flag": "true or false",
    "json": "JSON",
}
ARROW = {
    "text": pa.string(),
    "path": pa.string(),
    "moment": pa.timestamp("ms", tz="UTC"),
    "whole": pa.int64(),
    "number": pa.float64(),
    "usd": pa.float64(),
    "flag": pa.bool_(),
    "json": pa.string(),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    root = tmp_path_factory.mktemp("formats") / "archive"
    small_archive(root)
    with index_of(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def lake(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("export") / "lake"
    written("parquet", index, place)
    return place


def test_every_column_is_in_the_guide_and_no_other() -> None:
    text = GUIDE.read_text(encoding="utf-8")

    assert f"version {VERSION} of the columns" in text
    for table in TABLES.values():
        section = text.split(f"### {table.name}\n")[1].split("\n### ")[0]
        told = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| (.+) \|$", section, re.MULTILINE)
        assert f"A row is {table.text}." in section
        assert told == [
            (column.name, KINDS[column.kind], f"{column.text}{' (words)' if column.is_said else ''}")
            for column in table.columns
        ]


def test_columns_have_one_meaning_each() -> None:
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names))
        assert names[:2] == ["path", "call_id"]


def test_a_module_with_a_format_is_a_format() -> None:
    assert {"csv", "jsonl", "parquet", "prometheus"} <= set(formats())
    assert all(isinstance(each, Format) and each.text for each in formats().values())


def test_every_format_of_tables_is_in_the_guide() -> None:
    text = GUIDE.read_text(encoding="utf-8")

    assert [name for name in ("csv", "jsonl", "parquet", "prometheus") if f"| `{name}` |" not in text] == []


def test_parquet_is_typed(lake: Path) -> None:
    for table in TABLES.values():
        for path in (lake / table.name).rglob("*.parquet"):
            schema = pq.read_schema(path)
            assert [(field.name, field.type) for field in schema] == [
                (column.name, ARROW[column.kind]) for column in table.columns
            ]
            assert schema.metadata[b"callscope.columns"] == str(VERSION).encode()


def test_duckdb_reads_what_the_index_holds(index: Index, lake: Path) -> None:
    files = f"{lake}/calls/*/*.parquet"
    sums = "count(*), sum(cost_usd), count(*) FILTER (cost_usd IS NULL), count(DISTINCT day), min(epoch_ms(started_at))"
    with duckdb.connect() as db:
        [(calls, usd, unknown, days, earliest)] = db.execute(f"SELECT {sums} FROM read_parquet(?)", [files]).fetchall()  # noqa: S608 -- names of ours
        types = {name: kind for name, kind, *_ in db.execute("DESCRIBE FROM read_parquet(?)", [files]).fetchall()}
        [(turns,)] = db.execute("SELECT count(*) FROM read_parquet(?)", [f"{lake}/turns/*/*.parquet"]).fetchall()
    found = index.calls("limit:1000").calls

    assert calls == len(found)
    assert usd == pytest.approx(sum(call.cost_usd for call in found if call.cost_usd is not None))
    assert unknown == sum(call.cost_usd is None for call in found)
    assert days == len({call.path[:10] for call in found})
    assert (types["started_at"], types["cost_usd"], types["recorded"], types["day"]) == (
        "TIMESTAMP WITH TIME ZONE", "DOUBLE", "BOOLEAN", "DATE"
    )  # fmt: skip
    assert turns == index.sql("SELECT count(*) FROM turn")[1][0][0]
    assert earliest == min(call.started_at_ms for call in found)


def test_pandas_reads_what_the_index_holds(index: Index, lake: Path) -> None:
    frame = pd.read_parquet(lake / "calls")

    assert len(frame) == 13
    assert str(frame["started_at"].dtype) == "datetime64[ms, UTC]"
    assert frame["cost_usd"].sum() == pytest.approx(sum(call.cost_usd or 0 for call in index.calls("limit:1000").calls))


@pytest.mark.parametrize(("form", "module"), [("parquet", "pyarrow"), ("prometheus", "prometheus_client")])
def test_a_part_that_is_not_installed_is_told_before_anything_is_made(
    index: Index, form: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtraError, match=rf"callscope\[{form}\]"):
        written(form, index, tmp_path / "out.prom")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_duckdb_reads_the_plain_formats_as_they_are(index: Index, form: str, tmp_path: Path) -> None:
    written(form, index, tmp_path / "out", table=("calls", "errors"))
    read = {"csv": "read_csv", "jsonl": "read_json"}[form]
    files = [f"{tmp_path}/out/{table}/*/*.{form}" for table in ("calls", "errors")]
    with duckdb.connect() as db:
        calls = db.execute(f"SELECT count(*), count(DISTINCT day) FROM {read}(?)", files[:1]).fetchone()  # noqa: S608 -- names of ours
        errors = db.execute(f"SELECT count(*) FROM {read}(?)", files[1:]).fetchone()  # noqa: S608 -- names of ours

    assert calls == (13, 3)
    assert errors == (index.sql("SELECT count(*) FROM error")[1][0][0],)


def test_the_examples_of_the_guide_run(lake: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)

    assert len(programs) == 3
    for program in programs:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], cwd=lake.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
