"""LiteLLM, as it reaches a server that speaks OpenAI's protocol: ``openai/MODEL`` with ``api_base``."""

import asyncio
import base64
import io
import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its table of prices is otherwise fetched from the network

import checks
import litellm
from pydantic import BaseModel, Field

litellm.telemetry = False
HELLO = [{"role": "user", "content": "Say hello."}]
ASK = [{"role": "user", "content": "How is the weather in Paris?"}]
SERVER = {"model": f"openai/{checks.MODEL}", "api_base": checks.URL, "api_key": checks.KEY, "timeout": 90}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
        },
    },
}


class City(BaseModel):
    city: str = Field(max_length=20)


def ask(**more):
    return litellm.completion(**{**SERVER, "messages": HELLO, "max_tokens": 64, **more})


def called(message):
    assert message.tool_calls, "no tool call"
    [call] = message.tool_calls
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)


def chat():
    answer = ask(max_tokens=8)
    assert answer.choices[0].message.content
    assert 0 < answer.usage.completion_tokens <= 8


def stream():
    chunks = list(ask(max_tokens=8, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = litellm.stream_chunk_builder(chunks, messages=HELLO)
    assert whole.choices[0].finish_reason in ("stop", "length")
    assert whole.usage.completion_tokens > 0


def asynchronous():
    answer = asyncio.run(litellm.acompletion(**SERVER, messages=HELLO, max_tokens=8))
    assert answer.choices[0].message.content


def several():
    assert len(ask(max_tokens=8, n=2, temperature=1.0, seed=1).choices) == 2


def logprobs():
    assert ask(max_tokens=2, logprobs=True, top_logprobs=2).choices[0].logprobs.content[0].logprob <= 0


def text_completion():
    answer = litellm.text_completion(
        model=f"text-completion-openai/{checks.MODEL}",
        api_base=checks.URL,
        api_key=checks.KEY,
        prompt="One, two,",
        max_tokens=8,
    )
    assert answer.choices[0].text


def tool_required():
    called(ask(messages=ASK, tools=[WEATHER], tool_choice="required").choices[0].message)


def tool_by_name():
    named = {"type": "function", "function": {"name": "weather"}}
    called(ask(messages=ASK, tools=[WEATHER], tool_choice=named).choices[0].message)


def tool_stream():
    chunks = list(ask(messages=ASK, tools=[WEATHER], tool_choice="required", stream=True))
    called(litellm.stream_chunk_builder(chunks, messages=ASK).choices[0].message)


def tool_by_itself():
    """The model has to decide to call: whether it can is the model's matter, that the call arrives the server's."""
    called(ask(messages=ASK, tools=[WEATHER]).choices[0].message)


def structured():
    assert City.model_validate_json(ask(response_format=City).choices[0].message.content)


def json_mode():
    question = [{"role": "user", "content": 'Answer with {"city": "Rome"}, as JSON.'}]
    answer = ask(messages=question, response_format={"type": "json_object"}, max_tokens=200)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def embedding():
    answer = litellm.embedding(
        model="openai/text-embedding-3-small", api_base=checks.URL, api_key=checks.KEY, input=["a", "b"]
    )
    assert [len(row["embedding"]) > 1 for row in answer.data] == [True, True]


IMAGE = {"model": "openai/gpt-image-1", "api_base": checks.URL, "api_key": checks.KEY, "size": "256x256"}


def image():
    answer = litellm.image_generation(prompt="a red fox", **IMAGE)
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


def image_edit():
    made = base64.b64decode(litellm.image_generation(prompt="a lake", **IMAGE).data[0].b64_json)
    file = io.BytesIO(made)
    file.name = "lake.png"
    answer = litellm.image_edit(image=file, prompt="at sunset", **IMAGE)
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


def wrong_key_is_an_authentication_error():
    try:
        ask(max_tokens=1, api_key="sk-wrong")
    except litellm.AuthenticationError:
        return
    raise AssertionError("a wrong key was accepted")


checks.run(
    chat,
    stream,
    asynchronous,
    several,
    logprobs,
    text_completion,
    tool_required,
    tool_by_name,
    tool_stream,
    tool_by_itself,
    structured,
    json_mode,
    embedding,
    image,
    image_edit,
    wrong_key_is_an_authentication_error,
)
