from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc.engines.tools import Callee, ToolParser, new_id
from aigc.errors import EngineError
from aigc.types import ToolCallDelta

CALL = '<tool_call>\n{"name": "f", "arguments": {"x": "{\\"<tool_call>}"}}\n</tool_call>'
OTHER = '<tool_call>\n{"name": "f", "arguments": {"x": 2}}\n</tool_call>'
ANSWERS = [
    "plain text\n",
    CALL,
    f"before\n\n{CALL}\n{OTHER}\n",
    f"{CALL} after",
    "<tool_call>broken</tool_call> rest",
    f"<tool_call>{{broken\n{CALL}",
    '<tool_call>{"arguments": {"y": [1, 2]}, "name": "f"}</tool_call>',
    "<tool_call",
    "< <t <tool_call> <",
    "",
]


def parser(**options):
    return ToolParser({"f": Callee(lambda _: None)}, **{"required": False, "parallel": True, **options})


def read(one, pieces):
    parts = [part for piece in pieces for part in one.push(piece)] + one.finish()
    text = "".join(part for part in parts if isinstance(part, str))
    calls = {}
    for part in parts:
        if isinstance(part, ToolCallDelta):
            calls[part.index] = calls.get(part.index, "") + (part.name or "") + part.arguments
    return text, calls


@pytest.mark.parametrize("answer", ANSWERS)
@given(cuts=st.sets(st.integers(1, 150)))
def test_how_the_answer_is_cut_into_pieces_changes_nothing(answer, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(edges)]
    assert read(parser(), pieces) == read(parser(), [answer])


@pytest.mark.parametrize(
    ("answer", "text", "calls"),
    [
        (ANSWERS[0], "plain text\n", {}),
        (ANSWERS[2], "before", {0: 'f{"x": "{\\"<tool_call>}"}', 1: 'f{"x": 2}'}),
        (ANSWERS[3], " after", {0: 'f{"x": "{\\"<tool_call>}"}'}),
        (ANSWERS[4], ANSWERS[4], {}),
        (ANSWERS[6], "", {0: 'f{"y": [1, 2]}'}),
        (ANSWERS[8], ANSWERS[8], {}),
    ],
)
def test_text_and_calls_are_told_apart(answer, text, calls):
    assert read(parser(), [answer]) == (text, calls)


@given(st.text(alphabet='<>/tolca_{}":fx \n', max_size=60))
def test_nothing_but_white_space_around_calls_is_ever_lost(answer):
    text, calls = read(parser(), answer)
    if not calls:
        assert text == answer


@given(cuts=st.sets(st.integers(1, 150)))
def test_required_calls_are_the_same_however_they_are_cut(cuts):
    answer = f"{CALL}\n{OTHER}\n{CALL}"
    edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(edges)]
    assert read(parser(required=True), pieces) == ("", {0: 'f{"x": "{\\"<tool_call>}"}', 1: 'f{"x": 2}'})


def call(name, arguments):
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("first", "second", "made"),
    [
        (("f", '{"x": 1, "y": "A"}'), ("f", '{"y":"\\u0041","x": 1.0}'), 1),
        (("f", "{}"), ("f", "{ }"), 1),
        (("f", '{"x": 1}'), ("g", '{"x": 1}'), 2),
        (("f", '{"x": 1}'), ("f", '{"x": true}'), 2),
        (("f", '{"x": [1, 2]}'), ("f", '{"x": [2, 1]}'), 2),
    ],
)
def test_a_call_that_repeats_an_earlier_one_ends_the_answer(required, first, second, made):
    callee = Callee(lambda _: None)
    one = ToolParser({"f": callee, "g": callee}, required=required, parallel=True)
    answer = f"{call(*first)}\n{call('g', '{}')}\n{call(*second)}\n"
    _, calls = read(one, list(answer))
    assert (len(calls), one.over) == (made + 1, made == 1)
    assert len(read(one, [call("f", '{"late": 1}')])[1]) == made - 1


def test_a_further_call_of_the_same_tool_waits_until_it_is_known_to_be_another():
    one = parser(required=True)
    one.push(OTHER)
    assert one.push('\n<tool_call>\n{"name": "f", "arguments": {"x": 22') == []
    [head, *pieces] = one.push("}}")
    assert (head.name, head.index) == ("f", 1)
    assert "".join(piece.arguments for piece in pieces) == '{"x": 22}'


def test_a_call_that_is_cut_off_by_the_token_limit_is_told_as_far_as_it_came():
    one = parser(required=True)
    one.push(OTHER)
    one.push('\n<tool_call>\n{"name": "f", "arguments": {"x"')
    assert "".join(part.arguments for part in one.finish()) == '{"x"'


def test_arguments_too_deep_to_be_compared_are_not_the_same():
    deep = call("f", '{"x": ' + '{"x": ' * 600 + "1" + "}" * 601)
    assert len(read(parser(), [deep + deep])[1]) == 2


@pytest.mark.parametrize(
    "answer", ["Sure!", CALL + "x", CALL.replace('"f"', '"g"'), '<tool_call>\n{"name"' + " " * 1100]
)
def test_a_required_answer_that_is_no_call_is_the_engines_fault(answer):
    with pytest.raises(EngineError):
        read(parser(required=True), [answer])


def test_arguments_that_break_a_strict_schema_are_the_engines_fault_where_a_call_is_required():
    strict = ToolParser({"f": Callee(lambda _: "/x: too long")}, required=True, parallel=True)
    with pytest.raises(EngineError, match="/x: too long"):
        read(strict, [CALL])


def test_ids_differ():
    assert len({new_id() for _ in range(100)}) == 100


def test_what_could_not_be_sent_as_text_is_sent_as_an_escape():
    call = '<tool_call>{"arguments": {"x": "\\ud800"}, "name": "f"}</tool_call>'
    [delta] = [part for part in parser().push(call) if isinstance(part, ToolCallDelta)]
    assert delta.arguments == '{"x": "\\ud800"}'


def test_a_closing_tag_is_looked_at_once(monkeypatch):
    tried = []
    one = parser()
    monkeypatch.setattr(one, "_proven", lambda body: tried.append(body))
    one.push('<tool_call>\n{"name": "f", "arguments": {"x": "')
    for _ in range(300):
        one.push("</tool_call>")
    assert len(tried) == 300
