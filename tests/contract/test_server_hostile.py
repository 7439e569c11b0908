"""Whatever is sent, the answer is never a 5xx, and the server lives on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from live_server import KEY, Live, live
from scripted_runtime import answer

CHAT = "/v1/chat/completions"
HEAD = f"Host: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
HELLO = '"model":"default","messages":[{"role":"user","content":"hi"}]'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server"), max_body_bytes=100_000, body_seconds=1.0) as running:
        yield running


def talk(server: Live, data: bytes, *, wait: float = 5) -> tuple[int, dict[str, object]]:
    """Send bytes as they are. Returns: status (0: closed without an answer) and the envelope."""
    with server.connect() as connection:
        connection.settimeout(wait)
        connection.sendall(data)
        received = b""
        while b"\r\n\r\n" not in received or not received.endswith(b"}"):
            try:
                more = connection.recv(65536)
            except (TimeoutError, ConnectionResetError):
                break
            if not more:
                break
            received += more
    if not received:
        return 0, {}
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else {}


def post(body: str | bytes, path: str = CHAT, media: str = "application/json") -> bytes:
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return f"POST {path} HTTP/1.1\r\n{HEAD}Content-Type: {media}\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw


BODIES: dict[str, str | bytes] = {
    "nothing but white space": "   ",
    "not JSON": "{model: default}",
    "cut off": '{"model":"default"',
    "two documents": "{}{}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"model":"default"}'.encode("utf-16"),
    "invalid UTF-8": b'{"model":"\xff\xfe"}',
    "a surrogate in UTF-8": '{"model":"\ud800"}',
    "an escaped high surrogate": r'{"model":"\ud800","messages":[]}',
    "an escaped low surrogate": r'{"model":"\udc00 and more text","messages":[]}',
    "a NUL in the model": r'{"model":"\u0000","messages":[]}',
    "a NUL in a message": r'{"model":"default","messages":[{"role":"user","content":"a\u0000b"}]}',
    "a NUL in a key": r'{"model":"default","a\u0000b":1}',
    "NaN": f'{{{HELLO},"temperature":NaN}}',
    "infinity": f'{{{HELLO},"temperature":Infinity}}',
    "1e999": f'{{{HELLO},"temperature":1e999}}',
    "an integer of 5000 digits": f'{{{HELLO},"seed":{"9" * 5000}}}',
    "2^64 in a schema": f'{{{HELLO},"tools":[{{"type":"function","function":'
    f'{{"name":"f","parameters":{{"a":{2**64}}}}}}}]}}',
    "deep arrays": "[" * 40_000,
    "deep objects": '{"a":' * 15_000 + "1" + "}" * 15_000,
    "a deep schema": f'{{{HELLO},"response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":'
    + '{"a":' * 70
    + "1"
    + "}" * 70
    + "}}}",
    "too many keys": "{" + ",".join(f'"k{i}":1' for i in range(9000)) + "}",
    "an array": "[]",
    "a string": '"hi"',
    "null": "null",
    "an empty object": "{}",
    "messages as a string": '{"model":"default","messages":"hi"}',
    "null messages": '{"model":"default","messages":[null]}',
    "roles as an array": '{"model":"default","messages":[{"role":["user"],"content":"a"}]}',
    "a type that is an object": '{"model":"default","messages":[{"role":"user","content":[{"type":{}}]}]}',
    "a model that is a path": '{"model":"../../etc/passwd","messages":[{"role":"user","content":"a"}]}',
    "a long model": f'{{"model":"{"m" * 50_000}","messages":[{{"role":"user","content":"a"}}]}}',
    "a model with line breaks": '{"model":"a\\r\\nSet-Cookie: x","messages":[{"role":"user","content":"a"}]}',
    "tool_choice as an array": f'{{{HELLO},"tool_choice":[]}}',
    "stop with numbers": f'{{{HELLO},"stop":[1]}}',
    "logit_bias with a huge id": f'{{{HELLO},"logit_bias":{{"99999999999999999999":1}}}}',
    "booleans everywhere": f'{{{HELLO},"n":true,"seed":true,"top_p":false}}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_in_the_envelope(server: Live, name: str) -> None:
    status, answer = talk(server, post(BODIES[name]))
    assert 400 <= status < 500
    error = answer["error"]
    assert isinstance(error, dict)
    assert set(error) >= {"message", "type", "param", "code"}
    assert len(json.dumps(error)) < 1000
    assert "Traceback" not in str(error)


REQUESTS: dict[str, tuple[bytes, int]] = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "another method": (f"BREW {CHAT} HTTP/1.1\r\n{HEAD}\r\n".encode(), 400),
    "no host": (f"GET /health HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode(), 421),
    "a long header": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    "a header without an end": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + b"a" * 70_000, 431),
    "many headers": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n", 431),
    "a long target": (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 431),
    "a negative length": (f"POST {CHAT} HTTP/1.1\r\n{HEAD}Content-Length: -1\r\n\r\n".encode(), 400),
    "two lengths": (f"POST {CHAT} HTTP/1.1\r\n{HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\na".encode(), 400),
    "length and chunks": (
        f"POST {CHAT} HTTP/1.1\r\n{HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
        400,
    ),
    "a length beyond the limit": (f"POST {CHAT} HTTP/1.1\r\n{HEAD}Content-Length: 100001\r\n\r\n".encode(), 413),
    "an absurd length": (f"POST {CHAT} HTTP/1.1\r\n{HEAD}Content-Length: {10**18}\r\n\r\n".encode(), 413),
    "chunks beyond the limit": (
        f"POST {CHAT} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
        + (b"4000\r\n" + b"a" * 0x4000 + b"\r\n") * 10,
        413,
    ),
    "a body that never comes": (
        f"POST {CHAT} HTTP/1.1\r\n{HEAD}Content-Type: application/json\r\nContent-Length: 5\r\n\r\n{{".encode(),
        408,
    ),
    "no media type": (post("{}").replace(b"Content-Type: application/json\r\n", b""), 415),
    "a chunk length that is no number": (
        f"POST {CHAT} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        400,
    ),
    "a chunk length beyond 64 bits": (
        f"POST {CHAT} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n{'f' * 17}\r\n".encode(),
        400,
    ),
    "a transfer encoding other than chunked": (
        f"POST {CHAT} HTTP/1.1\r\n{HEAD}Transfer-Encoding: gzip\r\n\r\nabc".encode(),
        400,
    ),
    "a large body where no key is needed": (
        f"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {16 * 2**10 + 1}\r\n\r\n".encode(),
        413,
    ),
    "a large body of a GET": (f"GET /health HTTP/1.1\r\n{HEAD}Content-Length: {16 * 2**10 + 1}\r\n\r\n".encode(), 413),
    "chunks beyond what is accepted without a key": (
        b"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4001\r\n" + b"a" * 0x4001 + b"\r\n",
        413,
    ),
    "an absolute target of another host": (f"GET http://evil.com/v1/nowhere HTTP/1.1\r\n{HEAD}\r\n".encode(), 421),
    "an absolute target with a user": (
        f"GET http://127.0.0.1@evil.com/v1/nowhere HTTP/1.1\r\n{HEAD}\r\n".encode(),
        421,
    ),
    "an absolute target of ours": (f"GET http://127.0.0.1/v1/nowhere HTTP/1.1\r\n{HEAD}\r\n".encode(), 404),
    "something after an address": (b"GET /health HTTP/1.1\r\nHost: [::1]evil.com\r\n\r\n", 421),
    "a form": (post("a=b", media="application/x-www-form-urlencoded"), 415),
    "text": (post("{}", media="text/plain"), 415),
    "another charset": (post("{}", media="application/json; charset=utf-16"), 415),
    "a compressed body": (post("{}").replace(b"Content-Type", b"Content-Encoding: gzip\r\nContent-Type"), 415),
    "a target with bytes beyond ASCII": (f"GET /v1/models/ü HTTP/1.1\r\n{HEAD}\r\n".encode(), 400),
    "a target with an encoded NUL": (f"GET /v1/models/a%00b HTTP/1.1\r\n{HEAD}\r\n".encode(), 404),
    "a target that is no UTF-8": (f"GET /v1/models/%ff%fe HTTP/1.1\r\n{HEAD}\r\n".encode(), 404),
    "a climbing target": (f"GET /../../etc/passwd HTTP/1.1\r\n{HEAD}\r\n".encode(), 404),
    "a file of the package": (f"GET /app.py HTTP/1.1\r\n{HEAD}\r\n".encode(), 404),
    "an upgrade": (f"GET /v1/chat HTTP/1.1\r\n{HEAD}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n".encode(), 404),
    "trailing garbage": (f"GET /nowhere HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n\0\0\0".encode(), 404),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request_is_refused_in_the_envelope(server: Live, name: str) -> None:
    data, expected = REQUESTS[name]
    status, answer = talk(server, data)
    assert status == expected
    assert isinstance(answer["error"], dict)


def test_a_bad_chunk_after_the_answer_to_an_earlier_request_began_is_not_answered_in_its_place(server: Live) -> None:
    server.runtime.script = lambda request: [0.3, *answer(request)]
    try:
        bad = f"POST {CHAT} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
        assert talk(server, post(f"{{{HELLO}}}") + bad)[0] != 400
    finally:
        server.runtime.script = lambda request: list(answer(request))


def test_a_request_id_is_taken_over_only_where_it_is_harmless(server: Live) -> None:
    assert server.http.get("/health", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert server.http.get("/health", headers={"X-Request-Id": "a b"}).headers["x-request-id"].startswith("req_")
    assert server.http.get("/health", headers={"X-Request-Id": "a" * 65}).headers["x-request-id"].startswith("req_")


def test_slow_clients_do_not_hold_up_others(server: Live) -> None:
    slow = [server.connect() for _ in range(50)]
    for connection in slow:
        connection.sendall(f"POST {CHAT} HTTP/1.1\r\n{HEAD}Content-Length: 50\r\n\r\n{{".encode())
    started = time.perf_counter()
    assert server.http.get("/health").status_code == 200
    assert time.perf_counter() - started < 0.5
    for connection in slow:
        connection.close()


def test_every_answer_carries_the_protecting_headers(server: Live) -> None:
    for path in ("/", "/index.html", "/health", "/v1/models", "/v1/nowhere"):
        headers = server.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers


def test_the_page_comes_with_its_policy_and_an_etag(server: Live) -> None:
    page = server.http.get("/")
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    again = server.http.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_head_is_a_get_without_a_body(server: Live) -> None:
    get, head = server.http.get("/v1/models"), server.http.head("/v1/models")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_options_tells_the_methods(server: Live) -> None:
    response = server.http.options("/v1/models")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_the_log_holds_neither_prompts_nor_keys(server: Live, caplog: pytest.LogCaptureFixture) -> None:
    from aigc.server.logs import JsonLines

    with caplog.at_level("INFO"):
        body = {"model": "default", "messages": [{"role": "user", "content": "a secret prompt"}]}
        server.http.post(CHAT, json=body, headers={"X-Request-Id": "logged-1"})
        server.http.get("/?token=secret-token")
        server.http.get("/v1/secret-path")
        time.sleep(0.1)
    lines = [JsonLines().format(record) for record in caplog.records if record.name.startswith(("aigc", "uvicorn"))]
    line = next(json.loads(line) for line in lines if "logged-1" in line)
    assert {name: line[name] for name in ("method", "route", "status", "model", "prompt_tokens")} == {
        "method": "POST",
        "route": CHAT,
        "status": 200,
        "model": "scripted",
        "prompt_tokens": 7,
    }
    for secret in ("secret", KEY, "Paris"):
        assert secret not in "\n".join(lines)


def test_the_metrics_count_requests_and_tokens(server: Live) -> None:
    server.http.post(CHAT, json={"model": "default", "messages": [{"role": "user", "content": "hi"}]})
    time.sleep(0.05)
    text = server.http.get("/metrics").text
    assert f'aigc_requests_total{{method="POST",route="{CHAT}",status="200"}}' in text
    assert 'aigc_completion_tokens_total{model="scripted"}' in text
    assert 'aigc_first_token_seconds_bucket{le="0.01",model="scripted"}' in text
    assert 'aigc_workers{state="ready"} 1.0' in text


def test_ready_tells_whether_a_generation_works(server: Live) -> None:
    server.runtime.is_ready = False
    response = server.http.get("/ready")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert server.http.get("/health").status_code == 200
    server.runtime.is_ready = True
    assert server.http.get("/ready").json() == {"status": "ok"}
