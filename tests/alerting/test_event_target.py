"""The file of events, and the log."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest
from noticed import notice, target

from callscope.alerts import deliver
from callscope.alerts.deliver import DeliveryError, event

EVENT, LOG = target("event"), target("log")


def test_each_notice_is_a_line_that_its_owner_alone_may_read(tmp_path: Path) -> None:
    for number in (1, 2):
        deliver.send_now(EVENT, notice(number, words="one\ntwo"), root=tmp_path)

    file = tmp_path / "alerts.jsonl"
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["notice-1", "notice-2"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_torn_line_does_not_damage_the_one_after_it(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_text('{"half')

    deliver.send_now(EVENT, notice(), root=tmp_path)

    assert json.loads((tmp_path / "alerts.jsonl").read_text().splitlines()[1])["id"] == "notice-1"


def test_the_file_is_bounded(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_bytes(b"x" * (event.MOST_BYTES - 10))

    deliver.send_now(EVENT, notice(), root=tmp_path)

    assert (tmp_path / "alerts.1.jsonl").stat().st_size == event.MOST_BYTES - 10
    assert len(file.read_text().splitlines()) == 1


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DeliveryError, match="takes no line"):
        deliver.send_now(EVENT, notice(), root=tmp_path)

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("severity", "state", "level"),
    [("info", "fired", "INFO"), ("warning", "repeated", "WARNING"), ("critical", "fired", "ERROR"),
     ("critical", "resolved", "INFO")],
)  # fmt: skip
def test_the_log_has_a_level_for_each_severity(
    severity: str, state: str, level: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="callscope.alerts")

    deliver.send_now(LOG, notice(severity=severity, state=state, words="p95\nof \x1b[31mred"), root=tmp_path)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("callscope.alerts", level)
    assert record.getMessage().endswith("slow answers: p95 of red")
    assert record.alert["id"] == "notice-1"  # type: ignore[attr-defined]  # an extra of ours
