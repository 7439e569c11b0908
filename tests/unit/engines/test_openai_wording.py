"""Requests and answers as another OpenAI-compatible server words them."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from aigc.engines import openai as wording
from aigc.errors import AigcError, Busy, ContextOverflow, EngineError, Forbidden, UnknownModel, UserError
from aigc.types import (
    Delta,
    EmbedRequest,
    Finished,
    Grammar,
    Message,
    Sampling,
    Started,
    TextRequest,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
)


def test_only_what_was_asked_for_is_sent() -> None:
    path, body = wording.text_body("m", TextRequest(messages=(Message(role="user", content="hi"),)))
    assert path == "chat/completions"
    assert body == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "n": 1,
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_every_parameter_of_a_chat_travels() -> None:
    tool = Tool(name="f", description="d", parameters={"type": "object"}, strict=True)
    request = TextRequest(
        messages=(
            Message(role="assistant", tool_calls=(ToolCall(id="c1", name="f", arguments="{}"),)),
            Message(role="tool", content="4", tool_call_id="c1"),
        ),
        tools=(tool,),
        tool_choice=ToolChoice(mode="required", names=("f",), named=True),
        parallel_tool_calls=False,
        max_tokens=5,
        stop=("\n",),
        top_logprobs=3,
        sampling=Sampling(
            temperature=0, top_p=0.5, seed=1, presence_penalty=1, logit_bias={7: -100}, text_bias={"x": 1}
        ),
    )
    _, body = wording.text_body("m", request)
    assert body["messages"][0]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    assert body["messages"][1] == {"role": "tool", "content": "4", "tool_call_id": "c1"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    expected = {
        "parallel_tool_calls": False,
        "max_tokens": 5,
        "stop": ["\n"],
        "logprobs": True,
        "top_logprobs": 3,
        "temperature": 0,
        "top_p": 0.5,
        "seed": 1,
        "presence_penalty": 1,
        "logit_bias": {"7": -100, "x": 1},
    }
    assert {name: body[name] for name in expected} == expected


def test_a_completion_of_tokens_goes_to_completions() -> None:
    path, body = wording.text_body("m", TextRequest(prompt=(1, 2), echo=True, top_logprobs=0))
    assert path == "completions"
    assert (body["prompt"], body["echo"], body["logprobs"]) == ([1, 2], True, 0)


def test_a_stream_becomes_events() -> None:
    parser = wording.StreamParser("openai-x")
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}
    lines = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"index": 0, "delta": {"content": "Hé"}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    ]
    events = [event for line in lines for event in parser.feed("data: " + json.dumps(line))]
    events += list(parser.feed("data: [DONE]"))
    assert events == [
        Started(prompt_tokens=0, fingerprint="openai-x"),
        Delta(index=0, text="Hé"),
        Delta(index=0, tool_calls=(ToolCallDelta(index=0, id="c", name="f", arguments="{"),)),
        Finished(index=0, reason="tool_calls"),
        Usage(prompt_tokens=3, completion_tokens=2, fingerprint="openai-x"),
    ]


@pytest.mark.parametrize("line", ["data: {", 'data: {"choices": [{"delta": 4}]}', "data: [1]", 'data: {"choices": 3}'])
def test_a_chunk_that_is_not_of_this_api_is_an_engine_error(line: str) -> None:
    with pytest.raises(EngineError):
        list(wording.StreamParser("x").feed(line))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "context_length_exceeded"}}, ContextOverflow),
        (400, {"error": {"param": "top_k", "message": "/secret/path"}}, UserError),
        (401, {}, Forbidden),
        (404, {}, UnknownModel),
        (429, {}, Busy),
        (500, {"error": "text"}, EngineError),
    ],
)
def test_foreign_errors_become_ours_in_our_own_words(status: int, body: object, kind: type[AigcError]) -> None:
    error = wording.error(status, json.dumps(body).encode())
    assert type(error) is kind
    assert "secret" not in str(error)


def test_vectors_come_in_the_order_of_the_inputs_whatever_their_encoding() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.0, 1.0)).decode()
    body = {
        "data": [{"index": 1, "embedding": packed}, {"index": 0, "embedding": [1.0, 0.0]}],
        "usage": {"prompt_tokens": 4},
    }
    answer = wording.embeddings(json.dumps(body).encode(), "f")
    assert struct.unpack("<4f", answer.vectors) == (1.0, 0.0, 0.0, 1.0)
    assert (answer.width, answer.prompt_tokens) == (2, 4)
    assert wording.embed_body("m", EmbedRequest(inputs=("a", (1, 2)), dimensions=2)) == {
        "model": "m",
        "input": ["a", [1, 2]],
        "encoding_format": "base64",
        "dimensions": 2,
    }


def test_custom_tools_and_their_calls_travel() -> None:
    sql = Tool(name="sql", kind="custom", grammar=Grammar(syntax="regex", definition="SELECT .*"))
    request = TextRequest(
        messages=(
            Message(role="assistant", tool_calls=(ToolCall(id="c1", name="sql", arguments="SELECT 1", kind="custom"),)),
            Message(role="tool", content="1", tool_call_id="c1"),
        ),
        tools=(sql,),
        tool_choice=ToolChoice(mode="auto", names=("sql",)),
    )
    _, body = wording.text_body("m", request)
    assert body["messages"][0]["tool_calls"] == [
        {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    ]
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "SELECT .*"}}
    assert body["tools"] == [{"type": "custom", "custom": {"name": "sql", "description": "", "format": grammar}}]
    pointer = {"type": "custom", "custom": {"name": "sql"}}
    assert body["tool_choice"] == {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [pointer]}}
    parser = wording.StreamParser("f")
    chunk = {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c2", **pointer}]}}
    chunk["delta"]["tool_calls"][0]["custom"] = {"name": "sql", "input": "SEL"}  # type: ignore[index]
    [_, delta] = parser.feed("data: " + json.dumps({"choices": [chunk]}))
    assert delta == Delta(
        index=0, tool_calls=(ToolCallDelta(index=0, id="c2", name="sql", arguments="SEL", kind="custom"),)
    )
