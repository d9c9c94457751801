from __future__ import annotations

import re
from pathlib import Path

import pytest
from alert_index import rule

from callscope.alerts import starter
from callscope.alerts.rule import DAY_MS, HOUR_MS, MINUTE_MS, SHAPES, Quiet, Usual
from callscope.alerts.rule_source import read_rules, rules_of
from callscope.errors import SettingError

EXAMPLE = Path(__file__).parents[2] / "examples" / "alerts.toml"


def test_a_rule_says_everything_there_is_to_say() -> None:
    found = rule("""
kind = "latency"
severity = "critical"
where = "agent:front-desk version:2.4"
window = "2h"
percentile = "99.5"
stage = "llm"
threshold = "1.5s"
minimum_calls = 5
minimum_answers = 50
baseline = "14d"
worse_by = "20%"
confidence = "99.9%"
for = "10m"
recover_for = "1h"
repeat = "1d"
quiet = "22:00-07:30"
quiet_zone = "Europe/Berlin"
quiet_days = ["fri", "sat"]
targets = []
""")

    assert (found.threshold, found.unit, found.direction) == (1500, "ms", "at_least")
    assert (found.window_ms, found.for_ms, found.recover_for_ms) == (2 * HOUR_MS, 10 * MINUTE_MS, HOUR_MS)
    assert (found.repeat_ms, found.percentile, found.stage) == (DAY_MS, 99.5, "llm")
    assert found.usual == Usual(baseline_ms=14 * DAY_MS, worse_by=0.2, confidence=0.999)
    assert found.quiet == Quiet(from_minute=1320, to_minute=450, zone="Europe/Berlin", days=(4, 5))
    assert found.place == "alerts.toml line 2"


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ('kind = "cost"\nthreshold = "$20.50"', 20.5, "usd"),
        ('kind = "cost"\nthreshold = 20', 20, "usd"),
        ('kind = "error_rate"\nthreshold = "5%"', 0.05, "share"),
        ('kind = "error_rate"\nthreshold = 3', 3, "count"),
        ('kind = "rising_error"\nthreshold = "2.5x"', 2.5, "times"),
        ('kind = "disk"\nthreshold = "10GB"', 1e10, "bytes"),
        ('kind = "budget"\nthreshold = "120%"', 1.2, "share"),
        ('kind = "long_call"\nthreshold = "90m"', 5_400_000, "ms"),
        ('kind = "no_calls"', 1, "count"),
    ],
)
def test_a_threshold_is_written_in_the_unit_of_its_kind(text: str, value: float, unit: str) -> None:
    found = rule(text)

    assert found.threshold == pytest.approx(value)
    assert found.unit == unit


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('kind = "eror_rate"', 4, 'unknown kind "eror_rate": did you mean "error_rate"?'),
        ('kind = "error_rate"', 2, '"threshold" is missing in [[rule]]: write "5%" or 3, or compare with what'),
        ('kind = "cost"\nthreshold = "5%"', 5, 'is cost of all calls: write "20" or "$0.50", in quotes'),
        ('kind = "cost"\nthreshold = 0.5', 5, "write"),
        ('kind = "error_rate"\nthreshold = "120%"', 5, "cannot be more than 100 %"),
        ('kind = "error_rate"\nthreshhold = "5%"', 5, 'unknown key "threshhold" in [[rule]]: did you mean "thr'),
        ('kind = "latency"\nthreshold = "2s"\nwindow = "1 hour"', 6, '"window" must be a length of time in quotes'),
        ('kind = "latency"\nthreshold = "2s"\nwhere = "agnet:desk"', 6, 'unknown field "agnet": did you mean agent?'),
        ('kind = "latency"\nthreshold = "2s"\nwhere = "failed since:7d"', 6, 'must not say a time: that is "win'),
        ('kind = "latency"\nthreshold = "2s"\nquiet = "22-7"', 6, 'must be two times of the day, as "22:00-07:00"'),
        ('kind = "latency"\nthreshold = "2s"\nquiet = "22:00-07:00"', 6, "needs a time zone"),
        ('kind = "disk"\nquiet = "22:00-07:00"\nquiet_zone = "Berlin"', 6, 'there is no time zone "Berlin"'),
        ('kind = "disk"\nwhere = "failed"', 5, '"where" means nothing to a rule of kind disk'),
        ('kind = "disk"\ntargets = ["chat"]', 5, 'there is no target "chat" in this file'),
        ('kind = "success_rate"\nthreshold = "70%"', 2, '"label" is missing'),
        ('kind = "error_rate"\nthreshold = "5%"\nworse_by = "5%"', 6, 'write "baseline", too'),
        ('kind = "error_rate"\nbaseline = "2h"', 5, "at least four times as long"),
        ('kind = "error_rate"\nbaseline = "2d"\nthreshold = 3', 6, "a number of calls is not compared"),
        ('kind = "latency"\nthreshold = "2s"\npercentile = 100', 6, "between 0 and 100"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_what_to_write(text: str, line: int, message: str) -> None:
    with pytest.raises(SettingError, match=re.escape(message)) as caught:
        rule(text)

    assert str(caught.value).startswith(f"alerts.toml line {line}: ")


def test_targets_are_read_and_a_rule_goes_to_those_it_names_and_that_take_its_severity() -> None:
    rules = rules_of(
        """schema = 1
[defaults]
repeat = "4h"
[[target]]
name = "chat"
kind = "webhook"
url = "${CHAT}"
headers = { Authorization = "Bearer ${TOKEN}" }
timeout = "5s"
severity = "warning"
[[target]]
name = "log"
kind = "log"
[[rule]]
name = "a"
kind = "disk"
[[rule]]
name = "b"
kind = "disk"
severity = "info"
repeat = "never"
targets = ["chat"]
[[rule]]
name = "c"
kind = "disk"
severity = "info"
""",
        file="x",
    )

    a, b, c = rules.rules
    assert [[target.name for target in rules.targets_of(one)] for one in (a, b, c)] == [["chat", "log"], [], ["log"]]
    assert (a.repeat_ms, b.repeat_ms) == (4 * HOUR_MS, None)
    assert dict(rules.targets[0].settings) == {
        "url": "${CHAT}", "headers": {"Authorization": "Bearer ${TOKEN}"}, "timeout_ms": 5000
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "a"', 'x line 2: "kind" is missing in [[target]]'),
        ('name = "a"\nkind = "webhook"', 'x line 2: "url" is missing'),
        ('name = "a"\nkind = "log"\nurl = "u"', 'x line 5: unknown key "url"'),
        ('name = "a"\nkind = "command"\nrun = "ls"', 'x line 5: "run" must be a list of texts, the program first'),
    ],
)
def test_a_mistake_in_a_target_is_told_with_file_and_line(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=re.escape(message)):
        rules_of(f"schema = 1\n[[target]]\n{text}\n", file="x")


def test_two_rules_of_one_name_are_a_mistake() -> None:
    one = '[[rule]]\nname = "a"\nkind = "disk"\n'

    with pytest.raises(SettingError, match=re.escape('x line 6: a rule "a" stands in x line 2 already')):
        rules_of(f"schema = 1\n{one}{one}", file="x")


def test_the_starter_rules_are_rules_with_and_without_what_is_commented_out() -> None:
    uncommented = re.sub(r"^# ?(?=\[\[|[a-z_]+ = )", "", starter.TEXT, flags=re.MULTILINE)
    more = rules_of(uncommented, file="x")

    assert read_rules(EXAMPLE).rules == rules_of(starter.TEXT, file=str(EXAMPLE)).rules
    assert {one.kind for one in more.rules} == set(SHAPES)
    assert all(one.quiet is not None for one in more.rules)
