"""LlamaIndex with ``OpenAILike``, its class for servers that speak OpenAI's protocol."""

import asyncio

import checks
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel, Field

HELLO = [ChatMessage(role="user", content="Say hello.")]
SERVER = {"api_base": checks.URL, "api_key": checks.KEY, "timeout": 90, "max_retries": 0}


class City(BaseModel):
    """A city."""

    city: str = Field(max_length=20)


def weather(city: str) -> str:
    """Weather in a city."""
    return f"It is sunny in {city}."


TOOL = FunctionTool.from_defaults(weather)


def model(tokens=64, **more):
    kind = {"is_chat_model": True, "is_function_calling_model": True, "context_window": 1024, **more}
    return OpenAILike(model=checks.MODEL, max_tokens=tokens, **SERVER, **kind)


def embedder():
    return OpenAILikeEmbedding(model_name="text-embedding-3-small", **SERVER)


def chat():
    answer = model(8).chat(HELLO)
    assert answer.message.content
    assert answer.raw.usage.completion_tokens <= 8


def stream():
    assert "".join(chunk.delta or "" for chunk in model(8).stream_chat(HELLO))


def asynchronous():
    assert asyncio.run(model(8).achat(HELLO)).message.content


def complete():
    assert model(8).complete("Say hello.").text


def legacy_completion():
    assert model(8, is_chat_model=False, is_function_calling_model=False).complete("One, two,").text


def tool_required():
    answer = model().chat_with_tools([TOOL], "How is the weather in Paris?", tool_required=True)
    [call] = model().get_tool_calls_from_response(answer)
    assert call.tool_name == "weather"
    assert isinstance(call.tool_kwargs["city"], str)


def tool_by_itself():
    """The model has to decide to call: whether it can is the model's matter, that the call arrives the server's."""
    answer = model().predict_and_call([TOOL], "How is the weather in Paris?", error_on_no_tool_call=True)
    assert "sunny" in str(answer)


def structured_by_tool():
    assert model().structured_predict(City, PromptTemplate("Name a {kind}."), kind="city").city


def structured_by_format():
    answer = model(should_use_structured_outputs=True).structured_predict(City, PromptTemplate("Name a city."))
    assert isinstance(answer.city, str)


def embedding():
    assert len(embedder().get_text_embedding("hello")) > 1


def embeddings_in_a_batch():
    one, two = embedder().get_text_embedding_batch(["a", "b"])
    assert len(one) == len(two) > 1


def questions_about_documents():
    Settings.embed_model, Settings.llm = embedder(), model(32)
    index = VectorStoreIndex.from_documents([Document(text="The password is swordfish."), Document(text="I like tea.")])
    answer = index.as_query_engine(similarity_top_k=1).query("What is the password?")
    assert "swordfish" in answer.source_nodes[0].text
    assert str(answer)


checks.run(
    chat,
    stream,
    asynchronous,
    complete,
    legacy_completion,
    tool_required,
    tool_by_itself,
    structured_by_tool,
    structured_by_format,
    embedding,
    embeddings_in_a_batch,
    questions_about_documents,
)
