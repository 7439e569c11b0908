"""500 clients leave: queued, in prefill, streaming, non-streaming, with n=16, on both engines, and embeddings.

Their places are free within 1 s, and the worker stops computing within a second after that.
"""

from __future__ import annotations

import functools
import json
import socket
import time
from collections.abc import Callable
from typing import Any

from serving import HEADERS, LLAMA_CPP, Server, serving, wait_until
from stage import Stage

LONG = {"model": "default", "prompt": "Once", "max_tokens": 4000, "ignore_eos": True}
PREFILL = {**LONG, "prompt": "river stone lamp garden " * 1500, "max_tokens": 100}
SIXTEEN = {**LONG, "n": 16, "max_tokens": 400}
TEXTS = {
    "model": "multilingual-e5-small",
    "input": ["fifteen words about winter gardens, bridges and a quiet river"] * 2000,
}

PHASES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "openvino, prefill": ("/v1/completions", {**PREFILL, "stream": True}, False),
    "openvino, streaming": ("/v1/completions", {**LONG, "stream": True}, True),
    "openvino, whole": ("/v1/completions", LONG, False),
    "openvino, n=16": ("/v1/completions", {**SIXTEEN, "stream": True}, True),
    "llama_cpp, prefill": ("/v1/completions", {**PREFILL, **LLAMA_CPP, "stream": True}, False),
    "llama_cpp, streaming": ("/v1/completions", {**LONG, **LLAMA_CPP, "stream": True}, True),
    "llama_cpp, whole": ("/v1/completions", {**LONG, **LLAMA_CPP}, False),
    "llama_cpp, n=16": ("/v1/completions", {**SIXTEEN, **LLAMA_CPP, "stream": True}, True),
    "embeddings": ("/v1/embeddings", TEXTS, False),
}
"""Name to path, body, and whether the client waits for the first event before it leaves."""


def _call(server: Server, path: str, body: dict[str, Any]) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {HEADERS['Authorization']}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    return connection


def _leave(server: Server, clients: list[socket.socket], rest: int) -> float:
    """Close them all. Returns: seconds until only ``rest`` places are taken; 30 if that didn't come."""
    for client in clients:
        client.close()
    seconds = wait_until(lambda: server.occupied() <= rest, 30)
    return 30.0 if seconds is None else seconds


def _round(stage: Stage, server: Server, path: str, body: dict[str, Any], events: bool, clients: int) -> float:
    calls = [_call(server, path, body) for _ in range(clients)]
    if events:
        calls[0].recv(1)  # the last ones may have to wait for a place
    else:
        wait_until(lambda: server.occupied() > 0, 30)
        time.sleep(stage.draw.uniform(0.05, 0.4))
    return _leave(server, calls, 0)


def _busy_share(server: Server) -> float:
    """Share of a core that the workers take, a second after all clients left, over half a second."""

    def spent() -> float:
        return sum(sum(worker.cpu_times()[:2]) for worker in server.workers())

    time.sleep(1)
    before = spent()
    time.sleep(0.5)
    return (spent() - before) / 0.5


def _queued(server: Server, clients: int) -> float:
    """All places are taken by others; those who wait leave."""
    holders = [_call(server, "/v1/completions", {**LONG, "stream": True}) for _ in range(4)]
    for holder in holders:
        holder.recv(1)
    waiting = [_call(server, "/v1/completions", LONG) for _ in range(clients)]
    wait_until(lambda: server.occupied() >= 4 + clients, 30)
    seconds = _leave(server, waiting, 4)
    _leave(server, holders, 0)
    return seconds


def play(stage: Stage) -> None:
    """Every phase in rounds of five clients."""
    rounds = stage.times(10)
    with serving(stage, max_sequences=4, queue_size=64) as server:
        for path, body, _ in PHASES.values():  # load all three engines
            first = {**body, "max_tokens": 1, "prompt": "a", "n": 1} if "prompt" in body else {**body, "input": "a"}
            server.http.post(path, json=first)
        _phase(stage, server, "queued", lambda: _queued(server, 5), rounds)
        for name, what in PHASES.items():
            _phase(stage, server, name, functools.partial(_round, stage, server, *what, 5), rounds)
        stage.count("clients that left", 5 * rounds * (1 + len(PHASES)))
        stage.all("request afterwards answered 200", int(server.ask().status_code == 200), 1)


def _phase(stage: Stage, server: Server, name: str, one: Callable[[], float], rounds: int) -> None:
    seconds, busy = [], []
    for _ in range(rounds):
        seconds.append(one())
        busy.append(_busy_share(server))
    stage.at_most(f"{name}: places free after, slowest", max(seconds), 1, " s")
    stage.at_most(f"{name}: cores still busy a second later, most", max(busy), 0.2)
