"""Provider files: what stands in them becomes values, and every mistake names its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.errors import SettingError
from callscope.prices.entry import Entry, LongContext
from callscope.prices.source import provider_of
from callscope.prices.toml_lines import Path as KeyPath
from callscope.prices.toml_lines import lines_of, parse

DATA = Path(__file__).parents[2] / "src" / "callscope" / "prices" / "data"

HEAD = """\
[provider]
id = "acme"
name = "Acme"
aliases = ["acme_stt"]
hosts = ["api.acme.example"]
failed_requests = "free"
plan = "payg"

[defaults]
source = "https://acme.example/pricing"
read_on = 2026-11-01
confidence = "high"

[[model]]
service = "stt"
model = "ear-2"
names = ["ear-2-general"]
patterns = ['^ear-2-[a-z]+$']
"""
HEAD_LINES = HEAD.count("\n")


def price(body: str) -> Entry:
    provider = provider_of(f"{HEAD}[[model.price]]\n{body}\n", file="acme.toml")
    return provider.models[0].prices[0]


def refusal(text: str) -> str:
    with pytest.raises(SettingError) as caught:
        provider_of(text, file="acme.toml")
    return str(caught.value)


def price_refusal(body: str) -> str:
    """What is said about a price, without the file; lines are counted from its first key."""
    message = refusal(f"{HEAD}[[model.price]]\n{body}\n").removeprefix("acme.toml line ")
    line, _, rest = message.partition(": ")
    return f"{int(line) - HEAD_LINES - 1}: {rest}"


def test_a_price_takes_what_it_does_not_say_from_the_defaults() -> None:
    entry = price('rates = { minute = "0.0048" }\nconfidence = "low"')
    assert entry.source == "https://acme.example/pricing"
    assert entry.read_on == "2026-11-01"
    assert entry.confidence == "low"
    assert entry.rates == {"minute": Decimal("0.0048")}


def test_an_id_says_what_sets_a_price_apart() -> None:
    assert price("rates = { minute = 1 }").id == "acme/stt/ear-2"
    everything = """
    rates = { minute = "0.01" }
    direction = "inbound"
    region = "US"
    tier = "priority"
    plan = "growth"
    mode = "streaming"
    effective_from = 2026-09-01T07:00:00Z
    """
    assert price(everything).id == "acme/stt/ear-2/streaming/growth/priority/US/inbound@2026-09-01"


def test_dates_are_moments_in_utc() -> None:
    dated = "rates = { minute = 0 }\neffective_from = {}\neffective_to = 2027-01-01".replace("{}", "%s")
    assert price(dated % "2026-10-01").effective_from == 1_790_812_800
    assert price(dated % "2026-10-01T02:00:00+02:00").effective_from == 1_790_812_800
    assert price(dated % "2026-10-01").effective_to == 1_798_761_600


def test_all_the_meters_are_read() -> None:
    entry = price(
        """
    rates = { minute = "0.01" }
    meter = "session_seconds"
    increment_seconds = 60
    minimum_seconds = "1.5"
    scope = "leg"
    channels = "once"
    addon = true
    basis = "first_seen"
    currency = "EUR"
    long_context = { above_input_tokens = 200000, rates = { 1M_input_text_tokens = "4" } }
    """
    )
    assert (entry.meter, entry.scope, entry.channels, entry.addon) == ("session_seconds", "leg", "once", True)
    assert (entry.increment_seconds, entry.minimum_seconds) == (Decimal(60), Decimal("1.5"))
    assert (entry.basis, entry.currency) == ("first_seen", "EUR")
    long = LongContext(above_input_tokens=200_000, rates={"1M_input_text_tokens": Decimal(4)})
    assert entry.long_context == long


def test_zero_is_a_price() -> None:
    assert price('rates = { minute = "0" }').rates == {"minute": Decimal(0)}


@given(st.decimals(min_value=0, max_value=10**9, allow_nan=False, places=9))
def test_prices_are_exact(amount: Decimal) -> None:
    assert price(f'rates = {{ minute = "{amount:f}" }}').rates["minute"] == amount


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("rates = { minute = 0.0048 }", '1: minute = 0.0048 is not exact as a number: write minute = "0.0048"'),
        ('rates = { minute = "-1" }', '1: "minute" cannot be "-1": it is negative'),
        ("rates = { minute = -1 }", '1: "minute" cannot be "-1": it is negative'),
        ('rates = { minute = "0,01" }', '1: "minute" cannot be "0,01": digits and a dot, as "0.0048"'),
        ('rates = { minute = "nan" }', '1: "minute" cannot be "nan": digits and a dot, as "0.0048"'),
        ("rates = { minute = true }", '1: "minute" must be a number in quotes, as minute = "0.0048"'),
        ('\nrates = { minutes = "1" }', '2: unknown unit "minutes": did you mean "minute"?'),
        ("rates = {}", '1: "rates" holds no price: write one, as rates = { minute = "0.0048" }'),
        ('mode = "streaming"', '0: "rates" is missing in [[model.price]]'),
        ('rates = { minute = 1 }\nmode = "live"', '2: unknown mode "live": known are batch, streaming'),
        ('rates = { minute = 1 }\nmode = "streeming"', '2: unknown mode "streeming": did you mean "streaming"?'),
        (
            "# a comment\nrates = { minute = 1 }\neffectve_from = 2026-10-01",
            '3: unknown key "effectve_from" in [[model.price]]: did you mean "effective_from"?',
        ),
        (
            "rates = { minute = 1 }\neffective_from = 2026-10-01T00:00:00",
            '2: "effective_from" has no time zone: write 2026-10-01T00:00:00Z for UTC',
        ),
        (
            'rates = { minute = 1 }\neffective_from = "2026-10-01"',
            '2: "effective_from" is a date, which is written without quotes: effective_from = 2026-10-01',
        ),
        (
            "rates = { minute = 1 }\neffective_to = 2026-10-01\neffective_from = 2026-10-01",
            '2: "effective_to" must be later than "effective_from"',
        ),
        (
            "rates = { minute = 1 }\nread_on = 2026-10-01T00:00:00Z",
            '2: "read_on" must be a date without time: 2026-10-01',
        ),
        ("rates = { minute = 1 }\nincrement_seconds = 0", '2: "increment_seconds" must be above 0'),
        ('rates = { minute = 1 }\ncurrency = "usd"', '2: "usd" is no currency: write three capital letters, as "EUR"'),
        ('rates = { minute = 1 }\naddon = "yes"', '2: "addon" must be true or false'),
        ("rates = { minute = 1 }\nnote = ''", '2: "note" must not be empty or have blanks around it'),
        (
            "rates = { minute = 1 }\nlong_context = { above_input_tokens = 9 }",
            '2: "rates" is missing in [model.price.long_context]',
        ),
        (
            "rates = { minute = 1 }\n[[model.price]]\nrates = { hour = 1 }",
            (
                f'2: "acme/stt/ear-2" stands in acme.toml line {HEAD_LINES + 1} already: '
                "give one of them another mode, plan, tier, region, direction or day"
            ),
        ),
    ],
)
def test_a_mistake_in_a_price_names_its_line(body: str, message: str) -> None:
    assert price_refusal(body) == message


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ('service = "sst"', 'service = "stt"', 'acme.toml line 15: unknown service "sst": did you mean "stt"?'),
        ("patterns = ['^ear-(']", "patterns = ['^ear-2-[a-z]+$']", 'acme.toml line 18: pattern "^ear-(" is not a'),
        ('names = ["Ear"]', 'names = ["ear-2-general"]', 'acme.toml line 17: "Ear" in "names" must be in lower case'),
        ('names = "ear"', 'names = ["ear-2-general"]', 'acme.toml line 17: "names" must be a list of texts'),
        ("[model]", "[[model]]", 'acme.toml line 14: "model" must be a list of tables, each begun with [[model]]'),
        ('hosts = ["https://a/"]', 'hosts = ["api.acme.example"]', 'acme.toml line 5: "https://a/" in "hosts" must be'),
        ('[provider]\nid = "Acme"', '[provider]\nid = "acme"', 'acme.toml line 2: "id" must be in lower case: "acme"'),
        ('naem = "Acme"', 'name = "Acme"', 'acme.toml line 3: unknown key "naem" in [provider]: did you mean "name"?'),
        ("", 'name = "Acme"\n', 'acme.toml line 1: "name" is missing in [provider]'),
        ("provider = 3", HEAD, 'acme.toml line 1: "provider" must be a table, as [provider]'),
        ("", HEAD, 'acme.toml: "provider" is missing'),
        ("[provider", "[provider]", "acme.toml line 1: not valid TOML: Expected ']'"),
        ('name = "Acme', 'name = "Acme"', "acme.toml line 3: not valid TOML"),
        ("names = [", 'names = ["ear-2-general"]', "acme.toml line 18: not valid TOML"),
        ('id = "acme"\nid = "acme"', 'id = "acme"', "acme.toml line 3: not valid TOML: Cannot overwrite a value"),
    ],
)
def test_a_mistake_in_a_file_names_its_line(wrong: str, right: str, message: str) -> None:
    assert right in HEAD
    assert message in refusal(HEAD.replace(right, wrong, 1))


def test_a_file_from_another_system_reads_the_same() -> None:
    assert provider_of("\ufeff" + HEAD.replace("\n", "\r\n"), file="acme.toml") == provider_of(HEAD, file="acme.toml")


def test_every_file_that_is_shipped_can_be_read() -> None:
    for file in sorted(DATA.glob("*.toml")):
        provider = provider_of(file.read_text(encoding="utf-8"), file=file.name)
        assert provider.id == file.stem


def test_what_looks_like_a_table_inside_a_value_is_none() -> None:
    text = '''\
a = """
[[model]]
x = "1" """ # [b]
'c.d' = [
  # ] not yet
  "]", [1,
  2],
]
e.f = {g = 1}
[[model]]   # one
[[model.price]]
rates.minute = \'\'\'
[no]\'\'\'
[[model.price]]
[model.price."a ] b"]
[[ model ]]
[[model.price]]
z = 1'''
    lines = lines_of(text)
    assert lines == {
        ("a",): 1,
        ("c.d",): 4,
        ("e",): 9,
        ("e", "f"): 9,
        ("model",): 10,
        ("model", 0): 10,
        ("model", 0, "price"): 11,
        ("model", 0, "price", 0): 11,
        ("model", 0, "price", 0, "rates"): 12,
        ("model", 0, "price", 0, "rates", "minute"): 12,
        ("model", 0, "price", 1): 14,
        ("model", 0, "price", 1, "a ] b"): 15,
        ("model", 1): 16,
        ("model", 1, "price"): 17,
        ("model", 1, "price", 0): 17,
        ("model", 1, "price", 0, "z"): 18,
    }


VALUES = st.sampled_from(
    [
        '[\n[["model"]],\n]',
        "1",
        '"x # y"',
        "'[[a]]'",
        '"""\n[[model]]\nk = 1\n"""',
        "'''\n'''",
        '[1, # ]\n "]",\n]',
        "{ a = [1, 2] }",
        '"\\""',
    ]
)


@given(st.lists(st.tuples(st.sampled_from(["[[model]]", "[[model.price]]", "# [[model]]", "", "key"]), VALUES)))
def test_every_key_has_the_line_it_is_written_on(statements: list[tuple[str, str]]) -> None:
    text, line = "[[model]]\n", 2
    models, prices = 1, 0
    path: KeyPath = ("model", 0)
    expected = {path: 1}
    for number, (statement, value) in enumerate(statements):
        if statement == "key":
            statement = f"k{number} = {value}"  # noqa: PLW2901 -- the statement as it is written
            expected[*path, f"k{number}"] = line
        elif statement == "[[model]]":
            models, prices = models + 1, 0
            path = ("model", models - 1)
            expected[path] = line
        elif statement == "[[model.price]]":
            prices += 1
            path = ("model", models - 1, "price", prices - 1)
            expected[path] = line
        text += statement + "\n"
        line += statement.count("\n") + 1
    parse(text, file="any.toml")
    found = lines_of(text)
    assert {path: found.get(path) for path in expected} == expected
