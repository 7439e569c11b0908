"""uvicorn, with our signals: the first ends the server when its answers are done, the second at once.

Knows: uvicorn's Server. Does not know: settings' meaning, keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from aigc.server.limits import Closing
from aigc.server.realtime.router import MAX_FRAME_BYTES
from aigc.server.wire_guard import GuardedProtocol

if TYPE_CHECKING:
    from fastapi import FastAPI

_KEEP_ALIVE_SECONDS = 75
"""Longer than the idle time of usual proxies and clients: they close first and never meet a closing socket."""

_LAST_WORDS_SECONDS = 0.5
"""How long before uvicorn cancels what still runs the answers are told to end, so that their clients hear why."""
_CUT_SECONDS = 0.2
"""How long before that the connections are cut off whose clients don't take these words."""

_HURRY_SECONDS = 5.0
"""How long workers may take to end after a second signal."""


class Server(uvicorn.Server):
    """A uvicorn server for one application.

    Args:
        app: from `aigc.server.app.create_app`.
        grace_seconds: how long running answers may go on after the first signal.
        on_ready: called once requests are accepted.
    """

    def __init__(self, app: FastAPI, *, grace_seconds: float, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=GuardedProtocol,
            ws="websockets-sansio",
            ws_max_size=MAX_FRAME_BYTES,
            ws_per_message_deflate=False,  # a few bytes could become megabytes
            lifespan="on",
            loop="auto",
            log_config=None,
            access_log=False,  # its lines hold the path as the client wrote it, with the token
            server_header=False,
            proxy_headers=False,  # a client could claim any address
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
        )
        super().__init__(config)
        self._app = app
        self._closing: Closing = app.state.closing
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None

    def run_on(self, listener: socket.socket) -> None:
        """Serve on a bound socket until a signal, or `stop` from another thread.

        Raises:
            AigcError: the runtime could not start.
        """
        try:
            self.run(sockets=[listener])
        except SystemExit:  # uvicorn's answer to an application that can't start
            if (error := self._app.state.start_error) is not None:
                raise error from None
            raise

    def stop(self) -> None:
        """As the first signal. Thread-safe."""
        self._closing.begun = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; the application's own end is not skipped even when in a hurry: its workers must not stay."""
        loop = asyncio.get_running_loop()
        patience = float(self.config.timeout_graceful_shutdown or 1)
        timers = [
            loop.call_later(patience - _LAST_WORDS_SECONDS, self._closing.end),
            loop.call_later(patience - _CUT_SECONDS, self._cut_connections),
        ]
        try:
            await super().shutdown(sockets)
        finally:
            for timer in timers:
                timer.cancel()
        if self.force_exit:
            with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self.lifespan.shutdown(), _HURRY_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: nothing new begins. Second: what runs is cut off."""
        if not self.should_exit:
            self.stop()
            return
        self.force_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cut_off)

    def _cut_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def _cut_off(self) -> None:
        self._cut_connections()
        for task in list(self.server_state.tasks):
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM while serving. Unlike uvicorn's, they are not raised again at the end:
        the caller has files to remove.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
