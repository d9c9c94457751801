r"""Regular expressions over the words of the index: bounded in time, whatever is written.

Python's own ``re`` cannot be stopped: ``(a|a)*b`` may take for ever, and holds the interpreter meanwhile. A helper
process that is killed would bound it, at 50 ms a start and with a process to look after in every program that
searches. So the package ``regex`` is used: it reads the same expressions, has a time limit inside its matcher, and
lets other threads run. What it would understand otherwise than ``re`` (``x{e<=1}``, ``[[:alpha:]]``) is escaped, so
that the language stays Python's.

An expression is looked for in documents that hold the letters it cannot do without, where it has any (`required`): a
trigram index finds those. Letters come from the parser of ``re``, which knows exactly what is literal. The index
folds case as Unicode 6.1 did, ``regex`` as of today; letters of which the two think differently are not relied upon,
or all their forms are asked for, so that nothing that matches is missed.
"""

from __future__ import annotations

import importlib
import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from callscope.errors import SettingError
from callscope.index.globs import clean, glob

if TYPE_CHECKING:
    import regex

MAX_PATTERN: Final = 1_000
"""Characters of an expression."""
MAX_TEXT: Final = 100_000
"""Characters of a document that are looked at."""
MATCH_SECONDS: Final = 0.5
"""For one document, of the process's time."""
_MARKS: Final = 50
"""Places in one document that are looked for at most."""

Span = tuple[int, int]

_ANYTHING: Final = "*"
_ANY_ONE: Final = "?"
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_OF_NO_WIDTH: Final = frozenset({"AT", "ASSERT", "ASSERT_NOT"})
_KINDS: Final[tuple[Callable[[str], bool], ...]] = (
    lambda letter: letter.isascii() and letter.isdecimal(),
    lambda letter: letter.isascii() and letter.islower(),
    lambda letter: letter.isascii() and letter.isupper(),
)
_MAX_REPEATED: Final = 8
_MAX_OUTLINE: Final = 64
"""Characters that are looked for together."""

_TRIGRAM: Final = 3
_MAX_FORMS: Final = 48
_MAX_PARTS: Final = 4
_MAX_BRANCHES: Final = 32
_OTHER_FORMS: Final = dict.fromkeys("iİı", "iİı") | {
    letter: f"{letter}{forms}" for letter, forms in zip("вдостъѣ", ("ᲀ", "ᲁ", "ᲂ", "ᲃ", "ᲄᲅ", "ᲆ", "ᲇ"), strict=True)
}
"""What matches a letter without case although the trigram index tells them apart."""
_KNOWN_CASED: Final = frozenset(
    chr(code)
    for start, end in ((0x41, 0x5B), (0x61, 0x7B), (0xC0, 0x180), (0x391, 0x3CA), (0x400, 0x460))
    for code in range(start, end)
) - frozenset("ßİıΰ")
"""Letters with case of which the index and ``regex`` think alike, but for `_OTHER_FORMS`."""
# What `regex` would read as fuzzy matching, and as a class of POSIX. A pair after a backslash is left as it is.
_DIALECT: Final = re.compile(r"(\\N\{[^}]*\}|\\.)|(\{)(?!\d*(?:,\d*)?\})|(\[)(?=:)", re.DOTALL)


class Expression:
    """A regular expression that ends in time."""

    def __init__(self, pattern: regex.Pattern[str]) -> None:
        self._pattern = pattern

    def matches(self, text: str, *, seconds: float = MATCH_SECONDS) -> bool:
        """Whether it occurs. Raises `TimeoutError` when that took too long to find out."""
        return self._pattern.search(text[:MAX_TEXT], timeout=seconds, concurrent=True) is not None

    def spans(self, text: str, *, seconds: float = MATCH_SECONDS) -> list[Span]:
        """Where it occurs: the first places, without those of no length. Those that were found when the time was up."""
        found: list[Span] = []
        try:
            for match in self._pattern.finditer(text[:MAX_TEXT], timeout=seconds, concurrent=True):
                if match.end() > match.start():
                    found.append(match.span())
                if len(found) == _MARKS:
                    break
        except TimeoutError:
            pass
        return found


@lru_cache(maxsize=256)
def expression(text: str, *, ignore_case: bool = False) -> Expression:
    """A regular expression as Python understands it.

    Raises:
        SettingError: it is none, or is too long.
    """
    import regex  # noqa: PLC0415 -- takes longer to load than most questions to answer, and few have a pattern

    if len(text) > MAX_PATTERN:
        raise SettingError(f"a regular expression has at most {MAX_PATTERN:,} characters, not {len(text):,}")
    text = clean(text)
    try:
        re.compile(text)
        escaped = _DIALECT.sub(lambda found: found[1] or ("\\{" if found[2] else "[\\"), text)
        return Expression(regex.compile(escaped, regex.VERSION0 | (regex.IGNORECASE if ignore_case else 0)))
    except (re.error, regex.error, RecursionError, OverflowError, ValueError, FutureWarning) as error:
        raise SettingError(f"the regular expression cannot be used: {error}") from None


def install(db: sqlite3.Connection) -> None:
    """Teach a connection ``text REGEXP pattern``, as a query may have it; taking too long is an error of SQL."""
    db.create_function("regexp", 2, _regexp, deterministic=True)


def _regexp(pattern: object, text: object) -> bool | None:
    if not isinstance(pattern, str) or text is None:
        return None
    return expression(pattern).matches(text if isinstance(text, str) else str(text))


def required(text: str) -> str | None:
    """What a document must hold for the expression to occur in it, for ``MATCH`` of the trigram table; None: anything.

    Raises:
        SettingError: it is no regular expression.
    """
    expression(text)
    return _of_sequence(importlib.import_module("re._parser").parse(clean(text)))


def outline(text: str) -> str | None:
    """What every match looks like in part, as a pattern of ``GLOB`` for the whole document; None when nobody knows.

    Every document in which the expression occurs fits; most in which it does not, do not, and that is found out without
    a call of a function. Of the pieces between which anything may be, it is that with the most letters and sets.

    Raises:
        SettingError: it is no regular expression.
    """
    expression(text)
    parsed = importlib.import_module("re._parser").parse(clean(text))
    shapes = _shapes(parsed, ignore_case=bool(parsed.state.flags & re.IGNORECASE))
    best: list[str] = []
    for is_gap, piece in itertools.groupby(shapes, key=_ANYTHING.__eq__):
        found = [] if is_gap else list(piece)[:_MAX_OUTLINE]
        best = max(best, found, key=lambda each: len(each) - each.count(_ANY_ONE))
    return f"*{''.join(best)}*" if len(best) > best.count(_ANY_ONE) else None


def _shapes(items: Any, *, ignore_case: bool) -> Iterator[str]:
    """For each character that the items match one after the other, who may stand there; `_ANYTHING` for who knows."""
    for op, value in items:
        name = str(op)
        if name == "LITERAL":
            yield _shape_of_letter(chr(value))
        elif name == "IN":
            yield _shape_of_set(value, ignore_case=ignore_case)
        elif name in {"ANY", "NOT_LITERAL"}:
            yield _ANY_ONE
        elif name in _REPEATS:
            least, most, repeated = value
            shapes = list(_shapes(repeated, ignore_case=ignore_case)) if least else []
            yield from shapes * min(least, _MAX_REPEATED)
            if most != least or least > _MAX_REPEATED:
                yield _ANYTHING
        elif name == "SUBPATTERN" and not value[1] and not value[2]:
            yield from _shapes(value[3], ignore_case=ignore_case)
        elif name not in _OF_NO_WIDTH:
            yield _ANYTHING


def _shape_of_letter(letter: str) -> str:
    is_certain = _is_relied_upon(letter) and letter.lower()[0] not in _OTHER_FORMS
    return glob(letter, wild=False) if is_certain else _ANYTHING


def _shape_of_set(items: Any, *, ignore_case: bool) -> str:
    """A set of ASCII digits, and of letters where case matters; else anyone."""
    parts = []
    for op, value in items:
        ends = (value, value) if str(op) == "LITERAL" else value if str(op) == "RANGE" else (0, 0)
        first, last = map(chr, ends)
        if not any(kind(first) and kind(last) for kind in _KINDS[: 1 if ignore_case else None]):
            return _ANY_ONE
        parts.append(f"{first}-{last}")
    return f"[{''.join(parts)}]"


def _of_sequence(items: Any) -> str | None:
    """All that the parts of a sequence need: the longest of it is enough."""
    parts: list[str] = []
    run = ""
    for op, value in itertools.chain(items, [("END", None)]):
        if str(op) == "LITERAL":
            run += chr(value)
            continue
        parts += _of_run(run)
        run = ""
        inner = _of_part(str(op), value)
        if inner is not None:
            parts.append(f"({inner})")
    parts.sort(key=len, reverse=True)
    return " AND ".join(parts[:_MAX_PARTS]) or None


def _of_part(op: str, value: Any) -> str | None:
    if op in _REPEATS:
        return _of_sequence(value[2]) if value[0] else None
    if op == "SUBPATTERN":
        return _of_sequence(value[3])
    if op == "ATOMIC_GROUP":
        return _of_sequence(value)
    if op == "BRANCH" and len(value[1]) <= _MAX_BRANCHES:
        branches = [_of_sequence(branch) for branch in value[1]]
        if all(branches):
            return " OR ".join(f"({branch})" for branch in branches)
    return None


def _of_run(run: str) -> list[str]:
    """Phrases for letters that follow one another, cut where the index cannot be relied upon."""
    phrases: list[str] = []
    for relied, letters in itertools.groupby(run, key=_is_relied_upon):
        forms = (
            [_OTHER_FORMS.get(letter) or _OTHER_FORMS.get(letter.lower(), letter) for letter in letters]
            if relied
            else []
        )
        while len(forms) >= _TRIGRAM:
            length = _few_forms(forms)
            if length >= _TRIGRAM:
                alternatives = (quote("".join(form)) for form in itertools.product(*forms[:length]))
                phrases.append(f"({' OR '.join(alternatives)})")
            forms = forms[max(1, length) :]
    return phrases


def _few_forms(forms: list[str]) -> int:
    """How many letters from the first on have not too many forms together."""
    together = 1
    for length, each in enumerate(forms):
        together *= len(each)
        if together > _MAX_FORMS:
            return length
    return len(forms)


def _is_relied_upon(letter: str) -> bool:
    return letter in _KNOWN_CASED or letter in "İı" or letter.lower() == letter.upper() == letter.casefold()


def quote(text: str) -> str:
    """A phrase for ``MATCH``: nothing in it is an operator."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
