"""Grammars in the shape that xgrammar compiles fast: the same language, at a cost that is known before."""

import random
import string

import pytest
from grammar_toys import accepts, sample

from aigc.engines.grammar import Grammar, Rule, written
from aigc.engines.grammar_shape import Vocabulary, shaped, untangled
from aigc.engines.json_schema import compile_schema
from aigc.engines.openvino_grammar import notation
from aigc.errors import InvalidSchema
from aigc.types import JSON

LETTERS = [a.encode() for a in string.printable]
VOCABULARY = Vocabulary(
    [*LETTERS, *(a + b for a in LETTERS for b in LETTERS), *(a * 4 for a in LETTERS), b"", b"\xc3"] * 4
)
"""About 40,000 tokens of one to four characters."""

SCHEMAS: list[JSON] = [
    {"type": "string", "maxLength": 7},
    {"type": "string", "minLength": 2, "maxLength": 9},
    {"type": "string", "format": "email"},
    {"type": "string", "format": "hostname"},
    {"type": "string", "format": "uri"},
    {"type": "string", "format": "ipv6"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "pattern": "^a?b?c?d?e?$"},
    {"type": "string", "pattern": "^[^a]{1,5}[^b]{1,5}$"},
    {"type": "string", "pattern": "(a.*){2}"},
    {"type": "number", "minimum": -3.5, "maximum": 1000},
    {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 4},
    {
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 4}, "b": {"type": "number"}, "c": {"enum": ["x", "y"]}},
        "required": ["b"],
        "additionalProperties": {"type": "string", "pattern": "^[a-z]{2,5}$"},
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_the_language_stays_what_it_was(schema: JSON) -> None:
    before = compile_schema(schema)
    after, _ = shaped(before, VOCABULARY)
    for seed in range(25):
        rng = random.Random(seed)
        inside = sample(before, rng)
        assert accepts(after, inside), inside
        assert accepts(before, again := sample(after, rng)), again
        at = rng.randrange(len(inside) + 1)
        other = inside[:at] + rng.choice(['"', "a", "\\", "é", ""]) + inside[at + rng.randint(0, 1) :]
        assert accepts(after, other) == accepts(before, other), other


def cost(schema: JSON) -> int:
    return shaped(compile_schema(schema), VOCABULARY)[1]


def test_a_place_for_any_character_costs_the_whole_vocabulary() -> None:
    longer, shorter = (cost({"type": "string", "maxLength": length}) for length in (60, 50))
    assert 1.0 <= (longer - shorter) / 10 / VOCABULARY.size <= 1.5


def test_parts_that_may_all_be_missing_cost_no_more_than_their_count() -> None:
    assert cost({"type": "string", "pattern": f"^{'.?' * 40}$"}) <= 1.1 * cost({"type": "string", "maxLength": 41})


def test_a_format_costs_each_of_its_parts_once() -> None:
    label = {"type": "string", "pattern": "^[A-Za-z0-9-]{0,32}$"}
    assert cost({"type": "string", "format": "hostname"}) <= 3 * cost(label)


HOSTILE = {
    "a hundred parts that may be missing": {"type": "string", "pattern": f"^{'.?' * 100}$"},
    "counts inside of counts": {"type": "string", "pattern": "^((a?){20}){20}$"},
    "many patterns": {"anyOf": [{"type": "string", "pattern": f"^.*a{i}.*b{i}.*c{i}.*d{i}$"} for i in range(200)]},
}


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
def test_what_would_take_too_long_is_refused_before_it_is_tried(schema: JSON) -> None:
    with pytest.raises(InvalidSchema, match="the schema takes too long to compile"):
        notation(compile_schema(schema), VOCABULARY)


def test_texts_are_counted_less_far_where_all_of_them_together_would_take_too_long() -> None:
    counted = notation(compile_schema({"type": "string", "maxLength": 100}), VOCABULARY)
    assert counted.count("::=") > 300
    many = {"type": "object", "properties": {f"k{i}": {"type": "string", "maxLength": 60 + i} for i in range(16)}}
    less = notation(compile_schema(many), VOCABULARY)
    assert "r4 ::= a4s0\n" in less  # 64 characters
    assert 'r5 ::= "\\"" ([^' in less  # 65: any number


def test_where_only_ways_are_dear_counts_stay_and_ways_go() -> None:
    counted = compile_schema({"type": "string", "maxLength": 5000})
    assert untangled(counted) == counted
    tangled = compile_schema({"type": "string", "pattern": f"^{'[a-f]?' * 40}x$"})
    assert len(untangled(tangled).rules) == 43  # the automaton's 42 and the string's own


def test_a_pattern_with_too_many_ways_for_llama_cpp_is_refused() -> None:
    with pytest.raises(InvalidSchema, match="more than 30 ways at once"):
        untangled(compile_schema({"type": "string", "pattern": f"^{'.?' * 250}$"}))


def test_a_grammar_without_counts_stays_as_it_was() -> None:
    grammar = compile_schema({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})
    assert written(shaped(grammar, VOCABULARY)[0]) == written(grammar)


def test_a_rule_that_is_missing_is_left_to_the_engine() -> None:
    assert notation(Grammar(Rule("nowhere")), VOCABULARY) == "root ::= nowhere\n"
