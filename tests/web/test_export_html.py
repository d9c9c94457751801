"""A call as one file: it holds everything, asks nobody, and words stay words."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from dashboards import dashboard

from callscope import CallLogger, Settings
from callscope.archive.annotate import annotate
from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.errors import NotFoundError, SettingError
from callscope.web import export as module
from callscope.web.call.files import address_of
from callscope.web.call.redacted import redacted, redacted_name
from callscope.web.export import export_call

HOSTILE = (
    "</style><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}\x1b[31m\u202egnp.exe=HYPERLINK(1)"
)
PHONE, CARD, MAIL = "+4915123456789", "4111 1111 1111 1111", "ana.lopez@example.com"
SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"  # noqa: S105 -- looks like one
PERSONAL = f"call me at {PHONE}, card {CARD}, mail {MAIL}, key {SECRET}"


def record(root: Path, words: str = "good day", *, call_id: str = "CA1", sound: bool = True) -> Path:
    """A call in which every text is ``words``."""
    logger = CallLogger(root, settings=Settings())
    call = logger.start_call(call_id, caller=PHONE, labels={"env": words})
    call.event("user_started_speaking", {})
    call.event("user_stopped_speaking", {"delay_ms": 200})
    call.event("transcript", {"text": words})
    call.event("llm_started", {"request_id": "1", "provider": words, "model": words})
    call.event("tool_call", {"tool_call_id": "t", "name": "look_up", "arguments": {"order": words}})
    call.event("tool_result", {"tool_call_id": "t", "name": "look_up", "result": words, "outcome": "completed"})
    call.event("agent_started_speaking", {})
    call.turn("user", words)
    call.turn("assistant", words, interrupted=True, heard=words[:60])
    call.error(words)
    if sound:
        call.audio(b"\1\2\3\4" * 4000, sample_rate=8000, channels=2)
    call.end(error=words, reason=words)
    logger.close()
    assert call.path is not None
    annotate(call.path, set_labels={"who": clean(words)[:200]}, add_note=clean(words), now_ms=now_ms())
    return call.path


def clean(words: str) -> str:
    return words.replace("\x1b", "")


def made(path: Path, **wanted: Any) -> str:
    return export_call(path, now_ms=now_ms, target_ms=1500, version="0", **wanted).text


class _Page(HTMLParser):
    """Elements of a page and what they load or lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[tuple[str, str]] = []
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in {"src", "href", "action", "data", "xlink:href", "srcset", "poster", "formaction"}:
                self.loaded.append((tag, value or ""))
            if name == "id":
                self.ids.append(value or "")


def test_a_file_holds_what_was_said_and_where_the_time_went(tmp_path: Path) -> None:
    text = made(record(tmp_path, "where is my order"))

    for words in ("where is my order", "look_up", "Labels and notes", "Where the", "CA1", "Written by callscope 0"):
        assert words in text


def test_nothing_is_loaded_and_nothing_leads_elsewhere(tmp_path: Path) -> None:
    page = _Page(made(record(tmp_path), sound=True))

    assert page.loaded
    for tag, where in page.loaded:
        assert where.startswith("#") or (tag == "audio" and where.startswith("data:audio/wav;base64,")), (tag, where)
    assert not {"script", "link", "form", "button", "input", "iframe", "object", "embed", "base"} & set(page.tags)
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]


def test_links_within_it_lead_to_something(tmp_path: Path) -> None:
    page = _Page(made(record(tmp_path)))

    missing = {where[1:] for _, where in page.loaded if where.startswith("#")} - set(page.ids)
    assert missing == set()
    assert len(page.ids) == len(set(page.ids))


def test_its_policy_forbids_everything_but_its_own_styles_and_sound(tmp_path: Path) -> None:
    text = made(record(tmp_path))

    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    (styles,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    assert policy.replace("&#39;", "'").split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "media-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert "url(" not in styles.replace("url(#", "")
    assert "@import" not in styles


def test_hostile_words_are_words(tmp_path: Path) -> None:
    text = made(record(tmp_path, HOSTILE, call_id=HOSTILE))

    page = _Page(text)
    assert not {"script", "img"} & set(page.tags)
    assert text.count("</style>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_sound_is_in_it_when_asked_for(tmp_path: Path) -> None:
    path = record(tmp_path)

    (inside,) = re.findall(r'src="data:audio/wav;base64,([^"]*)"', made(path, sound=True))

    assert base64.b64decode(inside) == (path / "recording.wav").read_bytes()


def test_it_says_that_the_sound_was_left_out(tmp_path: Path) -> None:
    text = made(record(tmp_path))

    assert "<audio" not in text
    assert "The sound is not in this file." in text


def test_a_call_without_sound_cannot_be_exported_with_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no recording"):
        made(record(tmp_path, sound=False), sound=True)


def test_too_much_sound_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = record(tmp_path)
    with (path / "recording.wav").open("r+b") as file:
        file.truncate(module.MAX_SOUND_BYTES + 1)

    with pytest.raises(SettingError, match=r"leave out the sound, and send recording\.wav beside"):
        made(path, sound=True)


def test_sound_is_never_in_a_redacted_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="a voice cannot be redacted"):
        made(record(tmp_path), sound=True, redact=True)


def test_a_redacted_file_holds_nothing_personal(tmp_path: Path) -> None:
    path = record(tmp_path, PERSONAL, call_id=f"call-{PHONE}")

    text = made(path, redact=True)

    for personal in (PHONE, PHONE[3:], CARD, "1111 1111", MAIL, "ana.lopez", SECRET, SECRET[10:]):
        assert personal not in text
    for sign in ("[card]", "[email]", "Redacted:", "***6789"):
        assert sign in text
    assert PHONE not in export_call(path, now_ms=now_ms, target_ms=1500, version="0", redact=True).name


JANE = "jane.doe@example.com-+14155550123"
OF_JANE = (
    "jane", "doe", "14155550123", "4155550123", "example.com", "baker", "1980", "94107", "x1234567", "203.0.113",
    "2001:db8", "864467e46027f25f",
)  # fmt: skip
"""What tells of the caller in `janes_call`; the last is of its directory's name."""


def janes_call(root: Path) -> Path:
    logger = CallLogger(root, settings=Settings())
    call = logger.start_call(JANE, caller="+14155550123", labels={"customer": "Jane Doe", "agent": "front-desk"})
    call.event("transcript", {"text": "hi, I am Jane, and I live on Baker Street"})
    for tool, arguments, result in (
        (
            "look_up_customer",
            {"name": "Jane Doe", "dob": "1980-02-03", "item": "shirt"},
            {"customer_name": "Jane Doe", "address": "12 Baker Street", "orders": [{"ship": {"zip": 94107}}]},
        ),
        ("save", '{"firstName":"Jane","passport":"X1234567"}', "saved {'customer_name': 'Jane Doe', 'ok': True}"),
    ):
        call.event("tool_call", {"tool_call_id": tool, "name": tool, "arguments": arguments})
        call.event("tool_result", {"tool_call_id": tool, "name": tool, "result": result, "outcome": "completed"})
    call.turn("user", f"My name is Jane Doe, born 1980-02-03, at 12 Baker Street. My call is {JANE}.")
    call.turn("assistant", "Thank you Jane, your shirt is on its way to Baker Street.")
    stack = 'File "/home/janedoe/bot.py"\nFile "C:\\Users\\Jane Doe\\bot.py"\n/Users/janedoe/bot.py'
    call.error("no answer for JANE from 203.0.113.7 and 2001:db8::7", stack=stack)
    call.end(reason="jane.doe@example.com hung up")
    logger.close()
    assert call.path is not None
    return call.path


def test_nothing_in_a_redacted_file_or_in_its_name_tells_who_called(tmp_path: Path) -> None:
    path = janes_call(tmp_path / "archive")

    plain = export_call(path, now_ms=now_ms, target_ms=1500, version="0")
    made = export_call(path, now_ms=now_ms, target_ms=1500, version="0", redact=True)

    shown = re.sub(r"<style>.*?</style>", "", made.text, flags=re.DOTALL).lower()
    for word in OF_JANE[:-1]:
        assert word in plain.text.lower(), word
    for word in (*OF_JANE, path.name.lower()):
        assert word not in shown, word
        assert word not in made.name, word
    assert re.fullmatch(r"call-\d{4}-\d\d-\d\d-[0-9a-f]{8}-redacted\.html", made.name)
    assert f"<title>Call {made.name.removesuffix('-redacted.html')} " in made.text
    for kept in ("shirt", "look_up_customer", "front-desk", "[name]", "[address]", "/home/[user]/bot.py", "***0123"):
        assert kept in made.text, kept
    assert "read it before you send it" in made.text


def test_the_name_of_a_redacted_file_tells_calls_apart_and_stays_the_same(tmp_path: Path) -> None:
    one, other = (read_call(janes_call(tmp_path / each), now_ms=now_ms()).call for each in ("a", "b"))

    assert redacted_name(one) == redacted_name(one)
    assert redacted_name(one) != redacted_name(other)  # the same id and day, another writer: nobody can compute it


def test_a_file_that_is_not_redacted_holds_the_words_of_its_archive(tmp_path: Path) -> None:
    text = made(record(tmp_path, PERSONAL))

    assert MAIL in text
    assert "Redacted:" not in text


def test_redaction_reaches_every_text_of_a_record(tmp_path: Path) -> None:
    path = record(tmp_path, PERSONAL)
    row = f'{{"role":"{MAIL}","text":"a","turn_index":9,"ts":"2026-11-21T09:00:00Z","odd":{{"{MAIL}":["{MAIL}"]}}}}\n'
    with (path / "transcript.jsonl").open("a", encoding="utf-8") as file:
        file.write(row)
    with (path / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(f'{{"type":"x {MAIL}","ts":"2026-11-21T09:00:00Z","data":{{"{MAIL}":"{CARD}"}}}}\n')
    metadata = (path / "metadata.json").read_text(encoding="utf-8")
    metadata = metadata.replace('"status": "failed"', f'"status": "{MAIL}"').replace(
        '"direction": "inbound"', f'"direction": "{MAIL}"'
    )
    (path / "metadata.json").write_text(metadata, encoding="utf-8")

    clean_record = redacted(read_call(path, now_ms=now_ms()))

    for personal in (MAIL, CARD, PHONE, SECRET):
        assert personal not in repr(clean_record)


def test_redaction_keeps_figures_and_moments(tmp_path: Path) -> None:
    record_before = read_call(record(tmp_path), now_ms=now_ms())

    after = redacted(record_before)

    assert [turn.ts_ms for turn in after.turns] == [turn.ts_ms for turn in record_before.turns]
    assert [(event.ts_ms, event.type) for event in after.events] == [(e.ts_ms, e.type) for e in record_before.events]
    assert after.call.duration_ms == record_before.call.duration_ms
    assert after.call.callscope["cost_lines"] == record_before.call.callscope["cost_lines"]
    assert [turn.text for turn in after.turns] == [turn.text for turn in record_before.turns]


@pytest.mark.parametrize("name", ["transcript.jsonl", "events.jsonl", "metadata.json"])
def test_a_call_with_torn_files_is_exported_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    path = record(tmp_path)
    (path / name).write_bytes(b'{"torn')

    assert "Written by callscope" in made(path)
    assert "Written by callscope" in made(path, redact=True)


def test_the_dashboard_gives_the_same_file_to_keep(tmp_path: Path) -> None:
    path = record(tmp_path / "archive", PERSONAL)

    answer = dashboard(tmp_path / "archive").get(f"{address_of(path)}/export.html?redact=1")

    name = f"{redacted_name(read_call(path, now_ms=now_ms()).call)}-redacted"
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f"attachment; filename*=utf-8''{name}.html"
    assert "Redacted:" in answer.text
    assert MAIL not in answer.text


def test_the_dashboard_says_what_cannot_be_exported(tmp_path: Path) -> None:
    path = record(tmp_path / "archive")

    answer = dashboard(tmp_path / "archive").get(f"{address_of(path)}/export.html?redact=1&sound=1")

    assert answer.status_code == 400
    assert "a voice cannot be redacted" in answer.text
