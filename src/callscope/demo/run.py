"""Record the demo's calls: the scripted language model and the callers here, the bot in a process of its own.

All calls go on at the same time in one bot process, each on its own port.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import msgspec

from callscope.archive.reader import read_envelope
from callscope.clock import now_ms
from callscope.demo.scenarios import SCENARIOS, Scenario
from callscope.errors import CallscopeError, MissingExtraError, SettingError
from callscope.model.call import ABANDONED, IN_PROGRESS

if TYPE_CHECKING:
    from callscope.demo.caller import CallHeard
    from callscope.demo.llm_server import LlmServer, Request

_PARTS: Final = ("pipecat", "pocketsphinx", "espeakng_loader")
_READY_SECONDS: Final = 90.0
"""Until every bot listens. The first start after an installation compiles byte code."""
_LEAVE_SECONDS: Final = 20.0
"""For the bot to end by itself after its last call."""
_STDERR_CHARACTERS: Final = 2000


class Bot(msgspec.Struct, frozen=True):
    """A bot process that waits for its callers."""

    process: asyncio.subprocess.Process
    ports: dict[str, int]
    """By call id."""

    def url(self, call_id: str) -> str:
        """Where the call's caller connects."""
        return f"ws://127.0.0.1:{self.ports[call_id]}"


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a call as its caller and the language model know it, whatever the record says."""

    call_id: str
    scenario: str
    call: CallHeard
    requests: tuple[Request, ...]
    """The language model's ledger of this call, in order."""


def record(
    root: Path,
    *,
    scenarios: Sequence[str] | None = None,
    again: bool = False,
    progress: Callable[[str], None],
) -> list[Truth]:
    """Make the demo's calls and record them under ``root``; about 30 seconds, all scenarios at once.

    Scenarios (all unless named) of which ``root`` holds a call already are left out unless ``again``.
    Raises `MissingExtraError` without the demo's packages, `SettingError` for an unknown scenario,
    `CallscopeError` when the bot does not start or dies.
    """
    if any(importlib.util.find_spec(part) is None for part in _PARTS):
        raise MissingExtraError("demo", what="callscope demo")
    names = list(SCENARIOS) if scenarios is None else list(scenarios)
    for name in names:
        if name not in SCENARIOS:
            raise SettingError(f"there is no scenario {name!r}: choose from {', '.join(SCENARIOS)}")
    wanted = [name for name in names if again or not recorded(root, name)]
    if not wanted:
        progress(f"{root} holds the demo's calls already")
        return []
    return asyncio.run(record_calls(root, [SCENARIOS[name] for name in wanted], progress=progress))


def recorded(root: Path, scenario: str) -> bool:
    """Whether a call of that scenario is under ``root``, from beginning to end."""
    paths = root.glob(f"calls/*/*/*/{_call_id(scenario, '*')}")
    return any(read_envelope(path, now_ms=now_ms()).status not in {IN_PROGRESS, ABANDONED} for path in paths)


async def record_calls(root: Path, scenarios: Sequence[Scenario], *, progress: Callable[[str], None]) -> list[Truth]:
    """The same inside an event loop, whatever is there already."""
    server = _server()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    calls = {_call_id(scenario.name, stamp): scenario for scenario in scenarios}
    async with server.serving():
        progress("starting the bot: Pipecat, a recogniser, a synthesizer")
        async with bot(calls, llm_port=server.port, root=root) as agent:
            heard = await asyncio.gather(
                *(
                    _make_call(scenario, url=agent.url(call_id), progress=progress)
                    for call_id, scenario in calls.items()
                )
            )
    return [
        Truth(
            call_id=call_id,
            scenario=scenario.name,
            call=call,
            requests=tuple(request for request in server.requests if request.call_id == call_id),
        )
        for (call_id, scenario), call in zip(calls.items(), heard, strict=True)
    ]


@asynccontextmanager
async def bot(calls: dict[str, Scenario], *, llm_port: int, root: Path) -> AsyncIterator[Bot]:
    """A bot process that serves the calls and records them under ``root``; leaving waits for it to end.

    Raises `CallscopeError` with the process's last words when it does not start, or does not end well.
    """
    ports = dict(zip(calls, _free_ports(len(calls)), strict=True))
    served = [f"{call_id}:{scenario.name}:{ports[call_id]}" for call_id, scenario in calls.items()]
    options = ["--llm", f"http://127.0.0.1:{llm_port}", "--root", str(root)]
    with tempfile.TemporaryFile() as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "callscope.demo.bot", *served, *options,
            stdout=asyncio.subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
        try:
            await _until_ready(process, len(calls), stderr)
            yield Bot(process, ports)
            await _until_gone(process, stderr)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _server() -> LlmServer:
    """What needs the demo's packages is loaded only now that they are known to be there."""
    from loguru import logger  # noqa: PLC0415 -- see the line before

    logger.disable("pipecat")  # its greeting would stand in the middle of the progress
    import callscope.demo.caller  # noqa: F401, PLC0415 -- the same
    from callscope.demo.llm_server import LlmServer  # noqa: PLC0415 -- the same

    logger.enable("pipecat")
    return LlmServer()


async def _make_call(scenario: Scenario, *, url: str, progress: Callable[[str], None]) -> CallHeard:
    from callscope.demo.caller import call  # noqa: PLC0415 -- the same

    progress(f"{scenario.name}: calling ({scenario.about})")
    heard = await call(
        scenario,
        url=url,
        saying=lambda text: progress(f"{scenario.name}: the caller says: {text}"),
    )
    seconds = (heard.hung_up_at_ms - heard.connected_at_ms) / 1000
    progress(f"{scenario.name}: hung up after {seconds:.0f} s")
    return heard


async def _until_ready(process: asyncio.subprocess.Process, calls: int, stderr: IO[bytes]) -> None:
    """The bot prints a line for each call that it is ready to take."""
    assert process.stdout is not None  # noqa: S101 -- for the type checker: it was asked for
    try:
        async with asyncio.timeout(_READY_SECONDS):
            lines = [await process.stdout.readline() for _ in range(calls)]
    except TimeoutError as error:
        raise CallscopeError(f"the demo's bot was not ready in time: {_last_words(stderr)}") from error
    if not all(lines):
        raise CallscopeError(f"the demo's bot did not start: {_last_words(stderr)}")


async def _until_gone(process: asyncio.subprocess.Process, stderr: IO[bytes]) -> None:
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            code = await process.wait()
    except TimeoutError as error:
        raise CallscopeError(f"the demo's bot did not end: {_last_words(stderr)}") from error
    if code != 0:
        raise CallscopeError(f"the demo's bot ended with {code}: {_last_words(stderr)}")


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; held together, so that they differ."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def _last_words(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    return stderr.read().decode(errors="replace")[-_STDERR_CHARACTERS:].strip()


def _call_id(scenario: str, stamp: str) -> str:
    return f"demo-{scenario.replace('_', '-')}-{stamp}"
