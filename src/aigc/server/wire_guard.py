"""uvicorn's HTTP protocol with limits on what comes before the body: bytes and seconds of request line and header.

Without them a client could fill the memory with a header that never ends, or hold connections by sending nothing.

Knows: uvicorn's protocol class. Does not know: the application.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from aigc.errors import AigcError, UserError
from aigc.server.errors import HeaderTooLarge, RequestTimeout, envelope
from aigc.server.limits import MAX_HEADER_BYTES

HEADER_SECONDS = 15.0
"""Longest time from the first byte of a connection, or of a further request on it, to the end of the header."""

_SOCKETS = b"/v1/realtime"
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    _pending_bytes = 0
    """Bytes that came since the header of the running message began; counted until it is complete."""
    _in_header = True
    _header_timer: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # uvicorn decides by whether a handler is installed anywhere; its lines would show targets with tokens.
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection without a request is closed."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of headers, then parse."""
        if self._in_header:
            self._pending_bytes += len(data)
            if self._header_timer is None:  # the first byte of a further request on this connection
                self._start_timer()
        super().data_received(data)
        if self._in_header and self._pending_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(HeaderTooLarge(f"the header has more than {MAX_HEADER_BYTES} bytes"))

    def on_message_begin(self) -> None:
        """A header begins."""
        self._in_header = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A header is complete."""
        self._in_header = False
        self._pending_bytes = 0
        self._stop_timer()
        if absolute := _ABSOLUTE.match(self.url):
            # RFC 9112, 3.2.2: the host of such a target counts, whatever the Host header says.
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"] + [(b"host", absolute[1])]
        try:
            super().on_headers_complete()
        except (httptools.HttpParserError, UnicodeDecodeError) as error:
            # A target that is no URL, like "//" or bytes beyond ASCII.
            raise httptools.HttpParserCallbackError("invalid target") from error

    def _should_upgrade_to_ws(self) -> bool:
        """A socket is opened at one path; anywhere else the wish for one is no wish of ours (RFC 9110, 7.8)."""
        return super()._should_upgrade_to_ws() and self.url.partition(b"?")[0] == _SOCKETS

    def _unsupported_upgrade_warning(self) -> None:
        """Nobody wants to read that."""

    def on_message_complete(self) -> None:
        """A request is complete; the next one may follow in the same data."""
        super().on_message_complete()
        self._in_header = True
        self._pending_bytes = 0

    def on_response_complete(self) -> None:
        """An answer is complete; if its request is not, nobody will read the rest, whoever answered."""
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so in the envelope of all errors."""
        self._refuse(UserError("this is not a valid HTTP/1.1 request"))

    def _start_timer(self) -> None:
        self._stop_timer()
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._header_timer = None
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # An answer is under way. What came after its request, the beginning of a further one or an empty line
            # (RFC 9112, 2.2), is no reason to cut it off; it has the same time again.
            self._start_timer()
            return
        if not self._pending_bytes:  # a connection that was opened ahead and never used
            self.transport.close()
            return
        self._refuse(RequestTimeout(f"the header did not arrive within {HEADER_SECONDS:g} seconds"))

    def _refuse(self, error: AigcError) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started or self.pipeline or not self.cycle.more_body:
                self.transport.close()  # an answer to something else is under way: nothing can be put between
                return
            # The body of the only request is at fault, and nobody has answered yet: what waits for the body ends.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = msgspec.json.encode(envelope(error))
        lines: list[Any] = [
            STATUS_LINE[error.status],
            b"content-type: application/json\r\nx-content-type-options: nosniff\r\nconnection: close\r\n",
            b"content-length: %d\r\n\r\n" % len(body),
            body,
        ]
        self.transport.write(b"".join(lines))
        self.transport.close()
