import json
from pathlib import Path

import pytest

from aigc.engines.template import ChatTemplate
from aigc.errors import InvalidModelFile, UserError
from aigc.types import Message, Tool, ToolCall

GOLDEN = json.loads((Path(__file__).parent / "chat_templates.json").read_text(encoding="utf-8"))


def template(name):
    parts = GOLDEN["templates"][name]
    return ChatTemplate(parts["source"], parts["bos"], parts["eos"])


def message(turn):
    calls = tuple(
        ToolCall(id=c["id"], name=c["function"]["name"], arguments=json.dumps(c["function"]["arguments"]))
        for c in turn.get("tool_calls", ())
    )
    return Message(role=turn["role"], content=turn["content"], tool_calls=calls, tool_call_id=turn.get("tool_call_id"))


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['template']}: {case['name']}")
def test_it_renders_what_transformers_renders(case):
    messages = tuple(message(turn) for turn in case["messages"])
    tools = tuple(Tool(**tool["function"]) for tool in case["tools"])
    assert template(case["template"]).render(messages, tools) == case["expected"]


def chat(*turns):
    return tuple(Message(role=role, content=content) for role, content in turns)


@pytest.mark.parametrize("name", ["qwen", "smollm2"])
@pytest.mark.parametrize("begun", ["", "One, ", " two\n"])
def test_an_answer_that_has_begun_is_continued_to_the_letter(name, begun):
    one = template(name).render(chat(("user", "Count")))
    assert template(name).render(chat(("user", "Count"), ("assistant", begun))) == one + begun


def test_a_model_without_a_template_gets_the_plain_form():
    plain = ChatTemplate(None, "<s>", "</s>")
    conversation = chat(("system", "Be brief."), ("user", "hi"), ("assistant", "Hello"), ("user", "bye"))
    assert plain.render(conversation) == "Be brief.\n\nUser: hi\nAssistant: Hello</s>\nUser: bye\nAssistant:"


def test_a_template_that_knows_no_tools_is_told_of_them_in_the_system_message():
    tool = Tool(name="now", description="the time")
    text = template("smollm2").render(chat(("system", "Be brief."), ("user", "Time?")), (tool,))
    assert text.startswith("<|im_start|>system\nBe brief.\n\nYou can call these functions")
    assert '{"type": "function", "function": {"name": "now", "description": "the time"' in text
    assert "<tool_call>\n" in text


def test_results_become_one_user_turn_where_the_template_knows_no_tools():
    messages = (
        Message(role="user", content="Time?"),
        Message(role="assistant", tool_calls=(ToolCall(id="a", name="now", arguments='{"zone": "北京"}'),)),
        Message(role="tool", content="noon", tool_call_id="a"),
        Message(role="tool", content="Friday", tool_call_id="b"),
    )
    assert template("smollm2").render(messages) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nTime?<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "now", "arguments": {"zone": "北京"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\nnoon\n</tool_response>\n<tool_response>\nFriday\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_arguments_that_are_no_json_stay_a_string():
    seen = ChatTemplate("{{ messages[0].tool_calls[0].function.arguments is string }}tool_calls", "", "")
    call = ToolCall(id="a", name="f", arguments="{oops")
    assert seen.render((Message(role="assistant", tool_calls=(call,)),)) == "Truetool_calls"


def test_the_environment_is_the_one_that_templates_expect():
    source = (
        "{%- for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ {'a': '<é>'} | tojson }}{% endfor %}"
        "{% generation %}{{ strftime_now('%Y') | length }}{% endgeneration %}{{ bos_token }}{{ eos_token }}"
    )
    assert ChatTemplate(source, "B", "E").render(chat(("user", "1"), ("user", "2"))) == '{"a": "<é>"}4BE'


def test_a_templates_own_objection_is_passed_on():
    strict = ChatTemplate("{{ raise_exception('roles must alternate') }}", "", "")
    with pytest.raises(UserError, match="refuses: roles must alternate"):
        strict.render(chat(("user", "a")))


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ raise_exception.__globals__.os }}",
        "{% for f in [messages.clear] %}{{ f() }}{% endfor %}",
        "{{ undefined_thing.attribute }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(source):
    with pytest.raises(UserError, match="chat template"):
        ChatTemplate(source, "", "").render(chat(("user", "a")))


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{{ 2 ** 999999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{% set n = namespace(x='xx') %}{% for a in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='xx') %}{% for a in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% for a in range(999999999) %}{% endfor %}",
        "{% set n = namespace(x=['a']) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=9) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
        "{% set x %}{% for i in range(99999) %}" + "static " * 9999 + "{% endfor %}{% endset %}{{ x }}",
        "{{ ('a' * 4000000).replace('a', 'a' * 4000000) }}",
        "{{ ('a' * 4000000)|replace('a', 'a' * 4000000) }}",
        "{{ ('a,' * 1000000).split(',')|join('b' * 1000000) }}",
        "{{ ('a\n' * 100000)|indent(100000) }}",
        "{{ messages|tojson(indent=1000000000) }}",
        "{{ 'a'.ljust(10**9) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ range(99999)|map('string')|map('replace', '', 'a' * 9999)|list }}",
        "{{ ('\t' * 1000000).expandtabs(1000000) }}",
    ],
)
def test_a_template_that_runs_away_is_stopped(source):
    with pytest.raises(UserError, match="was stopped"):
        ChatTemplate(source, "", "").render(chat(("user", "a")))


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a'|wordwrap(1) }}",
        "{{ [1]|batch(9)|list }}",
        "{{ [1]|slice(9)|list }}",
        "{% if %}",
        "x" * 300_000,
        "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    ],
)
def test_a_template_that_is_none_is_refused_when_the_model_is_loaded(source):
    with pytest.raises(InvalidModelFile):
        ChatTemplate(source, "", "")


def test_braces_in_a_message_are_text():
    assert "{{ 7 * 7 }}{% raw %}" in template("qwen").render(chat(("user", "{{ 7 * 7 }}{% raw %}")))
