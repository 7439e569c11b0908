"""Server-sent events: the wire format of streams, and the header that keeps proxies from gathering them.

Knows: bytes between events, and in their absence. Does not know: what an event says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec
from starlette.types import Send

from aigc.errors import AigcError
from aigc.server.errors import envelope

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
KEEP_ALIVE_SECONDS = 15.0
"""Proxies cut connections that are silent for 30 to 60 seconds."""
KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


def failure(error: AigcError) -> bytes:
    """The event that ends a stream which can't go on. No ``[DONE]`` follows: the answer is not complete."""
    return b"data: " + msgspec.json.encode(envelope(error)) + b"\n\n"


async def alive(work: Awaitable[None], send: Send) -> None:
    """Wait for ``work`` without letting the stream fall silent. Raises: whatever ``work`` raises."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=KEEP_ALIVE_SECONDS))[0]:
            await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
        await task
    finally:
        task.cancel()
