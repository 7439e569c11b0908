import json
import subprocess
import sys
import time

import pytest
from text_toys import Sink, completion, text_of, user

from aigc.engines import echo, registry
from aigc.engines.base import LoadOptions
from aigc.errors import UserError
from aigc.types import (
    Delta,
    EngineFile,
    Failure,
    Finished,
    Message,
    ModelSpec,
    Sampling,
    TextRequest,
    TokenizeRequest,
    Tool,
    ToolChoice,
    Usage,
)

SPEC = ModelSpec(
    id="echo", capabilities=("chat",), engines=(), context_tokens=4000, created=0, digest="", licence="Apache-2.0"
)


@pytest.fixture
def run():
    services = []

    def load(path="echo:"):
        sink = Sink()
        file = EngineFile(engine="echo", path=path, memory_bytes=0)
        loading = LoadOptions(threads=1, context_tokens=4000, cache_bytes=0, max_sequences=4)
        services.append(registry.load(SPEC, file, loading, sink))
        return services[-1], sink

    yield load
    for service in services:
        service.close()


def ask(run, request, path="echo:"):
    service, sink = run(path)
    service.submit(1, request)
    return sink.wait()


def test_a_chat_is_answered_with_the_last_user_message(run):
    messages = (*user("one"), Message(role="assistant", content="two"), *user("three 三"))
    events = ask(run, TextRequest(messages=messages))
    assert text_of(events) == "three 三"
    # the turns have 11, 16 and 15 tokens, the beginning of the answer 11
    assert events[-1] == Usage(prompt_tokens=53, completion_tokens=8, fingerprint="echo-1")


def test_a_completion_is_answered_with_its_prompt_token_by_token(run):
    events = ask(run, completion(prompt="héllo"))
    assert [e.text for e in events if isinstance(e, Delta)] == ["h", "é", "l", "l", "o"]


def test_max_tokens_are_honoured(run):
    events = ask(run, completion(prompt="hello", max_tokens=3))
    assert text_of(events) == "hel"
    assert events[-2] == Finished(index=0, reason="length")


def test_ignore_eos_repeats_up_to_max_tokens(run):
    assert text_of(ask(run, completion(prompt="ab", max_tokens=5, ignore_eos=True))) == "ababa"


def test_log_probabilities_are_zero_and_the_rivals_minus_one(run):
    events = ask(run, completion(prompt="a", top_logprobs=3))
    [token] = [token for e in events if isinstance(e, Delta) for token in e.logprobs]
    assert (token.token, token.bytes, token.logprob) == ("a", (97,), 0.0)
    assert [(top.token, top.logprob) for top in token.top] == [("a", 0.0), (" ", -1.0), ("!", -1.0)]


def test_a_banned_token_is_left_out(run):
    assert text_of(ask(run, completion(prompt="banana", sampling=Sampling(logit_bias={97: -100.0})))) == "bnn"


def test_a_token_can_be_banned_by_its_text(run):
    assert text_of(ask(run, completion(prompt="banana", sampling=Sampling(text_bias={"a": -100.0})))) == "bnn"


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        (Sampling(text_bias={"an": 1.0}), "the 'logit_bias' key 'an' is 2 tokens of this model"),
        (Sampling(logit_bias={97: 1.0}, text_bias={"a": 1.0}), "'logit_bias' names token 97 ('a') twice"),
    ],
)
def test_a_text_that_is_not_one_token_or_names_it_again_is_refused(run, sampling, message):
    [failure] = ask(run, completion(prompt="banana", sampling=sampling))
    assert (failure.name, failure.param) == ("UserError", "logit_bias")
    assert failure.message.startswith(message)


def test_a_schema_is_answered_with_its_smallest_instance(run):
    schema = {
        "type": "object",
        "properties": {
            "when": {"type": "string", "format": "date"},
            "tags": {"type": "array", "items": {"enum": ["x"]}, "minItems": 2},
            "more": {"type": "null"},
        },
        "required": ["when", "tags"],
    }
    assert json.loads(text_of(ask(run, completion(schema=schema)))) == {"when": "1000-01-01", "tags": ["x", "x"]}


def test_a_required_call_is_one_of_the_first_allowed_tool(run):
    tools = (Tool(name="a"), Tool(name="b", parameters={"properties": {"n": {"type": "integer"}}, "required": ["n"]}))
    events = ask(
        run, TextRequest(messages=user("x"), tools=tools, tool_choice=ToolChoice(mode="required", names=("b",)))
    )
    calls = [call for e in events if isinstance(e, Delta) for call in e.tool_calls]
    assert (calls[0].name, "".join(c.arguments for c in calls)) == ("b", '{"n":0}')
    assert events[-2] == Finished(index=0, reason="tool_calls")


def test_a_free_call_is_made_when_it_is_dictated(run):
    dictated = '<tool_call>\n{"name": "a", "arguments": {}}\n</tool_call>'
    events = ask(run, TextRequest(messages=user(dictated), tools=(Tool(name="a"),)))
    assert events[-2] == Finished(index=0, reason="tool_calls")


def test_tokens_are_characters(run):
    [tokens] = ask(run, TokenizeRequest(text="<|im_start|>é<"))
    assert (tokens.ids, tokens.pieces) == ((1114112, 233, 60), ("<|im_start|>", "é", "<"))


def test_half_a_surrogate_pair_is_refused(run):
    assert ask(run, completion(prompt="\ud800"))[-1].name == "UserError"


def test_fail_after_fails_once(run):
    events = ask(run, completion(prompt="abcdef", n=2), "echo:?fail_after=4")
    assert events[-1] == Failure(name="EngineError", message="echo fails after 4 tokens")
    assert sum(isinstance(e, Failure) for e in events) == 1


def test_hang_after_stalls_and_can_be_closed(run):
    service, sink = run("echo:?hang_after=2")
    service.submit(1, completion(prompt="abcdef"))
    sink.wait_for(Delta)
    time.sleep(0.2)
    assert text_of(sink.of()) == "ab"
    assert service.stalled_seconds() >= 0.15
    service.cancel(1)


def test_delay_slows_each_step(run):
    service, sink = run("echo:?delay=0.05")
    begin = time.monotonic()
    service.submit(1, completion(prompt="abc"))
    sink.wait()
    assert time.monotonic() - begin >= 0.2
    assert service.stalled_seconds() == 0.0


def test_cancel_ends_a_stream_within_a_step(run):
    service, sink = run("echo:?delay=0.01")
    service.submit(1, completion(prompt="abc", ignore_eos=True))
    sink.wait_for(Delta)
    service.cancel(1)
    seen = len(sink.of())
    time.sleep(0.05)
    assert len(sink.of()) == seen
    assert service.stalled_seconds() == 0.0


CRASH = """
from aigc.engines import echo, registry
from aigc.engines.base import LoadOptions
from aigc.types import EngineFile, ModelSpec, TextRequest
import time
spec = ModelSpec(id="e", capabilities=("chat",), engines=(), context_tokens=99, created=0, digest="", licence="")
file = EngineFile(engine="echo", path="echo:?crash_after=2", memory_bytes=0)
options = LoadOptions(threads=1, context_tokens=99, cache_bytes=0, max_sequences=1)
service = registry.load(spec, file, options, lambda events: print(len(events), flush=True))
service.submit(1, TextRequest(prompt="abcdef"))
time.sleep(30)
"""


def test_crash_after_kills_the_process_by_a_signal():
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, timeout=30)
    assert done.returncode == -11
    assert done.stdout.split() == [b"1", b"1", b"1"]  # Started and two tokens


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("model.gguf", "looks like"),
        ("echo:?speed=1", "no option 'speed'"),
        ("echo:?delay=fast", "is a number"),
        ("echo:?delay=nan", "at least 0"),
        ("echo:?fail_after=-1", "at least 0"),
    ],
)
def test_wrong_options_are_refused(path, words):
    with pytest.raises(UserError, match=words):
        echo.options(path)


def test_options_are_read_from_the_path():
    assert echo.options("echo:?delay=0.01&crash_after=5") == echo.EchoOptions(delay_seconds=0.01, crash_after=5)


def test_an_echoed_prompt_with_log_probabilities_comes_once_and_first(run):
    events = ask(run, completion(prompt="ab", echo=True, top_logprobs=0, max_tokens=1))
    deltas = [e for e in events if isinstance(e, Delta)]
    assert [(e.text, [t.logprob for t in e.logprobs]) for e in deltas] == [("ab", [None, 0.0]), ("a", [0.0])]


def test_a_model_without_the_tokens_refuses_a_suffix_by_name(run):
    [failure] = ask(run, completion(prompt="ab", suffix="c"))
    assert (failure.name, failure.param) == ("UnsupportedParameter", "suffix")


def test_the_best_of_several_are_told_and_all_are_counted(run):
    events = ask(run, completion(prompt="ab", n=2, best_of=3))
    assert [text_of(events, index) for index in range(3)] == ["ab", "ab", ""]
    assert not any(e.logprobs for e in events if isinstance(e, Delta))
    assert events[-1].completion_tokens == 9
