"""Models on other servers: real HTTP on loopback, one address alive and one dead."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from aigc.errors import Busy, Unreachable, UserError, WorkerDied
from aigc.runtime.remote import RemoteServer
from aigc.settings import Remote
from aigc.types import Delta, Event, Finished, Message, Started, TextRequest, Usage

ASK = TextRequest(messages=(Message(role="user", content="hi"),))
CHUNKS = [
    {"choices": [{"index": 0, "delta": {"content": "Hello"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
]

Answer = Callable[[str], tuple[int, list[bytes]]]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.asynccontextmanager
async def _server(answer: Answer) -> AsyncIterator[tuple[str, list[str]]]:
    """A bare HTTP/1.1 server: reads one request, writes what ``answer`` gives for its path, closes."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head)
        status, parts = answer(head.split()[1])
        writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode())
        for part in parts:
            writer.write(part)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1", seen
    finally:
        server.close()


def _good(path: str) -> tuple[int, list[bytes]]:
    if path == "/v1/models":
        return 200, [json.dumps({"data": [{"id": "big"}]}).encode()]
    lines = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in CHUNKS]
    return 200, [*lines, b"data: [DONE]\n\n"]


async def _collect(remote: RemoteServer) -> list[Event]:
    events: list[Event] = []
    try:
        await remote.answer("big", ASK, events.append)
    finally:
        await remote.close()
    return events


def test_models_are_listed_and_an_answer_streams_with_the_key_sent_there() -> None:
    async def scene() -> tuple[list[Event], list[str], list[str]]:
        async with _server(_good) as (url, seen):
            remote = RemoteServer(Remote(name="vllm", base_urls=(url,), api_key="k-123"))
            await remote.refresh()
            names = [spec.id for spec in remote.models]
            return await _collect(remote), names, seen

    events, names, seen = asyncio.run(scene())
    assert names == ["big"]
    assert events == [
        Started(prompt_tokens=0, fingerprint="openai-vllm"),
        Delta(index=0, text="Hello"),
        Finished(index=0, reason="stop"),
        Usage(prompt_tokens=1, completion_tokens=1, fingerprint="openai-vllm"),
    ]
    assert all("authorization: bearer k-123" in head.lower() for head in seen)


def test_a_dead_address_is_passed_over() -> None:
    async def scene() -> list[Event]:
        async with _server(_good) as (url, _):
            dead = f"http://127.0.0.1:{_free_port()}/v1"
            return await _collect(RemoteServer(Remote(name="r", base_urls=(dead, url), models=("big",))))

    assert isinstance(asyncio.run(scene())[-1], Usage)


def test_when_no_address_answers_the_caller_is_told_when_to_come_back() -> None:
    dead = f"http://127.0.0.1:{_free_port()}/v1"
    with pytest.raises(Unreachable, match="no address of r answers; 1 tried"):
        asyncio.run(_collect(RemoteServer(Remote(name="r", base_urls=(dead,), models=("big",)))))


def test_a_stream_that_breaks_off_is_an_error_and_not_a_short_answer() -> None:
    def broken(path: str) -> tuple[int, list[bytes]]:
        return 200, _good(path)[1][:1]

    async def scene() -> list[Event]:
        async with _server(broken) as (url, _):
            return await _collect(RemoteServer(Remote(name="r", base_urls=(url,), models=("big",))))

    with pytest.raises(WorkerDied, match="broke off in the middle"):
        asyncio.run(scene())


def test_a_refusal_is_passed_on_in_our_words() -> None:
    def refuse(path: str) -> tuple[int, list[bytes]]:
        return 400, [b'{"error": {"param": "seed", "message": "traceback /usr/lib"}}']

    async def scene() -> list[Event]:
        async with _server(refuse) as (url, _):
            return await _collect(RemoteServer(Remote(name="r", base_urls=(url,), models=("big",))))

    with pytest.raises(UserError, match="refused the request with status 400") as caught:
        asyncio.run(scene())
    assert "traceback" not in str(caught.value)
    assert caught.value.param == "seed"


def test_a_busy_remote_server_is_busy_and_not_gone() -> None:
    async def scene() -> bool:
        async with _server(lambda path: (429, [b"{}"])) as (url, _):
            remote = RemoteServer(Remote(name="r", base_urls=(url,), models=("big",)))
            with pytest.raises(Busy, match="the remote server is busy"):
                await _collect(remote)
            return remote.reachable

    assert asyncio.run(scene())


def test_an_unreadable_list_of_models_ends_nothing() -> None:
    async def scene() -> bool:
        async with _server(lambda path: (200, [b"no json"])) as (url, _):
            remote = RemoteServer(Remote(name="r", base_urls=(url,)))
            await remote.refresh()
            await remote.close()
            return remote.reachable

    assert asyncio.run(scene()) is False
