"""Every form in use is read, and what breaks its rules is said with the place in it."""

from __future__ import annotations

from typing import Any

import pytest

from aigc.corpus.forms import Chat, Preference, Text, Turn, interpret

USER, ANSWER = {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}
TURNS = (Turn("user", "Who?"), Turn("assistant", "Me."))
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "find"}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A text.", Text("A text.")),
        ({"text": "A text."}, Text("A text.")),
        ({"messages": [USER, ANSWER]}, Chat(TURNS)),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Who?"}]}, ANSWER]}, Chat(TURNS)),
        (
            {"messages": [{"role": "system", "content": "Be brief."}, USER, {**ANSWER, "weight": 0}, USER, ANSWER]},
            Chat((Turn("system", "Be brief."), TURNS[0], Turn("assistant", "Me.", learn=False), *TURNS)),
        ),
        (
            {
                "messages": [
                    USER,
                    {"role": "assistant", "tool_calls": [CALL]},
                    {"role": "tool", "tool_call_id": "c1", "content": "x"},
                    ANSWER,
                ],
                "tools": [TOOL],
            },
            Chat(
                (
                    TURNS[0],
                    Turn("assistant", "", tool_calls=(CALL,)),
                    Turn("tool", "x", tool_call_id="c1"),
                    TURNS[1],
                ),
                (TOOL,),
            ),
        ),
        ({"prompt": "Who?", "completion": "Me."}, Chat(TURNS)),
        ({"instruction": "Who?", "input": "", "output": "Me."}, Chat(TURNS)),
        (
            {"instruction": "Add.", "input": "1 2", "output": "3"},
            Chat((Turn("user", "Add.\n\n1 2"), Turn("assistant", "3"))),
        ),
        ({"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Me."}]}, Chat(TURNS)),
        (
            {
                "input": {"messages": [USER]},
                "preferred_output": [ANSWER],
                "non_preferred_output": [{**ANSWER, "content": "No."}],
            },
            Preference(TURNS[:1], TURNS[1:], (Turn("assistant", "No."),)),
        ),
        (
            {"prompt": "Who?", "chosen": "Me.", "rejected": "No."},
            Preference(TURNS[:1], TURNS[1:], (Turn("assistant", "No."),)),
        ),
        (
            {"prompt": [USER], "chosen": [USER, ANSWER], "rejected": [USER, {**ANSWER, "content": "No."}]},
            Preference(TURNS[:1], TURNS[1:], (Turn("assistant", "No."),)),
        ),
    ],
)
def test_it_says(value: Any, expected: Any) -> None:
    assert interpret(value) == expected


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (7, "it is a number; accepted: an object"),
        ({"question": "Who?"}, "it has the keys question; accepted: messages; input, preferred_output"),
        ({}, r"it has the keys \(none\)"),
        ({"text": "  "}, "text is empty"),
        ({"messages": []}, "messages is empty; accepted: a list"),
        ({"messages": "Who?"}, "messages is a text; accepted: a list"),
        (
            {"messages": [{"role": "robot", "content": "x"}]},
            r"messages\[0\].role is 'robot'; accepted: system, developer",
        ),
        ({"messages": [{"role": "user", "content": ""}, ANSWER]}, r"messages\[0\].content is empty"),
        ({"messages": [USER, USER, ANSWER]}, "message 1 is the user's, right after user's"),
        ({"messages": [ANSWER]}, "the first message is the assistant's"),
        ({"messages": [USER]}, "the last message is the user's; it must be the assistant's"),
        (
            {"messages": [USER, ANSWER, {"role": "tool", "content": "x"}]},
            "message 2 is the tool's, right after assistant's",
        ),
        ({"messages": [USER, ANSWER, {"role": "system", "content": "x"}, ANSWER]}, "message 2 is the system's"),
        ({"messages": [USER, {**ANSWER, "weight": 0}]}, "every answer has the weight 0"),
        ({"messages": [USER, {**ANSWER, "weight": 2}]}, r"messages\[1\].weight is 2; accepted: 0 or 1"),
        ({"messages": [{**USER, "content": [{"type": "image_url"}]}, ANSWER]}, "learns from text only"),
        ({"prompt": 3, "completion": "x"}, "prompt is a number; accepted: a text"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "the better answer and the worse one are the same"),
        ({"conversations": [{"from": "cat", "value": "x"}]}, "accepted: system, human, user, gpt"),
    ],
)
def test_it_is_refused(value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        interpret(value)
