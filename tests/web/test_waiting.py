"""Before the archive was read: pages that need its index wait for it, all others answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from call_scenes import slow_call, write
from dashboards import dashboard, site_of


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
