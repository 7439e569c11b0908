"""The server's end of a worker's socket: whole messages out of the bytes that come, as they come.

No task waits here: the event loop calls, and all that an engine's step brought is handed on when the call returns.

Knows: asyncio's protocols, frames. Does not know: what a message means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from aigc.runtime import wire

log = logging.getLogger(__name__)


class Link(asyncio.Protocol):
    """One connection.

    Args:
        name: whose it is, for the log.
        on_report: takes each message of the worker. What it raises ends the connection.
        on_end: called once, with the reason, when nothing more will come.
    """

    def __init__(self, name: str, on_report: Callable[[wire.Report], None], on_end: Callable[[str], None]) -> None:
        self._name = name
        self._on_report = on_report
        self._on_end = on_end
        self._frames = wire.Frames()
        self._reason = "ended"
        self._transport: asyncio.Transport | None = None

    @property
    def connected(self) -> bool:
        """Whether the socket is this connection's to close."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses of it

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            for body in self._frames.cut(data):
                self._on_report(wire.decode_report(body))
        except Exception:
            log.exception("worker of %s sent what can't be read", self._name)
            self._reason = "sent what can't be read"
            assert self._transport is not None
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._on_end(self._reason)

    def send(self, command: wire.Command) -> None:
        """Write a message; nothing happens when the connection is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(wire.pack(command))

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
