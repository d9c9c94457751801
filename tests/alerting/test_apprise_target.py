"""Apprise as a target, with its own JSON service against a receiver on loopback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from loopback_ears import receiver
from noticed import notice, target

pytest.importorskip("apprise")

from callscope.alerts import deliver
from callscope.alerts.deliver import DeliveryError
from callscope.errors import SettingError


def test_a_notice_has_a_title_a_text_and_a_kind(tmp_path: Path) -> None:
    with receiver() as here:
        chat = target("apprise", url=f"json://127.0.0.1:{here.port}/")
        deliver.send_now(chat, notice(), root=tmp_path)
        deliver.send_now(chat, notice(state="resolved"), root=tmp_path)
    fired, resolved = (posted.document for posted in here.posted)

    assert fired["title"] == "critical: slow answers"
    assert fired["message"].startswith("p95 of the wait is 3.2 s, at least 2 s")
    assert (fired["type"], resolved["type"]) == ("failure", "success")


def test_a_service_that_does_not_take_it_is_asked_again_and_its_address_is_not_told(tmp_path: Path) -> None:
    with receiver(503) as here, pytest.raises(DeliveryError) as failed:
        deliver.send_now(target("apprise", url=f"json://127.0.0.1:{here.port}/t0p-secret"), notice(), root=tmp_path)

    assert not failed.value.is_final
    assert "t0p-secret" not in str(failed.value)


def test_an_address_that_apprise_does_not_know_is_a_mistake_in_the_file() -> None:
    with pytest.raises(SettingError, match="address 1 of it") as failed:
        deliver.prepare(target("apprise", url="nosuchservice://t0p-secret"))

    assert "t0p-secret" not in str(failed.value)


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    """In an interpreter that cannot find the package."""
    program = """
import sys
sys.modules["apprise"] = None
from callscope.alerts import deliver
from callscope.alerts.rule import Target
deliver.prepare(Target(name="chat", kind="apprise", settings={"url": "json://localhost"}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "pip install 'callscope[alerts]'" in done.stderr.splitlines()[-1]
