"""One call as one file, and out of it again; bundles that lie."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import whole_calls
from whole_calls import SETTINGS, START_MS, whole, write_wav

from callscope.archive import bundle
from callscope.archive.reader import read_call
from callscope.errors import SettingError, UnreadableError
from callscope.recorder.keeper import Keeper

NOW_MS = START_MS + 60_000


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A call with rows, sound and an original."""
    wav = write_wav(tmp_path / "sound.wav")
    with Keeper(tmp_path / "root", SETTINGS) as keeper:
        return keeper.put(whole(sound=wav, originals={"a.json": b"[1]"})).path


def packed(call: Path) -> bytes:
    output = io.BytesIO()
    bundle.pack(call, output, now_ms=NOW_MS)
    return output.getvalue()


def files(path: Path) -> dict[str, bytes]:
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_is_packed_comes_out_byte_for_byte(call: Path, tmp_path: Path) -> None:
    there = bundle.unpack(write(tmp_path / "b.zip", packed(call)), tmp_path / "other")

    assert there.is_new
    assert files(there.path) == files(call)
    assert set(files(call)) == {
        "metadata.json", "transcript.jsonl", "events.jsonl", "recording.wav", "source/a.json",
    }  # fmt: skip
    assert there.path.relative_to(tmp_path / "other") == call.relative_to(tmp_path / "root")
    for path in (there.path, *there.path.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert packed(there.path) == packed(call)


def test_the_same_call_gives_the_same_bytes_whenever_it_is_packed(call: Path) -> None:
    first = packed(call)
    (call / "metadata.json").touch()
    assert packed(call) == first


def test_a_call_that_is_there_already_stays_and_another_gets_a_name_of_its_own(call: Path, tmp_path: Path) -> None:
    content = write(tmp_path / "b.zip", packed(call))
    again = bundle.unpack(content, tmp_path / "root")
    assert (again.path, again.is_new) == (call, False)

    recorded = whole_calls.record(tmp_path / "third")
    before = files(recorded)
    other = bundle.unpack(content, tmp_path / "third")
    assert (other.path.name, other.is_new) == ("CA1~2", True)
    assert files(recorded) == before
    assert bundle.unpack(content, tmp_path / "third") == bundle.Unpacked(other.path, is_new=False)


def test_an_imported_call_is_still_known_by_its_source_where_it_was_unpacked(call: Path, tmp_path: Path) -> None:
    there = bundle.unpack(write(tmp_path / "b.zip", packed(call)), tmp_path / "other")
    with Keeper(tmp_path / "other", SETTINGS) as keeper:
        told = whole(sound=tmp_path / "sound.wav", originals={"a.json": b"[1]"})
        assert keeper.put(told) == type(keeper.put(told))(there.path, "unchanged")


def test_a_call_that_goes_on_is_not_packed(tmp_path: Path) -> None:
    with Keeper(tmp_path, SETTINGS) as keeper, pytest.raises(SettingError, match="goes on"):
        packed(keeper.put(whole(ended_at_ms=None)).path)


def test_what_is_no_plain_file_is_left_out_and_told(call: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (call / "link").symlink_to(tmp_path / "secret")
    (call / "folder").symlink_to(tmp_path)
    (call / ".tmp.1.json").write_text("{}")
    output = io.BytesIO()
    assert bundle.pack(call, output, now_ms=NOW_MS).left_out == (".tmp.1.json", "folder", "link")
    assert b"secret" not in output.getvalue()


def lying(call: Path, **changes: Any) -> bytes:
    """A bundle with another manifest, and files as given or as the manifest says."""
    with zipfile.ZipFile(io.BytesIO(packed(call))) as honest:
        manifest = json.loads(honest.read("bundle.json"))
        held = {name: honest.read(name) for name in honest.namelist()[1:]}
    held = changes.pop("held", held)
    for name in changes.pop("rename", {}).items():
        manifest["files"] = [{**each, "name": name[1] if each["name"] == name[0] else each["name"]} for each in manifest["files"]]  # fmt: skip  # noqa: E501
        held = {f"call/{name[1]}" if key == f"call/{name[0]}" else key: value for key, value in held.items()}
    manifest |= changes
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as packed_anew:
        packed_anew.writestr("bundle.json", json.dumps(manifest))
        for key, value in held.items():
            packed_anew.writestr(key, value)
    return output.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../../evil", "/etc/evil", "a/../../b", "..", "a//b", "C:evil", "a\\b", "source/../x", ".hidden", "a/b/c/d",
        "nul\0", "x" * 200, "trailing.", "new\nline",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(call: Path, tmp_path: Path, name: str) -> None:
    content = write(tmp_path / "b.zip", lying(call, rename={"events.jsonl": name}))
    with pytest.raises(UnreadableError):
        bundle.unpack(content, tmp_path / "other")
    assert files(tmp_path / "other") == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"day": "../../.."},
        {"day": "2026/13/40"},
        {"day": "/2026/01/01"},
        {"name": ".."},
        {"name": "a/b"},
        {"name": ".sources"},
        {"bundle": 2},
        {"files": []},
        {"files": [{"name": "metadata.json", "bytes": -1, "sha256": ""}]},
        {"more": 1},
    ],
)
def test_a_manifest_that_lies_is_refused(call: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    content = write(tmp_path / "b.zip", lying(call, **changes))
    with pytest.raises(UnreadableError):
        bundle.unpack(content, tmp_path / "other")
    assert files(tmp_path / "other") == {}


def test_a_bomb_is_not_unpacked(call: Path, tmp_path: Path) -> None:
    bomb = lying(call, held=_held(call) | {"call/recording.wav": bytes(50_000_000)})
    assert len(bomb) < 200_000
    with pytest.raises(UnreadableError, match="is not what"):
        bundle.unpack(write(tmp_path / "b.zip", bomb), tmp_path / "other")
    with pytest.raises(UnreadableError, match="at most"):
        bundle.unpack(write(tmp_path / "c.zip", packed(call)), tmp_path / "other", max_bytes=1_000)
    assert files(tmp_path / "other") == {}


def test_a_file_of_less_than_nothing_is_not_read_without_end(call: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(packed(call))) as honest:
        entries = json.loads(honest.read("bundle.json"))["files"]
    entries[-1]["bytes"] = -5
    with pytest.raises(UnreadableError, match="cannot have -5 bytes"):
        bundle.unpack(write(tmp_path / "b.zip", lying(call, files=entries)), tmp_path / "other")


def test_a_file_that_was_changed_on_the_way_is_noticed_and_nothing_is_left(call: Path, tmp_path: Path) -> None:
    held = _held(call)
    held["call/transcript.jsonl"] = held["call/transcript.jsonl"].replace(b"nine", b"five")
    with pytest.raises(UnreadableError, match=r"transcript\.jsonl is not what"):
        bundle.unpack(write(tmp_path / "b.zip", lying(call, held=held)), tmp_path / "other")
    assert files(tmp_path / "other") == {}


@pytest.mark.parametrize("cut", [0, 1, 30, 500, -1, -30])
def test_a_torn_bundle_is_an_error(call: Path, tmp_path: Path, cut: int) -> None:
    with pytest.raises(UnreadableError):
        bundle.unpack(write(tmp_path / "b.zip", packed(call)[:cut]), tmp_path / "other")
    assert files(tmp_path / "other") == {}


def test_a_symbolic_link_in_a_bundle_is_a_file_at_most(call: Path, tmp_path: Path) -> None:
    held = _held(call)
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed(call))) as honest, zipfile.ZipFile(output, "w") as anew:
        anew.writestr("bundle.json", honest.read("bundle.json"))
        for name, content in held.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            anew.writestr(info, content)
    there = bundle.unpack(write(tmp_path / "b.zip", output.getvalue()), tmp_path / "other")
    assert not any(path.is_symlink() for path in there.path.rglob("*"))


def test_the_commands_move_a_call(call: Path, tmp_path: Path) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "callscope", *args],
            capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
        )  # fmt: skip

    done = run("pack", "CA1", "--root", "root")
    assert done.stdout.startswith("CA1.callscope.zip  5 files, ")
    assert stat.S_IMODE((tmp_path / "CA1.callscope.zip").stat().st_mode) == 0o600
    assert run("pack", "CA1", "--root", "root").returncode == 2
    assert run("pack", "CA1", "--root", "root", "--force").returncode == 0
    assert run("pack", "nobody", "--root", "root").returncode == 3

    first, again = (run("unpack", "CA1.callscope.zip", "--root", "other") for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.strip().endswith("/CA1")
    assert again.stdout.strip().endswith("/CA1  (there already)")
    broken = run("unpack", "sound.wav", "missing.zip", "--root", "other")
    assert broken.returncode == 4
    assert "sound.wav is no bundle" in broken.stderr
    assert "missing.zip is not there" in broken.stderr
    assert read_call(call, now_ms=NOW_MS).call.call_id == "CA1"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["CA1.callscope.zip", "other", "root", "sound.wav"]


def _held(call: Path) -> dict[str, bytes]:
    return {f"call/{name}": content for name, content in sorted(files(call).items())}
