"""Thoughts are told from answers, and models are told to think or not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_toys import SPEC, ScriptedEngine, Sink, user

from aigc.engines.base import SequenceDelta
from aigc.engines.parts import Hidden, Thought
from aigc.engines.text import TextService
from aigc.engines.thinking import ThinkingParser
from aigc.types import Delta, Failure, Finished, TextRequest, TokenLogprob, Tool, ToolChoice, Usage

# In our words, what the templates of the model families do with the two variables.
ASK = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
QWEN3 = ASK + "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
SMOLLM3 = (
    "{% if enable_thinking is not defined %}{% set enable_thinking = true %}{% endif %}"
    + ASK
    + "{% if not enable_thinking %}<think>\n\n</think>\n{% endif %}"
)
GPT_OSS = "Reasoning: {{ reasoning_effort or 'medium' }}\n" + ASK
ALWAYS = ASK + "{{ '<think>\\n' }}"
NEVER = ASK


def parse(pieces: list[str], *, begun: bool = False) -> tuple[str, str, int]:
    parser = ThinkingParser(begun=begun)
    parts = [part for piece in pieces for part in parser.push(piece)] + parser.finish()
    thought = "".join(part.text for part in parts if isinstance(part, Thought))
    text = "".join(part for part in parts if isinstance(part, str))
    return thought, text, sum(part.size for part in parts if isinstance(part, Hidden))


@pytest.mark.parametrize(
    ("answer", "begun", "thought", "text"),
    [
        ("<think>\nHm, two.\n</think>\n\nTwo.", False, "Hm, two.", "Two."),
        ("\n<think></think>Two.", False, "", "Two."),
        ("<think>\n\n</think>\n\n", False, "", ""),
        ("Hm.\n</think>\n\n Two. <think>", True, "Hm.", "Two. <think>"),
        ("Two.", False, "", "Two."),
        (" <thin", False, "", " <thin"),
        ("<thought>", False, "", "<thought>"),
        ("<think>Hm </thin", False, "Hm </thin", ""),
        ("a </think b </think> c", True, "a </think b", "c"),
        ("", True, "", ""),
    ],
)
@given(cuts=st.sets(st.integers(1, 40)))
def test_thoughts_are_told_from_the_answer_however_it_is_cut(
    answer: str, begun: bool, thought: str, text: str, cuts: set[int]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    found = parse([answer[a:b] for a, b in pairwise(edges)], begun=begun)
    assert found[:2] == (thought, text)


@pytest.fixture
def asked() -> Iterator[Any]:
    services: list[TextService] = []

    def ask(source: str, **fields: Any) -> tuple[ScriptedEngine, Sink]:
        engine, sink = ScriptedEngine(context_tokens=4000), Sink()
        engine.chat_template = source
        services.append(TextService(engine, SPEC, sink))
        services[-1].submit(1, TextRequest(messages=user("1+1?"), **fields))
        return engine, sink

    yield ask
    for service in services:
        service.close()


def prompt(engine: ScriptedEngine) -> str:
    return "".join(map(chr, engine.wait()[0].tokens))


@pytest.mark.parametrize(
    ("source", "effort", "sent"),
    [
        (QWEN3, None, "[user]1+1?[assistant]"),
        (QWEN3, "none", "[user]1+1?[assistant]<think>\n\n</think>\n\n"),
        (QWEN3, "minimal", "[user]1+1?[assistant]<think>\n\n</think>\n\n"),
        (QWEN3, "medium", "[user]1+1?[assistant]"),
        (SMOLLM3, "none", "[user]1+1?[assistant]<think>\n\n</think>\n"),
        (SMOLLM3, "medium", "[user]1+1?[assistant]"),
        (GPT_OSS, "high", "Reasoning: high\n[user]1+1?[assistant]"),
        (GPT_OSS, None, "Reasoning: medium\n[user]1+1?[assistant]"),
        (ALWAYS, "medium", "[user]1+1?[assistant]<think>\n"),
        (NEVER, "none", "[user]1+1?[assistant]"),
        (NEVER, "minimal", "[user]1+1?[assistant]"),
    ],
)
def test_an_effort_reaches_the_template_that_knows_it(asked: Any, source: str, effort: str, sent: str) -> None:
    engine, _ = asked(source, reasoning_effort=effort)
    assert prompt(engine) == sent


@pytest.mark.parametrize(
    ("source", "effort", "words"),
    [
        (QWEN3, "high", "no dial for it; accepted: none, minimal, medium"),
        (GPT_OSS, "none", "no dial for it; accepted: low, medium, high"),
        (GPT_OSS, "xhigh", "no dial for it; accepted: low, medium, high"),
        (ALWAYS, "none", "always thinks; accepted: medium"),
        (NEVER, "medium", "no reasoning phase; accepted: none, minimal"),
        (NEVER + "{# </think> #}", "medium", "no reasoning phase; accepted: none, minimal"),
    ],
)
def test_an_effort_that_the_model_cannot_make_is_refused(asked: Any, source: str, effort: str, words: str) -> None:
    _, sink = asked(source, reasoning_effort=effort)
    [error] = sink.wait()
    assert isinstance(error, Failure)
    assert (error.name, error.param) == ("UnsupportedParameter", "reasoning_effort")
    assert words in error.message


def test_thoughts_come_beside_the_answer_and_are_counted(asked: Any) -> None:
    engine, sink = asked(QWEN3, top_logprobs=0, stop=("!",))
    request = engine.wait()[0]
    for piece in ("<think>", "\n", "One", " and!", "</think>", "\n\n", "Two", "!", "x"):
        logprob = TokenLogprob(token=piece, bytes=tuple(piece.encode()), logprob=-1.0)
        engine.emit([SequenceDelta(id=request.id, text=piece, tokens=1, logprobs=(logprob,))])
    events = sink.wait()
    deltas = [event for event in events if isinstance(event, Delta)]
    assert "".join(delta.reasoning for delta in deltas) == "One and!"
    assert "".join(delta.text for delta in deltas) == "Two"
    assert [token.token for delta in deltas for token in delta.logprobs] == ["Two"]
    assert events[-2:] == [
        Finished(index=0, reason="stop"),
        Usage(prompt_tokens=21, completion_tokens=8, reasoning_tokens=5, fingerprint="scripted-1"),
    ]


TOOL = Tool(name="f", parameters={"type": "object", "properties": {}})


@pytest.mark.parametrize(
    "fields", [{"schema": {"type": "object"}}, {"tools": (TOOL,), "tool_choice": ToolChoice(mode="required")}]
)
def test_where_a_grammar_rules_the_whole_answer_there_are_no_thoughts(asked: Any, fields: dict[str, Any]) -> None:
    engine, _ = asked(QWEN3, **fields)
    assert prompt(engine).endswith("<think>\n\n</think>\n\n")
    for source, more in ((QWEN3, {"reasoning_effort": "medium"}), (ALWAYS, {})):
        _, sink = asked(source, **fields, **more)
        [error] = sink.wait()
        assert error.name == "UnsupportedParameter"
        assert "leaves no place" in error.message


def test_a_call_may_follow_the_thoughts(asked: Any) -> None:
    engine, sink = asked(ALWAYS, tools=(TOOL,))
    engine.wait()
    engine.play("Let me see.", "</think>\n", '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>')
    events = sink.wait()
    deltas = [event for event in events if isinstance(event, Delta)]
    assert [(d.reasoning, d.text, [c.name for c in d.tool_calls]) for d in deltas] == [
        ("Let me see.", "", []),
        ("", "", ["f"]),
    ]
    assert events[-2] == Finished(index=0, reason="tool_calls")
