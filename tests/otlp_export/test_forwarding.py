"""``callscope forward``: calls sent as they end, each once, whatever happens in between."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loopback_collector import Collector, Reply, collector

sys.path.append(str(Path(__file__).parents[1] / "cli"))

from sample_calls import write

from callscope.errors import SettingError
from callscope.exporters.traces import ledger
from callscope.exporters.traces.endpoint import endpoint
from callscope.exporters.traces.forward import Forwarder
from callscope.exporters.traces.sender import RefusedError, Sender, UnreachableError
from callscope.interop.trace import TraceOptions

NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z
DAY_MS = 86_400_000
TODAY = "2026/11/21"


@contextmanager
def forwarder(
    root: Path, there: Collector, *, now_ms: int = NOW_MS, since_ms: int | None = None
) -> Iterator[Forwarder]:
    sender = Sender(endpoint(there.url), tries=1)
    with ledger.held(root, sender.endpoint.url) as known:
        yield Forwarder(root, sender, known, TraceOptions(), now_ms=now_ms, since_ms=since_ms)


def sent(each: Forwarder, *, now_ms: int = NOW_MS) -> list[tuple[str, str]]:
    return [(told.call_id, told.state) for told in each.look(now_ms=now_ms)]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write(tmp_path, "before", day=TODAY)
    return tmp_path


def end(directory: Path) -> None:
    document = json.loads((directory / "metadata.json").read_text())
    (directory / "metadata.json").write_text(json.dumps({**document, "status": "completed"}))


def begin(root: Path, name: str) -> Path:
    """A call in progress, of another writer: it goes on as long as its files are young."""
    return write(root, name, day=TODAY, status="in_progress")


def test_calls_are_sent_when_they_end_and_earlier_ones_are_not(archive: Path) -> None:
    open_call = begin(archive, "open")
    with collector() as there, forwarder(archive, there) as forward:
        assert sent(forward) == []
        write(archive, "later", day=TODAY)
        assert sent(forward) == [("later", "sent")]
        end(open_call)
        assert sent(forward) == [("open", "sent")]
        assert sent(forward) == []

    assert there.names == ["later", "open"]


def test_a_restart_goes_on_where_it_was(archive: Path) -> None:
    with collector() as there:
        with forwarder(archive, there) as forward:
            write(archive, "first", day=TODAY)
            assert sent(forward) == [("first", "sent")]
        write(archive, "meanwhile", day=TODAY)
        with forwarder(archive, there, now_ms=NOW_MS + 9 * DAY_MS) as forward:
            assert sent(forward, now_ms=NOW_MS + 9 * DAY_MS) == [("meanwhile", "sent")]
        with forwarder(archive, there, now_ms=NOW_MS + 9 * DAY_MS) as forward:
            assert sent(forward, now_ms=NOW_MS + 9 * DAY_MS) == []


def test_earlier_calls_are_sent_when_asked_for(archive: Path) -> None:
    write(archive, "older", day="2026/11/01")
    write(archive, "oldest", day="2026/10/01")
    with collector() as there:
        with forwarder(archive, there, since_ms=NOW_MS - 25 * DAY_MS) as forward:
            assert sent(forward) == [("older", "sent"), ("before", "sent")]
        with forwarder(archive, there) as forward:
            assert sent(forward) == []
        with forwarder(archive, there, since_ms=NOW_MS - 60 * DAY_MS) as forward:
            assert ("oldest", "sent") in sent(forward)


def test_earlier_calls_that_were_sent_are_not_sent_again_at_the_next_start(tmp_path: Path) -> None:
    for day in range(14, 22):
        write(tmp_path, f"c{day}", day=f"2026/11/{day}")
    week_ms = NOW_MS - 6 * DAY_MS - 2 * 3_600_000
    with collector() as there:
        with forwarder(tmp_path, there, since_ms=week_ms) as forward:
            assert sent(forward) == [(f"c{day}", "sent") for day in range(15, 22)]
        for since_ms in (week_ms, week_ms + 2 * DAY_MS, None, week_ms):
            with forwarder(tmp_path, there, since_ms=since_ms) as forward:
                assert sent(forward) == []
        with forwarder(tmp_path, there, since_ms=week_ms - DAY_MS) as forward:
            assert sent(forward) == [("c14", "sent")]


@pytest.mark.parametrize("days", [0, 9])
def test_calls_that_were_passed_over_are_sent_when_they_are_asked_for(archive: Path, days: int) -> None:
    write(archive, "older", day="2026/11/18")
    with collector() as there:
        with forwarder(archive, there) as forward:
            assert sent(forward) == []
        later_ms = NOW_MS + days * DAY_MS
        with forwarder(archive, there, now_ms=later_ms) as forward:
            assert sent(forward, now_ms=later_ms) == []
        with forwarder(archive, there, now_ms=later_ms, since_ms=NOW_MS - 5 * DAY_MS) as forward:
            assert sent(forward, now_ms=later_ms) == [("older", "sent"), ("before", "sent")]
        with forwarder(archive, there, now_ms=later_ms, since_ms=NOW_MS - 5 * DAY_MS) as forward:
            assert sent(forward, now_ms=later_ms) == []


def test_calls_of_the_first_day_that_began_too_early_are_not_sent_and_what_has_gone_holds_nothing_up(
    tmp_path: Path,
) -> None:
    early, late = (
        write(tmp_path, name, day="2026/11/15", started_at=f"2026-11-15T{name[1:]}:00:00Z") for name in ("h08", "h20")
    )
    noon_ms = NOW_MS - 6 * DAY_MS + 2 * 3_600_000
    with collector() as there:
        with forwarder(tmp_path, there, since_ms=noon_ms) as forward:
            assert sent(forward) == [("h20", "sent")]
        shutil.rmtree(early)
        with forwarder(tmp_path, there, since_ms=noon_ms - DAY_MS) as forward:
            assert sent(forward) == []
            assert forward.waiting == 0
    assert late.is_dir()


def test_a_call_waits_on_the_disk_while_the_collector_is_away(archive: Path) -> None:
    with collector(Reply(503), Reply(503)) as there, forwarder(archive, there) as forward:
        write(archive, "a", day=TODAY)
        with pytest.raises(UnreachableError):
            sent(forward)
        with pytest.raises(UnreachableError):
            sent(forward)
        assert sent(forward) == [("a", "sent")]


def test_a_refused_call_does_not_hold_up_the_others(archive: Path) -> None:
    with collector(Reply(400)) as there:
        with forwarder(archive, there) as forward:
            write(archive, "a", day=TODAY)
            write(archive, "b", day=TODAY)
            assert sent(forward) == [("a", "refused"), ("b", "sent")]
        with forwarder(archive, there) as forward:
            assert sent(forward) == []


def test_a_wrong_key_ends_it_and_loses_no_call(archive: Path) -> None:
    with collector(Reply(401)) as there:
        with forwarder(archive, there) as forward:
            write(archive, "a", day=TODAY)
            with pytest.raises(RefusedError, match="give its key with --header"):
                sent(forward)
        with forwarder(archive, there) as forward:
            assert sent(forward) == [("a", "sent")]


def test_one_process_forwards_to_an_endpoint(archive: Path) -> None:
    with collector() as there, collector() as other, forwarder(archive, there):
        with pytest.raises(SettingError, match="another process forwards"), forwarder(archive, there):
            pass
        with forwarder(archive, other):
            pass


def test_half_a_line_of_a_killed_process_hides_no_other(archive: Path) -> None:
    with collector() as there:
        with forwarder(archive, there) as forward:
            write(archive, "a", day=TODAY)
            assert sent(forward) == [("a", "sent")]
        place = ledger.place_of(archive, endpoint(there.url).url)
        place.write_bytes(place.read_bytes() + b'{"path":"2026/11/21/b","sta')
        with forwarder(archive, there) as forward:
            write(archive, "b", day=TODAY)
            assert sent(forward) == [("b", "sent")]
        with forwarder(archive, there) as forward:
            assert sent(forward) == []


@pytest.mark.e2e
def test_the_command_sends_what_has_ended_and_ends(archive: Path) -> None:
    program = "from callscope.cli.commands.forward import command; command()"
    with collector(Reply(503, {"Retry-After": "0"})) as there:
        args = (
            "--root",
            str(archive),
            "--endpoint",
            there.url,
            "--once",
            "--since",
            "2026-11-01",
            "--header",
            "x-key=k",
        )
        done, again = (
            subprocess.run(
                [sys.executable, "-c", program, *args], capture_output=True, text=True, check=False, timeout=60
            )
            for _ in range(2)
        )

    assert (done.returncode, done.stdout) == (0, "before  1 span\n")
    assert done.stderr == "callscope: it answered 503 Service Unavailable; again in 0 s\n"
    assert there.requests[1].headers["x-key"] == "k"
    assert (again.returncode, again.stdout) == (0, "")
