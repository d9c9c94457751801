"""What providers say they charged: one module a format, one value for all of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn

from callscope.errors import UnreadableError
from callscope.prices.statements import deepgram, elevenlabs, focus, openai, plain, twilio
from callscope.prices.statements.charge import Charge, Statement
from callscope.prices.statements.format import Format
from callscope.prices.statements.row import Row, fold

__all__ = ["Charge", "Statement", "read"]

_JSON: Final[tuple[Format, ...]] = (*openai.FORMATS, *deepgram.FORMATS, *elevenlabs.FORMATS, *twilio.FORMATS)
_CSV: Final[tuple[Format, ...]] = (focus.FORMAT, twilio.CALL_LOG, plain.FORMAT)
_SHOWN: Final = 12


def read(text: str, *, file: str, provider: str | None = None) -> Statement:
    """Read a file of a provider's figures, whatever format it has.

    Args:
        text: the file's content: a JSON document, a list of pages, JSON lines, or CSV with a header.
        file: its name, for errors; where a provider's answer does not say which metric it holds, its name may.
        provider: whose figures they are, where the file does not say.

    Raises:
        UnreadableError: it is in no known format, or a row is wrong; says which and where. Nothing is read in part.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise UnreadableError(f"{file} is empty")
    is_json = text.lstrip()[0] in "[{"
    rows = list(_documents(text, file) if is_json else _table(text, file))
    if not rows:
        raise UnreadableError(f"{file} holds no rows")
    known = _JSON if is_json else _CSV
    seen = dict(rows[0].values)
    if provider is not None:
        seen.setdefault("provider", provider)
    format_ = next((each for each in known if each.recognises(seen)), None)
    if format_ is None:
        _unknown(file, rows[0], is_json=is_json)
    charges: list[Charge] = []
    for row in rows:
        if is_json and not format_.recognises(row.values):
            raise row.wrong(f"this is no {format_.name} as what stands before it")
        charges += format_.charges(row, format_.provider or provider or "", file)
    return Statement(
        file=file,
        format=format_.name,
        charges=tuple(format_.kept(charges)),
        services=tuple(sorted({charge.service or "" for charge in charges} - {""})) if format_.partial else (),
        notes=_notes(rows[-1].values),
    )


def _documents(text: str, file: str) -> Iterator[Row]:
    """The objects of a JSON document, of a list of them, or of JSON lines."""
    try:
        document = _decode(text)
    except ValueError as error:
        lines = text.split("\n")
        if not _is_object(lines[0]):
            raise UnreadableError(f"{file} is no JSON: {error}") from error
        yield from _lines(lines, file)
        return
    documents = document if isinstance(document, list) else [document]
    for number, each in enumerate(documents):
        where = f"{file}: [{number}]" if isinstance(document, list) else f"{file}: $"
        if not isinstance(each, dict):
            raise UnreadableError(f"{where}: {each!r} is no object")
        yield Row(each, where)


def _lines(lines: Sequence[str], file: str) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = _decode(line)
        except ValueError as error:
            raise UnreadableError(f"{file}:{number}: no JSON: {error}") from error
        if not isinstance(document, dict):
            raise UnreadableError(f"{file}:{number}: {document!r} is no object")
        yield Row(document, f"{file}:{number}")


def _is_object(line: str) -> bool:
    try:
        return isinstance(_decode(line), dict)
    except ValueError:
        return False


def _decode(text: str) -> Any:
    """JSON with exact numbers; raises ValueError when it is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _table(text: str, file: str) -> Iterator[Row]:
    lines = [f"{line}\n" for line in text.split("\n")]
    delimiter = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        columns = [fold(column) for column in next(reader)]
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            where = f"{file}:{reader.line_num}"
            if len(values) != len(columns):
                raise UnreadableError(f"{where}: {len(values)} fields, and the header has {len(columns)}")
            yield Row(dict(zip(columns, values, strict=True)), where)
    except csv.Error as error:
        raise UnreadableError(f"{file}:{reader.line_num}: {error}") from error


def _notes(last: Mapping[str, Any]) -> tuple[str, ...]:
    if last.get("has_more") is True or last.get("next_page_uri"):
        return ("it ends with a page that says there are more: fetch the rest, or the totals are too small",)
    return ()


def _unknown(file: str, row: Row, *, is_json: bool) -> NoReturn:
    seen = ", ".join(list(row.values)[:_SHOWN]) or "nothing"
    names = "; ".join(each.name for each in (*_JSON, *_CSV))
    kind = "an object with the keys" if is_json else "CSV with the columns"
    raise UnreadableError(
        f"{file} is in no known format: it is {kind} {seen}. Known are: {names}. Anything else can be "
        "written as the plain CSV of docs/reconcile.md"
    )
