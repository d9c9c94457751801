"""A dashboard that is told to stop stops, whatever it was doing at that moment."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path

import uvicorn
from dashboards import site_of

from callscope.web.server import _Server


def test_a_signal_that_comes_while_a_stream_begins_takes_no_lock(tmp_path: Path) -> None:
    """The handler runs on the thread that it interrupts, so a lock held there would never come free."""
    site = site_of(tmp_path / "archive")
    told: list[bool] = []

    async def stop() -> None:
        server = _Server(uvicorn.Config(app=lambda: None), site)
        server._loop = asyncio.get_running_loop()
        stream = site.news.stream(1)
        await anext(stream)
        with site.news._lock:
            handler = threading.Thread(target=server.handle_exit, args=(signal.SIGTERM, None), daemon=True)
            handler.start()
            handler.join(10)
            told.append(handler.is_alive())
        assert server.should_exit
        assert [message async for message in stream] == []

    asyncio.run(asyncio.wait_for(stop(), 30))
    assert told == [False]
