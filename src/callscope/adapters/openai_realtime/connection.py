"""The connection of the ``openai`` package, recorded as it is used."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from callscope.adapters.openai_realtime.recorder import SessionRecorder, process_logger
from callscope.recorder.logger import CallLogger


@contextmanager
def recorded(connection: Any, *, logger: CallLogger | None = None, **options: Any) -> Iterator[SessionRecorder]:
    """Record what goes over a connection of the ``openai`` package within a block, which ends the call.

    Args:
        connection: what ``client.realtime.connect(...)`` gives, or ``client.beta.realtime.connect(...)``; of the
            synchronous or of the asynchronous client.
        logger: where the call goes; the process's own, made from the environment, when left out.
        options: those of `SessionRecorder`.

    Raises:
        TypeError: an option that there is not, or a connection that is none.
    """
    recorder = SessionRecorder(process_logger() if logger is None else logger, **options)
    missing = [name for name in ("send", "recv_bytes") if not callable(getattr(connection, name, None))]
    if missing:
        raise TypeError(f"{type(connection).__name__} is no connection of the openai package: it has no {missing[0]}()")
    if not recorder.enabled:
        yield recorder
        return
    # Its other methods all go through these two; instance attributes, so that nothing else is touched.
    connection.send = _telling_before(connection.send, recorder)
    connection.recv_bytes = _telling_after(connection.recv_bytes, recorder)
    try:
        with recorder:
            yield recorder
    finally:
        del connection.send, connection.recv_bytes


def _telling_before(send: Callable[..., Any], recorder: SessionRecorder) -> Callable[..., Any]:
    def told(event: Any) -> Any:
        recorder.sent(event)
        return send(event)

    return told


def _telling_after(receive: Callable[[], Any], recorder: SessionRecorder) -> Callable[[], Any]:
    async def awaited() -> Any:
        message = await receive()
        recorder.received(message)
        return message

    def waited() -> Any:
        message = receive()
        recorder.received(message)
        return message

    return awaited if inspect.iscoroutinefunction(receive) else waited
