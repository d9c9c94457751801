"""Secrets of targets: from the environment, and nowhere to be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_ears import receiver
from noticed import notice, target

from callscope.alerts import deliver
from callscope.alerts.rule_source import rules_of
from callscope.errors import SettingError

SIGNED_WITH = "signed-with-it"


def test_a_variable_stands_for_a_part_of_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "t0p-secret")
    monkeypatch.setenv("HOOK_USER", "bot")
    with receiver() as here:
        hook = target("webhook", url=f"{here.address}/${{HOOK_TOKEN}}", headers={"X-Who": "${HOOK_USER}:${HOOK_TOKEN}"})
        deliver.send_now(hook, notice(), root=tmp_path)

    assert here.posted[0].path == "/hook/t0p-secret"
    assert here.posted[0].headers["X-Who"] == "bot:t0p-secret"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_an_error_that_names_it(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("SLACK_URL", value)

    with pytest.raises(SettingError, match=r"rules\.toml line 7: url of target 'here'.* no variable SLACK_URL"):
        deliver.prepare(target("webhook", url="${SLACK_URL}"))


def test_what_is_no_name_of_a_variable_is_an_error() -> None:
    with pytest.raises(SettingError, match="no name of a variable"):
        deliver.prepare(target("webhook", url="https://mine.example/${A-B}"))


def test_a_target_that_is_printed_does_not_show_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", "https://mine.example/t0p-secret")

    filled = deliver.prepare(target("webhook", url="${SLACK_URL}", secret=SIGNED_WITH))

    assert "secret" not in repr(filled) + str(filled)
    assert filled.without_secrets("no room at /t0p-secret for signed-with-it") == "no room at /*** for ***"


def test_a_receiver_that_says_the_secret_back_does_not_get_it_into_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading
    from socket import create_server

    monkeypatch.setenv("HOOK_TOKEN", "t0p-secret")
    with create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 403 t0p-secret is not known\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/${{HOOK_TOKEN}}"
        with pytest.raises(deliver.DeliveryError) as failed:
            deliver.send_now(target("webhook", url=url), notice(), root=tmp_path)
        thread.join()

    assert str(failed.value) == "here: answered 403 *** is not known"


def test_the_targets_of_the_documentation_are_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what they need in the environment; the one of the extra is prepared by its own tests."""
    page = (Path(__file__).parents[2] / "docs" / "alert-delivery.md").read_text(encoding="utf-8")
    rules = rules_of("schema = 1\n" + page.split("```toml\n")[1].split("```")[0], file="alert-delivery.md")
    for name in ("ONCALL_SECRET", "ONCALL_TOKEN", "PAGER_KEY"):
        monkeypatch.setenv(name, "of-mine")
    monkeypatch.setenv("ONCALL_URL", "https://mine.example/hook")

    filled = {each.name: deliver.prepare(each) for each in rules.targets if each.kind != "apprise"}

    assert set(filled) == {"log", "file", "on call", "script"}
    assert filled["on call"].settings["headers"] == {"Authorization": "Bearer of-mine"}
    assert filled["script"].settings["timeout_ms"] == 20_000
