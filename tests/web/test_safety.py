"""Who is answered, and what a browser is told about every answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from dashboards import dashboard
from web_calls import record_call

from callscope.errors import SettingError
from callscope.web.safety import COOKIE, Access
from callscope.web.server import serve

TOKEN = "a-token-that-nobody-knows"  # noqa: S105 -- of this test alone
GUARDED = Access(hosts=frozenset({"calls.example"}), any_address=True, token=TOKEN)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    archive = tmp_path / "calls"
    record_call(archive)
    return archive


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST", "localhost.:80"])
def test_the_names_of_this_machine_are_answered(root: Path, host: str) -> None:
    assert dashboard(root).get("/calls", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "192.168.0.7", "[::1", ""]
)
def test_a_name_that_somebody_pointed_at_this_machine_is_not_answered(root: Path, host: str) -> None:
    answer = dashboard(root).get("/calls", headers={"host": host})
    assert answer.status_code == 421
    assert "a-call" not in answer.text


def test_every_answer_forbids_what_is_not_of_this_origin(root: Path) -> None:
    client = dashboard(root)
    for path in ("/calls", "/static/app.css", "/nothing", "/calls?q=bad:"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_link_to_a_page_but_load_nothing_as_its_part(root: Path, site: str) -> None:
    client = dashboard(root)
    told = {"sec-fetch-site": site}
    assert client.get("/calls", headers={**told, "sec-fetch-mode": "no-cors"}).status_code == 403
    assert client.get("/calls", headers={**told, "sec-fetch-mode": "navigate"}).status_code == 200
    assert client.post("/theme", headers={**told, "sec-fetch-mode": "navigate"}).status_code == 403


def test_a_form_of_another_origin_changes_nothing(root: Path) -> None:
    client = dashboard(root)
    form = {"theme": "dark", "form_token": client.app.state.site.form_token}  # type: ignore[attr-defined]  # our application
    assert client.post("/theme", data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/theme", data=form, headers={"origin": "null"}).status_code == 403
    answer = client.post("/theme", data=form, headers={"origin": "http://127.0.0.1:8765"}, follow_redirects=False)
    assert answer.status_code == 303


def test_a_form_without_the_token_of_its_page_changes_nothing(root: Path) -> None:
    client = dashboard(root)
    for form in ({}, {"form_token": "guessed"}, {"form_token": "ü"}):
        answer = client.post("/theme", data={"theme": "dark", **form}, follow_redirects=False)
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_a_form_leads_nowhere_else(root: Path, back: str) -> None:
    client = dashboard(root)
    form = {"theme": "dark", "back": back, "form_token": client.app.state.site.form_token}  # type: ignore[attr-defined]  # as above
    assert client.post("/theme", data=form, follow_redirects=False).headers["location"] == "/"


def test_beyond_this_machine_nobody_is_answered_without_the_token(root: Path) -> None:
    client = dashboard(root, access=GUARDED)
    for path in ("/", "/calls", "/static/app.css", "/events", "/calls?token=wrong", "/calls?token="):
        answer = client.get(path, headers={"host": "calls.example"})
        assert answer.status_code == 401
        assert "a-call" not in answer.text


def test_the_token_of_the_address_becomes_a_cookie_that_no_script_reads(root: Path) -> None:
    client = dashboard(root, access=GUARDED)
    headers = {"host": "calls.example"}
    first = client.get(f"/calls?q=status:completed&token={TOKEN}", headers=headers, follow_redirects=False)
    assert first.status_code == 303
    assert first.headers["location"] == "/calls?q=status%3Acompleted"
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    again = client.get("/calls", headers={**headers, "cookie": f"{COOKIE}={TOKEN}"})
    assert again.status_code == 200
    assert "a-call" in again.text


def test_the_token_does_not_send_a_browser_to_another_server(root: Path) -> None:
    client = dashboard(root, access=GUARDED)
    answer = client.get(f"//evil.example/?token={TOKEN}", headers={"host": "10.0.0.1"}, follow_redirects=False)
    assert not answer.headers.get("location", "/").startswith("//")


def test_a_program_gives_the_token_in_a_header(root: Path) -> None:
    client = dashboard(root, access=GUARDED)
    headers = {"host": "10.0.0.1:8765", "authorization": f"Bearer {TOKEN}"}
    assert client.get("/calls", headers=headers).status_code == 200
    assert client.get("/calls", headers={**headers, "authorization": "Bearer x"}).status_code == 401


def test_a_name_is_needed_even_with_the_token(root: Path) -> None:
    headers = {"host": "evil.example", "authorization": f"Bearer {TOKEN}"}
    assert dashboard(root, access=GUARDED).get("/calls", headers=headers).status_code == 421


@pytest.mark.parametrize("dest", ["iframe", "frame", "embed", "object"])
def test_another_site_cannot_frame_a_page(root: Path, dest: str) -> None:
    told = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": dest}
    assert dashboard(root).get("/calls", headers=told).status_code == 403


@pytest.mark.parametrize("token", ["", "short", "has a blank in it", 'has-a-"quote"-in-it', "hat-ein-ä-in-der-mitte"])
def test_a_token_that_protects_nothing_is_refused(root: Path, token: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="16 or more"):
        serve(root, place=tmp_path / "index.sqlite", host="127.0.0.1", port=0, token=token, ready=print)


def test_an_empty_cookie_is_never_a_token(root: Path) -> None:
    open_to_all = Access(hosts=GUARDED.hosts, any_address=True, token="")
    assert dashboard(root, access=open_to_all).get("/calls", headers={"host": "calls.example"}).status_code == 401
