"""Sound and raw files of a call: what a browser gets, and what nobody gets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dashboards import dashboard
from starlette.testclient import TestClient

from callscope.web.call.files import address_of

CALL = "/calls/2026/11/21/CA1"
SOUND = b"RIFF" + bytes(range(256)) * 40


def recorded(root: Path, name: str = "CA1", **metadata: Any) -> Path:
    """A call that ended, with sound."""
    path = root / "calls" / "2026" / "11" / "21" / name
    path.mkdir(parents=True)
    document = {
        "schema_version": "1.0",
        "call_id": name,
        "started_at": "2026-11-21T09:30:00.000Z",
        "status": "completed",
    }
    document |= {"ended_at": "2026-11-21T09:31:00.000Z", "recording_path": "recording.wav", **metadata}
    (path / "metadata.json").write_text(json.dumps(document), encoding="utf-8")
    (path / "transcript.jsonl").write_text('{"role":"user","text":"<script>alert(1)</script>"}\n', encoding="utf-8")
    (path / "recording.wav").write_bytes(SOUND)
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    recorded(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def client(archive: Path) -> TestClient:
    return dashboard(archive)


def test_a_recording_is_sent_whole_as_sound(client: TestClient) -> None:
    answer = client.get(f"{CALL}/recording.wav")

    assert (answer.status_code, answer.content) == (200, SOUND)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(SOUND))


@pytest.mark.parametrize(
    ("wanted", "first", "after"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(SOUND)),
        ("bytes=-50", len(SOUND) - 50, len(SOUND)),
        ("bytes=0-999999999", 0, len(SOUND)),
        ("bytes=-999999999", 0, len(SOUND)),
    ],
)
def test_a_part_of_it_is_sent_when_asked_for(client: TestClient, wanted: str, first: int, after: int) -> None:
    answer = client.get(f"{CALL}/recording.wav", headers={"range": wanted})

    assert (answer.status_code, answer.content) == (206, SOUND[first:after])
    assert answer.headers["content-range"] == f"bytes {first}-{after - 1}/{len(SOUND)}"


@pytest.mark.parametrize(
    "wanted", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=x-", "bytes=1" + "0" * 99]
)
def test_a_range_that_is_not_understood_gives_all_of_it(client: TestClient, wanted: str) -> None:
    answer = client.get(f"{CALL}/recording.wav", headers={"range": wanted})

    assert (answer.status_code, answer.content) == (200, SOUND)


@pytest.mark.parametrize("wanted", [f"bytes={len(SOUND)}-", "bytes=-0"])
def test_a_range_beyond_its_end_is_refused(client: TestClient, wanted: str) -> None:
    answer = client.get(f"{CALL}/recording.wav", headers={"range": wanted})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"


def test_a_part_of_another_version_is_not_mixed_with_this_one(client: TestClient) -> None:
    tag = client.get(f"{CALL}/recording.wav").headers["etag"]

    same = client.get(f"{CALL}/recording.wav", headers={"range": "bytes=0-9", "if-range": tag})
    other = client.get(f"{CALL}/recording.wav", headers={"range": "bytes=0-9", "if-range": '"another"'})

    assert (same.status_code, other.status_code) == (206, 200)


def test_a_recording_that_grows_while_it_is_sent_is_sent_as_far_as_was_promised(archive: Path) -> None:
    path = archive / "calls/2026/11/21/CA1/recording.wav"
    path.write_bytes(bytes(1_000_000))

    with dashboard(archive).stream("GET", f"{CALL}/recording.wav") as answer:
        with path.open("ab") as file:
            file.write(b"more" * 100_000)
        received = sum(len(piece) for piece in answer.iter_bytes())

    assert received == int(answer.headers["content-length"]) == 1_000_000


def test_the_name_of_the_metadata_is_taken_when_it_is_a_name(archive: Path) -> None:
    path = recorded(archive, "CA2", recording_path="call.wav")
    (path / "call.wav").write_bytes(b"RIFF other")

    assert dashboard(archive).get("/calls/2026/11/21/CA2/recording.wav").content == b"RIFF other"


@pytest.mark.parametrize(
    "named", ["../CA9/recording.wav", "/etc/passwd", "metadata.json", "..", "", "a\0.wav", ".hidden.wav"]
)
def test_a_recording_elsewhere_is_never_sent(archive: Path, named: str) -> None:
    recorded(archive, "CA9")
    (recorded(archive, "CA2", recording_path=named) / "recording.wav").unlink()

    answer = dashboard(archive).get("/calls/2026/11/21/CA2/recording.wav")

    assert answer.status_code == 404
    assert "no recording" in answer.text


@pytest.mark.parametrize("file", ["recording.wav", "raw/metadata.json"])
def test_a_symbolic_link_is_not_followed(archive: Path, tmp_path: Path, file: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    path = archive / "calls/2026/11/21/CA1" / Path(file).name
    path.unlink()
    path.symlink_to(secret)

    answer = dashboard(archive).get(f"{CALL}/{file}")

    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize("part", ["2026", "2026/11", "2026/11/21", "2026/11/21/CA1"])
def test_a_link_in_place_of_a_directory_is_not_followed(tmp_path: Path, part: str) -> None:
    recorded(tmp_path / "elsewhere")
    link = tmp_path / "archive" / "calls" / part
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere" / "calls" / part, target_is_directory=True)

    assert dashboard(tmp_path / "archive").get(f"{CALL}/raw/metadata.json").status_code == 404


def test_a_pipe_in_place_of_the_sound_is_not_waited_for(archive: Path) -> None:
    path = archive / "calls/2026/11/21/CA1/recording.wav"
    path.unlink()
    os.mkfifo(path)

    assert dashboard(archive).get(f"{CALL}/recording.wav").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/calls/2026/11/21/%2e%2e/raw/metadata.json",
        "/calls/2026/11/21/..%2f..%2fetc/raw/metadata.json",
        "/calls/2026/11/%2e%2e/CA1/raw/metadata.json",
        "/calls/2026/02/30/CA1/raw/metadata.json",
        "/calls/2026/1/21/CA1/raw/metadata.json",
        "/calls/२०२६/11/21/CA1/raw/metadata.json",
        f"{CALL}%00/raw/metadata.json",
        f"{CALL}/raw/%2e%2e%2fCA9%2fmetadata.json",
        f"{CALL}/raw/..\\CA9\\metadata.json",
        f"{CALL}/raw/recording.wav",
        f"{CALL}/raw/.tmp.x.json",
        f"{CALL}/raw/metadata.json%00.txt",
        f"{CALL}/raw/nothing.json",
        "/calls/2026/11/21/" + "x" * 5000 + "/raw/metadata.json",
    ],
)
def test_an_address_reaches_nothing_but_a_text_file_of_a_call(archive: Path, address: str) -> None:
    recorded(archive, "CA9")
    (archive / "calls/2026/11/21/CA1/.tmp.x.json").write_text("{}", encoding="utf-8")

    answer = dashboard(archive).get(address)

    assert answer.status_code == 404
    assert "<html" in answer.text


def test_raw_rows_are_kept_as_a_file_and_never_shown_as_a_page(client: TestClient) -> None:
    answer = client.get(f"{CALL}/raw/transcript.jsonl")

    assert answer.text == '{"role":"user","text":"<script>alert(1)</script>"}\n'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''CA1-transcript.jsonl"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_call_with_an_odd_name_has_an_address(tmp_path: Path) -> None:
    name = 'a b"é;\r\n\\?#'
    recorded(tmp_path / "archive", name)
    address = address_of(tmp_path / "archive" / "calls" / "2026" / "11" / "21" / name)
    answer = dashboard(tmp_path / "archive").get(f"{address}/raw/metadata.json")

    assert json.loads(answer.text)["call_id"] == name
    assert "\n" not in answer.headers["content-disposition"]


def test_nothing_is_sent_of_a_call_that_was_deleted(client: TestClient) -> None:
    answer = client.get("/calls/2026/11/21/gone/recording.wav")

    assert answer.status_code == 404
    assert "there is no call" in answer.text
