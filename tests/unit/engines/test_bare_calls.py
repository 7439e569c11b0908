"""Calls without tags: what is taken for one, what stays text, and how long it is held back."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_toys import SPEC, ScriptedEngine, Sink, text_of, user

from aigc.engines.json_check import validator
from aigc.engines.parts import hidden
from aigc.engines.text import TextService
from aigc.engines.tools import Callee, ToolParser
from aigc.types import Delta, Finished, Message, TextRequest, Tool, ToolCallDelta, ToolChoice

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city"],
}
OBJECT = '{\n  "name": "weather",\n  "arguments": {\n    "city": "Par}is```"\n  }\n}'
CALLS = [
    f"```json\n{OBJECT}\n```",
    f"\n```\n{OBJECT}```\n\n",
    f"  {OBJECT}\n",
    '{"name":"weather","arguments":{"city":"Par}is```"}}',
]
TEXTS = [
    f"Sure:\n{CALLS[0]}",
    f"{CALLS[0]}\nThere.",
    f"```json\n{OBJECT}",
    f"{OBJECT}\n```",
    f"```python\n{OBJECT}\n```",
    f"``{OBJECT}",
    f"```json {OBJECT}```",
    OBJECT.replace("weather", "sunshine"),
    OBJECT.replace('"city"', '"town"'),
    '{"name": "weather", "arguments": {"city": "Rome", "unit": "kelvin"}}',
    '{"name": "weather", "arguments": {"city": "Rome"}, "id": 1}',
    '{"name": "weather", "arguments": {"city": "Rome",}}',
    '{"name": "weather", "arguments": ["Rome"]}',
    '{"name": "weather"}',
    '{{"name": "weather", "arguments": {"city": "Rome"}}}',
    '[{"name": "weather", "arguments": {"city": "Rome"}}]',
    '{"name": "John", "age": 30}',
    f"{OBJECT}\n{{",
    '{"name": "wea ther", "arguments": {"city": "Rome"}}',
    "```json\n",
    "```",
    " \n",
    "",
]


def parser(**options):
    tools = {"weather": Callee(lambda _: None, fits=validator(SCHEMA)), "time": Callee(lambda _: None)}
    return ToolParser(tools, **{"required": False, "parallel": True, "bare": True, **options})


def read(one, pieces):
    parts = [part for piece in pieces for part in one.push(piece)] + one.finish()
    text = "".join(part for part in parts if isinstance(part, str))
    return text, [(part.name, part.arguments) for part in parts if isinstance(part, ToolCallDelta)]


@pytest.mark.parametrize("answer", CALLS)
@given(cuts=st.sets(st.integers(1, 90)))
def test_an_answer_that_is_nothing_but_a_call_is_a_call_however_it_is_cut(answer, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    text, [(name, arguments)] = read(parser(), [answer[a:b] for a, b in pairwise(edges)])
    assert (text, name, json.loads(arguments)) == ("", "weather", {"city": "Par}is```"})


@pytest.mark.parametrize("answer", TEXTS)
@given(cuts=st.sets(st.integers(1, 90)))
def test_anything_else_stays_text_to_the_letter(answer, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    assert read(parser(), [answer[a:b] for a, b in pairwise(edges)]) == (answer, [])


@given(st.text(alphabet='{}"`:, \nabc', max_size=40))
def test_whatever_is_no_call_is_given_back_whole(answer):
    assert read(parser(), list(answer)) == (answer, [])


def test_objects_that_follow_each_other_are_calls_and_one_that_repeats_ends_them():
    rome, now = '{"name": "weather", "arguments": {"city": "Rome"}}', '{"name": "time", "arguments": {}}'
    assert read(parser(), [f"```json\n{rome}\n{now}\n```"])[1] == [("weather", '{"city": "Rome"}'), ("time", "{}")]
    assert len(read(parser(), [f"{rome}\n{rome}\n{now}"])[1]) == 1
    assert len(read(parser(parallel=False), [rome + now])[1]) == 1
    assert read(parser(), [rome + now.replace("time", "date")]) == (rome + now.replace("time", "date"), [])


def test_what_a_call_was_written_with_is_hidden_once():
    one = parser()
    one.push(CALLS[0])
    assert [part for part in one.finish() if not isinstance(part, ToolCallDelta)] == [hidden(CALLS[0])]


@pytest.mark.parametrize(
    ("answer", "released"),
    [("Paris", 1), ("```python", 4), ("`code`", 2), ('{"name": "wet"', 13), ('{"age": 3}', 3), (f"{OBJECT} So", 71)],
)
def test_text_is_held_back_only_while_it_can_become_a_call(answer, released):
    one = parser()
    shown = [bool(one.push(letter)) for letter in answer]
    assert shown.index(True) + 1 == released


def test_tags_in_an_answer_that_only_looked_like_a_bare_call_are_still_read():
    call = '<tool_call>{"name": "time", "arguments": {}}</tool_call>'
    assert read(parser(), list(f"```json\n{call}")) == ("```json", [("time", "{}")])


# ---------------------------------------------------------------- within a whole answer

CALL = '{"name": "weather", "arguments": {"city": "Rome"}}'
FRAGMENT = "{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}"


def answer(text, template=FRAGMENT, **fields):
    """(text, calls, finish reason) of a chat whose model wrote ``text``, one character a token."""
    engine, sink = ScriptedEngine(context_tokens=4000), Sink()
    engine.chat_template = template
    service = TextService(engine, SPEC, sink)
    tool = fields.pop("tool", Tool(name="weather", parameters=SCHEMA))
    service.submit(1, TextRequest(**{"messages": user("Weather?"), "tools": (tool,), **fields}))
    engine.wait()
    engine.play(*text)
    events = sink.wait()
    service.close()
    calls = [call for event in events if isinstance(event, Delta) for call in event.tool_calls]
    reason = next((event.reason for event in events if isinstance(event, Finished)), None)
    return text_of(events), [call.arguments for call in calls], reason


def test_an_agent_gets_a_call_where_the_models_template_offers_tools():
    assert answer(CALL) == ("", ['{"city": "Rome"}'], "tool_calls")
    assert answer("It is warm.") == ("It is warm.", [], "stop")


@pytest.mark.parametrize(
    "fields",
    [
        {"template": "{% for m in messages %}{{ m.content }}{% endfor %}"},
        {"schema": {"type": "object"}},
        {"tool_choice": ToolChoice(mode="none")},
        {"messages": (*user("Weather?"), Message(role="assistant", content="Like this: "))},
        {"tool": Tool(name="weather", parameters={"type": "object", "properties": {"city": {"$ref": "#/nowhere"}}})},
    ],
)
def test_elsewhere_such_an_answer_is_text(fields):
    assert answer(CALL, **fields) == (CALL, [], "stop")
