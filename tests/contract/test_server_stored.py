"""Chats that are kept: the official client makes, lists, reads, changes and deletes them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import openai
import pytest
from test_server_schemas import COMPONENTS, check

from aigc.errors import WorkerDied
from aigc.types import Delta, Started
from live_server import Live, live
from scripted_runtime import answer

HELLO: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
URL = "/v1/chat/completions"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def key(server: Live) -> str:
    """Of an owner who has nothing yet."""
    return server.keys.create("test", owner=f"owner {time.time_ns()}")[1]


@pytest.fixture
def http(server: Live, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=20) as made:
        yield made


@pytest.fixture
def client(server: Live, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0, timeout=20) as made:
        yield made


def keep(client: openai.OpenAI, **more: Any) -> str:
    return client.chat.completions.create(model="default", messages=HELLO, store=True, **more).id


def test_a_stored_chat_is_the_answer_with_what_was_asked(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(
        model="default", messages=HELLO, store=True, metadata={"topic": "geo"}, seed=7, temperature=0.5, user="u"
    )
    stored = client.chat.completions.retrieve(made.id)
    shown = stored.model_dump()
    assert shown["choices"] == made.model_dump()["choices"]
    assert (stored.id, stored.created, stored.model, stored.usage) == (made.id, made.created, "scripted", made.usage)
    assert (shown["metadata"], shown["seed"], shown["temperature"], shown["input_user"]) == (
        {"topic": "geo"},
        7,
        0.5,
        "u",
    )
    assert (shown["tools"], shown["top_p"], shown["response_format"]) == (None, None, None)
    assert shown["request_id"] == made._request_id or shown["request_id"].startswith("req_")


def test_a_streamed_chat_is_stored_as_if_it_had_come_whole(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="default", messages=HELLO, store=True, stream=True, n=2))
    stored = client.chat.completions.retrieve(chunks[0].id)
    assert [choice.message.content for choice in stored.choices] == ["Paris is the capital."] * 2
    assert [choice.finish_reason for choice in stored.choices] == ["stop", "stop"]
    assert stored.usage is not None
    assert stored.usage.completion_tokens == 10


@pytest.mark.parametrize("more", [{}, {"store": False}, {"store": None}, {"metadata": {"a": "b"}}])
def test_nothing_is_kept_without_store(http: httpx.Client, client: openai.OpenAI, more: dict[str, Any]) -> None:
    made = http.post(URL, json={"model": "default", "messages": HELLO} | more).json()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve(made["id"])
    assert client.chat.completions.list().data == []


def test_an_empty_list_is_a_list(http: httpx.Client) -> None:
    answered = http.get(URL).json()
    assert answered == {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}
    check(answered, "ChatCompletionList")


def test_pages_follow_each_other_in_both_orders(http: httpx.Client, client: openai.OpenAI) -> None:
    ids = [keep(client) for _ in range(5)]
    assert [one.id for one in client.chat.completions.list(limit=2)] == ids  # the client asks for every page
    assert [one.id for one in client.chat.completions.list(limit=2, order="desc")] == ids[::-1]
    page = http.get(URL, params={"limit": 2, "after": ids[1]}).json()
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[2], ids[3], True)
    check(page, "ChatCompletionList")
    assert not http.get(URL, params={"after": ids[2]}).json()["has_more"]


def test_a_list_may_be_deleted_while_it_is_read(client: openai.OpenAI) -> None:
    ids = [keep(client) for _ in range(5)]
    for one in client.chat.completions.list(limit=2):
        assert client.chat.completions.delete(one.id).deleted
        ids.remove(one.id)
    assert ids == []


def test_lists_are_filtered_by_metadata_and_model(client: openai.OpenAI) -> None:
    red = keep(client, metadata={"colour": "red", "size": "1"})
    blue = keep(client, metadata={"colour": "blue", "size": "1"})

    def found(**query: Any) -> list[str]:
        return [one.id for one in client.chat.completions.list(**query)]

    assert found(metadata={"colour": "red"}) == [red]
    assert found(metadata={"size": "1"}) == [red, blue]
    assert found(metadata={"size": "1", "colour": "blue"}) == [blue]
    assert found(metadata={"colour": "green"}) == []
    assert found(model="scripted") == found(model="gpt-4o-mini") == [red, blue]
    assert found(model="team/chat-model") == []
    assert found(model="removed long ago") == []


def test_metadata_is_replaced_and_nothing_else(client: openai.OpenAI) -> None:
    made = keep(client, metadata={"a": "1", "b": "2"})
    before = client.chat.completions.retrieve(made).model_dump()
    changed = client.chat.completions.update(made, metadata={"b": "3", "c": "4"}).model_dump()
    assert changed["metadata"] == {"b": "3", "c": "4"}
    assert client.chat.completions.retrieve(made).model_dump() == changed == before | {"metadata": {"b": "3", "c": "4"}}
    assert client.chat.completions.update(made, metadata=None).model_dump()["metadata"] == {}


def test_what_was_deleted_is_gone(server: Live, http: httpx.Client, client: openai.OpenAI) -> None:
    made = keep(client, metadata={"a": "1"})
    check(http.delete(f"{URL}/{made}").json(), "ChatCompletionDeleted")
    for call in (
        client.chat.completions.retrieve,
        client.chat.completions.delete,
        client.chat.completions.messages.list,
    ):
        with pytest.raises(openai.NotFoundError):
            call(made)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.update(made, metadata={})
    with sqlite3.connect(server.keys.database.path or "") as rows:
        labels = rows.execute("SELECT count(*) FROM completion_labels WHERE completion = ?", [made])
        assert labels.fetchone() == (0,)
    rows.close()


TURNS: list[Any] = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]},
    {"role": "tool", "tool_call_id": "call_1", "content": "42"},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
]  # fmt: skip


def test_messages_are_what_was_asked_with_ids(http: httpx.Client, client: openai.OpenAI) -> None:
    made = client.chat.completions.create(model="default", messages=TURNS, store=True).id
    listed = list(client.chat.completions.messages.list(made, limit=2))
    assert [one.id for one in listed] == [f"{made}-{i}" for i in range(5)]
    assert [one.content for one in listed] == ["Be short.", "Hi\nthere", None, "42", ""]
    assert listed[1].content_parts is not None
    assert [part.to_dict() for part in listed[1].content_parts] == TURNS[1]["content"]
    assert listed[0].content_parts is None
    raw = http.get(f"{URL}/{made}/messages").json()
    assert raw["data"][2]["tool_calls"] == TURNS[2]["tool_calls"]
    assert (raw["data"][3]["tool_call_id"], raw["data"][1]["name"], raw["data"][4]["refusal"]) == (
        "call_1",
        "ann",
        "No.",
    )
    # The document's schema allows the role assistant alone, its own example shows a user.
    for message in raw["data"]:
        message["role"] = "assistant"
    check(raw, "ChatCompletionMessageList")


def test_pages_of_messages_follow_each_other_in_both_orders(http: httpx.Client, client: openai.OpenAI) -> None:
    made = client.chat.completions.create(model="default", messages=TURNS, store=True).id
    backwards = [one.id for one in client.chat.completions.messages.list(made, limit=2, order="desc")]
    assert backwards == [f"{made}-{i}" for i in (4, 3, 2, 1, 0)]
    page = http.get(f"{URL}/{made}/messages", params={"after": f"{made}-3"}).json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([f"{made}-4"], False)
    wrong = http.get(f"{URL}/{made}/messages", params={"after": f"{made}-9"}).json()["error"]
    assert (wrong["code"], wrong["param"]) == ("invalid_value", "after")


def test_the_asynchronous_client_does_the_same(server: Live, key: str) -> None:
    async def use() -> None:
        async with openai.AsyncOpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0) as client:
            completions = client.chat.completions
            ids = [(await completions.create(model="default", messages=HELLO, store=True)).id for _ in range(3)]
            assert [one.id async for one in completions.list(limit=1)] == ids
            assert (await completions.retrieve(ids[0])).choices[0].message.content == "Paris is the capital."
            changed = await completions.update(ids[0], metadata={"k": "v"})
            assert changed.model_dump()["metadata"] == {"k": "v"}
            assert [one.content async for one in completions.messages.list(ids[0])] == [HELLO[0]["content"]]
            assert (await completions.delete(ids[0])).deleted
            assert [one.id async for one in completions.list()] == ids[1:]

    asyncio.run(use())


CHATS: list[dict[str, Any]] = [
    {"logprobs": True, "top_logprobs": 2},
    {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "required",
    },
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
]


@pytest.mark.parametrize("more", CHATS)
@pytest.mark.parametrize("stream", [False, True])
def test_stored_chats_are_what_the_document_says(http: httpx.Client, more: dict[str, Any], stream: bool) -> None:
    body = {"model": "default", "messages": HELLO, "store": True, "stream": stream} | more
    assert http.post(URL, json=body).status_code == 200
    (stored,) = http.get(URL).json()["data"]
    check(stored, "CreateChatCompletionResponse")
    for name in ("tools", "tool_choice", "response_format"):
        assert stored[name] == more.get(name)
    request = {key: stored[key] for key in ("tools", "tool_choice", "response_format") if stored[key] is not None}
    schema = {"$ref": "#/components/schemas/CreateChatCompletionRequest", "components": COMPONENTS}
    jsonschema.Draft202012Validator(schema).validate({"model": "m", "messages": HELLO} | request)


QUERIES = [
    ({"limit": "0"}, "limit"),
    ({"limit": "101"}, "limit"),
    ({"limit": "1.5"}, "limit"),
    ({"limit": ""}, "limit"),
    ({"order": "up"}, "order"),
    ({"after": "chatcmpl-1"}, "after"),
    ({"after": "\0"}, "after"),
    ({"model": ""}, "model"),
    ({"metadata": "a"}, "metadata"),
    ({"metadata[a]": "x" * 513}, "metadata"),
    ({f"metadata[{i}]": "x" for i in range(17)}, "metadata"),
    ({"metadata[a]": ["1", "2"]}, "metadata[a]"),
    ({"metadata[\0]": "1"}, "metadata[]"),
    ({"limit": ["1", "2"]}, "limit"),
    ({"before": "x"}, "before"),
]


@pytest.mark.parametrize(("query", "param"), QUERIES)
def test_a_query_that_can_not_be_honoured_is_refused_by_name(
    http: httpx.Client, query: dict[str, Any], param: str
) -> None:
    response = http.get(URL, params=query)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param), response.text


@pytest.mark.parametrize("body", [None, {}, {"metadata": {"a": 1}}, {"metadata": {}, "model": "x"}, []])
def test_only_metadata_can_be_changed(http: httpx.Client, client: openai.OpenAI, body: Any) -> None:
    made = keep(client)
    assert http.post(f"{URL}/{made}", json=body).status_code == 400


@pytest.mark.parametrize("one", ["chatcmpl-", "x", "%00", "chatcmpl-" + "0" * 32, "%F0%9F%98%80", "a" * 5000, "..%2f"])
def test_an_id_that_does_not_exist_is_not_found(http: httpx.Client, one: str) -> None:
    for method, path in [("GET", one), ("DELETE", one), ("GET", one + "/messages")]:
        response = http.request(method, f"{URL}/{one}" if path == one else f"{URL}/{one}/messages")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert http.post(f"{URL}/{one}", json={"metadata": {}}).status_code == 404


def test_the_path_of_the_oldest_clients_keeps_too(http: httpx.Client, client: openai.OpenAI) -> None:
    body = {"messages": HELLO, "store": True}
    made = http.post("/v1/engines/scripted/chat/completions", json=body).json()["id"]
    assert client.chat.completions.retrieve(made).id == made


def test_an_answer_that_failed_is_not_kept(server: Live, http: httpx.Client, client: openai.OpenAI) -> None:
    server.runtime.script = lambda request: [Started(prompt_tokens=1), Delta(index=0, text="a"), WorkerDied("gone")]
    for stream in (False, True):
        http.post(URL, json={"model": "default", "messages": HELLO, "store": True, "stream": stream})
    assert client.chat.completions.list().data == []


def test_a_client_that_left_has_nothing_kept(server: Live, client: openai.OpenAI) -> None:
    server.runtime.script = lambda request: [*list(answer(request))[:3], 30.0]
    stream = client.chat.completions.create(model="default", messages=HELLO, store=True, stream=True)
    next(iter(stream))
    stream.close()
    server.runtime.script = lambda request: list(answer(request))
    assert client.chat.completions.list().data == []


def test_stored_chats_outlive_the_server(tmp_path: Path) -> None:
    body = {"model": "default", "messages": HELLO, "store": True, "metadata": {"a": "b"}}
    with live(tmp_path / "home") as server:
        made = server.http.post(URL, json=body).json()
    with live(tmp_path / "home") as server:
        stored = server.http.get(f"{URL}/{made['id']}").json()
    assert (stored["choices"], stored["metadata"]) == (made["choices"], {"a": "b"})


def test_more_than_an_owner_may_have_is_refused_before_it_is_computed(tmp_path: Path) -> None:
    body = {"model": "default", "messages": HELLO, "store": True}
    with live(tmp_path / "home", stored_completions=2) as server:
        made = [server.http.post(URL, json=body).json()["id"] for _ in range(2)]
        asked = len(server.runtime.requests)
        for stream in (False, True):
            refused = server.http.post(URL, json=body | {"stream": stream})
            assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
            assert refused.json()["error"]["param"] == "store"
        assert len(server.runtime.requests) == asked
        _, key = server.keys.create("another", owner="ann")
        other = httpx.post(server.url + URL, json=body, headers={"Authorization": f"Bearer {key}"}, trust_env=False)
        assert other.status_code == 200
        server.http.delete(f"{URL}/{made[0]}")
        assert server.http.post(URL, json=body).status_code == 200


def test_the_bytes_of_an_owner_are_limited_too(tmp_path: Path) -> None:
    body = {"model": "default", "messages": [{"role": "user", "content": "x" * 10_000}], "store": True}
    with live(tmp_path / "home", stored_bytes=15_000) as server:
        assert [server.http.post(URL, json=body).status_code for _ in range(3)] == [200, 200, 507]


def test_a_server_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    with live(tmp_path / "home", stored_completions=0) as server:
        refused = server.http.post(URL, json={"model": "default", "messages": HELLO, "store": True})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", "store")
