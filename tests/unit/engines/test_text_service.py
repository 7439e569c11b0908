import json
import re
import threading
import time

import msgspec
import pytest
from grammar_toys import accepts
from text_toys import SPEC, ScriptedEngine, Sink, completion, text_of, user

from aigc.engines.base import SequenceDelta
from aigc.engines.constraint import JsonConstraint, ToolConstraint
from aigc.engines.json_schema import compile_schema
from aigc.engines.text import TextService
from aigc.errors import EngineError
from aigc.types import (
    Delta,
    EmbedRequest,
    Failure,
    Finished,
    Message,
    Sampling,
    Started,
    TextRequest,
    TokenizeRequest,
    TokenLogprob,
    Tokens,
    Tool,
    ToolChoice,
    Usage,
)


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def engine():
    return ScriptedEngine(context_tokens=4000)


@pytest.fixture
def small(engine):
    engine.context_tokens = 100


@pytest.fixture
def service(engine, sink):
    service = TextService(engine, SPEC, sink)
    yield service
    service.close()


WEATHER = Tool(
    name="get_weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    strict=True,
)
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'


BEGUN = (*user("Count."), Message(role="assistant", content="One,"))


def test_an_answer_is_started_deltas_finished_usage(service, engine, sink):
    service.submit(1, completion())
    engine.wait()
    engine.play("Hel", "lo")
    assert sink.wait() == [
        Started(prompt_tokens=2, fingerprint="scripted-1"),
        Delta(index=0, text="Hel"),
        Delta(index=0, text="lo"),
        Finished(index=0, reason="stop"),
        Usage(prompt_tokens=2, completion_tokens=3, fingerprint="scripted-1"),
    ]


def test_all_events_of_one_engine_step_leave_in_one_piece(service, engine, sink):
    service.submit(1, completion())
    service.submit(2, completion())
    first, second = engine.wait(2)
    engine.emit([SequenceDelta(id=first.id, text="a", tokens=1), SequenceDelta(id=second.id, text="b", tokens=1)])
    assert sink.batches[-1] == [(1, Delta(index=0, text="a")), (2, Delta(index=0, text="b"))]


def test_three_choices_are_three_sequences_with_seeds_that_follow_each_other(service, engine, sink):
    service.submit(1, completion(n=3, sampling=Sampling(seed=41)))
    assert [request.draw.seed for request in engine.wait(3)] == [41, 42, 43]
    for at, word in ((2, "c"), (0, "a"), (1, "b")):
        engine.play(word, at=at)
    events = sink.wait()
    assert [text_of(events, index) for index in range(3)] == ["a", "b", "c"]
    assert [event.index for event in events if isinstance(event, Finished)] == [2, 0, 1]
    assert events[-1] == Usage(prompt_tokens=2, completion_tokens=6, fingerprint="scripted-1")


def test_without_a_seed_each_request_draws_its_own(service, engine, sink):
    service.submit(1, completion())
    service.submit(2, completion())
    seeds = {request.draw.seed for request in engine.wait(2)}
    assert len(seeds) == 2
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_sampling_is_the_requests_then_the_models_then_neutral(engine, sink):
    spec = msgspec.structs.replace(SPEC, defaults=Sampling(temperature=0.7, top_k=20))
    service = TextService(engine, spec, sink)
    service.submit(1, completion(sampling=Sampling(temperature=0.0, seed=1)))
    service.submit(2, completion(sampling=Sampling(top_p=0.5, seed=1)))
    one, two = (request.draw for request in engine.wait(2))
    assert (one.temperature, one.top_p, one.top_k) == (0.0, 1.0, 20)
    assert (two.temperature, two.top_p, two.top_k) == (0.7, 0.5, 20)
    service.close()


def test_cached_tokens_are_those_that_no_choice_computed(service, engine, sink):
    service.submit(1, completion(n=2))
    one, two = engine.wait(2)
    engine.emit([SequenceDelta(id=one.id, text="a", tokens=1, finish="length")])
    engine.emit([SequenceDelta(id=two.id, text="a", tokens=1, cached_tokens=2, finish="length")])
    assert sink.wait()[-1].cached_tokens == 0


# ---------------------------------------------------------------- limits


@pytest.mark.usefixtures("small")
def test_max_tokens_is_what_the_context_leaves(service, engine):
    service.submit(1, completion())
    assert engine.wait()[0].max_tokens == 98


@pytest.mark.usefixtures("small")
def test_prompt_and_answer_over_the_context_are_refused_with_all_numbers(service, sink):
    service.submit(1, completion(max_tokens=99))
    [event] = sink.wait()
    assert (event.name, event.param) == ("ContextOverflow", "max_tokens")
    assert event.message == "2 prompt tokens and 99 of 'max_tokens' make 101, the context holds 100"


@pytest.mark.usefixtures("small")
def test_a_prompt_over_the_context_is_refused_with_both_numbers(service, sink):
    service.submit(1, completion(prompt="x" * 100))
    [event] = sink.wait()
    assert event.name == "ContextOverflow"
    assert event.message == "the prompt has 100 tokens, the context holds 100, and the answer needs room too"


@pytest.mark.usefixtures("small")
def test_exactly_the_context_is_accepted(service, engine):
    service.submit(1, completion(max_tokens=98))
    assert engine.wait()[0].max_tokens == 98


def test_token_ids_outside_of_the_vocabulary_are_refused(service, sink):
    service.submit(1, completion(prompt=(1, 5000)))
    assert sink.wait() == [Failure(name="UserError", message="there is no token 5000", param="prompt")]


def test_logit_bias_outside_of_the_vocabulary_is_refused(service, sink):
    service.submit(1, completion(sampling=Sampling(logit_bias={5000: 1.0})))
    assert sink.wait() == [Failure(name="UserError", message="there is no token 5000", param="logit_bias")]


def test_an_empty_prompt_continues_from_the_first_token(service, engine):
    service.submit(1, completion(prompt=""))
    assert engine.wait()[0].tokens == [ord("^")]


def test_zero_tokens_are_answered_without_the_engine(service, engine, sink):
    service.submit(1, completion(max_tokens=0, echo=True, n=2))
    events = sink.wait()
    assert [text_of(events, i) for i in range(2)] == ["ab", "ab"]
    assert events[-1] == Usage(prompt_tokens=2, completion_tokens=0, fingerprint="scripted-1")
    assert engine.requests == []


@pytest.mark.parametrize(
    ("request_", "name", "param"),
    [
        (TextRequest(messages=user("a"), suffix="b"), "UnsupportedParameter", "suffix"),
        (TextRequest(messages=user("a"), echo=True), "UnsupportedParameter", "echo"),
        (TextRequest(messages=BEGUN, schema={"type": "object"}), "UserError", "messages"),
        (
            TextRequest(messages=BEGUN, tools=(WEATHER,), tool_choice=ToolChoice(mode="required")),
            "UserError",
            "messages",
        ),
        (completion(tools=(WEATHER,)), "UnsupportedParameter", "tools"),
        (
            TextRequest(messages=user("a"), tools=(WEATHER,), tool_choice=ToolChoice(names=("x",))),
            "UserError",
            "tool_choice",
        ),
        (TextRequest(messages=user("a"), tool_choice=ToolChoice(mode="required")), "UserError", "tool_choice"),
        (TextRequest(messages=user("a"), tools=(WEATHER, WEATHER)), "UserError", "tools"),
        (TextRequest(), "UserError", "messages"),
        (TextRequest(messages=()), "UserError", "messages"),
        (completion(stop=("",)), "UserError", "stop"),
        (completion(n=0), "UserError", "n"),
        (completion(schema={"type": "object", "not": {}}), "InvalidSchema", "response_format"),
        (EmbedRequest(inputs=("a",)), "UserError", "model"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(service, sink, request_, name, param):
    service.submit(1, request_)
    [event] = sink.wait()
    assert (type(event), event.name, event.param) == (Failure, name, param)


def test_a_feature_that_the_engine_lacks_is_refused_by_its_parameter(engine, sink):
    engine.features = frozenset({"seed"})
    service = TextService(engine, SPEC, sink)
    service.submit(1, completion(sampling=Sampling(presence_penalty=0.5)))
    [event] = sink.wait()
    assert (event.name, event.param) == ("UnsupportedParameter", "presence_penalty")
    service.close()


# ---------------------------------------------------------------- echo, stops, log-probabilities


def test_echo_gives_the_prompt_first(service, engine, sink):
    service.submit(1, completion(prompt=(72, 105), echo=True))
    engine.wait()
    engine.play("!")
    assert text_of(sink.wait()) == "Hi!"


class _GapEngine(ScriptedEngine):
    """Its vocabulary has the tokens for filling gaps, and its texts begin with a token of their own."""

    adds_bos = True

    def encode(self, text, *, control=True):
        names = {"<|fim_prefix|>": 1, "<|fim_suffix|>": 2, "<|fim_middle|>": 3}
        return [names[text]] if text in names else super().encode(text)


def test_of_a_gap_the_text_before_it_is_echoed_and_scored(sink):
    engine = _GapEngine()
    service = TextService(engine, SPEC, sink)
    service.submit(1, completion(suffix="z", echo=True, top_logprobs=0))
    service.submit(2, completion(suffix="z", echo=True))
    first, second = engine.wait(2)
    assert first.tokens == [ord("^"), 1, ord("a"), ord("b"), 2, ord("z"), 3]
    assert (first.scored, second.scored) == ((2, 4), None)
    told = (logprob("a"), logprob("b"))
    engine.emit([SequenceDelta(id=first.id, prompt_logprobs=told)])
    engine.play("c")
    assert sink.wait()[1] == Delta(index=0, text="ab", logprobs=told)
    assert text_of(sink.of()) == "abc"
    service.close()


def test_the_token_that_begins_every_text_is_not_scored_with_it(sink):
    engine = _GapEngine()
    service = TextService(engine, SPEC, sink)
    service.submit(1, completion(echo=True, top_logprobs=0, max_tokens=0))
    assert (engine.wait()[0].tokens, engine.requests[0].scored) == ([ord("^"), ord("a"), ord("b")], (1, 3))
    service.close()


def test_a_stop_string_across_tokens_ends_the_sequence_unseen(service, engine, sink):
    service.submit(1, completion(stop=("STOP",)))
    [request] = engine.wait()
    engine.play("on", "e S", "TO", "P tw", finish=None)
    events = sink.wait()
    assert text_of(events) == "one "
    assert events[-2:] == [
        Finished(index=0, reason="stop"),
        Usage(prompt_tokens=2, completion_tokens=4, fingerprint="scripted-1"),
    ]
    assert engine.cancelled == [request.id]


def test_text_that_was_held_back_comes_with_the_end(service, engine, sink):
    service.submit(1, completion(stop=("STOP",)))
    engine.wait()
    engine.play("ST", finish="length")
    events = sink.wait()
    assert text_of(events) == "ST"
    assert Finished(index=0, reason="length") in events


def logprob(text: str) -> TokenLogprob:
    return TokenLogprob(token=text, bytes=tuple(text.encode()), logprob=-1.0)


def test_log_probabilities_follow_the_text_that_is_shown(service, engine, sink):
    service.submit(1, completion(stop=("STOP",), top_logprobs=0))
    [request] = engine.wait()
    for piece in ("a", "中", "ST", "OP"):
        engine.emit([SequenceDelta(id=request.id, text=piece, tokens=1, logprobs=(logprob(piece),))])
    told = [token.token for event in sink.wait() if isinstance(event, Delta) for token in event.logprobs]
    assert told == ["a", "中"]


def test_log_probabilities_of_a_false_alarm_are_not_lost(service, engine, sink):
    service.submit(1, completion(stop=("STOP",), top_logprobs=0))
    [request] = engine.wait()
    for piece in ("ST", "x"):
        engine.emit([SequenceDelta(id=request.id, text=piece, tokens=1, logprobs=(logprob(piece),))])
    engine.emit([SequenceDelta(id=request.id, tokens=1, finish="stop")])
    deltas = [event for event in sink.wait() if isinstance(event, Delta)]
    assert [(d.text, [t.token for t in d.logprobs]) for d in deltas] == [("STx", ["ST", "x"])]


def test_a_character_in_two_tokens_keeps_both_log_probabilities(service, engine, sink):
    service.submit(1, completion(top_logprobs=0))
    [request] = engine.wait()
    halves = [TokenLogprob(token="?", bytes=part, logprob=-1.0) for part in ((0xE4, 0xB8), (0xAD,))]
    engine.emit([SequenceDelta(id=request.id, tokens=1, logprobs=(halves[0],))])
    engine.emit([SequenceDelta(id=request.id, text="中", tokens=1, logprobs=(halves[1],), finish="length")])
    deltas = [event for event in sink.wait() if isinstance(event, Delta)]
    assert deltas == [Delta(index=0, text="中", logprobs=tuple(halves))]


# ---------------------------------------------------------------- JSON


def test_a_schema_becomes_a_constraint_of_the_engine(service, engine):
    service.submit(1, completion(schema={"type": "object"}))
    assert engine.wait()[0].constraint == JsonConstraint(compile_schema({"type": "object"}))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"a": "x"}', "/a: 'x' is not of type 'integer'"),
        ('{"a": 1', "Expecting ',' delimiter"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("", "Expecting value"),
    ],
)
def test_an_answer_that_breaks_its_schema_is_a_failure_instead_of_usage(service, engine, sink, answer, words):
    service.submit(1, completion(schema={"type": "object", "properties": {"a": {"type": "integer"}}}))
    engine.wait()
    engine.play(answer)
    events = sink.wait()
    assert events[-1].name == "EngineError"
    assert words in events[-1].message
    assert not any(isinstance(event, (Finished, Usage)) for event in events)


def test_an_answer_that_was_cut_off_is_honestly_of_length(service, engine, sink):
    service.submit(1, completion(schema={"type": "object"}, max_tokens=1))
    engine.wait()
    engine.play('{"a', finish="length")
    assert sink.wait()[-2] == Finished(index=0, reason="length")


def test_a_valid_answer_passes(service, engine, sink):
    service.submit(1, completion(schema={"type": "object"}))
    engine.wait()
    engine.play('{"a"', ": [1]}")
    assert isinstance(sink.wait()[-1], Usage)


def test_a_stop_string_that_cuts_json_in_two_is_the_requests_fault(service, engine, sink):
    service.submit(1, completion(schema={"type": "object"}, stop=(",",)))
    [request] = engine.wait()
    engine.play('{"a": 1, "b"', finish=None)
    assert (sink.wait()[-1].name, sink.of()[-1].param) == ("UserError", "stop")
    assert engine.cancelled == [request.id]


# ---------------------------------------------------------------- tools


def chat(**fields):
    return TextRequest(messages=user("Weather?"), tools=(WEATHER,), **fields)


def calls_of(events):
    return [call for event in events if isinstance(event, Delta) for call in event.tool_calls]


def test_tools_become_a_constraint_of_the_engine(service, engine):
    service.submit(1, chat(tool_choice=ToolChoice(mode="required"), parallel_tool_calls=False))
    constraint = engine.wait()[0].constraint
    assert isinstance(constraint, ToolConstraint)
    assert (constraint.begin, constraint.end) == ("<tool_call>\n", "\n</tool_call>")
    assert (constraint.required, constraint.parallel) == (True, False)
    [(name, grammar)] = constraint.grammars
    assert name == "get_weather"
    assert accepts(grammar, '{"city":"Rome"}')
    assert not accepts(grammar, "{}")


def test_a_free_call_is_given_whole_with_the_text_before_it(service, engine, sink):
    service.submit(1, chat())
    engine.wait()
    engine.play("Let me", " see.\n", *CALL)
    events = sink.wait()
    [call] = calls_of(events)
    assert text_of(events) == "Let me see."
    assert (call.index, call.name, call.arguments) == (0, "get_weather", '{"city": "Paris"}')
    assert re.fullmatch("call_[A-Za-z0-9]{24}", call.id)
    assert events[-2] == Finished(index=0, reason="tool_calls")


@pytest.mark.parametrize(
    "answer",
    [
        '<tool_call>\n{"name": "other", "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": 5}}\n</tool_call> so',
        '<tool_call>\n{"name": "get_weather", "arguments": \n</tool_call>',
        "<tool_call>\nnothing\n</tool_call>\n",
        "an opening <tool_ca",
        "a < b\n\n",
    ],
)
def test_a_broken_call_is_given_back_as_text(service, engine, sink, answer):
    service.submit(1, chat())
    engine.wait()
    engine.play(*answer)
    events = sink.wait()
    assert text_of(events) == answer
    assert calls_of(events) == []
    assert events[-2] == Finished(index=0, reason="stop")


def test_a_required_call_is_streamed_as_it_is_written(service, engine, sink):
    service.submit(1, chat(tool_choice=ToolChoice(mode="required")))
    engine.wait()
    engine.play(
        "<tool_call>\n{", '"name": "get_weather", "argu', 'ments": {"ci', 'ty": "a}\\"', '"}}\n</tool', "_call>"
    )
    events = sink.wait()
    calls = calls_of(events)
    assert [(c.index, c.name, c.arguments) for c in calls] == [
        (0, "get_weather", ""),
        (0, None, '{"ci'),
        (0, None, 'ty": "a}\\"'),
        (0, None, '"}'),
    ]
    assert calls[0].id is not None
    assert {c.id for c in calls[1:]} == {None}
    assert {len(event.tool_calls) for event in events if isinstance(event, Delta)} == {1}
    assert text_of(events) == ""
    assert events[-2] == Finished(index=0, reason="tool_calls")


@pytest.mark.parametrize("mode", ["none", "auto", "required"])
def test_an_upper_bound_of_no_tokens_is_an_empty_answer(service, engine, sink, mode):
    service.submit(1, chat(tool_choice=ToolChoice(mode=mode), max_tokens=0, n=2))
    started, *ends, usage = sink.wait()
    assert ends == [Finished(index=0, reason="length"), Finished(index=1, reason="length")]
    assert (usage.prompt_tokens, usage.completion_tokens) == (started.prompt_tokens, 0)
    assert engine.requests == []


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_two_calls_have_two_indexes(service, engine, sink, mode):
    service.submit(1, chat(tool_choice=ToolChoice(mode=mode)))
    engine.wait()
    engine.play(*(CALL + "\n" + CALL.replace("Paris", "Rome")))
    events = sink.wait()
    joined = {i: "".join(c.arguments for c in calls_of(events) if c.index == i) for i in (0, 1)}
    assert {i: json.loads(text) for i, text in joined.items()} == {0: {"city": "Paris"}, 1: {"city": "Rome"}}
    assert text_of(events) == ""


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_without_parallel_calls_the_sequence_ends_after_the_first(service, engine, sink, mode):
    service.submit(1, chat(tool_choice=ToolChoice(mode=mode), parallel_tool_calls=False))
    [request] = engine.wait()
    engine.play(*(CALL + CALL), finish=None)
    events = sink.wait()
    assert {c.index for c in calls_of(events)} == {0}
    assert events[-2] == Finished(index=0, reason="tool_calls")
    assert engine.cancelled == [request.id]


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_a_repeated_call_ends_its_own_choice_and_what_was_drawn_is_counted(service, engine, sink, mode):
    service.submit(1, chat(tool_choice=ToolChoice(mode=mode), n=2))
    first, _ = engine.wait(2)
    engine.play(CALL, "\n", CALL, finish=None)
    assert engine.cancelled == [first.id]
    engine.play(CALL, "\n", CALL.replace("Paris", "Rome"), at=1)
    events = sink.wait()
    made = [
        (event.index, call.index)
        for event in events
        if isinstance(event, Delta)
        for call in event.tool_calls
        if call.id
    ]
    assert made == [(0, 0), (1, 0), (1, 1)]
    assert [event for event in events if isinstance(event, Finished)] == [
        Finished(index=0, reason="tool_calls"),
        Finished(index=1, reason="tool_calls"),
    ]
    assert events[-1].completion_tokens == 3 + 4


def test_a_named_function_finishes_with_stop_as_openai_does(service, engine, sink):
    choice = ToolChoice(mode="required", names=("get_weather",))
    service.submit(1, chat(tool_choice=msgspec.structs.replace(choice, named=True)))
    service.submit(2, chat(tool_choice=choice))  # the one allowed tool is not a named one
    engine.wait(2)
    engine.play(CALL)
    engine.play(CALL, at=1)
    assert sink.wait()[-2] == Finished(index=0, reason="stop")
    assert sink.wait(2)[-2] == Finished(index=0, reason="tool_calls")
    assert [request.constraint.parallel for request in engine.requests] == [False, True]


def test_log_probabilities_are_told_of_the_text_around_calls_only(service, engine, sink):
    service.submit(1, chat(top_logprobs=0))
    request = engine.wait()[0]
    middle = len(CALL) // 2
    for piece in ("Let", " me", " see.", "\n", CALL[:middle], CALL[middle:] + "\n", "Or", " not."):
        engine.emit([SequenceDelta(id=request.id, text=piece, tokens=1, logprobs=(logprob(piece),))])
    engine.emit([SequenceDelta(id=request.id, tokens=1, finish="stop")])
    deltas = [event for event in sink.wait() if isinstance(event, Delta)]
    assert text_of(deltas) == "Let me see.\nOr not."
    assert [token.token for delta in deltas for token in delta.logprobs] == ["Let", " me", " see.", "Or", " not."]
    assert len(calls_of(deltas)) == 1


def test_log_probabilities_of_a_broken_call_are_told(service, engine, sink):
    service.submit(1, chat(top_logprobs=0))
    request = engine.wait()[0]
    pieces = ["<tool_", "call>", "{}", "</tool_call>", " ok "]
    for piece in pieces:
        engine.emit([SequenceDelta(id=request.id, text=piece, tokens=1, logprobs=(logprob(piece),))])
    engine.emit([SequenceDelta(id=request.id, tokens=1, finish="stop")])
    deltas = [event for event in sink.wait() if isinstance(event, Delta)]
    assert text_of(deltas) == "".join(pieces)
    assert [token.token for delta in deltas for token in delta.logprobs] == pieces


def test_a_required_call_has_no_log_probabilities(service, engine, sink):
    service.submit(1, chat(top_logprobs=0, tool_choice=ToolChoice(mode="required")))
    request = engine.wait()[0]
    engine.emit([SequenceDelta(id=request.id, text=CALL, tokens=1, logprobs=(logprob(CALL),))])
    engine.emit([SequenceDelta(id=request.id, tokens=1, finish="stop")])
    assert [event.logprobs for event in sink.wait() if isinstance(event, Delta)] == [(), ()]


ANSWER = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"]}


def test_beside_tools_a_schema_binds_the_answer_that_calls_nothing(service, engine, sink):
    for number in (1, 2, 3):
        service.submit(number, chat(schema=ANSWER))
    constraint = engine.wait(3)[0].constraint
    assert isinstance(constraint, ToolConstraint)
    assert constraint.otherwise == compile_schema(ANSWER)
    engine.play(CALL)
    engine.play('{"a"', ": 1}", at=1)
    engine.play('{"a": 3}', at=2)
    assert sink.wait()[-2] == Finished(index=0, reason="tool_calls")
    assert text_of(sink.wait(2)) == '{"a": 1}'
    assert isinstance(sink.wait(3)[-1], Failure)


def test_a_required_call_that_never_comes_is_a_failure(service, engine, sink):
    service.submit(1, chat(tool_choice=ToolChoice(mode="required")))
    engine.wait()
    engine.play("I would rather talk.")
    assert sink.wait()[-1].name == "EngineError"


def test_a_required_call_that_was_cut_off_keeps_its_pieces(service, engine, sink):
    service.submit(1, chat(tool_choice=ToolChoice(mode="required")))
    engine.wait()
    engine.play(CALL[:60], finish="length")
    events = sink.wait()
    assert "".join(c.arguments for c in calls_of(events)) == '{"city": "P'
    assert events[-2] == Finished(index=0, reason="length")


def test_a_call_without_its_closing_tag_still_counts(service, engine, sink):
    service.submit(1, chat())
    engine.wait()
    engine.play(CALL.removesuffix("\n</tool_call>"))
    events = sink.wait()
    assert len(calls_of(events)) == 1
    assert events[-2] == Finished(index=0, reason="tool_calls")


def test_a_closing_tag_inside_of_an_argument_is_not_the_end(service, engine, sink):
    service.submit(1, chat())
    engine.wait()
    engine.play(*CALL.replace("Paris", "a</tool_call>b"))
    [call] = calls_of(sink.wait())
    assert call.arguments == '{"city": "a</tool_call>b"}'


def test_stop_strings_look_at_the_text_and_not_into_calls(service, engine, sink):
    service.submit(1, chat(stop=("Paris",)))
    engine.wait()
    engine.play("Pa", CALL)
    events = sink.wait()
    assert text_of(events) == "Pa"
    assert len(calls_of(events)) == 1


def test_with_tool_choice_none_nothing_is_constrained(service, engine, sink):
    service.submit(1, chat(tool_choice=ToolChoice(mode="none")))
    assert engine.wait()[0].constraint is None
    engine.play(CALL)
    assert text_of(sink.wait()) == CALL


def test_a_strict_tool_whose_schema_cannot_be_enforced_is_refused(service, sink):
    tool = Tool(name="f", parameters={"type": "object", "properties": {"a": {"not": {}}}}, strict=True)
    service.submit(1, TextRequest(messages=user("a"), tools=(tool,)))
    [event] = sink.wait()
    assert (event.name, event.param) == ("InvalidSchema", "tools")
    assert "tools[0].function.parameters.properties.a: 'not': not among the keywords" in event.message


def test_a_tool_that_is_not_strict_keeps_what_can_be_enforced_of_its_schema(service, engine):
    tool = Tool(name="f", parameters={"properties": {"a": {"type": "boolean", "not": {}}}, "required": ["a"]})
    service.submit(1, TextRequest(messages=user("a"), tools=(tool,)))
    [(_, grammar)] = engine.wait()[0].constraint.grammars
    assert accepts(grammar, '{"a":true}')
    assert not accepts(grammar, '{"a":1}')


# ---------------------------------------------------------------- failures and cancelling


def test_an_error_of_one_choice_fails_the_request_once_and_stops_the_others(service, engine, sink):
    service.submit(1, completion(n=3))
    one, two, three = engine.wait(3)
    engine.emit(
        [
            SequenceDelta(id=one.id, text="a", tokens=1),
            SequenceDelta(id=two.id, error=EngineError("out of cache")),
            SequenceDelta(id=three.id, error=EngineError("out of cache")),
        ]
    )
    engine.emit([SequenceDelta(id=one.id, text="b", tokens=1, finish="stop")])
    assert sink.of()[1:] == [Delta(index=0, text="a"), Failure(name="EngineError", message="out of cache")]
    assert sorted(engine.cancelled) == [one.id, two.id, three.id]


def test_an_unexpected_error_is_told_without_its_words(service, engine, sink, caplog):
    def broken(text, *, control=True):
        raise RuntimeError("secret path /root")

    engine.encode = broken
    service.submit(1, completion())
    assert sink.wait() == [Failure(name="EngineError", message="the engine failed while answering")]
    assert "secret path" in caplog.text


def test_a_request_that_is_cancelled_before_it_is_prepared_never_reaches_the_engine(service, engine, sink):
    free = threading.Event()
    encode = engine.encode
    engine.encode = lambda text: (free.wait(10), encode(text))[1]
    service.submit(1, completion())
    service.submit(2, completion())
    service.cancel(2)
    service.cancel(1)
    free.set()
    service.submit(3, completion())
    engine.wait(1)
    time.sleep(0.05)
    assert len(engine.requests) == 1
    assert {number for batch in sink.batches for number, _ in batch} == {3}


def test_nothing_follows_a_cancellation_while_streaming(service, engine, sink):
    service.submit(1, completion(n=2))
    one, two = engine.wait(2)
    engine.play("a", finish=None)
    before = sink.of()
    service.cancel(1)
    engine.play("b", at=0)
    engine.play("b", at=1)
    assert sink.of() == before
    assert sorted(engine.cancelled) == [one.id, two.id]


def test_cancelling_what_is_unknown_or_complete_does_nothing(service, engine, sink):
    service.submit(1, completion())
    engine.wait()
    engine.play("a")
    sink.wait()
    service.cancel(1)
    service.cancel(99)
    assert engine.cancelled == []


def test_closing_closes_the_engine(engine, sink):
    TextService(engine, SPEC, sink).close()
    assert engine.closed


# ---------------------------------------------------------------- tokens


def test_text_is_split_into_tokens_with_their_pieces(service, sink):
    service.submit(1, TokenizeRequest(text="aé"))
    assert sink.wait() == [Tokens(ids=(97, 233), pieces=("a", "é"))]


def test_messages_are_rendered_before_they_are_split(service, sink):
    service.submit(1, TokenizeRequest(messages=user("hi")))
    assert "".join(sink.wait()[0].pieces) == "User: hi\nAssistant:"


@pytest.mark.parametrize(
    ("prompt", "sent"), [("Hi", "^Hi"), ("^Hi", "^Hi"), ((72, 105), "Hi")], ids=["added", "there already", "token ids"]
)
def test_a_raw_text_begins_with_the_token_that_the_model_was_trained_with(service, engine, sink, prompt, sent):
    engine.adds_bos = True
    service.submit(1, completion(prompt=prompt))
    (request,) = engine.wait()
    assert "".join(map(chr, request.tokens)) == sent


def test_a_chat_template_writes_that_token_itself(service, engine, sink):
    engine.adds_bos = True
    service.submit(1, TextRequest(messages=user("Hi")))
    (request,) = engine.wait()
    assert "^" not in "".join(map(chr, request.tokens))
