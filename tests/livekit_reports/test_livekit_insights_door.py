"""The four addresses that LiveKit's agents upload to: who is answered, what is taken, what becomes of it."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from livekit.protocol import metrics as livekit_metrics
from older_reports import report
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opus_sound import ogg
from starlette.testclient import TestClient

from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.config import Settings
from callscope.index.index import Index
from callscope.receivers import inbox, sounds
from callscope.receivers.livekit_token import Keys
from callscope.receivers.receiver import Receiver
from callscope.receivers.routes import Door
from callscope.receivers.uploads import RECORDING_BYTES, Uploads
from callscope.web import receiving
from callscope.web.app import create_app
from callscope.web.safety import Access
from callscope.web.site import Site
from livekit import api

KEYS = Keys(key="devkey", secret="a-secret-of-thirty-two-characters")  # noqa: S106 -- of these tests alone
Files = dict[str, tuple[str, bytes | str, str]]
RECORDINGS = "/observability/recordings/v0"
TRACES = "/observability/traces/otlp/v0"
BEYOND = Access(hosts=frozenset({"127.0.0.1"}), token="a-token-of-the-dashboard")  # noqa: S106 -- as above


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@contextmanager
def serving(root: Path, *, access: Access | None = None, uploads: Uploads | None = None) -> Iterator[TestClient]:
    with Index.open(root, place=root.parent / "index.sqlite", now_ms=now_ms) as index:
        site = Site(root, index, now_ms=now_ms, version="0")
        app = create_app(site, access=access, uploads=uploads, refreshing=False, watching=False)
        with TestClient(app, base_url="http://127.0.0.1:8765") as client:
            yield client


def token(keys: Keys = KEYS, *, ttl: timedelta = timedelta(hours=6), write: bool = True) -> dict[str, str]:
    """As LiveKit's own package makes it."""
    grants = api.ObservabilityGrants(write=write)
    made = api.AccessToken(keys.key, keys.secret).with_observability_grants(grants).with_ttl(ttl)
    return {"Authorization": f"Bearer {made.to_jwt()}"}


def header(document: dict[str, Any]) -> bytes:
    """As livekit-agents makes it."""
    summary = {name: value for name, value in document.items() if name not in {"events", "chat_history"}}
    message = livekit_metrics.MetricsRecordingHeader(
        room_id=document["room_id"],
        job_id=document["job_id"],
        duration=document["duration_ms"],
        session_summary=json.dumps(summary),
    )
    message.start_time.FromMilliseconds(int((document["audio_recording_started_at"] or 0) * 1000))
    return bytes(message.SerializeToString())


def upload(
    client: TestClient, document: dict[str, Any], headers: dict[str, str] | None = None, *, sound: bytes = b""
) -> httpx2.Response:
    files: Files = {
        "header": ("header.binpb", header(document), "application/protobuf"),
        "chat_history": ("chat_history.json", json.dumps(document["chat_history"]), "application/json"),
        **({"audio": ("recording.ogg", sound, "audio/ogg")} if sound else {}),
    }
    return client.post(RECORDINGS, files=files, headers=token() if headers is None else headers)


def calls(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("calls/*/*/*/*/metadata.json"))


def test_a_recording_becomes_a_call_with_its_sound(root: Path) -> None:
    document = report("barge-in-1.8.9")
    with serving(root) as client:
        assert upload(client, document, sound=ogg()).status_code == 200
    (path,) = calls(root)
    record = read_call(path, now_ms=now_ms())
    assert [turn.text for turn in record.turns] == [
        item["content"][0] for item in document["chat_history"]["items"] if item["type"] == "message"
    ]
    assert (record.call.call_id, record.call.status) == (document["room_id"], "completed")
    with wave.open(str(path / "recording.wav")) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (2, 16_000)
        samples = np.frombuffer(sound.readframes(16_000), dtype=np.int16).reshape(-1, 2)
    assert len(samples) == pytest.approx(16_000, abs=400)
    assert np.abs(samples[:, 0]).max() < 200
    assert np.abs(samples[:, 1]).max() > 4_000
    assert not list(inbox.place(root).glob("*.ogg"))


def test_the_same_recording_again_changes_nothing(root: Path) -> None:
    document = report("tools-1.8.9")
    with serving(root) as client:
        assert upload(client, document, sound=ogg()).status_code == 200
        assert upload(client, document, sound=ogg()).status_code == 200
    (path,) = calls(root)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    with serving(root) as client:
        assert upload(client, document, sound=ogg()).status_code == 200
    assert calls(root) == [path]
    transcript = "transcript.jsonl"
    assert (path / transcript).read_bytes().count(b"\n") == 5
    assert set(before) == {file.name for file in path.iterdir()}


def test_agents_before_1_8_9_send_no_summary_and_are_understood(root: Path) -> None:
    document = report("barge-in-1.8.9")
    message = livekit_metrics.MetricsRecordingHeader(room_id=document["room_id"], duration=document["duration_ms"])
    message.start_time.FromMilliseconds(int(document["audio_recording_started_at"] * 1000))
    files: Files = {
        "header": ("header.binpb", message.SerializeToString(), "application/protobuf"),
        "chat_history": ("chat_history.json", json.dumps(document["chat_history"]), "application/json"),
    }
    with serving(root) as client:
        assert client.post(RECORDINGS, files=files).status_code == 200
    (path,) = calls(root)
    record = read_call(path, now_ms=now_ms())
    assert (record.call.call_id, len(record.turns)) == (document["room_id"], 4)
    assert [turn.interrupted for turn in record.turns] == [False, True, False, False]


def test_sound_that_cannot_be_decoded_is_kept_beside_the_call(root: Path) -> None:
    broken = b"OggS" + bytes(range(256)) * 4
    with serving(root) as client:
        assert upload(client, report("tools-1.8.9"), sound=broken).status_code == 200
    (path,) = calls(root)
    assert (path / sounds.OGG).read_bytes() == broken
    assert not (path / "recording.wav").exists()


def test_without_the_sounds_recording_there_is_a_call_without_sound(root: Path) -> None:
    with serving(root) as client:
        assert upload(client, report("typed-1.8.9")).status_code == 200
    (path,) = calls(root)
    assert read_call(path, now_ms=now_ms()).call.recording_path is None


def test_traces_are_taken_packed_and_as_protobuf(root: Path) -> None:
    body = gzip.compress(ExportTraceServiceRequest().SerializeToString())
    kind = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    with serving(root, uploads=Uploads(keys=KEYS)) as client:
        for signal in ("traces", "metrics", "logs"):
            address = f"/observability/{signal}/otlp/v0"
            assert client.post(address, content=body, headers={**kind, **token()}).status_code == 200
        assert client.post(TRACES, content=b"\xff\xff", headers={**kind, **token()}).status_code == 400
        assert client.post(TRACES, content=body, headers=kind).status_code == 401


def signed(claims: dict[str, Any], *, secret: str = KEYS.secret, alg: str = "HS256") -> str:
    def part(value: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    content = part({"alg": alg, "typ": "JWT"}) + b"." + part(claims)
    mark = hmac.new(secret.encode(), content, sha256).digest()
    return f"Bearer {(content + b'.' + base64.urlsafe_b64encode(mark).rstrip(b'=')).decode()}"


LONG_AGO, FAR_OFF = 1_600_000_000, 4_102_444_800  # fixed: cases are made when tests are gathered, perhaps long before
GOOD = {"iss": KEYS.key, "exp": FAR_OFF, "observability": {"write": True}}


@pytest.mark.parametrize(
    ("authorization", "why"),
    [
        ("", "there is no token"),
        ("Basic abc", "there is no token"),
        ("Bearer a.b", "no JWT"),
        ("Bearer é.b.c", "not signed"),
        (signed(GOOD, secret="another"), "LIVEKIT_API_SECRET differs"),  # noqa: S106 -- of this test alone
        (signed(GOOD, alg="none"), "not signed"),
        (signed({**GOOD, "iss": "other"}), "LIVEKIT_API_KEY differs"),
        (signed({**GOOD, "exp": LONG_AGO}), "expired"),
        (signed({name: value for name, value in GOOD.items() if name != "exp"}), "expired"),
        (signed({**GOOD, "nbf": FAR_OFF}), "not valid yet"),
        (signed({**GOOD, "observability": {"write": False}}), "does not allow"),
        (signed({**GOOD, "observability": "write"}), "does not allow"),
        (f"Bearer {'a' * 10_000}", "there is no token"),
    ],
)
def test_a_token_that_is_not_good_is_refused_with_what_is_wrong(root: Path, authorization: str, why: str) -> None:
    with serving(root, uploads=Uploads(keys=KEYS)) as client:
        headers = {b"Authorization": authorization.encode()}
        answer = client.post(RECORDINGS, content=b"", headers=headers)
    assert answer.status_code == 401
    assert why in answer.text
    assert "data recording is disabled" not in answer.text


def test_livekits_own_tokens_are_good(root: Path) -> None:
    with serving(root, uploads=Uploads(keys=KEYS)) as client:
        assert upload(client, report("tools-1.8.9"), token()).status_code == 200
        refused = upload(client, report("tools-1.8.9"), token(ttl=timedelta(hours=-1)))
    assert refused.status_code == 401


def test_beyond_this_machine_nothing_is_taken_without_keys_and_agents_are_told_to_stop(root: Path) -> None:
    with serving(root, access=BEYOND) as client:
        answer = upload(client, report("tools-1.8.9"))
    assert (answer.status_code, calls(root)) == (401, [])
    assert "data recording is disabled" in answer.text
    assert "LIVEKIT_API_SECRET" in answer.text


def test_beyond_this_machine_agents_show_their_own_token_and_not_the_dashboards(root: Path) -> None:
    with serving(root, access=BEYOND, uploads=Uploads(keys=KEYS, is_open=False)) as client:
        assert client.get("/", headers=token()).status_code == 401
        assert upload(client, report("tools-1.8.9"), token()).status_code == 200
        assert upload(client, report("tools-1.8.9"), {"Authorization": f"Bearer {BEYOND.token}"}).status_code == 401


def test_a_page_of_another_site_cannot_send_a_recording(root: Path) -> None:
    with serving(root) as client:
        assert upload(client, report("tools-1.8.9"), {"Origin": "https://elsewhere.example"}).status_code == 403
    assert calls(root) == []


FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + content + b"\r\n"
        for name, content in parts
    )
    return body + b"--b--\r\n"


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b"", {"Content-Type": "text/plain"}, "no multipart form"),
        (b"nothing", FORM, "breaks off"),
        (form(("header", b"\x0a\x03abc"))[:-6], FORM, "breaks off"),
        (form(("header", b"\x0a\x03abc"), ("chat_history", b"{}"))[:-12], FORM, "breaks off"),
        (form(("other", b"")), FORM, "no part 'header'"),
        (form(("header", b"")), FORM, "names no room"),
        (form(("header", b"\x0a\xff")), FORM, "breaks off"),
        (form(("header", b"\x0b")), FORM, "no protobuf"),
        (form(("header", b"\x0a\x03abc"), ("chat_history", b"{")), FORM, "chat_history is no JSON"),
        (form(("header", b"\x0a\x03abc"), ("chat_history", b"[]")), FORM, "no JSON object"),
        (form(("header", b"\x0a\x03abc"), ("audio", b"OggS")), FORM, "tells no moment"),
        (form(("header", b"\x0a\x03abc\x22\x02\x08\x07"), ("audio", b"RIFF")), FORM, "no Ogg file"),
        (form(*(("x", b""),) * 20), FORM, "more than"),
    ],
)
def test_what_is_no_recording_is_refused_and_leaves_nothing(
    root: Path, body: bytes, headers: dict[str, str], why: str
) -> None:
    with serving(root) as client:
        answer = client.post(RECORDINGS, content=body, headers=headers)
    assert (answer.status_code, calls(root)) == (400, [])
    assert why in answer.text
    assert not list(inbox.place(root).glob("*.ogg"))


def test_a_recording_that_is_too_long_is_refused_before_it_is_read(root: Path) -> None:
    with serving(root) as client:
        headers = {**FORM, "Content-Length": str(RECORDING_BYTES + 1)}
        assert client.post(RECORDINGS, content=b"", headers=headers).status_code == 413


def test_an_agent_that_has_to_wait_is_told_how_long_in_its_own_words(root: Path) -> None:
    with serving(root) as first, serving(root.parent / "other") as _:
        assert upload(first, report("tools-1.8.9")).status_code == 200
        with serving(root) as second:  # another process that shows the same archive
            answer = upload(second, report("barge-in-1.8.9"))
    assert answer.status_code == 503
    status = status_pb2.Status.FromString(answer.content)
    delay = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(delay)
    assert (delay.retry_delay.seconds, status.code) == (10, 14)
    assert "another process receives" in status.message


def test_what_came_before_a_receiver_was_killed_is_told_by_the_next(root: Path) -> None:
    document = report("barge-in-1.8.9")
    with serving(root) as client:
        assert upload(client, document, sound=ogg()).status_code == 200
        (kept,) = [path.read_bytes() for path in inbox.place(root).glob("*.jsonl")]
        (sound,) = [path.read_bytes() for path in inbox.place(root).glob("*.ogg")] or [ogg()]
    other = root.parent / "other"
    inbox.place(other).mkdir(parents=True)
    (inbox.place(other) / "n-0.jsonl").write_bytes(kept)
    sounds.keep(other, document["room_id"], sound)
    with serving(other):
        pass
    (path,) = calls(other)
    assert (path / "recording.wav").exists()


@pytest.mark.parametrize("headers", [token(), None])
def test_callscope_receive_takes_the_same_under_the_same_rules(root: Path, headers: dict[str, str] | None) -> None:
    door = Door(root, lambda place: Receiver(place, Settings(retention_days=0)))
    uploads = Uploads(keys=KEYS) if headers is not None else None
    with TestClient(receiving.create_app(door, uploads=uploads), base_url="http://127.0.0.1:4318") as client:
        answers = [upload(client, report("tools-1.8.9"), each, sound=ogg()).status_code for each in ({}, headers or {})]
    assert answers == ([200, 200] if headers is None else [401, 200])
    (path,) = calls(root)
    assert (path / "recording.wav").exists()


def test_callscope_receive_that_is_reached_from_elsewhere_takes_no_unsigned_upload(root: Path) -> None:
    door = Door(root, lambda place: Receiver(place, Settings(retention_days=0)))
    app = receiving.create_app(door, access=BEYOND)
    with TestClient(app, base_url="http://127.0.0.1:4318") as client:
        answer = upload(client, report("tools-1.8.9"))
    assert (answer.status_code, calls(root)) == (401, [])
    assert "data recording is disabled" in answer.text
