"""What comes becomes calls on the disk: live, late, twice, in pieces; and nothing of it is lost or in the way."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from sent_traces import PIPECAT, SESSIONS, SETTINGS, decoded, pipecat, small_call, span

from callscope.archive.reader import read_metadata
from callscope.config import Settings
from callscope.interop.spans import LogRecord, Point, Record
from callscope.receivers import inbox
from callscope.receivers.gathering import Capacity, FullError
from callscope.receivers.inbox import BusyError
from callscope.receivers.receiver import Receiver

NOW_MS = 1_795_000_100_000


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


def opened(root: Path, clock: Clock | None = None, **more: object) -> Receiver:
    """A receiver without its thread: it tells when the test says so."""
    return Receiver(root, more.pop("settings", SETTINGS), now_ms=clock or Clock(), **more)  # type: ignore[arg-type]


def call_dirs(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("calls/*/*/*/*/metadata.json"))


def metadata(root: Path) -> dict[str, object]:
    (path,) = call_dirs(root)
    return read_metadata(str(path)) or {}


def content(path: Path) -> dict[str, bytes]:
    """A call's files, but for what tells of the telling."""
    document = msgspec.json.decode((path / "metadata.json").read_bytes())
    document["callscope"].pop("writer", None)
    document["callscope"]["source"].pop("at")
    files = {name: (path / name).read_bytes() for name in ("transcript.jsonl", "events.jsonl", "source/spans.jsonl")}
    return {**files, "metadata.json": msgspec.json.encode(document)}


def received(root: Path, batches: list[list[Record]]) -> Path:
    clock = Clock()
    receiver = opened(root, clock)
    for batch in batches:
        receiver.take(decoded(*batch))
        receiver.tell(all_of_them=True)
        clock.ms += 400
    receiver.close()
    (path,) = call_dirs(root)
    return path


def test_a_call_is_in_progress_until_the_span_that_holds_it_comes(tmp_path: Path) -> None:
    *pieces, whole = small_call()
    receiver = opened(tmp_path)
    for each in pieces:
        receiver.take(decoded(each))
        receiver.tell(all_of_them=True)
    assert metadata(tmp_path)["status"] == "in_progress"
    assert metadata(tmp_path)["turns"] == 2

    receiver.take(decoded(whole))
    receiver.tell(all_of_them=True)

    assert metadata(tmp_path)["status"] == "completed"
    receiver.close()


@pytest.mark.skipif(not SESSIONS.is_dir(), reason="the recorded sessions are not here")
@pytest.mark.parametrize("seed", range(3))
def test_a_real_call_is_the_same_however_it_comes(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    records = pipecat("pipecat-barge-in")
    shuffled = [*records, *chance.sample(records, 6)]
    chance.shuffle(shuffled)
    cuts = sorted(chance.sample(range(1, len(shuffled)), 5))
    batches = [shuffled[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]

    at_once = received(tmp_path / "at-once", [records])
    in_pieces = received(tmp_path / "in-pieces", batches)

    assert content(in_pieces) == content(at_once)
    assert in_pieces.name == PIPECAT["pipecat-barge-in"]


def test_what_is_sent_again_is_neither_written_nor_told_again(tmp_path: Path) -> None:
    receiver = opened(tmp_path)
    receiver.take(decoded(*small_call()))
    assert receiver.tell() == 1
    size = sum(path.stat().st_size for path in inbox.place(tmp_path).iterdir())

    again = receiver.take(decoded(*small_call()))

    assert (again.new, again.known) == (0, 5)
    assert receiver.tell(all_of_them=True) == 0
    assert sum(path.stat().st_size for path in inbox.place(tmp_path).iterdir()) == size
    receiver.close()


def test_a_call_is_made_anew_once_a_second_at_most(tmp_path: Path) -> None:
    clock = Clock()
    receiver = opened(tmp_path, clock)
    *pieces, whole = small_call()
    receiver.take(decoded(*pieces))
    assert receiver.tell() == 1
    receiver.take(decoded(whole))
    assert receiver.tell() == 0
    clock.ms += 1_000
    assert receiver.tell() == 1
    receiver.close()


def test_a_call_of_which_nothing_comes_any_more_is_abandoned_and_what_comes_then_is_added(tmp_path: Path) -> None:
    clock = Clock()
    receiver = opened(tmp_path, clock)
    *pieces, whole = small_call()
    receiver.take(decoded(*pieces))
    receiver.tell()
    clock.ms += 15 * 60_000
    receiver.tell()
    assert metadata(tmp_path)["status"] == "abandoned"
    assert not inbox.holds_anything(tmp_path)

    receiver.take(decoded(whole))
    receiver.tell()

    assert metadata(tmp_path)["status"] == "completed"
    assert metadata(tmp_path)["turns"] == 2
    receiver.close()


def test_the_next_run_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    *pieces, whole = small_call()
    with opened(tmp_path) as first:
        first.take(decoded(*pieces))
    second = opened(tmp_path)
    second.take(decoded(whole))
    second.close()

    assert metadata(tmp_path)["status"] == "completed"
    assert metadata(tmp_path)["turns"] == 2


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sent_traces import SETTINGS, decoded, small_call
from callscope.receivers.receiver import Receiver
receiver = Receiver(Path(sys.argv[1]), SETTINGS)
receiver.take(decoded(*small_call(is_over=False)))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_receiver_finds_what_it_had(tmp_path: Path) -> None:
    """It had answered, and not told the call yet; the last line was torn by somebody else."""
    child = subprocess.run([sys.executable, "-c", KILLED, tmp_path, Path(__file__).parent], check=False)
    assert child.returncode == -signal.SIGKILL
    assert not call_dirs(tmp_path)
    (left,) = inbox.place(tmp_path).glob("*.jsonl")
    with left.open("ab") as file:
        file.write(b'{"is":"span","trace_id":"aa')

    receiver = opened(tmp_path)
    receiver.take(decoded(small_call()[-1]))
    receiver.close()

    assert metadata(tmp_path)["status"] == "completed"
    assert metadata(tmp_path)["turns"] == 2
    assert receiver.counts["unreadable"] == 1


def test_a_second_receiver_of_an_archive_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(BusyError, match="another process receives"):
        opened(tmp_path)
    opened(tmp_path).close()


def test_a_full_disk_keeps_nothing_of_a_request_and_the_next_one_succeeds(tmp_path: Path) -> None:
    receiver = opened(tmp_path)
    blocked = inbox.place(tmp_path) / f"{'a' * 32}.jsonl"
    blocked.mkdir()
    with pytest.raises(OSError, match="directory"):
        receiver.take(decoded(*small_call()))
    blocked.rmdir()

    assert receiver.take(decoded(*small_call())).new == 5
    receiver.close()
    assert metadata(tmp_path)["turns"] == 2


def test_when_too_much_is_open_strangers_go_first_then_calls_that_ended_then_senders_wait(tmp_path: Path) -> None:
    receiver = opened(tmp_path, capacity=Capacity(buckets=2))
    receiver.take(decoded(span("GET /", 0, 1, trace_id="c" * 32)))
    receiver.take(decoded(*small_call("a", "C1")))
    receiver.tell()
    receiver.take(decoded(*small_call("b", "C2", is_over=False)))
    receiver.tell()
    receiver.take(decoded(*small_call("d", "C3", is_over=False)))
    receiver.tell()
    with pytest.raises(FullError):
        receiver.take(decoded(*small_call("e", "C4")))

    receiver.close()
    assert [path.name for path in call_dirs(tmp_path)] == ["C1", "C2", "C3"]
    assert receiver.counts["passed_over"] == 2


def test_a_trace_may_not_grow_without_end(tmp_path: Path) -> None:
    receiver = opened(tmp_path, capacity=Capacity(records=3))

    taken = receiver.take(decoded(*small_call()))

    assert (taken.new, taken.rejected) == (3, 2)
    assert "3 records" in taken.why
    receiver.close()


def test_one_trace_with_two_calls_is_two_calls_and_one_call_with_two_traces_is_one(tmp_path: Path) -> None:
    with opened(tmp_path) as receiver:
        receiver.take(decoded(*small_call("a", "C1")))
        other = [msgspec.structs.replace(each, span_id=f"{n:016x}") for n, each in enumerate(small_call("a", "C2"), 1)]
        by_name = {old.span_id: new.span_id for old, new in zip(small_call("a", "C2"), other, strict=True)}
        moved = [msgspec.structs.replace(each, parent_id=by_name.get(each.parent_id or "")) for each in other]
        receiver.take(decoded(*moved))
        receiver.take(decoded(*small_call("b", "C3")))
        receiver.take(decoded(*small_call("d", "C3")))

    turns = {path.name: (read_metadata(str(path)) or {})["turns"] for path in call_dirs(tmp_path)}
    assert turns == {"C1": 2, "C2": 2, "C3": 4}


def test_an_id_is_never_a_path(tmp_path: Path) -> None:
    with opened(tmp_path) as receiver:
        receiver.take(decoded(*small_call("a", "../../../outside")))
        receiver.take(decoded(Point(name="x", value=1.0, attributes={"room_id": "../../outside"})))

    assert len(call_dirs(tmp_path)) == 1
    assert metadata(tmp_path)["call_id"] == "../../../outside"
    assert not list(tmp_path.parent.glob("outside*"))


@pytest.mark.parametrize("transcript", ["redact", "off"])
def test_words_that_the_policy_keeps_off_the_disk_are_not_in_the_inbox_either(tmp_path: Path, transcript: str) -> None:
    settings = Settings(transcript=transcript)  # type: ignore[arg-type]
    words = "My card is 4111 1111 1111 1111"
    heard, *rest = small_call(is_over=False)
    heard = msgspec.structs.replace(heard, attributes={**heard.attributes, "transcript": words, "own.note": words})
    receiver = opened(tmp_path, settings=settings)
    receiver.take(decoded(heard, *rest, LogRecord(at_ns=1, body=words, attributes={"room_id": "C1"})))
    receiver.tell()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert not [path for path in files if b"4111 1111" in path.read_bytes()]
    left = b"".join(path.read_bytes() for path in inbox.place(tmp_path).glob("*.jsonl"))
    assert (b"My card" in left) == (transcript == "redact")
    receiver.close()

    again = opened(tmp_path, settings=settings)
    again.take(decoded(small_call()[-1]))
    again.close()
    assert metadata(tmp_path)["status"] == "completed"


def test_a_secret_in_a_span_is_masked_everywhere(tmp_path: Path) -> None:
    key = "sk-proj-MadeUpForTheTests0123456789abcdefghijklmno"
    failed = span("llm", 2.1, 3.0, {"note": key}, status=2, status_message=f"bad key {key}", scope="pipecat")
    receiver = opened(tmp_path)
    receiver.take(decoded(*small_call(), failed))
    receiver.tell()

    assert not [path for path in tmp_path.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    receiver.close()


def test_a_call_that_makes_us_stumble_is_not_in_the_way_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path) as receiver:
        odd = span("turn", 0, 1, {"conversation.id": "odd", "turn.number": [{}]}, scope="pipecat", parent_id="f" * 16)
        late = span("tts", -1e9, 2e18 / 1e9, {"metrics.ttfb": "x", "text": 4}, scope="pipecat", parent_id=odd.span_id)
        receiver.take(decoded(odd, late))
        receiver.take(decoded(*small_call("b", "C1")))

    assert "C1" in [path.name for path in call_dirs(tmp_path)]
    assert receiver.counts["failed"] == 0
    assert capsys.readouterr().err == ""
