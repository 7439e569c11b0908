"""A POST with an Idempotency-Key makes one thing, however often it is sent."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from aigc.db import replies
from aigc.errors import Busy, WorkerDied
from aigc.types import Delta, Started
from live_server import HEADERS, Live, live
from scripted_runtime import answer

URL = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "hi"}]}
STORED = BODY | {"store": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx.Client]:
    """Of an owner who has nothing yet."""
    server.runtime.script = lambda request: list(answer(request))
    key = server.keys.create("test", owner=f"owner {time.time_ns()}")[1]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=20) as made:
        yield made


def send(http: httpx.Client, key: str, body: dict[str, Any] = STORED, url: str = URL) -> httpx.Response:
    return http.post(url, json=body, headers={"Idempotency-Key": key})


def stored(http: httpx.Client) -> list[str]:
    return [one["id"] for one in http.get(URL).json()["data"]]


def test_the_first_answer_is_given_again_and_nothing_is_made_twice(server: Live, http: httpx.Client) -> None:
    first = send(http, "k")
    asked = len(server.runtime.requests)
    again = send(http, "k")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(server.runtime.requests) == asked
    assert stored(http) == [first.json()["id"]]


def test_a_stream_is_given_again_event_by_event(server: Live, http: httpx.Client) -> None:
    first = send(http, "k", STORED | {"stream": True})
    again = send(http, "k", STORED | {"stream": True})
    assert again.content == first.content
    assert again.content.endswith(b"data: [DONE]\n\n")
    for name in ("content-type", "x-accel-buffering"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(stored(http)) == 1


def test_the_official_client_reads_a_replayed_stream(server: Live, http: httpx.Client) -> None:
    key = http.headers["authorization"].removeprefix("Bearer ")
    with openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0) as client:
        texts = []
        for _ in range(2):
            chunks = client.chat.completions.create(**BODY, stream=True, extra_headers={"Idempotency-Key": "k"})
            texts.append([(chunk.id, chunk.choices[0].delta.content) for chunk in chunks])
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/v1/completions", {"model": "default", "prompt": "a"}),
        ("/v1/embeddings", {"model": "vectors", "input": "a"}),
        ("/v1/tokenize", {"model": "default", "input": "a"}),
        ("/v1/engines/scripted/chat/completions", {"messages": BODY["messages"]}),
    ],
)
def test_every_post_below_v1_honours_the_key(http: httpx.Client, url: str, body: dict[str, Any]) -> None:
    first, again = send(http, "k", body, url), send(http, "k", body, url)
    assert (first.status_code, again.headers["idempotent-replayed"], again.content) == (200, "true", first.content)


def test_the_same_key_with_another_request_is_refused_by_name(http: httpx.Client) -> None:
    assert send(http, "k").status_code == 200
    for url, body in [(URL, STORED | {"seed": 1}), ("/v1/engines/scripted/chat/completions", STORED)]:
        refused = send(http, "k", body, url)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["param"]) == (
            400,
            "idempotency_key_reused",
            "Idempotency-Key",
        )
    assert len(stored(http)) == 1


def test_keys_belong_to_their_owner(server: Live, http: httpx.Client) -> None:
    mine = send(http, "k")
    with httpx.Client(base_url=server.url, headers=HEADERS, trust_env=False, timeout=20) as other:
        theirs = send(other, "k", BODY | {"seed": 1})
    assert (theirs.status_code, "idempotent-replayed" in theirs.headers) == (200, False)
    assert theirs.json()["id"] != mine.json()["id"]


def test_while_the_first_is_answered_a_second_is_told_when_to_come_back(server: Live, http: httpx.Client) -> None:
    server.runtime.script = lambda request: [1.5, *answer(request)]
    running = threading.Thread(target=send, args=(http, "k"))
    running.start()
    until = time.monotonic() + 10
    while not server.runtime.running and time.monotonic() < until:
        time.sleep(0.01)
    second = send(http, "k")
    assert (second.status_code, second.json()["error"]["code"], second.headers["retry-after"]) == (409, "conflict", "1")
    assert send(http, "k", STORED | {"seed": 1}).json()["error"]["code"] == "idempotency_key_reused"
    running.join(20)
    assert send(http, "k").headers["idempotent-replayed"] == "true"
    assert len(stored(http)) == 1


def test_the_official_client_waits_for_the_first_by_itself(server: Live, http: httpx.Client) -> None:
    server.runtime.script = lambda request: [0.8, *answer(request)]
    key = http.headers["authorization"].removeprefix("Bearer ")

    async def both() -> list[str]:
        async with openai.AsyncOpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=20) as client:
            headers = {"Idempotency-Key": "k"}
            asked = [client.chat.completions.create(**STORED, extra_headers=headers) for _ in range(3)]
            return [one.id for one in await asyncio.gather(*asked)]

    ids = asyncio.run(both())
    assert stored(http) == [ids[0]]
    assert set(ids) == {ids[0]}


@pytest.mark.parametrize("error", [WorkerDied("gone"), Busy("full"), RuntimeError("a fault")])
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_not_recorded(server: Live, http: httpx.Client, error: Exception, stream: bool) -> None:
    body = STORED | {"stream": stream}
    server.runtime.script = lambda request: [error]
    assert send(http, "k", body).status_code >= 400
    server.runtime.script = lambda request: [Started(prompt_tokens=1), Delta(index=0, text="a"), error]
    broken = send(http, "k", body)
    assert (broken.status_code == 200) is stream
    assert '"error":' in broken.text
    server.runtime.script = lambda request: list(answer(request))
    again = send(http, "k", body)
    assert (again.status_code, "idempotent-replayed" in again.headers) == (200, False)
    assert len(stored(http)) == 1


def test_a_request_that_was_wrong_may_be_put_right_under_its_key(http: httpx.Client) -> None:
    assert send(http, "k", STORED | {"temperature": 3}).status_code == 400
    assert send(http, "k").status_code == 200


def test_a_client_that_left_may_try_again(server: Live, http: httpx.Client) -> None:
    server.runtime.script = lambda request: [30.0]
    with pytest.raises(httpx.ReadTimeout):
        http.post(URL, json=STORED, headers={"Idempotency-Key": "k"}, timeout=0.5)
    server.runtime.script = lambda request: list(answer(request))
    until = time.monotonic() + 10
    while (again := send(http, "k")).status_code == 409 and time.monotonic() < until:
        time.sleep(0.05)
    assert again.status_code == 200
    assert len(stored(http)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_a_key_of_another_form_is_refused(http: httpx.Client, key: str) -> None:
    response = http.post(URL, json=BODY, headers=[("Idempotency-Key", key.encode())])
    assert (response.status_code, response.json()["error"]["param"]) == (400, "Idempotency-Key")


def test_two_keys_are_refused(http: httpx.Client) -> None:
    response = http.post(URL, json=BODY, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    assert (response.status_code, response.json()["error"]["param"]) == (400, "Idempotency-Key")


def test_a_key_is_forgotten_after_a_day_and_kept_over_a_restart(tmp_path: Path) -> None:
    with live(tmp_path) as server:
        first = send(server.http, "k")
    with live(tmp_path) as server:
        assert send(server.http, "k").content == first.content
        with sqlite3.connect(tmp_path / "aigc.db") as rows:
            rows.execute("UPDATE replies SET created = created - 86401")
        rows.close()
        assert send(server.http, "k").json()["id"] != first.json()["id"]


def test_more_keys_than_an_owner_may_have_are_refused(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "MOST", 2)
    assert [send(http, key, BODY).status_code for key in "abc"] == [200, 200, 507]
    assert send(http, "a", BODY).headers["idempotent-replayed"] == "true"
    monkeypatch.setattr(replies, "MOST", 10)
    monkeypatch.setattr(replies, "MOST_BYTES", 100)
    assert send(http, "d", BODY).json()["error"]["code"] == "storage_full"


def test_an_answer_that_can_not_be_recorded_is_an_error_and_nothing_is_made(server: Live, http: httpx.Client) -> None:
    with sqlite3.connect(server.keys.database.path or "") as rows:
        rows.execute("CREATE TRIGGER no_replies BEFORE INSERT ON replies BEGIN SELECT RAISE(ABORT, 'no'); END")
    try:
        whole = send(http, "k")
        assert (whole.status_code, whole.json()["error"]["code"]) == (507, "storage_full")
        stream = send(http, "k", STORED | {"stream": True})
        assert stream.text.split("\n\n")[-2].startswith('data: {"error":{')
        assert "[DONE]" not in stream.text
        assert stored(http) == []
    finally:
        with rows:
            rows.execute("DROP TRIGGER no_replies")
        rows.close()
    assert send(http, "k").status_code == 200
