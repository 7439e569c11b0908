from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse

import aigc
from aigc import errors
from aigc.client.aio import AsyncClient
from aigc.client.app_thread import AppThread
from aigc.client.sync import Client
from aigc.client.transport import AsyncLocalTransport
from aigc.settings import Settings


def soon(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def refusal(status: int, **error: object) -> JSONResponse:
    return JSONResponse({"error": error}, status, headers={"x-request-id": "req_1", "retry-after": "0"})


def test_an_answer_has_text_usage_and_the_model_that_gave_it(client: Client) -> None:
    answer = client.chat("hi")
    assert (answer.text, answer.model, answer.finish_reason, answer.fingerprint) == (
        "you said hi",
        "tiny",
        "stop",
        "echo-1",
    )
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (3, 4, 7)
    assert answer.raw["id"] == "c"
    assert str(answer) == "you said hi"


def test_parameters_and_system_reach_the_server_as_they_are(client: Client, server) -> None:
    client.chat([{"role": "user", "content": "hi"}], model="m", system="be brief", temperature=0, made_up=[1])
    assert server.bodies == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
            "temperature": 0,
            "made_up": [1],
        }
    ]
    assert server.headers[0]["authorization"] == "Bearer a-key"


def test_a_stream_gives_pieces_and_then_the_whole(client: Client, server) -> None:
    stream = client.chat("hi", stream=True)
    assert [delta.text for delta in stream] == ["one ", "two ", "three", ""]
    assert stream.answer.text == "one two three"
    assert stream.answer.finish_reason == "stop"
    assert stream.answer.usage == aigc.Usage(1, 3)
    assert server.bodies[0]["stream_options"] == {"include_usage": True}


def test_the_first_piece_comes_while_the_model_still_works(client: Client, server) -> None:
    with client.chat("wait", stream=True) as stream:
        assert next(stream).text == "one "
        assert next(stream).text == "two "
    assert soon(lambda: server.left == 1)
    assert stream.answer.text == "one two "
    assert stream.answer.finish_reason is None


def test_a_stream_that_is_dropped_is_closed(client: Client, server) -> None:
    stream = client.chat("wait", stream=True)
    next(stream)
    del stream
    assert soon(lambda: server.left == 1)


@pytest.mark.parametrize(
    ("prompt", "kind", "message"),
    [
        ("fail", errors.WorkerDied, "the worker died"),
        ("break", errors.Unreachable, "the connection ended in the middle of the answer"),
        ("crash", errors.Unreachable, "the application failed: RuntimeError"),
    ],
)
def test_an_answer_that_breaks_off_raises_and_keeps_what_came(
    client: Client, prompt: str, kind: type[Exception], message: str
) -> None:
    stream = client.chat(prompt, stream=True)
    with pytest.raises(kind, match=message):
        for _ in stream:
            pass
    assert stream.answer.text == "one two "


def test_vectors_come_in_the_order_of_the_texts(client: Client, server) -> None:
    result = client.embed(["a", "b"])
    assert result.vectors == ((1.0, -2.0), (0.5, 0.25))
    assert result.width == 2
    assert server.bodies[0] == {"model": "default", "input": ["a", "b"], "encoding_format": "base64"}


def test_an_envelope_becomes_the_same_error_with_its_request_id(client: Client, server) -> None:
    server.failures = [refusal(400, message="no such thing: made_up", code="unsupported_parameter", param="made_up")]
    with pytest.raises(errors.UnsupportedParameter) as caught:
        client.chat("hi", made_up=1)
    assert (caught.value.message, caught.value.param, caught.value.request_id) == (
        "no such thing: made_up",
        "made_up",
        "req_1",
    )


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, errors.UserError),
        (401, "made_up", errors.AuthenticationFailed),
        (404, None, errors.NotFound),
        (404, "model_not_found", errors.UnknownModel),
        (418, None, errors.UserError),
        (500, None, errors.EngineError),
        (502, "checksum_mismatch", errors.ChecksumMismatch),
        (507, None, errors.StorageFull),
        (599, None, errors.EngineError),
    ],
)
def test_code_and_status_choose_the_class(client: Client, server, status: int, code: str, kind: type) -> None:
    server.failures = [refusal(status, message="no", code=code)]
    with pytest.raises(errors.AigcError) as caught:
        client.chat("hi")
    assert type(caught.value) is kind


def test_every_error_of_ours_survives_the_way_through_an_envelope(client: Client, server) -> None:
    for kind in errors.all_classes():
        if kind.code is None:
            continue
        server.failures = [refusal(kind.status, message="m", code=kind.code, type=kind.type) for _ in range(3)]
        with pytest.raises(errors.AigcError) as caught:
            client.chat("hi")
        assert type(caught.value) is kind
        server.failures = []


def test_a_busy_server_is_asked_again_twice_and_no_more(client: Client, server) -> None:
    busy = [refusal(429, message="full", code="rate_limit_exceeded") for _ in range(2)]
    server.failures = list(busy)
    assert client.chat("hi").text == "you said hi"
    server.failures = [*busy, refusal(429, message="still full", code="rate_limit_exceeded")]
    with pytest.raises(errors.Busy, match="still full"):
        client.chat("hi")


def test_other_failures_are_not_repeated(client: Client, server) -> None:
    server.failures = [refusal(500, message="broken"), refusal(500, message="again")]
    with pytest.raises(errors.EngineError, match="broken"):
        client.chat("hi")
    assert len(server.failures) == 1


def test_a_page_that_is_no_envelope_says_what_came_and_how_a_base_url_looks(client: Client, server) -> None:
    server.failures = [PlainTextResponse("Not Found", 404)]
    client._url = "http://localhost"
    server.failures = []
    with pytest.raises(errors.UserError, match="the server answered 404: Not Found") as caught:
        client.chat("hi")
    assert caught.value.hint == "a base URL usually ends in /v1; this one is http://localhost"


def test_no_server_is_said_with_the_address(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    client = Client(url, settings=Settings(home=tmp_path), max_retries=0)
    with client, pytest.raises(errors.Unreachable, match=f"no server answers at {url}"):
        client.chat("hi")


def test_what_is_no_json_is_refused_before_it_is_sent(client: Client, server) -> None:
    for value in (float("nan"), object(), "\ud800"):
        with pytest.raises(errors.UserError, match="can't be written as JSON"):
            client.chat("hi", temperature=value)
    assert server.bodies == []


def test_a_prompt_of_another_type_is_refused(client: Client) -> None:
    with pytest.raises(errors.UserError, match="the prompt is of type int"):
        client.chat(3)  # type: ignore[call-overload]


def test_an_answer_of_another_form_is_an_engine_error(client: Client, server) -> None:
    server.failures = [JSONResponse({"choices": [{"index": 0}]})]
    with pytest.raises(errors.EngineError, match="not what the API promises"):
        client.chat("hi")


def test_tool_calls_of_a_stream_are_joined(tmp_path: Path) -> None:
    def chunk(**call: object) -> str:
        import json

        return "data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}) + "\n\n"

    text = (
        chunk(index=0, id="call_1", function={"name": "add", "arguments": '{"a"'})
        + chunk(index=0, function={"arguments": ": 1}"})
        + chunk(index=1, id="call_2", function={"name": "sub", "arguments": "{}"})
        + chunk(index=2, id="call_3", type="custom", custom={"name": "sql", "input": "SELECT"})
        + chunk(index=2, custom={"input": " 1"})
        + "data: [DONE]\r\n\r\n"
    )
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=text.encode()))
    with Client("http://x/v1", settings=Settings(home=tmp_path), transport=transport) as client:
        stream = client.chat("hi", stream=True)
        assert len(list(stream)) == 5
    assert stream.answer.tool_calls == (
        aigc.ToolCall("call_1", "add", '{"a": 1}'),
        aigc.ToolCall("call_2", "sub", "{}"),
        aigc.ToolCall("call_3", "sql", "SELECT 1", "custom"),
    )


def test_the_asynchronous_client_does_the_same(thread: AppThread, server, tmp_path: Path) -> None:
    import asyncio

    async def main() -> None:
        transport = AsyncLocalTransport(thread)
        async with AsyncClient("http://x/v1", settings=Settings(home=tmp_path), transport=transport) as client:
            assert (await client.chat("hi")).text == "you said hi"
            stream = await client.chat("hi", stream=True)
            assert [delta.text async for delta in stream] == ["one ", "two ", "three", ""]
            assert stream.answer.text == "one two three"
            async with await client.chat("wait", stream=True) as waiting:
                async for delta in waiting:
                    assert delta.text == "one "
                    break
            assert (await client.embed("a")).vectors[0] == (1.0, -2.0)
            server.failures = [refusal(404, message="no", code="model_not_found")]
            with pytest.raises(errors.UnknownModel):
                await client.chat("hi")
            with pytest.raises(errors.WorkerDied):
                async for _ in await client.chat("fail", stream=True):
                    pass

    asyncio.run(main())
    assert soon(lambda: server.left == 1)


@pytest.mark.parametrize("arguments", [{"max_retries": -1}, {"timeout": 0.0}, {"base_url": "localhost:8400"}])
def test_arguments_out_of_range_are_refused(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(errors.UserError, match="accepted"):
        Client(settings=Settings(home=tmp_path), **arguments)  # type: ignore[arg-type]
