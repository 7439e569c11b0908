"""Who may open a socket, and what a bad client can do with one: nothing to others."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from socket import SHUT_RDWR
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from aigc.types import Delta, Started
from live_server import KEY, Live, live
from scripted_runtime import answer

BEARER = {"Authorization": f"Bearer {KEY}"}
TEXT = {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("server")
    with live(home, cors_origins=("https://app.example",), realtime_sessions=100) as running:
        yield running


@pytest.fixture(autouse=True)
def _usual(server: Live) -> None:
    server.runtime.script = lambda request: list(answer(request))


def opened(server: Live, path: str = "/v1/realtime?model=default", **options: Any) -> ClientConnection:
    options = {"additional_headers": BEARER, "proxy": None, "max_size": None} | options
    base = server.url if (name := options.pop("name", None)) is None else f"http://{name}"
    return connect(base.replace("http", "ws") + path, **options)


def refusal(server: Live, path: str = "/v1/realtime?model=default", **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        opened(server, path, **options)
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"] if response.body else {}


def received(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while (event := json.loads(socket.recv(timeout=20)))["type"] != kind:
        pass
    found: dict[str, Any] = event
    return found


def test_a_socket_without_a_key_or_with_a_wrong_one_is_refused(server: Live) -> None:
    assert refusal(server, additional_headers={})[0] == 401
    status, error = refusal(server, additional_headers={"Authorization": "Bearer sk-wrong"})
    assert (status, error["code"]) == (401, "invalid_api_key")
    assert refusal(server, additional_headers={"Authorization": f"Basic {KEY}"})[0] == 401
    wrong = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.sk-wrong")]
    assert refusal(server, additional_headers={}, subprotocols=wrong)[0] == 401


@pytest.mark.parametrize(
    "path", ["/", "/health", "/metrics", "/v1/models", "/v1/realtime/", "/V1/realtime", "//v1/realtime"]
)
def test_no_other_path_opens_a_socket_with_or_without_a_key(server: Live, path: str) -> None:
    for headers in ({}, BEARER):
        with pytest.raises(InvalidStatus) as caught:
            opened(server, path, additional_headers=headers)
        asked = server.http.get(path, headers={"Authorization": headers.get("Authorization", "none")})
        assert caught.value.response.status_code == asked.status_code != 101


def test_a_page_sends_its_key_as_a_subprotocol_and_hears_which_one_is_spoken(server: Live) -> None:
    given = [
        Subprotocol("realtime"),
        Subprotocol(f"openai-insecure-api-key.{KEY}"),
        Subprotocol("openai-beta.realtime-v1"),
    ]
    with opened(server, additional_headers={}, subprotocols=given) as socket:
        assert socket.subprotocol == "realtime"
        assert received(socket, "session.created")["session"]["model"] == "scripted"


def test_a_page_of_another_site_is_refused_even_with_a_key_unless_it_is_listed(server: Live) -> None:
    assert refusal(server, origin="https://evil.example")[0] == 403
    assert refusal(server, origin="null")[0] == 403
    for origin in ("https://app.example", server.url):
        with opened(server, origin=origin) as socket:
            received(socket, "session.created")


def test_the_page_s_cookie_opens_a_socket_from_the_page_only(server: Live) -> None:
    answer = httpx.post(f"{server.url}/auth/login", json={"key": KEY}, trust_env=False)
    headers = {"Cookie": f"aigc_session={answer.cookies['aigc_session']}"}
    with opened(server, additional_headers=headers, origin=server.url) as socket:
        received(socket, "session.created")
    assert refusal(server, additional_headers=headers, origin="https://evil.example")[0] == 403
    assert refusal(server, additional_headers=headers)[0] == 403


def test_a_foreign_host_name_is_refused(server: Live) -> None:
    status, error = refusal(server, sock=server.connect(), name="rebound.example")
    assert (status, error["code"]) == (421, "misdirected_request")


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("model=nobody", 404, "model"),
        ("model=vectors", 400, "model"),
        ("intent=transcription", 400, "intent"),
        ("call_id=x", 400, "call_id"),
        ("modell=default", 400, "modell"),
        ("store=maybe", 400, "store"),
    ],
)
def test_what_a_connection_asks_for_is_checked_before_it_opens(
    server: Live, query: str, status: int, param: str
) -> None:
    seen, error = refusal(server, f"/v1/realtime?{query}")
    assert (seen, error["param"]) == (status, param)


GARBAGE = [
    ("", "invalid_json"),
    ("{", "invalid_json"),
    ("[]", "invalid_value"),
    ('"text"', "invalid_value"),
    ("{}", "missing_required_parameter"),
    ('{"type": "session.destroy"}', "invalid_value"),
    ('{"type": 1}', "invalid_value"),
    ("[" * 100_000, "invalid_json"),
    ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
    ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_value"),
    ('{"type": "input_audio_buffer.append", "audio": 7}', "invalid_type"),
    ('{"type": "input_audio_buffer.commit"}', "invalid_value"),
    ('{"type": "conversation.item.create", "item": {"type": "message"}}', "invalid_value"),
    ('{"type": "conversation.item.create", "item": {"type": "mcp_call"}}', "unsupported_parameter"),
    ('{"type": "conversation.item.create", "item": null}', "missing_required_parameter"),
    ('{"type": "conversation.item.retrieve", "item_id": "no\\u0000"}', "invalid_value"),
    ('{"type": "response.create", "response": {"input": []}}', "unsupported_parameter"),
    ('{"type": "output_audio_buffer.clear"}', "invalid_value"),
]  # fmt: skip


def test_garbage_is_answered_by_an_error_and_the_session_goes_on(server: Live) -> None:
    with opened(server) as socket:
        received(socket, "session.created")
        for frame, code in GARBAGE:
            socket.send(frame)
            assert (frame[:60], received(socket, "error")["error"]["code"]) == (frame[:60], code)
        socket.send(b"\x00\x01")
        assert received(socket, "error")["error"]["code"] == "invalid_json"
        socket.send(json.dumps(TEXT))
        assert received(socket, "session.updated")["session"]["output_modalities"] == ["text"]


def test_a_client_that_sends_nothing_else_is_sent_away(server: Live) -> None:
    with opened(server) as socket:
        with pytest.raises(ConnectionClosed) as caught:  # noqa: PT012
            while True:
                socket.send("{")
                socket.recv(timeout=20)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


def test_a_frame_that_is_too_long_ends_the_connection_and_nothing_else(server: Live) -> None:
    with opened(server) as socket, opened(server) as other:
        received(socket, "session.created")
        with pytest.raises(ConnectionClosed):  # noqa: PT012
            socket.send('"' + "x" * 5_000_000)
            while True:
                socket.recv(timeout=20)
        other.send(json.dumps(TEXT))
        received(other, "session.updated")


def test_sound_without_end_is_a_turn_of_two_minutes_or_refused(server: Live) -> None:
    minute = base64.b64encode(bytes(48_000 * 55)).decode()
    with opened(server) as socket:
        for _ in range(8):  # silence: nothing is kept
            socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": minute}))
        socket.send(
            json.dumps(
                {
                    "type": "session.update",
                    "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}},
                }
            )
        )
        received(socket, "session.updated")
        for _ in range(3):
            socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": minute}))
        assert received(socket, "error")["error"]["code"] == "request_too_large"
        socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
        received(socket, "input_audio_buffer.cleared")
        socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": minute}))
        socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
        received(socket, "input_audio_buffer.committed")


def waited(truth: Any) -> bool:
    for _ in range(400):
        if truth():
            return True
        time.sleep(0.02)
    return False


def test_when_the_client_leaves_nothing_is_computed_any_more(server: Live) -> None:
    server.runtime.script = lambda request: [Started(prompt_tokens=1), Delta(index=0, text="Well"), 600.0]
    for abrupt in (False, True):
        socket = opened(server)
        socket.send(json.dumps({"type": "response.create"}))
        received(socket, "response.created")
        assert waited(lambda: server.runtime.running == 1)
        if abrupt:
            socket.socket.shutdown(SHUT_RDWR)
        else:
            socket.close()
        assert waited(lambda: server.runtime.running == 0)


def test_a_hundred_sockets_are_served_and_one_more_is_told_to_come_back(server: Live) -> None:
    assert waited(lambda: _open_sockets(server) == 0)
    sockets = [opened(server) for _ in range(100)]
    try:
        status, error = refusal(server)
        assert (status, error["code"]) == (429, "rate_limit_exceeded")
        for socket in sockets:
            socket.send(json.dumps(TEXT))
            socket.send(json.dumps({"type": "response.create"}))
        texts = [received(socket, "response.output_text.done")["text"] for socket in sockets]
        assert texts == ["Paris is the capital."] * 100
        assert server.http.get("/health").status_code == 200
    finally:
        for socket in sockets:
            socket.close()
    assert waited(lambda: _open_sockets(server) == 0)


def _open_sockets(server: Live) -> int:
    return len([c for c in server.server.server_state.connections if type(c).__name__.startswith("WebSocket")])


def test_a_session_ends_when_it_has_been_silent_or_has_lasted_too_long(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for limits, words in (({"realtime_idle_seconds": 1.0}, "nothing came"), ({"realtime_seconds": 1.0}, "has lasted")):
        with live(tmp_path_factory.mktemp("short"), **limits) as running, opened(running) as socket:
            error = received(socket, "error")["error"]
            assert (error["code"], words in error["message"]) == ("session_expired", True)
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=20)


def test_a_socket_is_in_the_metrics_and_ends_when_the_server_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("stopping")) as running:
        opened(running).close()
        wanted = 'aigc_requests_total{method="GET",route="/v1/realtime",status="101"} 1.0'
        assert waited(lambda: wanted in running.http.get("/metrics").text)
        socket = opened(running)
        received(socket, "session.created")
        running.server.stop()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
