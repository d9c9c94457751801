from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "index"))
sys.path.append(str(Path(__file__).parents[1] / "cli"))

from archives import HOUR_MS, NOW_MS, Error, write
from sample_calls import HOSTILE, run

RULES = """schema = 1
[[target]]
name = "log"
kind = "log"
[[rule]]
name = "errors"
kind = "error_rate"
threshold = "50%"
window = "2h"
minimum_calls = 3
[[rule]]
name = "new"
kind = "new_error"
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for number in range(6):
        failed = [Error(f"Request timed out {HOSTILE}")] if number > 2 else []
        write(tmp_path / "root", f"call-{number}", started_at_ms=NOW_MS - (7 - number) * HOUR_MS // 2, errors=failed)
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path


def alerts(archive: Path, *arguments: str, code: int = 0, environ: dict[str, str] | None = None) -> str:
    where = ("--rules", str(archive / "rules.toml"), "--root", str(archive / "root"))
    found = run("alerts", *arguments, *where, environ=environ)
    assert found.returncode == code, found.stderr
    return str(found.stdout if code == 0 else found.stderr)


def test_check_says_what_would_have_been_told_and_keeps_nothing(archive: Path) -> None:
    span = ("--since", "2026-11-21T06:00", "--until", "2026-11-21T12:00")

    shown = alerts(archive, "check", *span)

    lines = shown.splitlines()
    assert lines[0] == "2026-11-21 08:05  fired     new (warning)"
    assert "A new error: 'Request timed out" in lines[1]
    assert "2026-11-21 08:35  fired     errors (warning)" in lines
    assert [line.split() for line in lines[-5:-2]] == [["RULE", "FIRED"], ["errors", "1"], ["new", "1"]]
    assert lines[-1] == "73 looks, 2026-11-21 06:00 to 2026-11-21 12:00:00 UTC; nobody was told"
    assert "\x1b" not in shown
    assert not (archive / "root" / ".callscope" / "alerts.json").exists()
    document = json.loads(alerts(archive, "check", *span, "--json"))
    told = [(each["rule"], each["state"]) for each in document["notices"]]
    assert told[0] == ("new", "fired")
    assert ("new", "resolved") in told
    assert document["notices"][0]["at"] == "2026-11-21T08:05:00.000Z"


def test_check_of_one_moment_says_what_each_rule_says_then(archive: Path) -> None:
    document = json.loads(alerts(archive, "check", "errors", "--at", "2026-11-21T09:30", "--json"))

    assert [(each["rule"], each["holds"], each["value"]) for each in document["rules"]] == [("errors", True, 0.75)]
    assert alerts(archive, "check", "errors", "--at", "2026-11-21T09:30").startswith("holds   errors\n")


def test_list_says_where_the_rules_stand(archive: Path) -> None:
    state = {"version": 1, "seen": {"errors": {"at_ms": NOW_MS, "value": 0.75, "holds": True, "fired_ms": NOW_MS}},
             "incidents": [{"rule": "errors", "key": "", "state": "firing", "since_ms": NOW_MS}]}  # fmt: skip
    (archive / "root" / ".callscope").mkdir()
    (archive / "root" / ".callscope" / "alerts.json").write_text(json.dumps(state))

    lines = [line.split() for line in alerts(archive, "list").splitlines()]

    assert lines[1][:6] == ["errors", "error_rate", "warning", "firing", "75.0", "%"]
    assert lines[2][:5] == ["new", "new_error", "warning", "unseen", "–"]
    (errors, _) = json.loads(alerts(archive, "list", "--json"))["rules"]
    assert (errors["state"], errors["firing_since"]) == ("firing", "2026-11-21T10:00:00.000Z")


def kept(archive: Path, **more: object) -> None:
    """Where the rules stand: one fires since ten, and it was decided to tell that."""
    seen = {"errors": {"at_ms": NOW_MS, "value": 0.75, "holds": True, "fired_ms": NOW_MS}}
    incidents = [{"rule": "errors", "key": "", "state": "firing", "since_ms": NOW_MS}]
    state = {"seen": seen, "incidents": incidents, **more}
    (archive / "root" / ".callscope").mkdir()
    document = {"version": 2, "files": {str(archive / "rules.toml"): state}}
    (archive / "root" / ".callscope" / "alerts.json").write_text(json.dumps(document))


NOTICE = {"id": "n", "incident": "i", "rule": "errors", "kind": "error_rate", "key": "", "state": "fired",
          "severity": "warning", "at_ms": NOW_MS, "since_ms": NOW_MS, "value": 0.75, "unit": "share",
          "threshold": 0.5, "words": "w", "where": ""}  # fmt: skip
YEAR_2100_MS = 4_102_444_800_000


def test_list_says_that_a_notice_waits_when_it_is_tried_again_and_why(archive: Path) -> None:
    waits = {"notice": NOTICE, "target": "log", "attempts": 2, "due_ms": YEAR_2100_MS, "error": f"500{HOSTILE}"}
    kept(archive, pending=[waits])

    shown = alerts(archive, "list")
    (errors, _) = json.loads(alerts(archive, "list", "--json"))["rules"]

    assert shown.splitlines()[1].endswith("not yet")
    assert "errors: not delivered yet to log, next try 2100-01-01: 500" in shown
    assert "\x1b" not in shown
    assert errors["last_told"] is None
    (waiting,) = errors["undelivered"]
    assert (waiting["target"], waiting["attempts"], waiting["next_try"]) == ("log", 2, "2100-01-01T00:00:00.000Z")


def test_list_says_that_a_notice_was_given_up(archive: Path) -> None:
    kept(archive, lost=[{"notice": NOTICE, "target": "log", "at_ms": NOW_MS, "error": "answered 403"}])

    shown = alerts(archive, "list")

    assert shown.splitlines()[1].endswith("not yet")
    assert "errors: not delivered to log, given up 11-21 10:00: answered 403" in shown


def test_list_says_when_a_notice_arrived_also_where_a_later_one_waits(archive: Path) -> None:
    waits = {"notice": NOTICE, "target": "log", "attempts": 1, "due_ms": NOW_MS, "error": "500"}
    kept(archive, pending=[waits, waits], arrived={"errors": NOW_MS - HOUR_MS})

    shown = alerts(archive, "list")

    assert shown.splitlines()[1].endswith("11-21 09:00")
    assert "errors: not delivered yet to log (2 notices), next try with the next look: 500" in shown


def test_list_says_where_the_rules_of_that_file_stand(archive: Path) -> None:
    kept(archive)
    other = archive / "other.toml"
    other.write_text(RULES)

    found = run("alerts", "list", "--rules", str(other), "--root", str(archive / "root"))

    assert "unseen" in found.stdout.splitlines()[1]


BUDGET = '[[rule]]\nname = "money"\nkind = "budget"\n'


def test_a_budget_rule_without_a_file_of_budgets_is_told_and_the_others_are_looked_at(archive: Path) -> None:
    (archive / "rules.toml").write_text(RULES + BUDGET)
    where = ("--rules", str(archive / "rules.toml"), "--root", str(archive / "root"))

    listed = run("alerts", "list", *where)
    checks = [run("alerts", "check", *where, *more) for more in (("--at", "2026-11-21T09:30"), ("--since", "10d"))]
    alone = run("alerts", "check", "money", *where)

    said = "trouble: rule 'money': there is no file of budgets: write one"
    assert said in listed.stdout
    for found in checks:
        assert (found.returncode, said in found.stderr) == (1, True)
        assert "errors" in found.stdout
    assert alone.returncode == 2
    assert "there is no file of budgets" in alone.stderr


def test_a_budget_that_is_not_in_the_file_of_budgets_is_told(archive: Path) -> None:
    (archive / "rules.toml").write_text(f'{RULES}{BUDGET}budget = "Deepgramm"\n')
    budgets = archive / "budgets.toml"
    budgets.write_text('schema = 1\n[[budget]]\nname = "Deepgram"\nusd = "50"\nper = "month"\n')

    rules = json.loads(alerts(archive, "list", "--json", environ={"CALLSCOPE_BUDGETS": str(budgets)}))["rules"]

    assert [each["problem"] is None for each in rules] == [True, True, False]
    assert "there is no budget 'Deepgramm' in the file of budgets: write one of Deepgram" in rules[2]["problem"]


def test_a_test_goes_through_the_targets_of_a_rule(archive: Path) -> None:
    told = archive / "told.txt"
    script = f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(os.environ['CALLSCOPE_ALERT_TEST'])"
    command = json.dumps([sys.executable, "-c", script])
    (archive / "rules.toml").write_text(f'{RULES}[[target]]\nname = "run"\nkind = "command"\nrun = {command}\n')

    shown = alerts(archive, "test", "errors")

    assert shown.splitlines() == ["log (log): sent", "run (command): sent"]
    assert told.read_text() == "1"


def test_a_test_that_does_not_arrive_says_why(archive: Path) -> None:
    (archive / "rules.toml").write_text(
        f'{RULES}[[target]]\nname = "run"\nkind = "command"\nrun = ["/nowhere/at-all"]\n'
    )

    found = run("alerts", "test", "errors", "--rules", str(archive / "rules.toml"), "--root", str(archive / "root"))

    assert found.returncode == 1
    assert "run (command): not sent: " in found.stdout


def test_init_writes_rules_that_can_be_checked_and_never_writes_over_any(archive: Path) -> None:
    file = archive / "new" / "alerts.toml"

    assert run("alerts", "init", "--file", str(file)).returncode == 0
    again = run("alerts", "init", "--file", str(file))
    checked = run("alerts", "check", "--rules", str(file), "--root", str(archive / "root"), "--at", "2026-11-21T09:30")

    assert again.returncode == 2
    assert "is there already, and is left as it is" in again.stderr
    assert checked.returncode == 0
    assert "callers wait too long" in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("check", "erors"), 3, "there is no rule 'erors' in "),
        (("check", "--until", "1h"), 2, "--until goes with --since"),
        (("check", "--since", "1h", "--at", "2h"), 2, "--at is one moment"),
        (("check", "--since", "1h", "--until", "2h"), 2, "the range of time is empty"),
        (("check", "--since", "400d", "--every", "1s"), 2, "makes more than 200,000 looks"),
    ],
)
def test_what_is_wrong_is_told(archive: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    assert message in alerts(archive, *arguments, code=code)


def test_without_rules_it_says_how_to_get_some(tmp_path: Path) -> None:
    found = run("alerts", "list", "--rules", str(tmp_path / "none.toml"), "--root", str(tmp_path))

    assert found.returncode == 2
    assert "none.toml is not there: `callscope alerts init` writes one to begin with" in found.stderr
