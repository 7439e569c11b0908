"""The official client talks to a real server; the runtime behind it is scripted."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Iterator

import openai
import pytest

from aigc import errors
from aigc.types import Delta, Grammar, Started, TextRequest, Tool, ToolCall
from live_server import KEY, Live, live
from scripted_runtime import FINGERPRINT, answer

HELLO = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[openai.OpenAI]:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    with openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0, timeout=20) as made:
        yield made


def last(server: Live) -> TextRequest:
    request = server.runtime.requests[-1][1]
    assert isinstance(request, TextRequest)
    return request


def test_a_chat_is_answered_by_the_real_model_under_its_own_name(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert done.model == "scripted"
    assert done.choices[0].message.content == "Paris is the capital."
    assert done.choices[0].message.refusal is None
    assert done.choices[0].finish_reason == "stop"
    assert done.system_fingerprint == FINGERPRINT
    assert done.usage is not None
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (7, 5, 12)
    assert done.usage.prompt_tokens_details is not None
    assert done.usage.prompt_tokens_details.cached_tokens == 2


def test_a_stream_begins_with_the_role_and_ends_with_the_reason(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="default", messages=HELLO, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Paris is the capital."
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 6 + ["stop"]
    assert {chunk.system_fingerprint for chunk in chunks} == {FINGERPRINT}
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_with_usage_has_it_in_a_last_chunk_without_choices(client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="default", messages=HELLO, stream=True, stream_options=options))
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 12


def test_every_parameter_reaches_the_runtime(client: openai.OpenAI, server: Live) -> None:
    client.chat.completions.create(
        model="default",
        messages=HELLO,
        temperature=0.5,
        top_p=0.9,
        seed=-3,
        presence_penalty=1,
        frequency_penalty=-1,
        logit_bias={"17": -100},
        stop=["a", "b"],
        n=2,
        max_completion_tokens=9,
        extra_body={"top_k": 40, "min_p": 0.1, "ignore_eos": True},
    )
    request = last(server)
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (0.5, 0.9, -3)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (1.0, -1.0)
    assert (sampling.logit_bias, sampling.top_k, sampling.min_p) == ({17: -100.0}, 40, 0.1)
    assert (request.stop, request.n, request.max_tokens, request.ignore_eos) == (("a", "b"), 2, 9, True)


def test_what_is_left_out_is_left_to_the_model(client: openai.OpenAI, server: Live) -> None:
    client.chat.completions.create(model="default", messages=HELLO)
    sampling = last(server).sampling
    assert (sampling.temperature, sampling.top_p, sampling.seed, last(server).max_tokens) == (None, None, None, None)


def test_several_choices_are_numbered(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="default", messages=HELLO, n=3)
    assert [choice.index for choice in done.choices] == [0, 1, 2]
    chunks = client.chat.completions.create(model="default", messages=HELLO, n=2, stream=True)
    ended = [(c.choices[0].index, c.choices[0].finish_reason) for c in chunks if c.choices[0].finish_reason]
    assert ended == [(0, "stop"), (1, "stop")]


def test_log_probabilities_come_whole_and_streamed(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="default", messages=HELLO, logprobs=True, top_logprobs=2)
    assert done.choices[0].logprobs is not None
    content = done.choices[0].logprobs.content
    assert content is not None
    assert [token.token for token in content] == ["Paris", " is", " the", " capital", "."]
    assert [(rival.token, rival.logprob) for rival in content[0].top_logprobs] == [("Paris", -0.25), (" other", -2.0)]
    assert content[0].bytes == list(b"Paris")
    stream = client.chat.completions.create(model="default", messages=HELLO, logprobs=True, stream=True)
    tokens = [t.token for c in stream if c.choices[0].logprobs for t in c.choices[0].logprobs.content or []]
    assert tokens == ["Paris", " is", " the", " capital", "."]


def test_a_forced_tool_is_called_whole_and_streamed(client: openai.OpenAI, server: Live) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    done = client.chat.completions.create(model="default", messages=HELLO, tools=[WEATHER], tool_choice=named)
    assert done.choices[0].finish_reason == "tool_calls"
    assert done.choices[0].message.content is None
    calls = done.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert (calls[0].function.name, json.loads(calls[0].function.arguments)) == ("weather", {"city": "Paris"})
    assert (last(server).tool_choice.mode, last(server).tool_choice.names) == ("required", ("weather",))

    with client.chat.completions.stream(
        model="default", messages=HELLO, tools=[WEATHER], tool_choice="required"
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls is not None
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"city":"Paris"}'


def test_a_custom_tool_is_called_with_its_text_whole_and_streamed(client: openai.OpenAI, server: Live) -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "SELECT .*"}}
    sql = {"type": "custom", "custom": {"name": "sql", "description": "Ask the table.", "format": grammar}}
    earlier = {"id": "call_0", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [earlier]},
        {"role": "tool", "tool_call_id": "call_0", "content": "1"},
    ]
    asked = {
        "model": "default",
        "messages": messages,
        "tools": [WEATHER, sql],
        "tool_choice": {"type": "custom", "custom": {"name": "sql"}},
    }
    done = client.chat.completions.create(**asked)
    [call] = done.choices[0].message.tool_calls or []
    assert call.type == "custom"
    assert (call.id, call.custom.name, call.custom.input) == ("call_0", "sql", '{"city":"Paris"}')
    request = last(server)
    assert request.tools[1] == Tool(
        name="sql",
        description="Ask the table.",
        kind="custom",
        grammar=Grammar(syntax="regex", definition="SELECT .*"),
    )
    assert (request.tool_choice.names, request.tool_choice.named) == (("sql",), True)
    assert request.messages is not None
    assert request.messages[1].tool_calls == (ToolCall(id="call_0", name="sql", arguments="SELECT 1", kind="custom"),)

    pieces = [
        call.to_dict()
        for chunk in client.chat.completions.create(**asked, stream=True)
        for call in chunk.choices[0].delta.tool_calls or ()
    ]
    assert pieces[0] == {"index": 0, "id": "call_0", "type": "custom", "custom": {"name": "sql", "input": ""}}
    assert "".join(piece["custom"]["input"] for piece in pieces) == '{"city":"Paris"}'  # type: ignore[index]


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "function": {"name": "sql"}},
        {"type": "custom", "custom": {"name": "weather"}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "custom": {"name": "x"}}]}},  # noqa: E501
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
    ],
)  # fmt: skip
def test_a_choice_that_no_tool_can_meet_is_refused(client: openai.OpenAI, choice: dict[str, object]) -> None:
    tools = [WEATHER, {"type": "custom", "custom": {"name": "sql"}}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="default", messages=HELLO, tools=tools, tool_choice=choice)
    assert caught.value.param == "tool_choice"


def test_two_tools_of_one_name_are_refused_whatever_their_kind(client: openai.OpenAI) -> None:
    tools = [WEATHER, {"type": "custom", "custom": {"name": "weather"}}]
    with pytest.raises(openai.BadRequestError, match="two tools are called 'weather'"):
        client.chat.completions.create(model="default", messages=HELLO, tools=tools)


def test_functions_of_the_older_api_are_called_in_their_form(client: openai.OpenAI) -> None:
    functions = [{"name": "weather", "parameters": {"type": "object", "properties": {}}}]
    turn = {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}}
    result = {"role": "function", "name": "weather", "content": "sunny"}
    done = client.chat.completions.create(
        model="default", messages=[*HELLO, turn, result], functions=functions, function_call={"name": "weather"}
    )
    assert done.choices[0].finish_reason == "function_call"
    assert done.choices[0].message.function_call is not None
    assert done.choices[0].message.function_call.arguments == '{"city":"Paris"}'


def test_thoughts_come_beside_the_answer_and_can_be_sent_back(client: openai.OpenAI, server: Live) -> None:
    done = client.chat.completions.create(model="default", messages=HELLO, reasoning_effort="medium")
    message = done.choices[0].message
    assert message.content == "Paris is the capital."
    assert message.reasoning_content == "France ... Paris?"  # type: ignore[attr-defined]
    client.chat.completions.create(model="default", messages=[*HELLO, message, *HELLO])  # type: ignore[list-item]
    assert last(server).messages[1].reasoning == "France ... Paris?"  # type: ignore[index]
    chunks = client.chat.completions.create(model="default", messages=HELLO, reasoning_effort="medium", stream=True)
    deltas = [chunk.choices[0].delta.to_dict() for chunk in chunks]
    assert [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta] == ["France ... ", "Paris?"]


def test_a_json_schema_reaches_the_runtime(client: openai.OpenAI, server: Live) -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    done = client.chat.completions.create(model="default", messages=HELLO, response_format=form)
    assert json.loads(done.choices[0].message.content or "") == {"answer": 42}
    assert last(server).schema == schema
    client.chat.completions.create(model="default", messages=HELLO, response_format={"type": "json_object"})
    assert last(server).schema == {"type": "object"}


def test_roles_and_parts_become_turns(client: openai.OpenAI, server: Live) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    client.chat.completions.create(
        model="default",
        messages=[
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        ],
    )
    turns = last(server).messages
    assert turns is not None
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert turns[1].content == "a\nb"
    assert (turns[2].tool_calls[0].id, turns[3].tool_call_id, turns[4].content) == ("call_1", "call_1", "no")


def test_metadata_comes_back(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="default", messages=HELLO, metadata={"run": "7"})
    assert done.metadata == {"run": "7"}  # type: ignore[attr-defined]


def test_a_completion_is_answered_whole_and_streamed(client: openai.OpenAI, server: Live) -> None:
    done = client.completions.create(model="text-davinci-002", prompt="The capital", max_tokens=3)
    assert (done.choices[0].text, done.choices[0].finish_reason, done.model) == ("Paris is the", "length", "scripted")
    client.completions.create(model="default", prompt="x")
    assert last(server).max_tokens == 16
    chunks = list(client.completions.create(model="default", prompt="x", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "Paris is the capital."
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_prompts_of_one_request_are_numbered_through(client: openai.OpenAI, server: Live) -> None:
    done = client.completions.create(model="default", prompt=["a", "b"], n=2)
    assert [choice.index for choice in done.choices] == [0, 1, 2, 3]
    assert done.usage is not None
    assert done.usage.completion_tokens == 20
    client.completions.create(model="default", prompt=[[1, 2], [3]])
    assert sorted(r.prompt for _, r in server.runtime.requests[-2:]) == [(1, 2), (3,)]  # type: ignore[union-attr]
    chunks = client.completions.create(model="default", prompt=["a", "b"], stream=True)
    ended = sorted(c.choices[0].index for c in chunks if c.choices[0].finish_reason)
    assert ended == [0, 1]


def test_log_probabilities_of_completions_have_the_old_lists(client: openai.OpenAI) -> None:
    done = client.completions.create(model="default", prompt="x", logprobs=1)
    found = done.choices[0].logprobs
    assert found is not None
    assert found.tokens == ["Paris", " is", " the", " capital", "."]
    assert found.text_offset == [0, 5, 8, 12, 20]
    assert found.token_logprobs == [-0.25] * 5
    assert found.top_logprobs is not None
    assert found.top_logprobs[0] == {"Paris": -0.25}


def test_embeddings_come_as_numbers_and_as_bytes(client: openai.OpenAI, server: Live) -> None:
    made = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])  # the client asks for base64
    assert [row.embedding for row in made.data] == [[0.5] * 4] * 2
    assert (made.model, made.usage.prompt_tokens) == ("vectors", 6)
    plain = client.embeddings.create(model="vectors", input="a", encoding_format="float", dimensions=1)
    assert plain.data[0].embedding == [1.0]
    raw = client.embeddings.with_raw_response.create(model="vectors", input=[1, 2], encoding_format="base64")
    text = json.loads(raw.text)["data"][0]["embedding"]
    assert struct.unpack("<4f", base64.b64decode(text)) == (0.5, 0.5, 0.5, 0.5)
    assert server.runtime.requests[-1][1].inputs == ((1, 2),)  # type: ignore[union-attr]


def test_models_are_listed_and_found_by_alias(client: openai.OpenAI) -> None:
    found = [model.id for model in client.models.list()]
    assert found == [
        "scripted",
        "team/chat-model",
        "vectors",
        "aigc-v1",
        "aigc-scenes",
        "aigc-restore",
        "aigc-voice",
        "whisper-base",
    ]
    assert client.models.retrieve("gpt-4o").id == "scripted"
    assert client.models.retrieve("team/chat-model").owned_by == "aigc"


@pytest.mark.parametrize(
    ("raised", "caught"),
    [
        (errors.UserError("no"), openai.BadRequestError),
        (errors.ContextOverflow("5000 tokens; accepted: 4096"), openai.BadRequestError),
        (errors.Busy("full", retry_after_seconds=2.5), openai.RateLimitError),
        (errors.InsufficientMemory("9 GiB"), openai.InternalServerError),
        (errors.WorkerDied("gone"), openai.InternalServerError),
        (errors.EngineMissing("no engine"), openai.InternalServerError),
        (ValueError("secret detail"), openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_first_token_has_its_own_status(
    client: openai.OpenAI, server: Live, raised: Exception, caught: type[openai.APIStatusError], stream: bool
) -> None:
    server.runtime.script = lambda request: [0.01, raised]
    with pytest.raises(caught) as info:
        client.chat.completions.create(model="default", messages=HELLO, stream=stream)  # type: ignore[call-overload]
    assert "secret detail" not in str(info.value)
    if isinstance(raised, errors.AigcError):
        assert info.value.status_code == raised.status
        assert info.value.code == raised.code
    else:
        assert info.value.response.headers["x-request-id"] in str(info.value)
    if isinstance(raised, errors.Busy):
        assert info.value.response.headers["retry-after"] == "3"


def test_an_error_in_the_middle_is_an_event_and_no_done_follows(client: openai.OpenAI, server: Live) -> None:
    died = errors.WorkerDied("the worker ended", hint="ask again")
    server.runtime.script = lambda request: [Started(prompt_tokens=1), Delta(index=0, text="Par"), 0.05, died]
    seen = []
    stream = client.chat.completions.create(model="default", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="the worker ended") as info:
        seen.extend(chunk.choices[0].delta.content for chunk in stream)
    assert seen == ["", "Par"]
    assert info.value.code == "worker_died"
    with server.client() as http:
        body = {"model": "default", "messages": HELLO, "stream": True}
        assert "[DONE]" not in http.post("/v1/chat/completions", json=body).text


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as info:
        client.chat.completions.create(model="nope", messages=HELLO)
    assert (info.value.code, info.value.param) == ("model_not_found", "model")


def test_a_wrong_key_is_an_authentication_error(server: Live) -> None:
    with (
        openai.OpenAI(api_key="sk-wrong", base_url=f"{server.url}/v1", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_the_asynchronous_client_works_too(server: Live, client: openai.OpenAI) -> None:
    async def talk() -> str:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0) as made:
            one, two = await asyncio.gather(
                made.chat.completions.create(model="default", messages=HELLO),
                made.chat.completions.create(model="default", messages=HELLO, stream=True),
            )
            streamed = [chunk.choices[0].delta.content or "" async for chunk in two]
            assert one.choices[0].message.content == "".join(streamed)
            return "".join(streamed)

    assert asyncio.run(talk()) == "Paris is the capital."
