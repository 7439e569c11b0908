"""No client holds a connection, the event loop or an answer up for longer than it may."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from aigc.errors import Busy
from aigc.server import sse, wire_guard
from aigc.types import Delta, Finished, Request, Started, TextRequest, Usage
from live_server import KEY, Live, live
from scripted_runtime import Step

CHAT = "/v1/chat/completions"
USAGE = Usage(prompt_tokens=1, completion_tokens=1, fingerprint="f")
END: list[Step] = [Delta(index=0, text="late"), Finished(index=0, reason="stop"), USAGE]
PROMPTS = {"model": "default", "prompt": ["first", "second"], "stream": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server"), cors_origins=("https://chat.example",)) as running:
        yield running


# ---------------------------------------------------------------- lists with many errors

MANY = 200_000


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/completions", {"prompt": [1, *[""] * MANY]}, "prompt.1"),
        ("/v1/embeddings", {"input": [1, *[""] * MANY]}, "input.1"),
        (CHAT, {"messages": [{"role": "user", "content": [0] * MANY}]}, "messages.0.content.0"),
    ],
)
def test_a_list_of_wrong_elements_is_refused_at_once(
    server: Live, path: str, body: dict[str, object], param: str
) -> None:
    raw = json.dumps({"model": "default", **body})
    started = time.perf_counter()
    response = server.http.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert time.perf_counter() - started < 2
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


# ---------------------------------------------------------------- bodies that nobody reads

LENGTH = "Content-Length: 8000000"
CHUNKS = "Transfer-Encoding: chunked"
WRONG_KEY = "Authorization: Bearer wrong"
UNREAD: dict[str, tuple[str, int]] = {
    "a wrong key": (f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\n{WRONG_KEY}\r\n{LENGTH}", 401),
    "a wrong key with chunks": (f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\n{WRONG_KEY}\r\n{CHUNKS}", 401),
    "no key": (f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n{LENGTH}", 401),
    "another host": (f"POST {CHAT} HTTP/1.1\r\nHost: elsewhere.example\r\n{LENGTH}", 421),
    "a preflight": (
        f"OPTIONS {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://chat.example\r\n"
        f"Access-Control-Request-Method: POST\r\n{LENGTH}",
        200,
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_connection_ends_with_an_answer_that_came_before_the_body(server: Live, name: str) -> None:
    head, status = UNREAD[name]
    with server.connect() as connection:
        connection.sendall(f"{head}\r\n\r\n".encode())
        received = connection.recv(65536)
        assert received.startswith(f"HTTP/1.1 {status} ".encode())
        assert status == 200 or b"\r\nconnection: close\r\n" in received
        assert ends(connection, drip=b"x")


def ends(connection: socket.socket, *, drip: bytes) -> bool:
    """Whether the server closes the connection within 2 seconds, although something is sent all the time."""
    connection.settimeout(0.05)
    for _ in range(40):
        try:
            connection.sendall(drip)
            if not connection.recv(65536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_a_connection_lives_on_after_an_answer_to_a_whole_request(server: Live) -> None:
    request = f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n{WRONG_KEY}\r\nContent-Length: 0\r\n\r\n".encode()
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(request)
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 401 ")
            assert b"connection: close" not in received


# ---------------------------------------------------------------- bytes behind a body


@pytest.mark.parametrize("behind", [b"\r\n", b"POST /v1/chat/compl"])
def test_bytes_behind_a_body_do_not_cut_the_answer_off(
    server: Live, behind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_guard, "HEADER_SECONDS", 0.2)
    server.runtime.script = lambda request: [Started(prompt_tokens=1), 0.7, *END]
    with server.connect() as connection:
        connection.sendall(post(CHAT, {"model": "default", "messages": [{"role": "user", "content": "a"}]}))
        time.sleep(0.05)
        connection.sendall(behind)
        received = connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b'"late"' in received
        connection.settimeout(2)
        while connection.recv(65536):  # the clock runs on: the further request has to come
            pass


def post(path: str, body: dict[str, object]) -> bytes:
    raw = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw


# ---------------------------------------------------------------- prompts that wait for a place


def one_place(second: list[Step]) -> object:
    def script(request: Request) -> list[Step]:
        assert isinstance(request, TextRequest)
        first: list[Step] = [Started(prompt_tokens=1), Delta(index=0, text="early"), 0.6, *END]
        return first if request.prompt == "first" else second

    return script


def test_a_stream_begins_while_a_prompt_waits_for_its_place(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.1)
    server.runtime.script = one_place([0.7, Started(prompt_tokens=1), *END])  # type: ignore[assignment]
    started = time.perf_counter()
    with server.http.stream("POST", "/v1/completions", json=PROMPTS) as response:
        assert response.status_code == 200
        assert time.perf_counter() - started < 0.5
        text = response.read().decode()
    assert text.index("early") < text.index(": keep-alive\n\n") < text.index("late")
    assert text.count('"late"') == 2
    assert text.endswith("data: [DONE]\n\n")


def test_a_prompt_that_is_refused_soon_after_another_was_accepted_has_its_own_status(server: Live) -> None:
    server.runtime.script = one_place([0.1, Busy("no place")])  # type: ignore[assignment]
    assert server.http.post("/v1/completions", json=PROMPTS).status_code == 429


def test_a_prompt_that_is_refused_late_ends_the_stream(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.1)
    server.runtime.script = one_place([0.4, Busy("no place")])  # type: ignore[assignment]
    response = server.http.post("/v1/completions", json=PROMPTS)
    assert response.status_code == 200
    assert json.loads(response.text.strip().split("data: ")[-1])["error"]["message"] == "no place"
    assert "[DONE]" not in response.text
