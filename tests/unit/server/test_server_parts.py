"""The parts of the server that need no socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from pathlib import Path

import pytest
from fastapi import Request
from pydantic import BaseModel, ValidationError

from aigc.errors import Busy, WorkerDied
from aigc.server import json_body, logs, static
from aigc.server.chat.protocol import ChatRequest
from aigc.server.completions.answer import CompletionForm
from aigc.server.completions.protocol import CompletionRequest
from aigc.server.embeddings.protocol import EmbeddingRequest
from aigc.server.errors import InvalidJson, InvalidValue, envelope, response
from aigc.server.feed import Feed
from aigc.server.hosts import host_name, same_origin
from aigc.server.json_body import JsonRoute, parse
from aigc.server.tokenize.protocol import TokenizeBody
from aigc.server.trace import Trace
from aigc.server.validation import show
from aigc.types import Deliver, Delta, Event, Started, TokenLogprob, Usage

# ---------------------------------------------------------------- bodies

WRONG = [0.5] * 50
PARTS = {"role": "user", "content": WRONG}
ANSWER = {"role": "assistant", "content": WRONG}
CALLS = {"role": "assistant", "tool_calls": WRONG}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": WRONG}}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (CompletionRequest, {"prompt": ["a", *WRONG]}),
        (CompletionRequest, {"prompt": [1, *WRONG]}),
        (CompletionRequest, {"prompt": [[1], *WRONG]}),
        (CompletionRequest, {"prompt": [[1, *WRONG]]}),
        (CompletionRequest, {"prompt": "a", "stop": WRONG}),
        (EmbeddingRequest, {"input": ["a", *WRONG]}),
        (EmbeddingRequest, {"input": [1, *WRONG]}),
        (EmbeddingRequest, {"input": [[1], *WRONG]}),
        (EmbeddingRequest, {"input": [[1, *WRONG]]}),
        (TokenizeBody, {"messages": WRONG}),
        (ChatRequest, {"messages": WRONG}),
        (ChatRequest, {"messages": [PARTS]}),
        (ChatRequest, {"messages": [ANSWER]}),
        (ChatRequest, {"messages": [CALLS]}),
        (ChatRequest, {"messages": [{"role": "user", "content": "a"}], "tools": WRONG}),
        (ChatRequest, {"messages": [{"role": "user", "content": "a"}], "functions": WRONG}),
        (ChatRequest, {"messages": [{"role": "user", "content": "a"}], "tool_choice": ALLOWED}),
        (ChatRequest, {"messages": [{"role": "user", "content": "a"}], "modalities": WRONG}),
    ],
)
def test_a_list_of_wrong_elements_is_one_error(kind: type[BaseModel], fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate({"model": "default", **fields})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize("depth", [1, 64])
def test_nesting_up_to_the_limit_is_read(depth: int) -> None:
    assert parse(b"[" * depth + b"]" * depth) is not None


def test_nesting_beyond_the_limit_is_refused() -> None:
    with pytest.raises(InvalidJson, match="64 levels"):
        parse(b'[{"a":' * 33 + b"1" + b"}]" * 33)


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (rb'{"a":[1,{"b":"x\u0000"}]}', "a.1.b"),
        (b'{"seed":9223372036854775808}', "seed"),
        (b'{"prompt":[1,2,9223372036854775808]}', "prompt"),
        (b'{"a":[1.5,-9223372036854775809]}', "a.1"),
    ],
)
def test_what_an_engine_would_stumble_over_is_refused_by_path(raw: bytes, param: str) -> None:
    with pytest.raises(InvalidValue) as info:
        parse(raw)
    assert info.value.param == param


@pytest.mark.parametrize(
    "raw",
    [
        b"[" + b"[]," * 2_700_000 + b"[]]",
        b'["\\"",' + b"{}," * 2_700_000 + b"{}]",
        b"[" + b"1.5," * 2_000_000 + b"1.5]",
        b'["' + b'\\"[' * 2_700_000,
    ],
    ids=["arrays", "objects", "numbers", "a string without an end"],
)
def test_a_body_of_eight_megabytes_is_read_or_refused_within_a_second(raw: bytes) -> None:
    started = time.process_time()
    with pytest.raises(InvalidJson):
        parse(raw)
    assert time.process_time() - started < 1


def test_long_arrays_of_tokens_and_texts_full_of_brackets_are_read() -> None:
    tokens = b"[" + b",".join([b"[" + b"1," * 511 + b"1]"] * 2048) + b"]"
    assert len(parse(tokens)) == 2048
    assert len(parse(b'["' + b"[{" * 200_000 + b'"]')[0]) == 400_000


def test_a_long_body_is_read_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def noted(raw: bytes) -> object:
        threads.append(threading.current_thread() is threading.main_thread())
        return parse(raw)

    async def read(length: int) -> None:
        route = JsonRoute("/", lambda body: None, methods=["POST"])
        message = {"type": "http.request", "body": b'"' + b"a" * length + b'"', "more_body": False}

        async def receive() -> dict[str, object]:
            return message

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
        scope["state"] = {"trace": Trace(id="1", method="POST")}
        with contextlib.suppress(Exception):  # there is no application around the route
            await route.get_route_handler()(Request(scope, receive))

    monkeypatch.setattr(json_body, "parse", noted)
    asyncio.run(read(10))
    asyncio.run(read(300_000))
    assert threads == [True, False]


def test_ordinary_text_passes_unchanged() -> None:
    assert parse('{"a":"法国 \\ud83d\\ude00 \\n","b":[1,2.5,true,null]}'.encode()) == {
        "a": "法国 😀 \n",
        "b": [1, 2.5, True, None],
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a", '"a"'), (True, "true"), (None, "null"), (5, "5"), ([1, 2], "an array of 2"), ({}, "an object with 0 keys")],
)
def test_a_value_is_shown_short(value: object, shown: str) -> None:
    assert show(value) == shown


def test_a_long_value_is_cut_and_says_so() -> None:
    assert show("x" * 1000) == '"' + "x" * 79 + "... (1000 characters)"


# ---------------------------------------------------------------- errors


def test_the_envelope_has_the_four_fields_and_the_hint() -> None:
    assert envelope(Busy("full", param="n", hint="wait")) == {
        "error": {
            "message": "full",
            "type": "rate_limit_error",
            "param": "n",
            "code": "rate_limit_exceeded",
            "hint": "wait",
        }
    }


@pytest.mark.parametrize(("seconds", "sent"), [(0.2, "1"), (2.1, "3"), (None, "1")])
def test_retry_after_is_whole_seconds_rounded_up(seconds: float | None, sent: str) -> None:
    assert response(Busy("full", retry_after_seconds=seconds)).headers["retry-after"] == sent


# ---------------------------------------------------------------- hosts


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.example:80", "a.example"), ("[::1]:8400", "::1"), ("[::1]", "::1"), ("127.0.0.1", "127.0.0.1"), ("", "")]
    + [(wrong, None) for wrong in ("[::1]evil.com", "[::1", "::1", "a:80x", "[::1]:80:80")],
)
def test_the_port_is_no_part_of_the_name(host: str, name: str | None) -> None:
    assert host_name(host) == name


def test_an_origin_is_ours_with_the_same_port_only() -> None:
    def scope(origin: str) -> dict[str, object]:
        headers = [(b"host", b"127.0.0.1:8400"), (b"origin", origin.encode())]
        return {"type": "http", "method": "POST", "headers": headers}

    assert same_origin(scope("http://127.0.0.1:8400"))
    assert not same_origin(scope("http://127.0.0.1:3000"))
    assert not same_origin(scope("http://localhost:8400"))


# ---------------------------------------------------------------- static files


def test_only_known_kinds_of_files_are_served(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    for name in ("index.html", "js/a.js", "secret.py", "key.pem", ".hidden"):
        (tmp_path / name).write_text("x")
    (tmp_path / "link.html").symlink_to("/etc/hostname")
    assert set(static.load(tmp_path)) == {"/index.html", "/js/a.js"}
    assert static.load(tmp_path / "nowhere") == {}


# ---------------------------------------------------------------- feed


def test_all_that_is_ready_comes_in_one_piece_and_errors_come_last() -> None:
    async def source(deliver: Deliver) -> None:
        deliver(Started(prompt_tokens=1))
        deliver(Delta(index=0, text="a"))
        await asyncio.sleep(0.01)
        deliver(Delta(index=0, text="b"))
        raise WorkerDied("gone", hint="again")

    async def read() -> list[list[tuple[int, Event]]]:
        async with Feed([source]) as feed:
            taken = [await feed.take(5) or [], await feed.take(5) or []]
            with pytest.raises(WorkerDied, match="gone"):
                await feed.take(5)
        return taken

    taken = asyncio.run(read())
    assert [len(events) for events in taken] == [2, 1]


def test_an_empty_list_says_that_it_takes_long_and_none_that_it_is_over() -> None:
    async def source(deliver: Deliver) -> None:
        await asyncio.sleep(0.05)
        deliver(Usage(prompt_tokens=1, completion_tokens=1, fingerprint="f"))

    async def read() -> list[int | None]:
        async with Feed([source]) as feed:
            first, second, third = await feed.take(0.01), await feed.take(5), await feed.take(5)
        return [None if part is None else len(part) for part in (first, second, third)]

    assert asyncio.run(read()) == [0, 1, None]


def test_patience_may_be_long_once_and_short_later() -> None:
    async def source(deliver: Deliver) -> None:
        deliver(Started(prompt_tokens=1))
        await asyncio.sleep(60)

    async def read() -> list[int]:
        async with Feed([source]) as feed:
            return [len(await feed.take(patience) or []) for patience in (30, 0.03, 0.01)]

    assert asyncio.run(read()) == [1, 0, 0]


# ---------------------------------------------------------------- completions


def test_offsets_count_characters_even_where_a_character_spans_tokens() -> None:
    import json

    from aigc.server.answers import Choice

    def token(raw: bytes) -> TokenLogprob:
        return TokenLogprob(token=raw.decode("utf-8", "replace"), bytes=tuple(raw), logprob=-1.0)

    euro = "€".encode()
    choice = Choice(text="a€b", logprobs=[token(b"a"), token(euro[:2]), token(euro[2:]), token(b"b")])
    form = CompletionForm("m", 1, 1, logprobs=True)
    whole = json.loads(form.whole([choice], Usage(prompt_tokens=1, completion_tokens=4, fingerprint="f")))
    assert whole["choices"][0]["logprobs"]["text_offset"] == [0, 1, 1, 2]


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, "1970-01-01T00:00:00.000+00:00"), (3e11, "300000000000.000")])
def test_the_log_goes_on_whatever_the_clock_says(seconds: float, shown: str) -> None:
    record = logging.makeLogRecord({"name": "aigc", "msg": "hello", "created": seconds, "levelname": "INFO"})
    assert json.loads(logs.JsonLines().format(record))["time"] == shown
