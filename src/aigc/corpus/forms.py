"""What one example says: a text, a chat, or a chat with a better and a worse answer; in any of the forms in use.

    {"text": ...}                                               a text
    {"messages": [{"role": ..., "content": ...}, ...]}          OpenAI's chats
    {"prompt": ..., "completion": ...}                          OpenAI's completions: a chat of two turns
    {"instruction": ..., "input": ..., "output": ...}           Alpaca
    {"conversations": [{"from": "human", "value": ...}, ...]}   ShareGPT
    {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}      OpenAI's preferences
    {"prompt": ..., "chosen": ..., "rejected": ...}             the same as text or as messages

Sources: OpenAI's guides "Supervised fine-tuning" and "Direct preference optimization"; the formats of Stanford Alpaca,
of ShareGPT, and of TRL.
Knows: forms. Does not know: files, templates, tokenizers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

Role = Literal["system", "developer", "user", "assistant", "tool"]
JSON = dict[str, Any]

_SHAREGPT: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "tool": "tool",
}
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    role: Role
    content: str
    learn: bool = True
    """Of an assistant's message: whether it is an example, or stands there only for what comes after it."""
    tool_calls: tuple[JSON, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is learned as a whole."""

    text: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation of which the assistant's turns are learned; the last one is the assistant's."""

    turns: tuple[Turn, ...]
    tools: tuple[JSON, ...] = ()


@dataclass(frozen=True, slots=True)
class Preference:
    """A conversation up to a question, a better answer and a worse one."""

    turns: tuple[Turn, ...]
    better: tuple[Turn, ...]
    worse: tuple[Turn, ...]
    tools: tuple[JSON, ...] = ()


Example = Text | Chat | Preference


def interpret(value: Any) -> Example:
    """What a record says.

    Args:
        value: a text, or a record of one of the forms above.

    Raises:
        ValueError: it is of no form, or breaks the rules of its own; the message says which and where.
    """
    if isinstance(value, str):
        return Text(_filled(value, "the text"))
    if not isinstance(value, Mapping):
        raise ValueError(f"it is {_kind(value)}; accepted: an object")
    for keys, read in _FORMS:
        if all(key in value for key in keys):
            return read(value)
    raise ValueError(
        f"it has the keys {', '.join(sorted(value)[:8]) or '(none)'}; accepted: "
        + "; ".join(", ".join(keys) for keys, _ in _FORMS)
    )


def _openai_preference(value: Mapping[str, Any]) -> Preference:
    asked = value["input"]
    if not isinstance(asked, Mapping) or "messages" not in asked:
        raise ValueError("input has no messages")
    turns = _turns(asked["messages"], "input.messages")
    better, worse = (_turns(value[key], key) for key in ("preferred_output", "non_preferred_output"))
    return _preference(turns, better, worse, _tools(asked))


def _plain_preference(value: Mapping[str, Any]) -> Preference:
    def side(key: str, role: Role) -> tuple[Turn, ...]:
        said = value[key]
        return (Turn(role, _filled(said, key)),) if isinstance(said, str) else _turns(said, key)

    return _preference(side("prompt", "user"), side("chosen", "assistant"), side("rejected", "assistant"), ())


def _preference(
    turns: tuple[Turn, ...], better: tuple[Turn, ...], worse: tuple[Turn, ...], tools: tuple[JSON, ...]
) -> Preference:
    # Chats of TRL repeat the question in both answers.
    count = len(turns)
    better, worse = (side[count:] if side[:count] == turns else side for side in (better, worse))
    for name, side in (("the better answer", better), ("the worse answer", worse)):
        if [turn.role for turn in side] != ["assistant"]:
            raise ValueError(f"{name} must be one message of the assistant")
    if better == worse:
        raise ValueError("the better answer and the worse one are the same")
    _check_order((*turns, *better))
    return Preference(turns, better, worse, tools)


def _chat(value: Mapping[str, Any]) -> Chat:
    return _checked(Chat(_turns(value["messages"], "messages"), _tools(value)))


def _completion(value: Mapping[str, Any]) -> Chat:
    prompt, completion = _filled(value["prompt"], "prompt"), _filled(value["completion"], "completion")
    return Chat((Turn("user", prompt), Turn("assistant", completion)))


def _alpaca(value: Mapping[str, Any]) -> Chat:
    more = value.get("input") or ""
    if not isinstance(more, str):
        raise ValueError(f"input is {_kind(more)}; accepted: a text")
    question = "\n\n".join(part for part in (_filled(value["instruction"], "instruction"), more) if part)
    turns = [Turn("user", question), Turn("assistant", _filled(value["output"], "output"))]
    if isinstance(value.get("system"), str) and value["system"].strip():
        turns.insert(0, Turn("system", value["system"]))
    return Chat(tuple(turns))


def _sharegpt(value: Mapping[str, Any]) -> Chat:
    found = []
    for number, message in enumerate(_list(value["conversations"], "conversations")):
        where = f"conversations[{number}]"
        if not isinstance(message, Mapping) or message.get("from") not in _SHAREGPT:
            raise ValueError(f"{where} is from {_shown(message)}; accepted: {', '.join(_SHAREGPT)}")
        found.append(Turn(_SHAREGPT[message["from"]], _filled(message.get("value"), f"{where}.value")))
    if isinstance(value.get("system"), str) and value["system"].strip():
        found.insert(0, Turn("system", value["system"]))
    return _checked(Chat(tuple(found)))


_FORMS: tuple[tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Example]], ...] = (
    (("messages",), _chat),
    (("input", "preferred_output", "non_preferred_output"), _openai_preference),
    (("prompt", "chosen", "rejected"), _plain_preference),
    (("prompt", "completion"), _completion),
    (("instruction", "output"), _alpaca),
    (("conversations",), _sharegpt),
    (("text",), lambda value: Text(_filled(value["text"], "text"))),
)


def _turns(messages: Any, where: str) -> tuple[Turn, ...]:
    return tuple(_turn(m, f"{where}[{number}]") for number, m in enumerate(_list(messages, where)))


def _turn(message: Any, where: str) -> Turn:
    if not isinstance(message, Mapping):
        raise ValueError(f"{where} is {_kind(message)}; accepted: an object with role and content")
    role = message.get("role")
    if role not in get_args(Role):
        raise ValueError(f"{where}.role is {_shown(role)}; accepted: {', '.join(get_args(Role))}")
    calls = message.get("tool_calls") or ()
    if calls and role != "assistant":
        raise ValueError(f"{where} calls tools, which only the assistant does")
    content = _joined(message.get("content"), f"{where}.content")
    if not content.strip() and not calls:
        raise ValueError(f"{where}.content is empty")
    weight = message.get("weight", 1)
    if weight not in (0, 1) or (role != "assistant" and "weight" in message):
        raise ValueError(f"{where}.weight is {_shown(weight)}; accepted: 0 or 1, for the assistant only")
    return Turn(
        cast("Role", role), content, bool(weight), tuple(cast("Sequence[JSON]", calls)), message.get("tool_call_id")
    )


def _joined(content: Any, where: str) -> str:
    """A text, or parts that are all text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts = []
    for number, part in enumerate(_list(content, where)):
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ValueError(f"{where}[{number}] is no text; a language model learns from text only")
        texts.append(part["text"])
    return "".join(texts)


def _checked(chat: Chat) -> Chat:
    _check_order(chat.turns)
    if not any(turn.learn for turn in chat.turns if turn.role == "assistant"):
        raise ValueError("every answer has the weight 0: nothing can be learned from it")
    return chat


def _check_order(turns: Sequence[Turn]) -> None:
    """Instructions first, then questions and answers in turn; results of tools follow the calls; an answer is last."""
    before = "the beginning"
    for number, turn in enumerate(turns):
        fits = {
            "system": before in ("the beginning", "system", "developer"),
            "developer": before in ("the beginning", "system", "developer"),
            "user": before != "user",
            "assistant": before in ("user", "tool"),
            "tool": before in ("assistant", "tool") and any(t.tool_calls for t in turns[:number]),
        }[turn.role]
        if not fits:
            raise ValueError(
                f"message {number} is the {turn.role}'s, right after {before}'s" if number else _first(turn)
            )
        before = turn.role
    if before != "assistant":
        raise ValueError(f"the last message is the {before}'s; it must be the assistant's, which is what is learned")


def _first(turn: Turn) -> str:
    return f"the first message is the {turn.role}'s; it must be the system's, developer's or user's"


def _tools(value: Mapping[str, Any]) -> tuple[JSON, ...]:
    tools = value.get("tools") or []
    found = _list(tools, "tools") if tools else []
    if not all(isinstance(tool, Mapping) for tool in found):
        raise ValueError("tools must be objects")
    return tuple(dict(tool) for tool in found)


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"{where} is {_kind(value) if not isinstance(value, list) else 'empty'}; accepted: a list")
    return value


def _filled(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where} is {_kind(value)}; accepted: a text")
    if not value.strip():
        raise ValueError(f"{where} is empty")
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]
