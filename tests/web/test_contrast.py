"""Text can be read in both themes: WCAG 2.2 AA, a contrast of 4.5 to 1."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import callscope.web

STATIC: Final = Path(callscope.web.__file__).parent / "static"
TOKEN: Final = re.compile(r"--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
THEMES: Final = ("light", "dark")
TEXT: Final = ("ink", "soft", "faint", "bad", "warn", "good", "focus", "caller", "agent", "tool")
GROUNDS: Final = ("bg", "panel", "hover")
LEAST: Final = 4.5
LEAST_OF_SHAPES: Final = 3.0
SHAPES: Final = ("focus", "caller", "agent", "stt", "llm", "tts", "tool", "bad", "warn")


def tokens() -> dict[str, tuple[str, str]]:
    return {name: (light, dark) for name, light, dark in TOKEN.findall((STATIC / "app.css").read_text())}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, brighter = sorted((luminance(one), luminance(other)))
    return (brighter + 0.05) / (darker + 0.05)


def too_faint(names: tuple[str, ...], least: float, theme: str) -> list[str]:
    at, known = THEMES.index(theme), tokens()
    return [
        f"--{name} on --{ground}: {found:.2f}"
        for name in names
        for ground in GROUNDS
        if (found := contrast(known[name][at], known[ground][at])) < least
    ]


def test_black_on_white_is_21_to_1() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", THEMES)
def test_text_stands_out_from_every_ground(theme: str) -> None:
    assert too_faint(TEXT, LEAST, theme) == []


@pytest.mark.parametrize("theme", THEMES)
def test_shapes_that_mean_something_stand_out_from_every_ground(theme: str) -> None:
    assert too_faint(SHAPES, LEAST_OF_SHAPES, theme) == []


@pytest.mark.parametrize("theme", THEMES)
def test_found_words_stand_out_from_their_mark(theme: str) -> None:
    mark = re.search(
        r"mark \{ background: light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (STATIC / "calls.css").read_text()
    )
    assert mark is not None
    at = THEMES.index(theme)
    assert min(contrast(tokens()[name][at], mark[1 + at]) for name in ("ink", "soft")) >= LEAST
