"""Bad inputs by source: 0 answers of 5xx, 0 deaths of server or worker.

Bodies (numbers, texts, schemas, tools, sizes), 3,000 mutations of good requests, heads, spellings of paths, smuggling
shapes, slow clients; on both engines of the tiny model, whose workers must be the same at the end.
"""

from __future__ import annotations

import copy
import json
import random
import socket
import threading
import time
from collections import Counter
from typing import Any

from serving import HEADERS, Server, serving
from stage import Stage

CHAT = "/v1/chat/completions"
USER = [{"role": "user", "content": "hi"}]
GOOD: dict[str, dict[str, Any]] = {
    CHAT: {
        "model": "default",
        "messages": [{"role": "system", "content": "s"}, *USER],
        "max_tokens": 1,
        "temperature": 0.5,
        "n": 1,
        "stop": ["x"],
        "seed": 1,
        "logit_bias": {"5": 1},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "auto",
        "stream": False,
        "metadata": {"a": "b"},
    },
    "/v1/completions": {"model": "default", "prompt": ["a", "b"], "max_tokens": 1, "echo": True, "n": 1, "top_p": 0.5},
    "/v1/embeddings": {"model": "embedding", "input": ["a", "b"], "encoding_format": "float", "dimensions": 8},
    "/v1/tokenize": {"model": "default", "text": "abc"},
}
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**6, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.1, -0.0, 1e308, 1e-308),
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "\udfff x",
        "\u202e",
        "😀" * 100,
        "a" * 100_000,
        "../../etc/passwd",
        "{{7*7}}",
        "é" * 999,
    ),
    *(
        [],
        {},
        [[]],
        [{}],
        [None],
        {"": None},
        {"a": {"a": {"a": {}}}},
        list(range(5000)),
        ["x"] * 3000,
        [[1] * 100] * 100,
    ),
)
RAW_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "0x10", "1_000", "01", "+1", ".5")


def nested(depth: int, leaf: Any = None) -> dict[str, Any]:
    """A schema in a schema in a schema."""
    schema: dict[str, Any] = leaf or {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    return schema


def _schemas() -> dict[str, Any]:
    recursive = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"], "additionalProperties": False}
    wide = {f"k{n}": {"enum": [f"v{n}-{m}" for m in range(20)]} for n in range(400)}
    return {
        "20 levels": nested(20),
        "60 levels": nested(60),
        "without end": recursive,
        "400 properties of 20 values": {"type": "object", "properties": wide},
        "5,000 alternatives": {"anyOf": [{"const": n} for n in range(5000)]},
        "exponential": {"$ref": "#/$defs/a0", "$defs": {f"a{n}": _twice(n) for n in range(40)}},
        "a pattern that backtracks": {"type": "string", "pattern": "^(a+)+$"},
        "a pattern of 50,000 characters": {"type": "string", "pattern": "(a|b)" * 10_000},
        "nested repetitions": {"type": "string", "pattern": "((a{1,99}){1,99}){1,99}"},
        "a length of 2^62": {"type": "string", "maxLength": 2**62},
        "a million items": {"type": "array", "items": {"type": "integer"}, "minItems": 10**6},
        "nested arrays": {"type": "array", "items": nested(10), "minItems": 1000},
        "contradiction": {"type": "integer", "minimum": 5, "maximum": 1},
        "a remote reference": {"$ref": "http://127.0.0.1:1/x.json"},
        "no schema": {"type": ["x", 5]},
        "odd names": {"type": "object", "properties": {"\n": {"type": "string"}, '"\\': {}, "": {}}},
    }


def _twice(number: int) -> dict[str, Any]:
    inner = {"$ref": f"#/$defs/a{number + 1}"} if number < 39 else {"type": "null"}
    return {
        "type": "object",
        "properties": {"x": inner, "y": inner},
        "required": ["x", "y"],
        "additionalProperties": False,
    }


def _bodies() -> list[tuple[str, str, str]]:
    """(source, path, body) of what a hand wrote."""
    found: list[tuple[str, str, Any]] = []
    for name, schema in _schemas().items():
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
        tool = {"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}
        found.append(
            (f"schema: {name}", CHAT, {"model": "default", "messages": USER, "max_tokens": 4, "response_format": form})
        )
        found.append(
            (
                f"tool: {name}",
                CHAT,
                {"model": "default", "messages": USER, "max_tokens": 4, "tools": [tool], "tool_choice": "required"},
            )
        )
        found.append(
            (
                f"llama_cpp: {name}",
                CHAT,
                {
                    "model": "default",
                    "messages": USER,
                    "max_tokens": 4,
                    "response_format": form,
                    "logit_bias": {"100": -1},
                },
            )
        )
    many = [
        {"type": "function", "function": {"name": f"f{n}", "parameters": {"type": "object"}}} for n in range(10_000)
    ]
    sized: dict[str, dict[str, Any]] = {
        "10,000 tools": {"tools": many},
        "10,000 tools, forced": {"tools": many, "tool_choice": "required"},
        "n of a million": {"n": 10**6},
        "logit_bias of 100,000": {"logit_bias": {str(n): 1 for n in range(100_000)}},
        "100,000 messages": {"messages": USER * 100_000},
        "a message of 5 MB": {"messages": [{"role": "user", "content": "word " * 10**6}]},
        "10,000 stops": {"stop": ["x"] * 10_000},
        "metadata of 10,000": {"metadata": {f"k{n}": "v" for n in range(10_000)}},
        "an unknown role": {"messages": [{"role": "\ud800", "content": "x"}]},
    }
    found += [
        (f"size: {name}", CHAT, {"model": "default", "messages": USER, "max_tokens": 1, **more})
        for name, more in sized.items()
    ]
    found += [
        ("size: best_of", "/v1/completions", {"model": "default", "prompt": "a", "best_of": 10**9, "max_tokens": 1})
    ]
    found += [("size: prompts", "/v1/completions", {"model": "default", "prompt": ["a"] * 10**5, "max_tokens": 1})]
    found += [("size: tokens", "/v1/completions", {"model": "default", "prompt": [2**31] * 9, "max_tokens": 1})]
    found += [("size: inputs", "/v1/embeddings", {"model": "embedding", "input": ["a"] * 10**5})]
    grammars = {"lark": "start: " + "(" * 3000 + '"a"' + ")" * 3000, "regex": "(" * 3000 + "a" + ")" * 3000}
    for syntax, definition in grammars.items():
        custom = {"name": "g", "format": {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}}
        found.append(
            (
                f"grammar: {syntax}",
                CHAT,
                {
                    "model": "default",
                    "messages": USER,
                    "max_tokens": 4,
                    "tools": [{"type": "custom", "custom": custom}],
                    "tool_choice": "required",
                },
            )
        )
    texts = [(source, path, json.dumps(body)) for source, path, body in found]
    for number in RAW_NUMBERS:
        for field in ("temperature", "max_tokens", "seed", "n"):
            texts.append(
                (
                    f"number: {number[:9]}",
                    CHAT,
                    f'{{"model":"default","messages":[{{"role":"user","content":"a"}}],"{field}":{number}}}',
                )
            )
    return texts


def _mutated(draw: random.Random) -> tuple[str, str]:
    """A good request with one to three values replaced, removed or added. Returns: path and body."""
    path = draw.choice(list(GOOD))
    body = copy.deepcopy(GOOD[path])
    for _ in range(draw.choice((1, 1, 2, 3))):
        place: Any = body
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(place[key], (dict, list)) and place[key] and draw.random() < 0.6:
                place = place[key]
                continue
            if draw.random() < 0.15:
                del place[key]
            else:
                place[key] = draw.choice(VALUES)
            break
    if path == "/v1/completions" or path == CHAT:
        body["max_tokens"] = (
            1 if isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 64 else body.get("max_tokens", 1)
        )
    return path, json.dumps(body)


def _send(server: Server, data: bytes, wait: float = 60) -> int:
    """Bytes as they are. Returns: the status, 0 for a connection that was closed without one, -1 for silence."""
    host, port = server.url.removeprefix("http://").split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=wait) as connection:
            connection.sendall(data)
            answer = connection.recv(64)
    except TimeoutError:
        return -1
    except OSError:
        return 0
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def _request(path: str, body: bytes, *, head: str = "", media: str = "application/json") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {HEADERS['Authorization']}\r\n{head}"
        f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _shapes() -> dict[str, bytes]:
    """Heads, paths and smuggling shapes by name."""
    ok = json.dumps({"model": "default", "messages": USER, "max_tokens": 1}).encode()
    key = f"Host: 127.0.0.1\r\nAuthorization: {HEADERS['Authorization']}\r\n"
    chunked = (
        f"POST {CHAT} HTTP/1.1\r\n{key}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    shapes = {
        "head of 64 kB": _request(CHAT, ok, head="X-A: " + "a" * 65_536 + "\r\n"),
        "1,000 heads": _request(CHAT, ok, head="".join(f"X-{n}: a\r\n" for n in range(1000))),
        "NUL in a head": _request(CHAT, ok, head="X-A: a\0b\r\n"),
        "folded head": _request(CHAT, ok, head="X-A: a\r\n b\r\n"),
        "bare line feeds": _request(CHAT, ok).replace(b"\r\n", b"\n"),
        "length twice": _request(CHAT, ok, head="Content-Length: 5\r\n"),
        "length and chunks": _request(CHAT, ok, head="Transfer-Encoding: chunked\r\n"),
        "chunks in odd spelling": _request(CHAT, ok, head="Transfer-Encoding: xchunked\r\n"),
        "chunks twice": _request(CHAT, ok, head="Transfer-Encoding: chunked, chunked\r\n"),
        "chunk size 2^64": chunked + b"f" * 16 + b"\r\n",
        "a negative chunk": chunked + b"-1\r\n",
        "HTTP/9.9": _request(CHAT, ok).replace(b"HTTP/1.1", b"HTTP/9.9", 1),
        "an upgrade": _request(CHAT, ok, head="Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        "expect": _request(CHAT, ok, head="Expect: 100-continue\r\n"),
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "noise": random.Random(1).randbytes(4000) + b"\r\n\r\n",
    }
    for media in (
        "text/plain",
        "application/json; charset=utf-16",
        "multipart/form-data; boundary=x",
        "a" * 5000,
        "",
        "application/json;" * 99,
    ):
        shapes[f"media {media[:20]!r}"] = _request(CHAT, ok, media=media)
    for path in (
        "//v1/models",
        "/v1//models",
        "/v1/models/",
        "/V1/MODELS",
        "/v1/%6dodels",
        "/v1/models%00",
        "/v1/models/..%2f..%2fetc%2fpasswd",
        "/v1/models/" + "a" * 9000,
        "/v1/./models",
        "/v1/../health",
        "/%ff%fe",
        "/v1/models?" + "a=b&" * 3000,
        "http://other/v1/models",
        "*",
        "/v1/models#x",
        "/\u00e9",
    ):
        shapes[f"path {path[:24]}"] = f"GET {path} HTTP/1.1\r\n{key}\r\n".encode("latin-1")
    return shapes


def _slow(server: Server, clients: int, seconds: float) -> list[float]:
    """Slow clients send a byte now and then; how long do others wait meanwhile?"""
    host, port = server.url.removeprefix("http://").split(":")
    sockets = [socket.create_connection((host, int(port))) for _ in range(clients)]
    done = threading.Event()
    body = json.dumps({"model": "default", "messages": USER, "max_tokens": 1}).encode()

    def drip() -> None:
        whole = _request(CHAT, body)
        at = 0
        while not done.wait(0.5):
            for number, one in enumerate(sockets):
                try:
                    one.sendall(whole[at : at + 1] if number % 2 else b"X-A: b\r\n" if at else b"POST / HTTP/1.1\r\n")
                except OSError:
                    continue
            at += 1

    dripping = threading.Thread(target=drip)
    dripping.start()
    waits = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        server.http.get("/v1/models")
        waits.append(time.monotonic() - began)
        time.sleep(0.1)
    done.set()
    dripping.join()
    for one in sockets:
        one.close()
    return waits


def play(stage: Stage) -> None:
    """Send all of it."""
    found: list[tuple[str, int, float]] = []

    def note(source: str, data: bytes) -> None:
        began = time.monotonic()
        found.append((source, _send(server, data), time.monotonic() - began))

    with serving(stage, body_seconds=5) as server:
        for path, body in GOOD.items():
            server.http.post(path, json=body)
        server.ask(logit_bias={"100": -1})
        before = {worker.pid for worker in server.workers()}
        for source, path, text in _bodies():
            note(source, _request(path, text.encode("utf-8", "surrogatepass")))
        for source, data in _shapes().items():
            note(source, data)
        for _ in range(stage.times(3000)):
            path, text = _mutated(stage.draw)
            note(f"mutation: {text[:120]}", _request(path, text.encode()))
        waits = _slow(server, 200, 20 * stage.scale)
        after = {worker.pid for worker in server.workers()}
        alive, status = server.alive, server.ask().status_code
    stage.count(
        "requests by status (0: closed without one)", dict(sorted(Counter(status for _, status, _ in found).items()))
    )
    stage.none("answers of 5xx", [one for one in found if one[1] >= 500])
    stage.none("silence for a minute", [one for one in found if one[1] == -1])
    stage.none("deaths of the server", [] if alive and status == 200 else ["it died"])
    stage.none("workers that died", sorted(before - after))
    source, _, slowest = max(found, key=lambda one: one[2])
    stage.count("slowest answer", f"{slowest:.1f} s ({source[:60]})")
    stage.at_most(
        "others wait beside 200 slow clients, 99 of 100 less than", sorted(waits)[int(0.99 * len(waits))], 2, " s"
    )
