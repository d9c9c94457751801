from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sample_calls import START_MS, append, run, write

from callscope.archive.liveness import WriterFile
from callscope.cli.commands.prune import _bytes


def dead(root: Path, name: str = "dead") -> Path:
    directory = write(root, name, status="in_progress", ended_at=None, turns=0, callscope={"writer": {"id": "gone"}})
    append(directory / "transcript.jsonl", {"ts": "2026-11-20T09:00:05.000Z", "role": "user", "text": "hi"})
    return directory


def test_verify_ends_with_1_when_there_are_problems_and_0_when_there_are_none(tmp_path: Path) -> None:
    good = write(tmp_path, "good", turns=0)
    done = run("verify", "--root", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "1 call, 0 rows: all is well\n")

    append(good / "transcript.jsonl", {"nothing": 1})
    done = run("verify", "--root", str(tmp_path))
    assert done.returncode == 1
    assert "  ! transcript.jsonl line 1: the row tells of no turn: skipped" in done.stdout.splitlines()
    assert done.stdout.endswith("1 call, 1 row: 1 with problems\n")


def test_verify_tells_the_same_as_json(tmp_path: Path) -> None:
    dead(tmp_path)

    done = run("verify", "--json", "--root", str(tmp_path))

    document = json.loads(done.stdout)
    assert (done.returncode, document["calls"], document["rows"]) == (1, 1, 1)
    assert document["bad"][0]["problems"][0]["file"] == "metadata.json"


def test_verify_may_check_one_call(tmp_path: Path) -> None:
    dead(tmp_path)
    write(tmp_path, "good", turns=0)

    assert run("verify", "good", "--root", str(tmp_path)).returncode == 0


def test_repair_closes_a_dead_call_once(tmp_path: Path) -> None:
    directory = dead(tmp_path)

    told = run("repair", "--dry-run", "--root", str(tmp_path)).stdout
    assert told.splitlines()[-1] == "1 call would be repaired; nothing was changed."
    assert json.loads((directory / "metadata.json").read_text())["status"] == "in_progress"

    assert run("repair", "--root", str(tmp_path)).stdout.splitlines() == [
        "dead  closed: abandoned with 1 turns and 0 events",
        "1 call repaired.",
    ]
    assert json.loads((directory / "metadata.json").read_text())["status"] == "abandoned"
    assert run("repair", "--root", str(tmp_path)).stdout == "Nothing to repair.\n"


def test_repair_tells_the_same_as_json(tmp_path: Path) -> None:
    directory = dead(tmp_path)

    document = json.loads(run("repair", "dead", "--json", "--root", str(tmp_path)).stdout)

    assert document["dry_run"] is False
    assert [(action["kind"], action["path"]) for action in document["actions"]] == [("closed", str(directory))]


def test_prune_deletes_what_is_older_than_the_days(tmp_path: Path) -> None:
    old = write(tmp_path, "old", day="2020/01/01")

    told = run("prune", "--days", "30", "--dry-run", "--root", str(tmp_path)).stdout.splitlines()
    assert told[0] == str(old)
    assert told[1].endswith("would go; nothing was deleted")
    assert old.exists()

    document = json.loads(run("prune", "--days", "30", "--json", "--root", str(tmp_path)).stdout)
    assert (document["paths"], document["days"]) == ([str(old)], ["2020-01-01"])
    assert not old.exists()


def test_prune_takes_its_days_from_the_setting_and_deletes_nothing_when_that_is_unreadable(tmp_path: Path) -> None:
    old = write(tmp_path, "old", day="2020/01/01")

    assert run("prune", "--root", str(tmp_path), environ={"PATTER_LOG_RETENTION_DAYS": "0"}).returncode == 0
    done = run("prune", "--root", str(tmp_path), environ={"PATTER_LOG_RETENTION_DAYS": "a month"})
    assert done.returncode == 2
    assert "PATTER_LOG_RETENTION_DAYS='a month' is not understood" in done.stderr
    assert old.exists()
    assert run("prune", "--root", str(tmp_path)).returncode == 0
    assert not old.exists()


def test_prune_shrinks_to_a_size(tmp_path: Path) -> None:
    write(tmp_path, "older", day="2026/11/19")
    newer = write(tmp_path, "newer", day="2026/11/20")
    size = (newer / "metadata.json").stat().st_size

    done = run("prune", "--days", "0", "--max-size", f"{size}b", "--root", str(tmp_path))

    assert done.stdout.splitlines()[1].endswith(f"deleted; {size} bytes kept")
    assert [path.name for path in tmp_path.glob("calls/*/*/*/*")] == ["newer"]


@pytest.mark.parametrize(("text", "size"), [("500MB", 5 * 10**8), ("1.5 g", 15 * 10**8), ("10k", 10**4), ("7", 7)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert _bytes(text) == size


def test_doctor_says_that_recording_is_off_and_how_to_switch_it_on() -> None:
    done = run("doctor")

    assert done.returncode == 0
    assert "recording  off (PATTER_LOG_DIR is not set)" in done.stdout
    assert "· Recording is off: set PATTER_LOG_DIR" in done.stdout


def test_doctor_finds_a_healthy_archive_well(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    writer.beat(
        {"writer": {"id": "alive", "host": "here", "pid": 7}, "written": 12, "pending": 0, "open_calls": 1, "lost": {}}
    )
    write(tmp_path, "good")
    write(tmp_path, "going", status="in_progress", callscope={"writer": {"id": "alive"}})

    done = run("doctor", environ={"PATTER_LOG_DIR": str(tmp_path)})

    assert done.returncode == 0
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert "recording  on (PATTER_LOG_DIR)" in lines
    assert "calls      2: 1 completed, 1 in progress" in lines
    assert "lost       no rows" in lines
    assert "writer     process 7 on here: 1 open calls, 12 written, 0 pending" in lines
    assert "✓ Nothing is wrong." in lines
    assert sorted(path.name for path in tmp_path.iterdir()) == [".callscope", "calls"]
    writer.close(keep=False)


def test_doctor_tells_of_everything_that_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    dead(tmp_path)
    write(tmp_path, "lossy", callscope={"writer": {"id": "w1"}, "lost": {"disk_full": 3}})
    ledger = WriterFile(tmp_path, "w1")
    ledger.beat({"writer": {"id": "w1"}, "lost": {"disk_full": 5, "permission": 1}})
    ledger.close(keep=True)

    done = run("doctor", "--root", str(tmp_path), environ={"PATTER_LOG_REDACT_PHONE": "masked"})

    assert done.returncode == 1
    assert "PATTER_LOG_REDACT_PHONE='masked' is not understood" in done.stdout
    assert "1 call was never closed, the writer is gone: run `callscope repair`" in done.stdout
    said = " ".join(done.stdout.split())
    assert "5 rows were lost (disk_full), the last by" in said
    assert "make room on the disk" in said
    assert "1 row was lost (permission)" in said


def test_doctor_tells_the_same_as_json_without_the_key_of_the_hashes(tmp_path: Path) -> None:
    secrets = {"PATTER_LOG_REDACT_PHONE": "hash_only", "PATTER_LOG_HASH_KEY": "hush"}

    done = run("doctor", "--json", "--root", str(tmp_path), environ=secrets)

    document = json.loads(done.stdout)
    assert (document["recording"], document["writable"], document["calls"]) == (False, True, {})
    assert document["settings"]["hash_key"] is True
    assert "hush" not in done.stdout


def test_doctor_looks_at_a_root_that_is_not_there_without_making_it(tmp_path: Path) -> None:
    done = run("doctor", environ={"PATTER_LOG_DIR": str(tmp_path / "new" / "root")})

    assert done.returncode == 0
    assert "(writable, not there yet;" in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []


def test_doctor_takes_a_root_that_is_given_and_not_there_for_a_mistake_as_every_command_does(tmp_path: Path) -> None:
    done = run("doctor", "--root", str(tmp_path / "none"))

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("callscope: there is no directory")


@pytest.mark.parametrize(
    ("root", "why"),
    [
        ("link", "is a symbolic link that leads nowhere"),
        ("link/below", "is a symbolic link that leads nowhere"),
        ("file", "is no directory"),
        ("file/below", "is no directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_doctor_says_that_a_root_cannot_be_made(tmp_path: Path, root: str, why: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()

    done = run("doctor", environ={"PATTER_LOG_DIR": str(tmp_path / root)})

    said = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert why in said
    assert "set PATTER_LOG_DIR to another directory" in said
    assert "Nothing is wrong" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_doctor_says_until_when_rows_were_lost(tmp_path: Path) -> None:
    write(tmp_path, "lossy", callscope={"writer": {"id": "w1"}, "lost": {"permission": 3}})
    ledger = WriterFile(tmp_path, "w2")
    ledger.beat({"writer": {"id": "w2"}, "lost": {"disk_full": 5}})
    ledger.close(keep=True)
    os.utime(tmp_path / ".callscope/writers/w2.json", (START_MS / 1000,) * 2)

    done = run("doctor", "--root", str(tmp_path))

    assert "lost       5 disk_full (until 2026-11-21), 3 permission (until 2026-11-20)" in done.stdout
    assert "5 rows were lost (disk_full), the last by 2026-11-21: make room" in " ".join(done.stdout.split())


def test_doctor_forgets_losses_once_prune_has_deleted_what_tells_of_them(tmp_path: Path) -> None:
    ledger = WriterFile(tmp_path, "gone")
    ledger.beat({"writer": {"id": "gone"}, "lost": {"disk_full": 1000}})
    ledger.close(keep=True)
    path = tmp_path / ".callscope/writers/gone.json"
    os.utime(path, (START_MS / 1000 - 10**9,) * 2)
    assert run("doctor", "--root", str(tmp_path)).returncode == 1

    told = run("prune", "--root", str(tmp_path)).stdout

    assert str(path) in told
    assert run("doctor", "--root", str(tmp_path)).returncode == 0


def test_doctor_tells_the_losses_of_a_killed_writer_once_before_and_after_the_repair(tmp_path: Path) -> None:
    dead(tmp_path)
    ledger = WriterFile(tmp_path, "gone")
    ledger.beat({"writer": {"id": "gone"}, "lost": {"disk_full": 7}, "calls": {"dead": {"disk_full": 7}}})
    ledger.close(keep=True)

    for _ in range(2):
        assert "7 rows were lost (disk_full)" in run("doctor", "--root", str(tmp_path)).stdout
        run("repair", "--root", str(tmp_path))


@pytest.mark.parametrize(("name", "trouble"), [
    ("prices", "Calls are recorded without their cost: "), ("budgets", "No budget is watched: ")
])  # fmt: skip
@pytest.mark.parametrize("is_named", [True, False])
def test_doctor_says_where_a_file_about_money_has_a_mistake(
    name: str, trouble: str, *, is_named: bool, tmp_path: Path
) -> None:
    config = tmp_path / "config" / "callscope"
    config.mkdir(parents=True)
    (config / f"{name}.toml").write_text('schema = 1\n[[oops]]\nprovidr = "deepgram"\n')
    environ = {"PATTER_LOG_DIR": str(tmp_path / "calls"), "XDG_CONFIG_HOME": str(config.parent)}
    if is_named:
        environ |= {"XDG_CONFIG_HOME": os.devnull, f"CALLSCOPE_{name.upper()}": str(config / f"{name}.toml")}

    done = run("doctor", environ=environ)

    assert done.returncode == 1
    told = "".join(done.stdout.split())  # a line of the terminal may end anywhere in the path
    assert "".join(f"✗ {trouble}{config / name}.toml line 2: unknown key".split()) in told


@pytest.mark.parametrize(("variable", "value", "told"), [
    ("CALLSCOPE_LOG_LEVEL", "chatty", "CALLSCOPE_LOG_LEVEL='chatty' is not understood"),
    ("CALLSCOPE_LOG_DIR", "~nobody-here/logs", "no files are written until it is corrected"),
    ("CALLSCOPE_LOGS", "wrong.toml", "logs.configure()` raises this where a program calls it: wrong.toml:1:"),
    ("CALLSCOPE_LOGS", "none.toml", "none.toml is not there: name the file with the settings of logs, or none."),
    ("CALLSCOPE_ALERTS", "wrong.toml", 'wrong.toml line 2: unknown key "levle"'),
    ("CALLSCOPE_ALERTS", "none.toml", "The rules of alerts are not looked at as they are now: none.toml is not there"),
    ("CALLSCOPE_PRICES", "none.toml", "Calls are recorded without their cost: none.toml is not there"),
    ("CALLSCOPE_BUDGETS", "none.toml", "No budget is watched: none.toml is not there"),
    ("CALLSCOPE_VIEWS", "wrong.toml", "Saved views are neither shown nor changed until it is corrected: wrong.toml"),
    ("CALLSCOPE_OTLP_ENDPOINT", "foo", "forward` ends with this: CALLSCOPE_OTLP_ENDPOINT: 'foo' is no address"),
    ("CALLSCOPE_OTLP_HEADERS", "token", "ends with this: CALLSCOPE_OTLP_HEADERS: a header is NAME=VALUE"),
])  # fmt: skip
def test_doctor_shows_each_mistake_in_the_settings_and_what_comes_of_it(
    variable: str, value: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text('schema = 1\nlevle = "info"\n')

    done = run("doctor", environ={"PATTER_LOG_DIR": str(tmp_path / "calls"), variable: value})

    assert done.returncode == 1
    assert "".join(told.split()) in "".join(done.stdout.split())
    assert "Nothing is wrong" not in done.stdout


def test_doctor_does_not_show_what_may_be_a_secret_in_an_address() -> None:
    for address in ("user:hush@collector:4318", "collector?key=hush"):
        done = run("doctor", environ={"CALLSCOPE_OTLP_ENDPOINT": address})

        assert done.returncode == 1
        assert "CALLSCOPE_OTLP_ENDPOINT: it is no address" in " ".join(done.stdout.split())
        assert "hush" not in done.stdout
