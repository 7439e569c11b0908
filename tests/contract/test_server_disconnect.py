"""A client that leaves frees its place within a second, in every phase."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from aigc.server import sse
from aigc.types import Delta, Finished, Request, Started, Usage
from live_server import KEY, Live, live
from scripted_runtime import Step, answer

USAGE = Usage(prompt_tokens=1, completion_tokens=1, fingerprint="f")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


def queued(request: Request) -> list[Step]:
    return [30.0]


def prefill(request: Request) -> list[Step]:
    return [Started(prompt_tokens=1), 30.0]


def streaming(request: Request) -> list[Step]:
    steps: list[Step] = [Started(prompt_tokens=1)]
    for _ in range(1000):
        steps += [Delta(index=0, text="word "), 0.02]
    return steps


def request(path: str, body: dict[str, object]) -> bytes:
    raw = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw


def wait_until(server: Live, running: int, seconds: float) -> float:
    started = time.perf_counter()
    while server.runtime.running != running:
        assert time.perf_counter() - started < seconds
        time.sleep(0.005)
    return time.perf_counter() - started


CHAT = {"model": "default", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("phase", [queued, prefill, streaming])
@pytest.mark.parametrize("stream", [True, False])
def test_a_chat_ends_when_its_client_leaves(server: Live, phase: object, stream: bool) -> None:
    server.runtime.script = phase  # type: ignore[assignment]
    connection = server.connect()
    connection.sendall(request("/v1/chat/completions", CHAT | {"stream": stream}))
    wait_until(server, 1, 5)
    time.sleep(0.1)
    connection.close()
    assert wait_until(server, 0, 1) < 1


def test_all_prompts_of_a_request_end_together(server: Live) -> None:
    server.runtime.script = prefill
    connection = server.connect()
    connection.sendall(request("/v1/completions", {"model": "default", "prompt": ["a", "b", "c"], "stream": True}))
    wait_until(server, 3, 5)
    connection.close()
    wait_until(server, 0, 1)


def test_embeddings_end_when_their_client_leaves(server: Live) -> None:
    server.runtime.script = queued
    connection = server.connect()
    connection.sendall(request("/v1/embeddings", {"model": "vectors", "input": "a"}))
    wait_until(server, 1, 5)
    connection.close()
    wait_until(server, 0, 1)


def test_a_reset_connection_counts_as_gone(server: Live) -> None:
    import socket
    import struct

    server.runtime.script = streaming
    connection = server.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sendall(request("/v1/chat/completions", CHAT | {"stream": True}))
    wait_until(server, 1, 5)
    connection.recv(10)
    connection.close()
    wait_until(server, 0, 1)


def test_a_client_that_stops_reading_does_not_hold_up_others(server: Live) -> None:
    flood: list[Step] = [Started(prompt_tokens=1)]
    flood += [Delta(index=0, text="x" * 1000) for _ in range(20_000)]
    server.runtime.script = lambda request: flood
    connection = server.connect()
    connection.sendall(request("/v1/chat/completions", CHAT | {"stream": True}))
    time.sleep(0.3)
    started = time.perf_counter()
    assert server.http.get("/health").status_code == 200
    assert time.perf_counter() - started < 1
    connection.close()
    wait_until(server, 0, 2)


def test_waiting_is_filled_with_comments(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    end = [Delta(index=0, text="late"), Finished(index=0, reason="stop"), USAGE]
    server.runtime.script = lambda request: [Started(prompt_tokens=1), 0.3, *end]
    text = server.http.post("/v1/chat/completions", json=CHAT | {"stream": True}).text
    assert text.count(": keep-alive\n\n") >= 3
    assert text.endswith("data: [DONE]\n\n")


def test_running_streams_finish_when_the_server_ends_and_nothing_new_begins(server: Live) -> None:
    steps: list[Step] = [Started(prompt_tokens=1), Delta(index=0, text="a"), 1.0, Delta(index=0, text="b")]
    server.runtime.script = lambda request: [*steps, Finished(index=0, reason="stop"), USAGE]

    async def talk() -> str:
        reader, writer = await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
        writer.write(request("/v1/chat/completions", CHAT | {"stream": True}))
        await reader.readuntil(b'"content":"a"')
        server.server.stop()
        await asyncio.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
        rest = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return rest.decode()

    rest = asyncio.run(talk())
    assert '"content":"b"' in rest
    assert "[DONE]" in rest


def test_a_server_that_is_ending_says_so(server: Live) -> None:
    server.app.state.closing.begun = True
    response = server.http.get("/v1/models")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "shutting_down")
    assert response.headers["retry-after"] == "5"


def test_two_hundred_streams_at_once_are_all_answered(server: Live) -> None:
    server.runtime.script = lambda request: [0.2, *answer(request)]

    async def one() -> bool:
        reader, writer = await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
        writer.write(request("/v1/chat/completions", CHAT | {"stream": True}))
        text = await asyncio.wait_for(reader.readuntil(b"[DONE]"), 20)
        writer.close()
        return b"capital" in text

    async def many() -> list[bool]:
        return await asyncio.gather(*(one() for _ in range(200)))

    assert asyncio.run(many()) == [True] * 200
    wait_until(server, 0, 1)
