"""The page of health: it works whatever is broken, and says what is."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from dashboards import client_of, dashboard, site_of
from pages_read import patient, table
from plain_files import DAY_MS, put
from starlette.testclient import TestClient

from callscope.web.app import create_app
from callscope.web.disk_use import SAMPLE, disk_use


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    put(root, "CA1")
    put(root, "CA2", ago_ms=2 * DAY_MS, lost={"disk_full": 7}, status="failed")
    broken = put(root, "CA3", ago_ms=3 * DAY_MS)
    (broken / "events.jsonl").write_text('{"type": "error"\n{"half')
    (broken / "recording.wav").write_bytes(b"R" * 50_000)
    return root


def show(root: Path) -> str:
    return patient(dashboard(root)).get("/health").text


def test_calls_lost_rows_and_what_to_do_stand_on_the_page(root: Path) -> None:
    page = " ".join(show(root).split())

    assert "2 completed" in page
    assert "1 failed" in page
    assert "7 rows were lost (disk_full)" in page
    assert "callscope prune --max-size" in page
    assert table(page, "1 call with lost rows")[0][1:] == ["CA2", "7"]


def test_what_could_not_be_read_says_where(root: Path) -> None:
    rows = table(show(root), "2 problems in 1 call")

    assert [row[:3] for row in rows] == [["CA3", "events.jsonl", "1"], ["CA3", "events.jsonl", "2"]]


def test_sound_and_text_on_the_disk_are_told_apart(root: Path) -> None:
    (row,) = table(show(root), "5")

    assert row[:3] == ["2026-11", "3", "50.0 kB"]


def test_the_disk_is_estimated_from_a_sample_of_each_day(tmp_path: Path) -> None:
    for number in range(2 * SAMPLE):
        (put(tmp_path, f"CA{number}") / "recording.wav").write_bytes(b"R" * 1000)

    found = disk_use(tmp_path)

    assert found.is_estimated
    assert (found.total.calls, found.total.sound_bytes) == (2 * SAMPLE, 2 * SAMPLE * 1000)


def test_what_goes_next_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATTER_LOG_RETENTION_DAYS", "10")

    page = " ".join(show(root).split())

    assert "1 call of 2026-11-18, may go from 2026-11-29 on" in page


def test_the_key_of_hashes_is_not_on_the_page(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATTER_LOG_REDACT_PHONE", "hash_only")
    monkeypatch.setenv("PATTER_LOG_HASH_KEY", "a-secret-of-mine")

    page = show(root)

    assert "(keyed)" in page
    assert "a-secret-of-mine" not in page


def test_mistakes_in_settings_are_something_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "archive", "CA1")
    for name in ("logs", "alerts"):
        (tmp_path / f"{name}.toml").write_text("levle = 1\n")
        monkeypatch.setenv(f"CALLSCOPE_{name.upper()}", str(tmp_path / f"{name}.toml"))
    monkeypatch.setenv("CALLSCOPE_LOG_LEVEL", "<b>chatty")
    monkeypatch.setenv("CALLSCOPE_OTLP_ENDPOINT", "foo")

    page = show(tmp_path / "archive")

    assert "Something is wrong" in page
    assert f"configure()` raises this where a program calls it: {tmp_path}/logs.toml:1:" in page
    assert f"not looked at as they are now: {tmp_path}/alerts.toml line 1" in page
    assert "CALLSCOPE_LOG_LEVEL=&#39;&lt;b&gt;chatty&#39; is not understood" in page
    assert "`callscope forward` ends with this" in page


def test_an_archive_that_was_deleted_gives_a_page_that_says_so(root: Path) -> None:
    site = site_of(root)
    site.background.patience_seconds = 60
    shutil.rmtree(root)
    site.refresher.refresh()
    client = TestClient(create_app(site, refreshing=False), base_url="http://127.0.0.1:8765")

    answer = client.get("/health")

    assert answer.status_code == 503
    assert "Something is wrong" in answer.text
    assert f"there is no directory {root}" in answer.text


def test_a_broken_index_gives_a_page_that_says_so(root: Path) -> None:
    site = site_of(root)
    site.background.patience_seconds = 60
    site.index.close()
    for name in ("-wal", "-shm"):
        Path(f"{site.index.place}{name}").unlink(missing_ok=True)
    site.index.place.write_bytes(b"no database at all" * 1000)
    client = TestClient(create_app(site, refreshing=False), base_url="http://127.0.0.1:8765")

    answer = client.get("/health")

    assert answer.status_code == 200
    assert "Something is wrong" in answer.text
    assert "cannot be read" in answer.text


def test_before_the_first_refresh_the_page_is_there(root: Path) -> None:
    page = patient(dashboard(root, built=False)).get("/health")

    assert page.status_code == 200
    assert "there is none yet" in page.text


def test_words_of_calls_are_text(root: Path) -> None:
    hostile = put(root, "<b>bold", lost={"<i>": 3})
    (hostile / "events.jsonl").write_text("<script>alert(1)")

    page = show(root)

    assert "<script>alert" not in page
    assert "<i>" not in page
    assert "<b>bold" not in page


def test_what_could_not_be_read_is_something_wrong(tmp_path: Path) -> None:
    (put(tmp_path / "archive", "CA1") / "events.jsonl").write_text("{half")
    page = " ".join(show(tmp_path / "archive").split())
    assert "Something is wrong" in page
    assert "1 problem in the files of 1 call" in page


def test_a_place_that_cannot_be_listed_is_something_wrong(tmp_path: Path) -> None:
    put(tmp_path / "archive", "CA1")
    site = site_of(tmp_path / "archive")
    client = client_of(site)
    assert "Nothing is wrong" in patient(client).get("/health").text
    site.refresher.progress = msgspec.structs.replace(site.refresher.progress, problems=("a day cannot be listed",))
    assert "Something is wrong" in client.get("/health").text


def test_the_calls_by_status_are_those_of_the_list(tmp_path: Path) -> None:
    put(tmp_path / "archive", "CA1")
    site = site_of(tmp_path / "archive")
    client = client_of(site)
    assert "1 completed" in patient(client).get("/health").text
    put(tmp_path / "archive", "CA2", status="failed")
    site.refresher.refresh()
    assert "1 failed" in client.get("/health").text
