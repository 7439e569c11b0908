"""A load generator that costs little: plain sockets in one loop; answers are parsed after the clock has stopped.

On two cores the client's work is taken from the engine, so `Load.cpu_seconds` says what it took. Knows: HTTP/1.1 and
server-sent events in the shape of OpenAI's. Does not know: which server answers, what a good answer is.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httptools

_RECEIVE_BYTES = 1 << 16
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    """One answer; times in seconds since all requests of the load were sent."""

    status: int
    body: bytes
    arrivals: tuple[float, ...]
    """When each piece of text came."""
    tokens: int
    """What the server counted; where it doesn't say, the number of pieces."""


@dataclass(frozen=True)
class Load:
    """What some requests at once came to."""

    seconds: float
    cpu_seconds: float
    """Processor time of this client while it waited and read."""
    replies: tuple[Reply, ...]

    def figures(self) -> dict[str, float]:
        """Tokens/s of all streams together, median time to the first token, and the client's own share of one core."""
        return {
            "tokens_per_second": sum(reply.tokens for reply in self.replies) / self.seconds,
            "first_token_ms": 1000 * statistics.median(reply.arrivals[0] for reply in self.replies),
            "client_cpu_percent": 100 * self.cpu_seconds / self.seconds,
        }


@dataclass
class _Connection:
    sock: socket.socket
    received: list[tuple[float, bytes]] = field(default_factory=list)


def post(url: str, path: str, body: dict[str, Any], key: str | None = None) -> bytes:
    """The bytes of one request; ``url`` is like ``http://127.0.0.1:8400``."""
    payload = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {url.removeprefix('http://')}",
        "Content-Type: application/json",
        f"Content-Length: {len(payload)}",
        "Connection: close",
        *([f"Authorization: Bearer {key}"] if key else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


def run(url: str, requests: Sequence[bytes], *, seconds: float = 300.0) -> Load:
    """Send all requests at once, each on a connection of its own, and read the answers to their ends.

    Raises:
        TimeoutError: an answer was not complete in time.
        RuntimeError: the server refused one, or one holds no text.
    """
    host, port = url.removeprefix("http://").split(":")
    with selectors.DefaultSelector() as selector:
        connections = [_Connection(socket.create_connection((host, int(port)), timeout=30)) for _ in requests]
        for connection in connections:
            selector.register(connection.sock, selectors.EVENT_READ, connection)
        began, cpu = time.perf_counter(), time.process_time()
        for connection, request in zip(connections, requests, strict=True):
            connection.sock.sendall(request)
        _read_all(selector, began + seconds)
        ended, cpu = time.perf_counter(), time.process_time() - cpu
    return Load(ended - began, cpu, tuple(_reply(connection.received, began) for connection in connections))


def _read_all(selector: selectors.BaseSelector, deadline: float) -> None:
    while selector.get_map():
        ready = selector.select(deadline - time.perf_counter())
        if not ready:
            raise TimeoutError("answers were not complete in time")
        now = time.perf_counter()
        for key, _ in ready:
            data = key.fileobj.recv(_RECEIVE_BYTES)  # type: ignore[union-attr]
            key.data.received.append((now, data))
            if not data or data.endswith(_LAST_CHUNK):
                selector.unregister(key.fileobj)
                key.data.sock.close()


class _Body:
    """Takes the body out of an HTTP answer."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)


def _reply(received: Sequence[tuple[float, bytes]], began: float) -> Reply:
    body, rest, tokens = _Body(), b"", 0
    arrivals: list[float] = []
    whole: list[bytes] = []
    for now, data in received:
        if data:
            body.parser.feed_data(data)
        whole += body.pieces
        *lines, rest = (rest + b"".join(body.pieces)).split(b"\n")
        body.pieces.clear()
        for line in lines:
            if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
                continue
            event = json.loads(line[5:])
            tokens = (event.get("usage") or {}).get("completion_tokens") or tokens
            if _text(event):
                arrivals.append(now - began)
    status = body.parser.get_status_code()
    answer = b"".join(whole)
    if status != 200 or not arrivals:
        raise RuntimeError(f"the server answered {status}: {answer[-500:].decode(errors='replace')}")
    return Reply(status, answer, tuple(arrivals), tokens or len(arrivals))


def _text(event: dict[str, Any]) -> str:
    if event.get("error"):
        raise RuntimeError(f"the stream broke off: {event['error']}")
    if not event.get("choices"):
        return ""
    choice = event["choices"][0]
    return choice.get("text") or (choice.get("delta") or {}).get("content") or ""
