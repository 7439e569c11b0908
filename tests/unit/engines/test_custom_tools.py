"""Custom tools: grammars as patterns, inputs taken out of JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from grammar_toys import accepts, spelled
from hypothesis import given
from hypothesis import strategies as st

from aigc.engines.custom import InputReader, enforced, shown_schema
from aigc.engines.grammar import written
from aigc.engines.lark import GrammarError, to_grammar
from aigc.engines.parts import hidden
from aigc.engines.tools import Callee, ToolParser
from aigc.errors import InvalidSchema
from aigc.types import Grammar, Tool, ToolCallDelta

SUM = """
start: expr
expr: term (SP ADD SP term)* -> add
    | term
term: factor (SP MUL SP factor)* -> mul
    | factor
factor: INT
SP: " "     // one blank
ADD: "+"
MUL: "*"
%import common.INT
"""
ROUTE = """
?start: method " " path
method: "get"i | "post"i
path: "/" | path SEGMENT
SEGMENT: "/" /[a-z]+/ ("-" "a".."z" ~ 2..3)?
"""
NESTED = """
?start: sum
?sum: product | sum "+" product -> add | sum "-" product -> sub
?product: atom | product "*" atom -> mul
?atom: INT -> number | "(" sum ")"
%import common.INT
"""
JSON = """
start: value
value: object | array | STRING | INT
object: "{" [pair ("," pair)*] "}"
pair: STRING ":" value
array: "[" [value ("," value)*] "]"
STRING: /"[a-z]*"/
%import common.INT
"""
DATE = r"^(?P<month>January|May)\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?$"


def tool(syntax: str, definition: str) -> Tool:
    return Tool(name="f", kind="custom", grammar=Grammar(syntax=syntax, definition=definition))  # type: ignore[arg-type]


def matched(syntax: str, definition: str, texts: Sequence[str]) -> list[str]:
    """Those of the texts that may be the input: by the grammar for engines, and by the check at the end."""
    grammar, check = enforced(tool(syntax, definition), "format")
    written = [text for text in texts if accepts(grammar, spelled({"input": text}))]
    assert written == [text for text in texts if check({"input": text}) is None]
    return written


# What is accepted and what is not was settled with Lark 1.3 (Earley, dynamic lexer) itself.
@pytest.mark.parametrize(
    ("grammar", "accepted", "refused"),
    [
        (SUM, ["4", "4 + 4", "1 * 2 + 3 * 45", "10 + 2 + 3"], ["", "4 +", "4+4", " 4", "4 - 4", "x4"]),
        (ROUTE, ["get /", "POST //ab", "Get //ab/c-xy", "post //a-xyz"], ["get", "put /", "get ab", "get //a-x"]),
        ("start: A+\nA: \"a\" | /b{2}/", ["a", "bb", "abba"], ["", "b", "bbb"]),
        ("start: [\"-\"] \"1\"..\"3\"", ["1", "-3"], ["--1", "4", ""]),
        ("start: item\nitem: \"x\" item | \"y\"", ["y", "xy", "xxxy"], ["x", "yx", ""]),
        ("%import common (DIGIT, CNAME)\nstart: DIGIT CNAME",
         ["1a", "2_b3"], ["a1", "12", ""]),
        ('start: "(" start ")" | "x"', ["x", "(x)", "((x))"], ["", "(x", "x)", "()", "(x))"]),
        (NESTED, ["1", "1+2*3", "(1+2)*3", "((7))", "1-2-3"], ["", "1+", "(1", "1)", "()", "+1", "1**2"]),
        (JSON, ["1", "[]", '[1,[2,"a"]]', '{"a":[]}', '{"a":1,"b":{}}'], ["", "[", "[1,]", "{a:1}", '{"a"}', "1 "]),
        ('start: a "c"\na: "x" a "y" |', ["c", "xyc", "xxyyc"], ["xc", "xyyc", "yxc", ""]),
    ],
)  # fmt: skip
def test_the_input_is_what_the_lark_grammar_accepts(grammar: str, accepted: list[str], refused: list[str]) -> None:
    assert matched("lark", grammar, [*accepted, *refused]) == accepted


@pytest.mark.parametrize(
    ("grammar", "named"),
    [
        ("start: a\na: b\nb: a", "begins with itself"),
        ('start: a "x" | "y"\na: start "z"', "'start' begins with itself, by way of others"),
        ('start: "a" start', "no finite text satisfies it"),
        ('start: "a" ~ 5..2', "out of order"),
        ('start: "a" ~ 100000', "above 1000"),
        ("start: /(?=a)b/", "look-around"),
        ('start: "a"\n%ignore " "', "%ignore"),
        ('begin: "a"', "no rule 'start'"),
        ("start: other", "'other' is not defined"),
        ('start: "a"\nstart: "b"', "defined twice"),
        ("start: /a/i", "flags 'i'"),
        ('start: "a".."bc"', "not one character"),
        ("%import python.NAME\nstart: NAME", "only 'common'"),
        ("%import common.ZIP\nstart: ZIP", "common.ZIP is unknown"),
        ('start: ("a"', "expected )"),
        ("start: <|x|>", "not understood"),
        ("x" * 9 + " ", "expected :"),
        (
            "start: "
            + " ".join(f"a{n}" for n in range(500))
            + "".join(f"\na{n}: /[a-z]{n}b[a-z]c[a-z]d/ ~ 2" for n in range(500)),
            "more than",
        ),
        ("".join(f"r{n}: r{n + 1}\n" for n in range(400)) + 'r400: "a"\nstart: r0', "100 deep"),
    ],
)
def test_a_grammar_that_cannot_be_enforced_is_refused_with_what_is_wrong(grammar: str, named: str) -> None:
    with pytest.raises(GrammarError) as caught:
        to_grammar(grammar)
    assert named in str(caught.value)
    with pytest.raises(InvalidSchema, match="lark grammar can't be enforced"):
        enforced(tool("lark", grammar), "format")


def test_what_several_ways_begin_with_is_written_once() -> None:
    read = to_grammar('start: "a" start "x" | "a" start "y" | "b"')
    assert written(read).splitlines()[1].replace("(", "").replace(")", "") == 'l0 ::= "a" l0 "x" | "y" | "b"'
    assert len(read.rules["l0"].parts) == 2  # type: ignore[union-attr]


@given(st.text(alphabet='start:ab|()[]"/?*+~.0%->\n A\\{}', max_size=80))
def test_a_grammar_is_read_or_refused(grammar: str) -> None:
    with contextlib.suppress(GrammarError):
        to_grammar(grammar)


def test_a_regular_expression_covers_the_whole_input() -> None:
    assert matched("regex", DATE, ["May 4th", "May 4th, maybe"]) == ["May 4th"]
    assert matched("regex", "a|bc", ["a", "bc", "xa", "bcx"]) == ["a", "bc"]
    assert matched("regex", r"5\$", ["5$", "5"]) == ["5$"]
    assert matched("regex", r"a\\\\$", ["a\\\\", "a\\"]) == ["a\\\\"]


@pytest.mark.parametrize("expression", [r"(?=a)b", r"\bword", "(a", "x" * 1001, r"a\1"])
def test_an_expression_that_cannot_be_enforced_is_refused(expression: str) -> None:
    with pytest.raises(InvalidSchema):
        enforced(tool("regex", expression), "format")


def test_the_model_is_told_of_the_grammar() -> None:
    told = shown_schema(tool("regex", "a+"))["properties"]["input"]["description"]
    assert told.endswith("regular expression as a whole:\na+")


INPUT = 'SELECT "ä" \\ 😀\n\t\x01'


@pytest.mark.parametrize("ascii_only", [True, False])
@given(cuts=st.sets(st.integers(1, 90)))
def test_an_input_in_pieces_is_the_input(ascii_only: bool, cuts: set[int]) -> None:
    text = json.dumps({"input": INPUT}, ensure_ascii=ascii_only)
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    reader = InputReader()
    assert "".join(reader.push(text[a:b]) for a, b in pairwise(edges)) == INPUT


def test_half_a_surrogate_pair_in_an_input_shows_as_a_replacement() -> None:
    reader = InputReader()
    pieces = ['{"input": "a\\ud83d', "\\u0041\\", "udc00", '"}']
    assert "".join(reader.push(piece) for piece in pieces) == "a\ufffdA\ufffd"


CALL = '<tool_call>\n{"name": "sql", "arguments": {"input": "SELECT \\"x\\"\\n"}}\n</tool_call>'


@pytest.mark.parametrize("required", [True, False])
def test_a_custom_call_gives_its_input_unescaped(required: bool) -> None:
    parser = ToolParser({"sql": Callee(lambda _: None, "custom")}, required=required, parallel=True)
    found = [part for letter in CALL for part in parser.push(letter)] + parser.finish()
    calls = [part for part in found if isinstance(part, ToolCallDelta)]
    assert [part for part in found if part not in calls] == ([] if required else [hidden(CALL)])
    assert {call.kind for call in calls} == {"custom"}
    assert (calls[0].name, calls[0].index) == ("sql", 0)
    assert [call.id is None for call in calls] == [False] + [True] * (len(calls) - 1)
    assert "".join(call.arguments for call in calls) == 'SELECT "x"\n'
