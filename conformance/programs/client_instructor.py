"""instructor: typed answers from OpenAI's client, in each of the ways in which it asks for them."""

import asyncio
from collections.abc import Iterable
from typing import Literal

import checks
import instructor
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field


class City(BaseModel):
    """A city."""

    city: str = Field(max_length=20)
    size: Literal["small", "large"]


ASK = [{"role": "user", "content": "Name a city, and whether it is small or large."}]
SERVER = {"base_url": checks.URL, "api_key": checks.KEY, "timeout": 90, "max_retries": 0}


def create(mode, **more):
    client = instructor.from_openai(OpenAI(**SERVER), mode=mode)
    asked = {"response_model": City, "messages": ASK, "max_tokens": 64, "max_retries": 0}
    return client.chat.completions.create(model=checks.MODEL, **{**asked, **more})


def by_tool():
    assert isinstance(create(instructor.Mode.TOOLS).city, str)


def by_strict_tool():
    assert isinstance(create(instructor.Mode.TOOLS_STRICT).city, str)


def by_schema():
    assert isinstance(create(instructor.Mode.JSON_SCHEMA).city, str)


def by_json_mode():
    """Here only the prompt tells the schema: the model has to understand it."""
    assert isinstance(create(instructor.Mode.JSON, max_tokens=200, max_retries=2).city, str)


def asynchronous():
    async def ask():
        client = instructor.from_openai(AsyncOpenAI(**SERVER), mode=instructor.Mode.TOOLS)
        return await client.chat.completions.create(
            model=checks.MODEL, response_model=City, messages=ASK, max_tokens=64, max_retries=0
        )

    assert isinstance(asyncio.run(ask()).city, str)


def with_its_completion():
    client = instructor.from_openai(OpenAI(**SERVER), mode=instructor.Mode.TOOLS)
    city, answer = client.chat.completions.create_with_completion(
        model=checks.MODEL, response_model=City, messages=ASK, max_tokens=64, max_retries=0
    )
    assert city.size in ("small", "large")
    assert 0 < answer.usage.completion_tokens <= 64


def piece_by_piece():
    client = instructor.from_openai(OpenAI(**SERVER), mode=instructor.Mode.TOOLS)
    *_, last = client.chat.completions.create_partial(
        model=checks.MODEL, response_model=City, messages=ASK, max_tokens=64
    )
    assert isinstance(last.city, str)


def a_single_word():
    assert create(instructor.Mode.TOOLS, response_model=Literal["yes", "no"]) in ("yes", "no")


def several_calls_by_itself():
    """Here instructor doesn't force the call: the model has to decide to."""
    calls = create(instructor.Mode.PARALLEL_TOOLS, response_model=Iterable[City], max_tokens=200)
    assert all(isinstance(city, City) for city in calls)


def plain_chat():
    answer = create(instructor.Mode.TOOLS, response_model=None, max_tokens=8)
    assert answer.choices[0].message.content


checks.run(
    by_tool,
    by_strict_tool,
    by_schema,
    by_json_mode,
    asynchronous,
    with_its_completion,
    piece_by_piece,
    a_single_word,
    several_calls_by_itself,
    plain_chat,
)
