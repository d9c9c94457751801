"""What a page says: its words, and the rows of its tables."""

from __future__ import annotations

from html.parser import HTMLParser

from starlette.testclient import TestClient

PATIENT_SECONDS = 60.0


def patient(client: TestClient) -> TestClient:
    """The same client; its pages wait for what is counted in the background."""
    client.app.state.site.background.patience_seconds = PATIENT_SECONDS  # type: ignore[attr-defined]  # Starlette's
    return client


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.links: dict[str, str] = {}
        self._caption: list[str] | None = None
        self._rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._link: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._rows, self._caption = [], None
        elif tag == "caption":
            self._caption = []
            self.tables[""] = self._rows
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._cell = []
        elif tag == "a":
            self._link = dict(attrs).get("href") or "", []

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption" and self._caption is not None:
            self.tables[" ".join("".join(self._caption).split())] = self._rows
            self._caption = None
        elif tag in {"td", "th"} and self._cell is not None:
            self._rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag == "a" and self._link is not None:
            self.links.setdefault(" ".join("".join(self._link[1]).split()), self._link[0])
            self._link = None

    def handle_data(self, data: str) -> None:
        for kept in (self._caption, self._cell, self._link[1] if self._link else None):
            if kept is not None:
                kept.append(data)


def table(html: str, caption: str) -> list[list[str]]:
    """The cells of the rows below the heading of the table whose caption begins so."""
    reader = _Reader()
    reader.feed(html)
    found = next((rows for name, rows in reader.tables.items() if name.startswith(caption)), None)
    assert found is not None, sorted(reader.tables)
    return found[1:]


def link(html: str, text: str) -> str:
    """Where the first link with this text leads."""
    reader = _Reader()
    reader.feed(html)
    return reader.links[text]
