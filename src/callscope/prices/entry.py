"""One dated price, and what has to be known about who charges it. The TOML form: docs/money.md."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Meter = Literal["audio_seconds", "session_seconds", "call_seconds"]
Scope = Literal["request", "leg", "session"]
Mode = Literal["streaming", "batch"]
Confidence = Literal["high", "medium", "low"]
Basis = Literal["documented", "first_seen", "launch", "unknown"]


class LongContext(msgspec.Struct, frozen=True, kw_only=True):
    """Other rates for a request whose input is longer than this."""

    above_input_tokens: int
    rates: dict[str, Decimal]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one provider charges for one model, in one way, in one stretch of time.

    Entries of one model differ in ``mode``, ``plan``, ``tier``, ``region``, ``direction``, or in time.
    """

    id: str
    """``provider/service/model``, then whatever sets it apart, then ``@`` and the day it began."""
    provider: str
    service: str
    model: str
    rates: dict[str, Decimal]
    """Price by unit of `callscope.prices.units.UNITS`. A price of 0 is a price."""
    currency: str = "USD"
    mode: Mode | None = None
    """None: charged alike."""
    plan: str | None = None
    """None: what everybody pays; otherwise only for who is on that plan."""
    tier: str | None = None
    """A service tier that a request asks for, as ``priority`` or ``flex``."""
    region: str | None = None
    direction: Literal["inbound", "outbound"] | None = None
    addon: bool = False
    """Charged on top of a model, when usage names it among its add-ons."""
    effective_from: int | None = None
    """Unix seconds, inclusive; None: for as long as anybody knows."""
    effective_to: int | None = None
    """Unix seconds, exclusive; None: until another one is known."""
    basis: Basis = "unknown"
    """How ``effective_from`` is known."""
    meter: Meter | None = None
    """Which seconds are billed; None: ``audio_seconds``, of telephony ``call_seconds``."""
    increment_seconds: Decimal | None = None
    """Each request, leg or session (``scope``) is rounded up to a multiple of it."""
    minimum_seconds: Decimal | None = None
    """Each request, leg or session is billed for at least that long."""
    scope: Scope | None = None
    """What rounding and minimum apply to."""
    channels: Literal["multiplied", "once"] | None = None
    """Whether two channels cost twice; None: not documented."""
    markup: Literal["counted", "excluded", "counted_except_mark"] | None = None
    """Whether SSML tags count as characters; None: not documented."""
    long_context: LongContext | None = None
    source: str = ""
    """Address of the page that the price is printed on."""
    read_on: str = ""
    """Day it was read, ``YYYY-MM-DD``."""
    confidence: Confidence = "medium"
    """``high``: two sources agree."""
    varies: str = ""
    """How it changes with the hour of the day, which is not modelled: what it gives is ``estimated``."""
    note: str = ""


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model under all its names."""

    service: str
    model: str
    names: tuple[str, ...] = ()
    """Other exact names, lower case; ``model`` itself is always one."""
    patterns: tuple[str, ...] = ()
    """Regular expressions that a name in lower case may match."""
    prices: tuple[Entry, ...] = ()


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who bills, and how its usage is to be read."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    """Other names that frameworks report, lower case."""
    hosts: tuple[str, ...] = ()
    """Hosts of its API; a name that ends with ``.`` and one of them is the provider, too."""
    cached_inside_input: bool = True
    """Whether ``input_tokens`` hold the cached ones (OpenAI) or are counted beside them (Anthropic, Bedrock)."""
    reasoning_may_be_beside: bool = False
    """Whether ``output_tokens`` may be told without the reasoning: Gemini's API counts it beside, most frameworks add
    it. Then ``total_tokens`` decides, or reasoning that is more than the output."""
    failed_requests: Literal["free", "billed"] | None = None
    """Whether a request that failed is charged; None: not documented."""
    local: bool = False
    """Software on the user's own machine, which nobody bills."""
    plan: str | None = None
    """The plan that list prices are for, where entries of several plans stand side by side."""
    models: tuple[Model, ...] = ()
