"""pydantic-ai: agents with tools and typed answers, over ``OpenAIChatModel`` with an ``OpenAIProvider``."""

import asyncio

import checks
from pydantic import BaseModel, Field
from pydantic_ai import Agent, Embedder, NativeOutput, PromptedOutput
from pydantic_ai.direct import model_request_sync
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelRequest, ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class City(BaseModel):
    """A city."""

    city: str = Field(max_length=20)


def provider(key=checks.KEY):
    return OpenAIProvider(base_url=checks.URL, api_key=key)


def agent(tokens=64, key=checks.KEY, **more):
    settings = {"max_tokens": tokens, "timeout": 90}
    return Agent(OpenAIChatModel(checks.MODEL, provider=provider(key)), model_settings=settings, **more)


def chat():
    answer = agent(8).run_sync("Say hello.")
    assert answer.output
    assert 0 < answer.usage.output_tokens <= 8


def stream():
    async def read():
        async with agent(8).run_stream("Say hello.") as answer:
            return [piece async for piece in answer.stream_text(delta=True)]

    assert "".join(asyncio.run(read()))


def conversation():
    first = agent(8, instructions="You are brief.").run_sync("My name is Ada.")
    assert agent(8).run_sync("What is my name?", message_history=first.all_messages()).output


def model_request():
    answer = model_request_sync(
        OpenAIChatModel(checks.MODEL, provider=provider()),
        [ModelRequest.user_text_prompt("Say hello.")],
        model_settings={"max_tokens": 8},
    )
    assert answer.finish_reason in ("stop", "length")


def answer_by_tool():
    """Its way to a typed answer: the model must call a tool that takes it."""
    assert isinstance(agent(output_type=City).run_sync("Name a city.").output.city, str)


def answer_by_schema():
    assert isinstance(agent(output_type=NativeOutput(City)).run_sync("Name a city.").output.city, str)


def answer_by_json_mode():
    made = agent(200, output_type=PromptedOutput(dict[str, str]), retries=2)
    assert isinstance(made.run_sync('Answer {"city": "Rome"}.').output, dict)


def choice_of_types():
    assert agent(output_type=[City, bool]).run_sync("Name a city.").output is not None


def answer_stream():
    async def read():
        async with agent(output_type=City).run_stream("Name a city.") as answer:
            return [part async for part in answer.stream_output(debounce_by=None)]

    assert isinstance(asyncio.run(read())[-1].city, str)


def tool_by_itself():
    """The model has to decide to call: whether it can is the model's matter, that the call arrives the server's."""
    made = agent(retries=0)
    made.tool_plain(lambda city: f"It is sunny in {city}.", name="weather")
    found = []

    async def run():
        async with made.iter("How is the weather in Paris?") as steps:
            async for step in steps:
                if Agent.is_call_tools_node(step):
                    found.extend(part for part in step.model_response.parts if isinstance(part, ToolCallPart))
                    return

    asyncio.run(run())
    assert found, "no tool call"
    assert found[0].tool_name == "weather"


def embedding():
    embedder = Embedder(OpenAIEmbeddingModel("text-embedding-3-small", provider=provider()))
    assert len(embedder.embed_query_sync("hello").embeddings[0]) > 1


def wrong_key_is_an_http_error_401():
    status = 200
    try:
        agent(1, key="sk-wrong").run_sync("Say hello.")
    except ModelHTTPError as error:
        status = error.status_code
    assert status == 401


checks.run(
    chat,
    stream,
    conversation,
    model_request,
    answer_by_tool,
    answer_by_schema,
    answer_by_json_mode,
    choice_of_types,
    answer_stream,
    tool_by_itself,
    embedding,
    wrong_key_is_an_http_error_401,
)
