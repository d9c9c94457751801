"""``callscope export``: one file, where it was asked for, and nothing replaced that was there."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from sample_calls import HOSTILE, ORDER, run, write, write_order_call


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_order_call(tmp_path / "archive")
    return tmp_path / "archive"


def test_the_file_of_a_call_is_named_after_it(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    done = run("export", ORDER, "--root", str(archive))

    path = tmp_path / f"{ORDER}.html"
    text = path.read_text(encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"{ORDER}\.html  [\d.]+ kB\n", done.stdout)
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert "Your order was shipped" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "archive"]


def test_it_goes_to_standard_output(archive: Path) -> None:
    done = run("export", ORDER, "--root", str(archive), "--output", "-")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<!doctype html>")


def test_a_file_that_is_there_is_not_replaced_without_force(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.html"
    path.write_text("mine", encoding="utf-8")

    refused = run("export", ORDER, "--root", str(archive), "--output", str(path))

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--force" in refused.stderr
    assert path.read_text(encoding="utf-8") == "mine"

    assert run("export", ORDER, "--root", str(archive), "--output", str(path), "--force").returncode == 0
    assert "Your order was shipped" in path.read_text(encoding="utf-8")


def test_a_link_is_not_written_through(archive: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "mine.html"
    link.symlink_to(target)

    refused = run("export", ORDER, "--root", str(archive), "--output", str(link))
    forced = run("export", ORDER, "--root", str(archive), "--output", str(link), "--force")

    assert (refused.returncode, forced.returncode) == (2, 0)
    assert not target.exists()
    assert not link.is_symlink()


def test_a_place_that_cannot_be_written_is_told_in_a_line(archive: Path, tmp_path: Path) -> None:
    done = run("export", ORDER, "--root", str(archive), "--output", str(tmp_path / "none" / "x.html"))

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written" in done.stderr


def test_a_redacted_file_says_so_and_takes_no_sound(archive: Path) -> None:
    done = run("export", ORDER, "--root", str(archive), "--redact", "--output", "-")
    both = run("export", ORDER, "--root", str(archive), "--redact", "--sound", "--output", "-")

    assert "Redacted:" in done.stdout
    assert (both.returncode, both.stdout) == (2, "")
    assert "a voice cannot be redacted" in both.stderr


def test_sound_that_is_not_there_is_told(archive: Path) -> None:
    done = run("export", ORDER, "--root", str(archive), "--sound", "--output", "-")

    assert (done.returncode, done.stdout) == (3, "")
    assert "no recording" in done.stderr


def test_a_call_that_is_not_there_is_told(archive: Path) -> None:
    assert run("export", "nobody", "--root", str(archive)).returncode == 3


def test_hostile_words_do_not_reach_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = HOSTILE.replace("/", "_")
    write(tmp_path / "archive", name)

    done = run("export", name, "--root", str(tmp_path / "archive"))

    (written,) = [each for each in os.listdir(tmp_path) if each != "archive"]
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\x1b" not in (tmp_path / written).read_text(encoding="utf-8")


def test_the_target_decides_what_is_slow(archive: Path) -> None:
    lenient = run("export", ORDER, "--root", str(archive), "--output", "-", "--target", "9s").stdout
    strict = run("export", ORDER, "--root", str(archive), "--output", "-", "--target", "1s").stdout

    assert 'class="wait slow"' not in lenient
    assert 'class="wait slow"' in strict
