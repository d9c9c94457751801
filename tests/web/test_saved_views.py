"""Saved views: a file that people and the dashboard write."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest
from dashboards import dashboard
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from written_calls import write_call

from callscope import config
from callscope.errors import SettingError
from callscope.web.saved_views import MAX_NAME, MAX_VIEWS, View, delete_view, read_views, save_view

SLOW = View(name="Slow", query="p95>1.2s", range="7d")
ODD = View(name="\"quotes\" \\ [x] # 'y'", query='text:"cancel \\"my\\"" agent:~x')

BY_HAND = """\
# mine
[[view]]
name = "One"  # the first
query = "failed"

# about the second
[[view]]
name = 'Two'
query = '''agent:front-desk'''
range = "30d"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config" / "views.toml"
    monkeypatch.setenv("CALLSCOPE_VIEWS", str(path))
    return path


def test_what_was_saved_is_read(place: Path) -> None:
    assert read_views(place) == ()

    save_view(place, SLOW)
    save_view(place, ODD)

    assert read_views(place) == (SLOW, ODD)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["views.toml"]


def test_a_view_takes_the_place_of_one_of_its_name(place: Path) -> None:
    save_view(place, SLOW)
    save_view(place, View(name="Slow", query="worst>3s"))

    assert read_views(place) == (View(name="Slow", query="worst>3s"),)


def test_what_people_wrote_stays(place: Path) -> None:
    place.parent.mkdir()
    place.write_text(BY_HAND)

    save_view(place, SLOW)
    assert place.read_text().startswith(BY_HAND)

    delete_view(place, "One")
    text = place.read_text()
    assert text.startswith("# mine\n")
    assert "# about the second" in text
    assert "the first" not in text
    assert [view.name for view in read_views(place)] == ["Two", "Slow"]

    delete_view(place, "Two")
    delete_view(place, "nobody")
    assert read_views(place) == (SLOW,)


def test_a_link_stays_a_link(place: Path, tmp_path: Path) -> None:
    place.parent.mkdir()
    place.symlink_to(tmp_path / "dotfiles.toml")

    save_view(place, SLOW)

    assert place.is_symlink()
    assert read_views(tmp_path / "dotfiles.toml") == (SLOW,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[view]\n", "line 1"),
        ('[[view]]\nname = "a"\nquery = ""\n\n[[view]]\nname = "a"\nquery = ""\n', "line 6"),
        ('[[view]]\nname = "a"\n', '"query" is missing'),
        ('[[view]]\nname = "a"\nquery = ""\nrange = "5d"\n', "line 4"),
        ('[[view]]\nname = "a"\nqueri = ""\n', 'did you mean "query"'),
        ("view = 3\n", "line 1"),
    ],
)
def test_a_file_with_a_mistake_is_told_with_its_line_and_never_overwritten(place: Path, text: str, says: str) -> None:
    place.parent.mkdir()
    place.write_text(text)

    for act in (lambda: read_views(place), lambda: save_view(place, SLOW), lambda: delete_view(place, "a")):
        with pytest.raises(SettingError, match=says) as raised:
            act()
        assert str(place) in str(raised.value)
    assert place.read_text() == text


def test_a_file_that_cannot_be_changed_line_by_line_is_left_alone(place: Path) -> None:
    text = 'view = [{name = "a", query = "failed"}, {name = "b", query = "live"}]\n'
    place.parent.mkdir()
    place.write_text(text)

    with pytest.raises(SettingError, match="editor"):
        delete_view(place, "a")
    assert place.read_text() == text


@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME + 1), "a\nb", "\x1b[31m", "\u202egnp"])
def test_a_name_that_cannot_be_shown_is_refused(place: Path, name: str) -> None:
    with pytest.raises(SettingError, match="name"):
        save_view(place, View(name=name, query=""))
    assert not place.exists()


def test_there_is_an_end_to_views(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("".join(f'[[view]]\nname = "{number}"\nquery = ""\n' for number in range(MAX_VIEWS)))

    with pytest.raises(SettingError, match="delete one"):
        save_view(place, SLOW)
    save_view(place, View(name="3", query="live"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=12)), max_size=5))
def test_any_text_that_can_be_a_view_is_read_as_it_was_saved(pairs: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "views.toml"
        meant: dict[str, View] = {}
        for name, query in pairs:
            view = View(name=name.strip(), query=query.strip())
            try:
                save_view(place, view)
            except (SettingError, UnicodeEncodeError):
                continue
            meant.pop(view.name, None)
            meant[view.name] = view
        assert read_views(place) == tuple(meant.values())


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    write_call(tmp_path / "archive", "a-call")
    return dashboard(tmp_path / "archive")


def token_of(client: TestClient) -> str:
    return client.get("/calls").text.partition('name="form_token" value="')[2].partition('"')[0]


def test_a_view_is_saved_shown_and_deleted_with_forms(client: TestClient, place: Path) -> None:
    form = {"form_token": token_of(client), "name": "<b>Slow</b>", "q": "failed p95>1.2s", "range": "7d"}

    saved = client.post("/views", data=form, follow_redirects=False)

    assert (saved.status_code, saved.headers["location"]) == (303, "/calls?q=failed+p95%3E1.2s&range=7d")
    assert read_views(place) == (View(name="<b>Slow</b>", query="failed p95>1.2s", range="7d"),)
    page = client.get("/calls").text
    assert "&lt;b&gt;Slow&lt;/b&gt;" in page
    assert "<b>Slow" not in page
    assert 'href="/calls?q=failed+p95%3E1.2s&amp;range=7d"' in page
    assert "Delete view" not in page
    assert "Delete view" in client.get(saved.headers["location"]).text

    gone = client.post("/views/delete", data={**form, "q": "", "range": ""}, follow_redirects=False)

    assert (gone.status_code, gone.headers["location"]) == (303, "/calls")
    assert read_views(place) == ()


def test_a_form_without_our_token_changes_nothing(client: TestClient, place: Path) -> None:
    for form in ({"name": "x"}, {"name": "x", "form_token": "guessed"}):
        assert client.post("/views", data=form).status_code == 400
        assert client.post("/views/delete", data=form).status_code == 400
    assert not place.exists()


def test_a_filter_that_is_none_is_not_saved(client: TestClient, place: Path) -> None:
    form = {"form_token": token_of(client), "name": "x"}

    assert client.post("/views", data={**form, "q": "agnet:x"}).status_code == 400
    assert client.post("/views", data={**form, "range": "5d"}).status_code == 400
    assert not place.exists()


def test_a_wrong_file_is_told_on_a_page_that_works(client: TestClient, place: Path) -> None:
    place.parent.mkdir()
    place.write_text('[[view]]\nname = "a"\n')

    page = client.get("/calls?q=order")

    assert page.status_code == 200
    assert f"{place} line 1" in page.text
    assert "a-call" in page.text
    assert "Save view" not in page.text


def test_the_usual_place_is_beside_the_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLSCOPE_VIEWS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert config.views_file().name == "views.toml"
    assert not config.views_file().exists()
