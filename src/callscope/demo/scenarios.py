"""What is said in the demo's calls: the caller's lines, and what the language model answers to each.

The caller's lines are all different, across the scenarios too: the recogniser's grammar and the scripted
language model know a line by its words.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Voice(msgspec.Struct, frozen=True):
    """How somebody sounds."""

    name: str
    """An espeak-ng voice; one that does not exist makes a synthesizer that fails throughout."""
    words_per_minute: int = 160
    pitch: int = 50
    """0 to 100."""


class Line(msgspec.Struct, frozen=True):
    """Something that the caller says."""

    text: str
    cut_in_ms: int | None = None
    """Say it this long after the agent began to speak; None waits until the agent has finished."""


class ToolRequest(msgspec.Struct, frozen=True):
    """A function that the language model wants to be called."""

    name: str
    arguments: dict[str, str]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the language model does when it is asked."""

    text: str = ""
    tool: ToolRequest | None = None
    after_tool: str = ""
    """The text that follows when the tool's result is there."""
    error: str | None = None
    """Refuse the request with status 401 and this message; ``{key}`` becomes the key that was sent."""
    first_token_ms: int = 250
    token_ms: int = 30
    """Between two words of the answer."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    name: str
    about: str
    """One line, for people."""
    number: str
    """The caller's telephone number, of those that are kept for fiction."""
    caller: Voice
    agent: Voice
    lines: tuple[Line, ...]
    turn_model: bool = False
    """Decide the end of a turn by pipecat's Smart Turn model; else by a pause. The model is for calls whose waits
    are not measured: where the machine is busy, sound piles up behind it for seconds."""
    patience_ms: int = 8000
    """How long the caller waits for an answer before going on, or hanging up."""


MODEL: Final = "gpt-4.1-mini"
"""The name that the scripted language model answers to."""
DESK_NUMBER: Final = "+12025550100"
MADE_UP_KEY: Final = "sk-proj-MadeUpForTheDemo0123456789abcdefghijklmnop"
"""No key of anybody: the scripted server quotes it in an error, and no record may hold it."""
INSTRUCTION: Final = "You are the parcel desk of a small shop. Answer in one or two short sentences."
GREETING: Final = "Hello, this is the parcel desk. How can I help you?"
APOLOGY: Final = "Sorry, something went wrong on my side. Please say that again."
NOT_UNDERSTOOD: Final = "Sorry, I did not understand that."

_AGENT: Final = Voice("en-us", 165, 40)

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="order",
            about="a question that needs a tool, and a goodbye",
            number="+12025550123",
            caller=Voice("en-us+f3", 150, 50),
            agent=_AGENT,
            lines=(Line("Where is my order seven four two?"), Line("Thank you very much goodbye.")),
        ),
        Scenario(
            name="barge_in",
            about="the caller cuts a long answer off",
            number="+12025550147",
            caller=Voice("en-us+m3", 155, 55),
            agent=_AGENT,
            lines=(
                Line("Please tell me about your delivery terms."),
                Line("Stop please that is enough.", cut_in_ms=3500),
            ),
        ),
        Scenario(
            name="error",
            about="the language model fails once, the agent apologises and recovers",
            number="+12025550168",
            caller=Voice("en-us+f2", 150, 60),
            agent=_AGENT,
            lines=(Line("Can you see my parcel?"), Line("I said can you see my parcel?")),
        ),
        Scenario(
            name="silent",
            about="the synthesizer fails throughout: the caller hears nothing and hangs up",
            number="+12025550191",
            caller=Voice("en-us+m2", 150, 45),
            agent=Voice("no-such-voice"),
            lines=(Line("Hello can you hear me?"),),
            turn_model=True,
            patience_ms=4000,
        ),
    )
}

REPLIES: Final[dict[str, Reply]] = {
    "Where is my order seven four two?": Reply(
        tool=ToolRequest("lookup_order", {"order_number": "742"}),
        after_tool="Your order left the depot this morning. It arrives on Friday.",
    ),
    "Thank you very much goodbye.": Reply(text="You are welcome. Goodbye."),
    "Please tell me about your delivery terms.": Reply(
        text=(
            "We deliver from Monday to Saturday. Parcels leave the depot before noon. "
            "A parcel that weighs more than thirty kilos goes by freight and takes a week. "
            "You can change the address until the evening before. If nobody is at home we try "
            "a second time on the next day. After that the parcel waits at the nearest shop for "
            "ten days. Islands and mountain villages take two days longer."
        ),
        token_ms=120,
    ),
    "Stop please that is enough.": Reply(text="All right. I am here when you need me."),
    "Can you see my parcel?": Reply(error="Incorrect API key provided: {key}. You can find your key online."),
    "I said can you see my parcel?": Reply(text="Yes. Your parcel is at the shop next to the station."),
    "Hello can you hear me?": Reply(text="Yes, I can hear you very well."),
}
