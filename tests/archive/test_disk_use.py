"""What an archive takes on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from call_tree import write_call

from callscope.archive.prune import size_of
from callscope.web.disk_use import disk_use


def test_what_a_call_was_made_from_is_counted_with_it(tmp_path: Path) -> None:
    directory = write_call(tmp_path, metadata=b"m" * 100, transcript=b"t" * 10)
    (directory / "source").mkdir()
    (directory / "source" / "report.json").write_bytes(b"r" * 1000)
    (directory / "source" / "call.wav").write_bytes(b"w" * 5000)
    (directory / "notes").mkdir()

    (month,) = disk_use(tmp_path).months

    assert (month.text_bytes, month.sound_bytes) == (1110, 5000)
    assert month.bytes == size_of(directory) == 6110


@pytest.mark.parametrize("name", ["source", "source/link"])
def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(b"l" * 1000)
    directory = write_call(tmp_path, metadata=b"m" * 100)
    link = directory / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)

    assert disk_use(tmp_path).total.bytes == 100
