"""Before the archive was read: pages that need its index wait for it, all others answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from call_scenes import slow_call, write
from dashboards import client_of, dashboard, site_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "archive" / "calls").mkdir(parents=True)
    return tmp_path / "archive"


@pytest.mark.parametrize("page", ["/live", "/errors", "/calls/id/CA1"])
@pytest.mark.parametrize("is_begun", [False, True])
def test_a_page_of_the_index_looks_again_by_itself(page: str, root: Path, *, is_begun: bool) -> None:
    if is_begun:  # the file is there before what is in it
        (root.parent / "index.sqlite").touch()
    answer = dashboard(root, built=False).get(page)

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="1">' in answer.text


@pytest.mark.parametrize("file", ["", "/recording.wav", "/raw/metadata.json", "/export.html"])
def test_a_call_that_is_not_there_is_not_waited_for(file: str, root: Path) -> None:
    assert dashboard(root, built=False).get(f"/calls/2026/11/21/none{file}").status_code == 404


def test_a_call_and_its_files_need_no_index(root: Path) -> None:
    address = write(root, slow_call())
    client = dashboard(root, built=False)

    assert "Where is it?" in client.get(address).text
    assert client.get(f"{address}/raw/metadata.json").status_code == 200
    assert client.get(f"{address}/recording.wav").status_code == 404


def test_that_the_archive_was_read_is_told_also_when_nothing_is_in_it(root: Path) -> None:
    site = site_of(root, built=False)
    before = site.refresher.progress.generation

    assert site.refresher.refresh()
    told = site.refresher.progress.generation
    assert told > before
    assert site.refresher.refresh()
    assert site.refresher.progress.generation == told


@pytest.mark.parametrize("is_index_beside", [False, True])
@pytest.mark.parametrize("page", ["/", "/live", "/calls", "/latency", "/cost", "/errors", "/calls/2026/11/21/slow"])
def test_while_the_archive_is_gone_every_page_says_so_and_it_recovers(
    page: str, root: Path, *, is_index_beside: bool
) -> None:
    write(root, slow_call())
    site = site_of(root)
    client = client_of(site)
    assert "is gone" not in client.get("/").text

    root.rename(root.parent / "elsewhere")
    if not is_index_beside:
        (root.parent / "index.sqlite").rename(root.parent / "elsewhere.sqlite")
    for _ in range(2):
        answer = client.get(page)
        assert answer.status_code == 503
        assert "The archive is gone" in answer.text
        assert "PATTER_LOG_DIR" not in answer.text
        site.refresher.refresh()
    assert "record a call first" not in client.get(page).text
    assert client.get("/health").status_code == 503

    (root.parent / "elsewhere").rename(root)
    if not is_index_beside:
        (root.parent / "elsewhere.sqlite").rename(root.parent / "index.sqlite")
    site.refresher.refresh()
    assert "is gone" not in client.get("/").text
    assert "data-row" in client.get("/calls").text


def test_open_pages_are_told_that_the_archive_is_gone_and_that_it_is_back(root: Path) -> None:
    site = site_of(root)
    told = [site.refresher.progress.generation]
    for here, there in ((root, root.parent / "elsewhere"), (root.parent / "elsewhere", root)):
        here.rename(there)
        for _ in range(2):
            site.refresher.refresh()
            told.append(site.refresher.progress.generation)
    first = told[0]
    assert told == [first, first + 1, first + 1, first + 2, first + 2]
