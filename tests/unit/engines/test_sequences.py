from __future__ import annotations

from typing import Any

import pytest
from grammar_toys import accepts

from aigc.engines import llama_cpp_grammar
from aigc.engines.base import Draw, SequenceDelta, SequenceRequest
from aigc.engines.constraint import ToolConstraint, whole
from aigc.engines.detokenise import Detokeniser, token_logprob
from aigc.engines.grammar import loosened, written
from aigc.engines.json_schema import compile_schema
from aigc.engines.llama_cpp_logprobs import Logprobs
from aigc.engines.sequence_check import refuse
from aigc.errors import ContextOverflow, UnsupportedParameter, UserError

GREEDY = Draw(temperature=0.0, seed=0)
PIECES = [b"", b"a", b"\xf0\x9f", b"\x98", b"\x80", b"\xf0", b"\x9f\x98"]


def _request(**more: Any) -> SequenceRequest:
    return SequenceRequest(**({"id": 1, "tokens": [1, 2], "max_tokens": 4, "draw": GREEDY} | more))


def test_a_character_comes_with_its_last_token() -> None:
    text = Detokeniser(PIECES)
    assert [text.push([t]) for t in (1, 2, 3, 4, 1)] == ["a", "", "", "😀", "a"]


def test_bytes_that_are_no_text_show_as_replacement_characters() -> None:
    assert Detokeniser(PIECES).push([3, 1]) == "\ufffda"


def test_a_piece_of_a_character_is_exact_in_bytes() -> None:
    entry = token_logprob(b"\xf0\x9f", -1.5)
    assert (entry.token, entry.bytes, entry.logprob) == ("\ufffd", (240, 159), -1.5)


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ({"tokens": []}, UserError, "empty"),
        ({"tokens": [7]}, UserError, "7 is no token; accepted: 0 to 6"),
        ({"tokens": [-1]}, UserError, "-1 is no token"),
        ({"max_tokens": 0}, UserError, "max_tokens is 0"),
        ({"max_tokens": 99}, ContextOverflow, "2 tokens and the answer may have 99; together at most 100"),
        ({"draw": Draw(temperature=0, seed=0, logit_bias={3: 1.0})}, UnsupportedParameter, "logit_bias"),
        ({"top_logprobs": 2}, UnsupportedParameter, "top_logprobs"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_name(more: dict[str, Any], kind: type, words: str) -> None:
    problem = refuse(_request(**more), frozenset({"logprobs", "seed"}), 7, 100)
    assert type(problem) is kind
    assert words in problem.message


def test_what_can_be_computed_passes() -> None:
    assert refuse(_request(max_tokens=98, top_logprobs=0), frozenset({"logprobs"}), 7, 100) is None


def test_optional_calls_wait_for_the_opening_tag() -> None:
    arguments = (("f", compile_schema({"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]})),)
    constraint = ToolConstraint(grammars=arguments, begin="<t>\n", end="\n</t>", required=False, parallel=False)
    found = llama_cpp_grammar.parameters(constraint)
    assert found["grammar_lazy"] is True
    assert found["grammar_triggers"] == [{"type": 1, "value": "<t>"}]
    assert accepts(whole(constraint), '<t>\n{"name": "f", "arguments": {"a":1}}\n</t>')
    assert not accepts(whole(constraint), '<t>\n{"name": "f", "arguments": {"a":2}}\n</t>')


def test_several_tools_keep_their_own_rules() -> None:
    tools = tuple(
        (name, compile_schema({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": value}, "required": ["a"]}}}))
        for name, value in (("f", {"type": "string"}), ("g", {"type": "null"}))
    )
    calls = ToolConstraint(grammars=tools, begin="<t>", end="</t>", required=True, parallel=True)
    one, other = (f'<t>{{"name": "{n}", "arguments": {{"a":{v}}}}}</t>' for n, v in (("f", '"x"'), ("g", "null")))
    assert accepts(whole(calls), f"{one}\n{other}\n{one}")
    assert not accepts(whole(calls), one.replace('"f"', '"g"'))
    single = ToolConstraint(grammars=tools, begin="<t>", end="</t>", required=True, parallel=False)
    assert not accepts(whole(single), f"{one}\n{other}")


def test_an_answer_in_place_of_a_call_has_a_grammar_of_its_own() -> None:
    tools = (("f", compile_schema({"type": "object"})),)
    either = ToolConstraint(
        grammars=tools, begin="<t>", end="</t>", required=False, parallel=False, otherwise=compile_schema({"const": 1})
    )
    assert not either.waits
    assert accepts(whole(either), "1")
    assert accepts(whole(either), '<t>{"name": "f", "arguments": {}}</t>')
    assert not accepts(whole(either), "{}")


def test_openvino_counts_short_texts_only() -> None:
    schema = {"properties": {"a": {"maxLength": 100}, "b": {"maxLength": 101}, "c": {"minLength": 7}}}
    loose = written(loosened(compile_schema(schema), 100))
    assert "{0,100}" in loose
    assert "101" not in loose
    assert "{7,}" in loose


def _entry(token: int, logprob: float, *rivals: tuple[int, float]) -> dict[str, Any]:
    return {"id": token, "logprob": logprob, "top_logprobs": [{"id": t, "logprob": p} for t, p in rivals]}


def test_log_probabilities_that_were_not_told_are_asked_for_from_the_last_to_the_first() -> None:
    logprobs = Logprobs([1], 0, PIECES)
    first = logprobs.add(SequenceDelta(id=1, text="a", tokens=1), [_entry(1, -0.5)])
    assert first is not None
    assert [e.logprob for e in first.logprobs] == [-0.5]
    assert logprobs.add(SequenceDelta(id=1, text="😀", tokens=3), [_entry(4, -0.25)]) is None
    assert logprobs.add(SequenceDelta(id=1, text="a", tokens=1, finish="length"), [_entry(1, -0.1)]) is None
    asked: list[list[int]] = []

    def ask(body: dict[str, Any]) -> dict[str, Any]:
        asked.append(body["prompt"])
        entry = _entry(1, -9.0, (1, -9.0), (2, -1.0), (3, -2.0))
        return {"choices": [{"logprobs": {"content": [entry]}}]}

    late = list(logprobs.late(ask))
    assert asked == [[1, 1, 2], [1, 1]]
    assert [[(e.bytes, e.logprob) for e in d.logprobs] for d in late] == [
        [((240, 159), -1.0), ((152,), -2.0), ((128,), -0.25)],
        [((97,), -0.1)],
    ]
    assert late[-1].finish == "length"
