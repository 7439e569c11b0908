"""What openai 0.28.1 can ask of a server, by engine and by model."""

import checks
import openai

openai.api_base, openai.api_key = checks.URL, checks.KEY
HELLO = [{"role": "user", "content": "Say hello."}]


def ended(answer):
    """A model may end at once, so the text may be empty."""
    assert isinstance(answer.choices[0].text, str)
    assert answer.choices[0].finish_reason in ("stop", "length")


def completion_by_engine():
    answer = openai.Completion.create(
        engine=checks.MODEL, prompt="What is the capital of France?", max_tokens=10, n=1, stop=None, temperature=0.5
    )
    ended(answer)
    assert answer.usage.completion_tokens <= 10


def completion_davinci():
    """As printed in the articles: the retired name must work too, or be refused by name."""
    answer = openai.Completion.create(engine="text-davinci-002", prompt="What is the capital of France?", max_tokens=10)
    ended(answer)


def completion_stream():
    chunks = list(openai.Completion.create(engine=checks.MODEL, prompt="One, two,", max_tokens=8, stream=True))
    ended = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert ended[-1]


def completion_by_model():
    assert openai.Completion.create(model=checks.MODEL, prompt="One, two,", max_tokens=8).choices[0].text


def chat():
    answer = openai.ChatCompletion.create(model=checks.MODEL, messages=HELLO, max_tokens=8)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content


def chat_by_engine():
    assert openai.ChatCompletion.create(engine=checks.MODEL, messages=HELLO, max_tokens=8).choices[0].message.content


def chat_stream():
    chunks = list(openai.ChatCompletion.create(model=checks.MODEL, messages=HELLO, max_tokens=8, stream=True))
    ended = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert "".join(chunk.choices[0].delta.get("content") or "" for chunk in chunks if chunk.choices)
    assert ended[-1]


def engines():
    listed = openai.Engine.list()
    assert listed.object == "list"
    assert any(engine.id == checks.MODEL for engine in listed.data)


def engine_retrieve():
    assert openai.Engine.retrieve(checks.MODEL).id == checks.MODEL


def models():
    assert any(model.id == checks.MODEL for model in openai.Model.list().data)


def embedding():
    vector = openai.Embedding.create(model="text-embedding-ada-002", input="hello").data[0].embedding
    assert len(vector) > 1
    assert all(isinstance(number, float) for number in vector)


def embedding_by_engine():
    assert openai.Embedding.create(engine="text-embedding-ada-002", input=["a", "b"]).data[1].index == 1


def moderation():
    assert isinstance(openai.Moderation.create("I like tea.").results[0].flagged, bool)


def wrong_key_is_an_authentication_error():
    try:
        openai.Completion.create(model=checks.MODEL, prompt="x", max_tokens=1, api_key="sk-wrong")
    except openai.error.AuthenticationError:
        return
    raise AssertionError("a wrong key was accepted")


def bad_request_is_an_invalid_request_error():
    try:
        openai.Completion.create(model=checks.MODEL, prompt="x", max_tokens=-5)
    except openai.error.InvalidRequestError:
        return
    raise AssertionError("max_tokens=-5 was accepted")


checks.run(
    completion_by_engine,
    completion_davinci,
    completion_stream,
    completion_by_model,
    chat,
    chat_by_engine,
    chat_stream,
    engines,
    engine_retrieve,
    models,
    embedding,
    embedding_by_engine,
    moderation,
    wrong_key_is_an_authentication_error,
    bad_request_is_an_invalid_request_error,
)
