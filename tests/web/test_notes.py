"""Labels and notes that a person adds on a call's page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from dashboards import dashboard
from starlette.testclient import TestClient

from callscope.model.call import Call
from callscope.testing import metadata
from callscope.web.call.notes import notes_of_call
from callscope.web.site import MAX_FORM_BYTES

CALL = "/calls/2026/11/21/CA1"
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}{% raw %}\u202egnp.exe=HYPERLINK(1)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "archive" / "calls" / "2026" / "11" / "21" / "CA1"
    path.mkdir(parents=True)
    write(path, status="completed", ended_at="2026-11-21T09:31:00.000Z", callscope={"labels": {"env": "prod"}})
    return path


@pytest.fixture
def client(path: Path) -> TestClient:
    return dashboard(path.parents[4])


def write(path: Path, **fields: Any) -> None:
    document = {"schema_version": "1.0", "call_id": "CA1", "started_at": "2026-11-21T09:30:00.000Z", **fields}
    (path / "metadata.json").write_text(json.dumps(document), encoding="utf-8")


def send(client: TestClient, where: str, **fields: str) -> Any:
    token = client.app.state.site.form_token  # type: ignore[attr-defined]
    headers = {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
    return client.post(f"{CALL}/{where}", data={"form_token": token, **fields}, headers=headers, follow_redirects=False)


def test_a_label_is_added_and_found_by_the_query_language(client: TestClient, path: Path) -> None:
    answer = send(client, "labels", name="reviewed by", value="Ana")

    assert (answer.status_code, answer.headers["location"]) == (303, f"{CALL}#notes")
    assert metadata(path)["callscope"]["labels"] == {"env": "prod", "reviewed by": "Ana"}
    index = client.app.state.site.index  # type: ignore[attr-defined]
    index.refresh()
    assert [row.call_id for row in index.calls('label."reviewed by":Ana').calls] == ["CA1"]


def test_a_label_is_removed(client: TestClient, path: Path) -> None:
    assert send(client, "labels", remove="env").status_code == 303

    assert metadata(path)["callscope"]["labels"] == {}


def test_a_note_is_added_shown_and_removed(client: TestClient, path: Path) -> None:
    send(client, "notes", text="slow tool")
    (note,) = metadata(path)["callscope"]["notes"]
    shown = client.get(CALL).text

    assert note == {"at": "2026-11-21T10:00:00.000Z", "text": "slow tool"}
    assert "slow tool" in shown
    assert "2026-11-21 10:00" in shown

    send(client, "notes", remove=note["at"])
    assert metadata(path)["callscope"]["notes"] == []


def test_the_way_back_is_the_page_as_it_was_left(client: TestClient) -> None:
    answer = send(client, "notes", text="n", back=f"{CALL}?t=34.2&tab=events")

    assert answer.headers["location"] == f"{CALL}?t=34.2&tab=events#notes"


@pytest.mark.parametrize(
    "back",
    ["https://evil.example/", "//evil.example", "/\\evil", "http://[", "javascript:alert(1)", "/calls?q=x", "\r\nX: y"],
)
def test_the_way_back_never_leads_elsewhere(client: TestClient, back: str) -> None:
    answer = send(client, "notes", text="n", back=back)

    location = urlsplit(answer.headers["location"])
    assert (location.scheme, location.netloc, location.path, location.query) == ("", "", CALL, "")
    assert "x" not in answer.headers


def test_a_form_of_another_page_changes_nothing(client: TestClient, path: Path) -> None:
    before = metadata(path)

    answer = send(client, "notes", text="n", form_token="guessed")  # noqa: S106 -- it is wrong

    assert answer.status_code == 400
    assert metadata(path) == before


def test_another_site_changes_nothing(client: TestClient, path: Path) -> None:
    token = client.app.state.site.form_token  # type: ignore[attr-defined]
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}

    answer = client.post(f"{CALL}/notes", data={"form_token": token, "text": "n"}, headers=headers)

    assert answer.status_code == 403
    assert "notes" not in metadata(path)["callscope"]


def test_nothing_is_changed_by_looking(client: TestClient) -> None:
    assert client.get(f"{CALL}/labels").status_code == 405
    assert client.get(f"{CALL}/notes").status_code == 405


@pytest.mark.parametrize(
    ("where", "fields", "says"),
    [
        ("labels", {"name": "", "value": "v"}, "a label&#39;s name"),
        ("labels", {"name": "n" * 61, "value": "v"}, "a label&#39;s name"),
        ("labels", {"name": "n", "value": "a\nb"}, "a label&#39;s value"),
        ("labels", {}, "a label&#39;s name"),
        ("notes", {"text": " "}, "a note has"),
        ("notes", {}, "neither a text"),
        ("notes", {"text": "x" * MAX_FORM_BYTES}, "longer than"),
    ],
)
def test_what_is_not_allowed_is_said_on_a_page(
    client: TestClient, where: str, fields: dict[str, str], says: str
) -> None:
    answer = send(client, where, **fields)

    assert answer.status_code == 400
    assert says in answer.text


def test_a_call_in_progress_offers_no_form_and_says_why(client: TestClient, path: Path) -> None:
    write(path, status="in_progress", ended_at=None)

    answer = send(client, "notes", text="n")
    shown = client.get(CALL).text

    assert answer.status_code == 400
    assert "still being written" in answer.text
    assert f'action="{CALL}/notes"' not in shown
    assert "labels and notes can be added once it has ended" in shown


def test_a_call_without_metadata_is_told_as_unreadable(client: TestClient, path: Path) -> None:
    (path / "metadata.json").write_bytes(b"torn")

    answer = send(client, "notes", text="n")

    assert answer.status_code == 503
    assert (path / "metadata.json").read_bytes() == b"torn"


def test_hostile_words_are_shown_as_words(client: TestClient, path: Path) -> None:
    send(client, "labels", name=HOSTILE[:60], value=HOSTILE)
    send(client, "notes", text=HOSTILE)

    shown = client.get(CALL).text

    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}{% raw %}" in shown
    assert "\u202e" not in shown
    assert metadata(path)["callscope"]["notes"][0]["text"] == HOSTILE


def test_hostile_labels_of_a_recorder_are_shown_as_words(client: TestClient, path: Path) -> None:
    labels = {'"><b>': "\x1b[31mred", "n": {"a": [1, None]}, "": "", "x*": "a*b"}
    write(path, status="completed", ended_at="2026-11-21T09:31:00.000Z", callscope={"labels": labels, "notes": "none"})

    shown = client.get(CALL).text

    assert "<b>" not in shown
    assert "\x1b" not in shown
    assert "{&#34;a&#34;:[1,null]}" in shown


def test_a_label_leads_to_the_calls_that_have_it(client: TestClient) -> None:
    notes = notes_of_call(
        Call(call_id="CA1", path="/x", status="completed", callscope={"labels": {"env": "prod"}}), CALL
    )

    shown = client.get(notes.labels[0].others).text

    assert notes.labels[0].others == "/calls?q=label.env%3Aprod"
    assert "CA1" in shown


def test_a_file_has_no_forms_and_no_links() -> None:
    notes = notes_of_call(Call(call_id="CA1", path="/x", callscope={"labels": {"env": "prod"}}), CALL, is_file=True)

    assert (notes.is_form, notes.why_not, notes.labels[0].others) == (False, "", "")
