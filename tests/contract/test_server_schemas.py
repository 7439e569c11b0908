"""What the server answers is what OpenAI's document says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from live_server import Live, live
from scripted_runtime import FINGERPRINT

DOCUMENT = json.loads((Path(__file__).parents[1] / "data/openai-subset.json").read_text())
HELLO = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def nullable(node: Any) -> Any:
    """OpenAPI 3.0's ``nullable``, which the document still uses, in terms of JSON Schema."""
    if isinstance(node, list):
        return [nullable(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: nullable(value) for key, value in node.items()}
    if node.pop("nullable", False) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node


COMPONENTS = nullable(DOCUMENT["components"])


def check(value: Any, schema: str) -> None:
    """Raise unless ``value`` is a ``schema``."""
    jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": COMPONENTS}).validate(
        value
    )


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


CUSTOM = {"type": "custom", "custom": {"name": "c"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
CALLED: list[dict[str, Any]] = [
    {},
    {"tools": [TOOL]},
    {"tools": [TOOL, CUSTOM], "tool_choice": "required"},
    {"tools": [TOOL, CUSTOM], "tool_choice": CUSTOM},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"functions": [TOOL["function"]], "function_call": {"name": "f"}},
]
BESIDE: list[dict[str, Any]] = [
    {},
    {"n": 2, "logprobs": True, "top_logprobs": 3},
    {"logprobs": True, "max_completion_tokens": 2},
    {"response_format": SCHEMA, "seed": 1, "temperature": 0.5},
    {"metadata": {"a": "b"}, "service_tier": "auto", "user": "u"},
    {"reasoning_effort": "medium", "logprobs": True},
    {"messages": [*HELLO, {"role": "assistant", "content": "Par"}]},
]
CHATS = [called | beside for called in CALLED for beside in BESIDE]


@pytest.mark.parametrize("more", CHATS)
def test_chats(server: Live, more: dict[str, Any]) -> None:
    answer = server.http.post("/v1/chat/completions", json={"model": "default", "messages": HELLO} | more).json()
    check(answer, "CreateChatCompletionResponse")
    for choice in answer["choices"]:
        assert set(choice) == {"index", "message", "logprobs", "finish_reason"}
        message = choice["message"]
        assert {"role", "content", "refusal", "annotations"} <= set(message)
        called = {"tool_calls", "function_call"} & set(message)
        assert (message["content"] is None) == bool(called)
        assert (choice["logprobs"] is not None) == ("logprobs" in more)
        # What an assistant said can be sent back as it came.
        again = {"model": "default", "messages": [*HELLO, message, *HELLO]}
        assert server.http.post("/v1/chat/completions", json=again).status_code == 200


def as_documented(chunk: dict[str, Any]) -> dict[str, Any]:
    """The chunk without ``type: custom``, which OpenAI sends and its document forgot (openai-openapi issue 576)."""
    for choice in chunk["choices"]:
        for call in choice["delta"].get("tool_calls", ()):
            if "custom" in call:
                call.pop("type", None)
    return chunk


@pytest.mark.parametrize("more", CHATS)
@pytest.mark.parametrize("options", [None, {"include_usage": True}, {"include_obfuscation": True}])
def test_chunks_of_chats(server: Live, more: dict[str, Any], options: dict[str, Any] | None) -> None:
    body = {"model": "default", "messages": HELLO, "stream": True, "stream_options": options} | more
    response = server.http.post("/v1/chat/completions", json=body)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-accel-buffering"] == "no"
    chunks = events(response.text)
    for chunk in chunks:
        check(as_documented(chunk), "CreateChatCompletionStreamResponse")
        assert chunk["system_fingerprint"] == FINGERPRINT
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    whole = server.http.post("/v1/chat/completions", json=body | {"stream": False, "stream_options": None}).json()
    for name in ("content", "reasoning_content"):
        said = "".join(delta.get(name) or "" for delta in deltas)
        assert said == "".join(choice["message"].get(name) or "" for choice in whole["choices"])
    if options == {"include_obfuscation": True}:
        sizes = {len(event.encode()) + 2 for event in response.text.split("\n\n")[:-2]}
        assert {size % 64 for size in sizes} == {0}


@pytest.mark.parametrize("more", [{}, {"logprobs": 2}, {"prompt": ["a", "b"], "n": 2}])
def test_completions(server: Live, more: dict[str, Any]) -> None:
    body = {"model": "default", "prompt": "a"} | more
    check(server.http.post("/v1/completions", json=body).json(), "CreateCompletionResponse")


@pytest.mark.parametrize("more", [{}, {"prompt": ["a", "b"], "n": 2}])
@pytest.mark.parametrize("options", [None, {"include_usage": True}, {"include_obfuscation": True}])
def test_chunks_of_completions(server: Live, more: dict[str, Any], options: dict[str, Any] | None) -> None:
    body = {"model": "default", "prompt": "a", "stream": True, "stream_options": options} | more
    chunks = events(server.http.post("/v1/completions", json=body).text)
    for chunk in chunks:
        assert chunk["system_fingerprint"] == FINGERPRINT
        assert chunk["object"] == "text_completion"
    ends = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert ends.count("stop") == (4 if more else 1)
    assert ("usage" in chunks[-1]) == (options == {"include_usage": True})


def test_embeddings_and_models(server: Live) -> None:
    check(server.http.post("/v1/embeddings", json={"model": "vectors", "input": "a"}).json(), "CreateEmbeddingResponse")
    check(server.http.get("/v1/models").json(), "ListModelsResponse")
    check(server.http.get("/v1/models/gpt-4o").json(), "Model")


def of_a_gpt_size(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with a size of OpenAI's models: its document lists no others, though it takes any."""
    assert answer["size"] == "64x64"
    return answer | {"size": "1024x1024"}


@pytest.mark.parametrize("more", [{}, {"n": 2, "response_format": "url"}, {"background": "transparent"}])
def test_pictures(server: Live, more: dict[str, Any]) -> None:
    answer = server.http.post("/v1/images/generations", json={"prompt": "a fox"} | more).json()
    check(of_a_gpt_size(answer), "ImagesResponse")


def test_events_of_pictures(server: Live) -> None:
    body = {"prompt": "a fox", "stream": True, "partial_images": 2}
    found = [
        json.loads(line.removeprefix("data: "))
        for line in server.http.post("/v1/images/generations", json=body).text.splitlines()
        if line.startswith("data: {")
    ]
    assert len(found) == 3
    for event in found:
        check(of_a_gpt_size(event), "ImageGenStreamEvent")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/models/nope", None, 404),
        ("GET", "/v1/nowhere", None, 404),
        ("DELETE", "/v1/models/scripted", None, 405),
        ("GET", "/v1/chat/completions/chatcmpl-1", None, 404),
        ("POST", "/v1/chat/completions", None, 400),
        ("POST", "/v1/chat/completions", [], 400),
        ("POST", "/v1/chat/completions", {"model": "default", "messages": HELLO, "audio": {}}, 400),
    ],
)
def test_errors(server: Live, method: str, path: str, body: Any, status: int) -> None:
    response = server.http.request(method, path, json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    check(response.json(), "ErrorResponse")


def test_the_documents_of_this_server_need_a_key_and_no_other_host(server: Live) -> None:
    document = server.http.get("/openapi.json").json()
    assert document["paths"]["/v1/chat/completions"]["post"]["security"] == [{"key": []}]
    assert document["paths"]["/health"]["get"]["security"] == []
    assert "422" not in json.dumps(document)
    assert server.http.get("/docs").status_code == 404
