"""Log lines on a call's page and in its exported file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from log_samples import START_MS, line, put, write_call
from starlette.testclient import TestClient

from callscope.index.index import Index
from callscope.web.app import create_app
from callscope.web.export import export_call
from callscope.web.site import Site

NOW_MS = START_MS + 3_600_000
ADDRESS = "/calls/2026/11/21/CA1"
PHONE, SECRET = "+4915123456789", "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
HOSTILE = "</details><script>alert(1)</script>{{7*7}}\x1b[31m\u202e\" onclick='x'"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    write_call(path, caller=PHONE)
    return path


def log(root: Path, *lines: bytes) -> None:
    put(root, "2026-11-21.1.jsonl.gz", *lines[::2])
    put(root, "2026-11-21.jsonl", *lines[1::2])


def shown(root: Path, asking: str = "", *, status: int = 200) -> str:
    """The call's page."""
    with Index.open(root, place=root.parent / "index.sqlite", now_ms=lambda: NOW_MS) as index:
        site = Site(root, index, now_ms=lambda: NOW_MS, version="0")
        while not site.refresher.refresh():
            pass
        app = create_app(site, refreshing=False)
        with TestClient(app, base_url="http://127.0.0.1:8765", headers={"accept": "text/html"}) as client:
            answer = client.get(ADDRESS + asking)
    assert answer.status_code == status, answer.text
    return answer.text


def part(html: str) -> str:
    found = re.search(r'<section id="log-lines".*?</section>', html, re.DOTALL)
    return found[0] if found is not None else ""


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", part(html)).split())


def rows(html: str) -> list[str]:
    found = re.findall(r"<tr id.*?</tr>", part(html), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def exported(root: Path, *, redact: bool = False) -> str:
    directory = root / "calls" / "2026" / "11" / "21" / "CA1"
    return export_call(directory, now_ms=lambda: NOW_MS, target_ms=1500, version="0", redact=redact).text


def test_lines_of_the_call_are_on_its_clock_with_their_levels(root: Path) -> None:
    stack = "Traceback:\n  File bot.py\nTimeoutError: late"
    failed = {"exception": {"type": "TimeoutError", "message": "late", "stack": stack}}
    log(
        root,
        line(-250, "before", level="debug", call_id="CA1"),
        line(4_120, "late", level="error", logger="pipecat.llm", call_id="CA1", data={"tries": 3}, **failed),
        line(4_120, "again", level="warning", call_id="CA1"),
        line(5_000, "of another call", call_id="CA2"),
        line(6_000, "of none"),
    )
    html = shown(root)

    assert rows(html) == [
        "-0.250 debug bot before",
        "4.120 warning bot again",
        "4.120 error pipecat.llm late tries=3 Stack Traceback: File bot.py TimeoutError: late",
    ]
    assert "Log lines 3 · 1 error, 1 warning" in words(html)
    assert '<tr id="log-4120-2" data-row><td class="mono" title="2026-11-21 09:30:16.120"><a href="?t=4.12#at">' in html
    assert '<td class="bad">error</td>' in html
    assert '<td class="warn">warning</td>' in html
    assert '<details id="log-lines-fold" open>' in html
    assert "<kbd>l</kbd> log lines" in html


def test_many_lines_are_folded_until_they_are_asked_for(root: Path) -> None:
    log(root, *(line(number, f"line {number}", call_id="CA1") for number in range(1_300)))
    html = shown(root)

    assert '<details id="log-lines-fold">' in html
    assert len(rows(html)) == 1_000
    assert rows(html)[-1] == "1.299 info bot line 1299"
    assert "Log lines the newest 1,000" in words(html)
    assert "Older lines belong to this call" in words(html)
    assert '<details id="log-lines-fold" open>' in shown(root, "?log_text=LINE+77")


@pytest.mark.parametrize(
    ("asking", "found"),
    [
        ("?log_level=warning", ["slow", "bad"]),
        ("?log_logger=pipecat", ["bad"]),
        ("?log_text=L", ["slow"]),
        ("?log_level=error&log_logger=bot", []),
    ],
)
def test_lines_are_chosen_by_level_logger_and_text(root: Path, asking: str, found: list[str]) -> None:
    log(
        root,
        line(1, "fine", call_id="CA1"),
        line(2, "slow", level="warning", call_id="CA1"),
        line(3, "bad", level="error", logger="pipecat.x", call_id="CA1"),
    )
    html = shown(root, f"{asking}&t=3&in=agent%3Ax")

    assert [row.split()[-1] for row in rows(html)] == found
    assert ("No such lines." in words(html)) == (not found)
    assert '<input type="hidden" name="t" value="3">' in html
    assert '<input type="hidden" name="in" value="agent:x">' in html
    assert 'href="?in=agent%3Ax#log-lines">all lines</a>' in html


def test_a_filter_is_kept_by_the_links_of_the_page(root: Path) -> None:
    log(root, line(1, "slow", level="warning", call_id="CA1"))

    assert re.search(r'href="\?tab=events&amp;log_level=warning#tabs"', shown(root, "?log_level=warning"))


def test_a_level_that_is_none_is_told(root: Path) -> None:
    log(root, line(1, "x", call_id="CA1"))

    assert "is no level: write trace" in shown(root, "?log_level=loud", status=400)


def test_without_lines_there_is_no_part(root: Path) -> None:
    assert part(shown(root)) == ""
    log(root, line(1, "x", call_id="other"))
    html = shown(root)
    assert part(html) == ""
    assert "<kbd>l</kbd> log lines" not in html.split("<dialog")[0]
    assert part(exported(root)) == ""


def test_a_file_of_logs_that_is_damaged_is_named_on_the_page(root: Path) -> None:
    log(root, line(1, "x", call_id="CA1"), line(2, "y", call_id="CA1"))
    (root / "logs" / "2026-11-21.1.jsonl.gz").write_bytes(b"nothing that was compressed")

    assert "2026-11-21.1.jsonl.gz is damaged" in words(shown(root))
    assert "0.002 info bot y" in words(shown(root))


def test_words_of_a_log_are_words(root: Path) -> None:
    row = line(1, HOSTILE, level=HOSTILE, logger=HOSTILE, call_id="CA1", data={HOSTILE: HOSTILE})
    log(root, row)
    asking = "?log_text=%3Cscript%3Ealert(1)%3C/script%3E{{7*7}}"
    for html in (shown(root), shown(root, asking), exported(root), exported(root, redact=True)):
        assert "<script>alert" not in html
        assert "onclick='x'" not in re.sub(r"&#39;", "", part(html))
        assert "\x1b" not in html
        assert "\u202e" not in html
        assert "{{7*7}}" in part(html)


def test_the_exported_file_has_the_lines_and_no_form(root: Path) -> None:
    log(root, *(line(number, f"line {number}", call_id="CA1") for number in range(30)))
    html = exported(root)

    assert len(rows(html)) == 30
    assert '<details id="log-lines-fold">' in html
    assert "<form" not in html
    assert "data-row" not in part(html)
    assert "<a " not in part(html)


def test_a_redacted_file_has_redacted_lines(root: Path) -> None:
    told = f"call {PHONE} with {SECRET}, mail ana.lopez@example.com"
    log(
        root,
        line(1, told, call_id="CA1", logger="bot.main", data={"customer": "Ana Lopez", "note": told, "tries": 3}),
        line(2, "Ana Lopez asked", level="error", call_id="CA1", exception={"message": told, "stack": told}),
        b'{"ts":"2026-11-21T09:30:13Z","message":"foreign ' + PHONE.encode() + b'","call_id":"CA1","level":"WARN"}\n',
    )
    html = exported(root, redact=True)

    assert len(rows(html)) == 3
    for secret in (PHONE, SECRET, "ana.lopez", "Ana", "Lopez", "CA1"):
        assert secret not in html
    assert "0.001 info bot.main call" in words(html)
    assert "tries=3" in words(html)
    assert "1.000 warning foreign" in words(html)
    assert PHONE in exported(root)
