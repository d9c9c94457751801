"""Webhooks against real receivers: what they get, and what is made of what they answer."""

from __future__ import annotations

import hashlib
import hmac
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loopback_ears import CLOSE, HANG, TRICKLE, Receiver, receiver
from noticed import notice, target

from callscope.alerts import deliver
from callscope.alerts.deliver import DeliveryError
from callscope.alerts.deliver.webhook import retry_after_ms
from callscope.errors import SettingError

SHARED = "between us"


def fails(here: Receiver, tmp_path: Path, **settings: Any) -> DeliveryError:
    hook = target("webhook", url=here.address, **settings)
    with pytest.raises(DeliveryError) as failed:
        deliver.send_now(hook, notice(), root=tmp_path)
    return failed.value


def test_a_receiver_gets_a_document_with_a_version_and_an_id(tmp_path: Path) -> None:
    with receiver() as here:
        hook = target("webhook", url=f"{here.address}?room=4", headers={"Authorization": "Bearer of-mine"})
        deliver.send_now(hook, notice(), root=tmp_path)
    (posted,) = here.posted

    assert posted.path == "/hook?room=4"
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.headers["Authorization"] == "Bearer of-mine"
    assert posted.headers["X-Callscope-Id"] == posted.document["id"] == "notice-1"
    assert posted.document["version"] == 1
    assert posted.document["at"] == "2026-11-21T10:00:00.000Z"
    assert posted.document["title"] == "critical: slow answers"
    assert (posted.document["value"], posted.document["unit"]) == (3200.0, "ms")
    assert "X-Callscope-Signature" not in posted.headers


def test_a_signature_is_over_the_body_as_it_was_sent(tmp_path: Path) -> None:
    with receiver() as here:
        hook = target("webhook", url=here.address, secret=SHARED)
        deliver.send_now(hook, notice(words="é ☎"), root=tmp_path)
    (posted,) = here.posted

    digest = hmac.new(SHARED.encode(), posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["X-Callscope-Signature"] == f"sha256={digest}"


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_a_receiver_that_cannot_now_is_asked_again(status: int, tmp_path: Path) -> None:
    with receiver((status, {"Retry-After": "90"})) as here:
        failed = fails(here, tmp_path)

    assert str(status) in str(failed)
    assert not failed.is_final
    assert failed.retry_after_ms == 90_000


@pytest.mark.parametrize("status", [400, 401, 404, 413])
def test_a_refusal_is_final(status: int, tmp_path: Path) -> None:
    with receiver(status) as here:
        assert fails(here, tmp_path).is_final


def test_a_redirect_to_another_place_is_not_followed_and_does_not_show_where(tmp_path: Path) -> None:
    with receiver() as other, receiver((307, {"Location": f"{other.address}?token=hidden"})) as here:
        failed = fails(here, tmp_path, secret=SHARED)

    assert other.posted == []
    assert failed.is_final
    assert "is not followed" in str(failed)
    assert "hidden" not in str(failed)


def test_a_redirect_on_the_same_place_is_followed_with_the_body(tmp_path: Path) -> None:
    with receiver((308, {"Location": "/hook/"}), 200) as here:
        deliver.send_now(target("webhook", url=here.address), notice(), root=tmp_path)

    assert [posted.path for posted in here.posted] == ["/hook", "/hook/"]
    assert here.posted[0].body == here.posted[1].body


def test_redirects_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    with receiver((307, {"Location": "/hook"})) as here:
        fails(here, tmp_path)

    assert len(here.posted) == 3


@pytest.mark.parametrize(
    ("answer", "limit_ms", "says"),
    [(HANG, 100, "within 0.1 s"), (TRICKLE, 100, "within 0.1 s"), (CLOSE, 20_000, "without an answer")],
)
def test_a_receiver_without_an_answer_fails_in_time_and_is_asked_again(
    answer: str, limit_ms: int, says: str, tmp_path: Path
) -> None:
    with receiver(answer) as here:
        failed = fails(here, tmp_path, timeout_ms=limit_ms)

    assert says in str(failed)
    assert not failed.is_final


def test_nobody_there_is_asked_again(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/secret-part-of-mine"
        with pytest.raises(DeliveryError) as failed:
            deliver.send_now(target("webhook", url=url), notice(), root=tmp_path)

    assert "refused" in str(failed.value).lower()
    assert "secret-part-of-mine" not in str(failed.value)


def test_what_is_no_http_is_told_without_what_it_was(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        import threading

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"\x1b[31m220 mail.example ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DeliveryError) as failed:
            deliver.send_now(target("webhook", url=url), notice(), root=tmp_path)
        thread.join()

    assert "not HTTP" in str(failed.value)


@pytest.mark.parametrize(
    "url", ["mine.example/hook", "ftp://mine.example", "http:///hook", "http://mine:99999/", "http://a\nb"]
)
def test_what_is_no_address_is_a_mistake_in_the_file_and_not_shown(url: str) -> None:
    with pytest.raises(SettingError, match="must be an address") as failed:
        deliver.prepare(target("webhook", url=url))

    assert url not in str(failed.value)


def test_a_header_with_a_line_end_is_a_mistake_in_the_file() -> None:
    with pytest.raises(SettingError, match="cannot be sent"):
        deliver.prepare(target("webhook", url="http://example.org", headers={"X-Room": "4\r\nX-Other: 5"}))


@pytest.mark.parametrize(
    ("header", "expected_ms"),
    [("120", 120_000), ("Sat, 21 Nov 2026 10:01:00 GMT", 60_000), ("Sat, 21 Nov 2026 09:00:00 GMT", 0), ("soon", None),
     ("-5", None), ("²", None), ("9" * 400, 999_999_999_000)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, expected_ms: int | None) -> None:
    assert retry_after_ms(header, now=datetime(2026, 11, 21, 10, tzinfo=UTC)) == expected_ms
