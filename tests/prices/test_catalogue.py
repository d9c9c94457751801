"""The compiled catalogue, and that it is the one of the TOML beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from callscope.errors import UnreadableError
from callscope.prices.catalogue import Catalogue, Header
from callscope.prices.entry import Model, Provider
from callscope.prices.shipped import catalogue

ROOT = Path(__file__).parents[2]
DATA = ROOT / "src" / "callscope" / "prices" / "data"

ACME = Provider(
    id="acme",
    name="Acme",
    aliases=("acme_tts",),
    hosts=("api.acme.com", "acme.cloud"),
    models=(Model(service="tts", model="loud"),),
)
OTHER = Provider(id="other", name="Other", hosts=("eu.api.acme.com",))


def compiled(*providers: Provider, schema: int = 1) -> bytes:
    named = tuple((provider.id, (*provider.aliases, *provider.hosts)) for provider in providers)
    header = Header(schema=schema, version="2026-11-21.abc", providers=named)
    return b"\n".join(msgspec.json.encode(one) for one in (header, *providers)) + b"\n"


def test_a_provider_comes_out_as_it_went_in() -> None:
    known = Catalogue(compiled(ACME, OTHER))

    assert known.version == "2026-11-21.abc"
    assert known.provider_ids == ("acme", "other")
    assert known.provider("acme") == ACME
    assert known.provider("nobody") is None
    assert list(known.providers()) == [ACME, OTHER]


def test_a_line_is_read_when_its_provider_is_first_asked_for() -> None:
    whole = compiled(ACME, OTHER)
    known = Catalogue(whole.replace(b'"name":"Other"', b'"name":Other!'))

    assert known.provider("acme") == ACME
    with pytest.raises(msgspec.DecodeError):
        known.provider("other")


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("acme", "acme"),
        (" ACME ", "acme"),
        ("Acme_TTS", "acme"),
        ("api.acme.com", "acme"),
        ("us.api.acme.com", "acme"),
        ("deep.down.acme.cloud", "acme"),
        ("eu.api.acme.com", "other"),
        ("x.eu.api.acme.com", "other"),
        ("acme.com", None),
        ("notacme.cloud", None),
        ("x.acme", None),
        ("", None),
    ],
)
def test_a_provider_is_known_by_id_alias_and_host(name: str, id_: str | None) -> None:
    assert Catalogue(compiled(ACME, OTHER)).named(name) == id_


@pytest.mark.parametrize(
    "broken",
    [b"", b"\n", b"not json\n", compiled(ACME, schema=2), compiled(ACME, OTHER).rpartition(b"\n{")[0]],
    ids=["empty", "blank", "not json", "another schema", "a line is missing"],
)
def test_something_else_is_told_apart_from_a_catalogue(broken: bytes) -> None:
    with pytest.raises(UnreadableError, match="price catalogue"):
        Catalogue(broken)


def test_the_shipped_one_is_what_the_toml_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compile_prices", "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert set(catalogue().provider_ids) == {path.stem for path in DATA.glob("*.toml")}


def test_the_shipped_one_is_read_once() -> None:
    assert catalogue() is catalogue()


def test_every_provider_of_the_shipped_one_is_found_by_all_its_names() -> None:
    for provider in catalogue().providers():
        for name in (provider.id, *provider.aliases, *provider.hosts):
            assert catalogue().named(name) == provider.id
