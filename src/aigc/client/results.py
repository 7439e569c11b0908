"""What the Python API answers: frozen values, read from the server's JSON.

Knows: the fields of OpenAI's answers. Does not know: HTTP, where an answer came from.
"""

from __future__ import annotations

import array
import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, in tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Part of ``prompt_tokens`` that did not have to be computed again."""

    @property
    def total_tokens(self) -> int:
        """Prompt and answer together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function or custom tool that the model wants called."""

    id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""
    kind: str = "function"
    """``function``, or ``custom``: then ``arguments`` is the text that the tool is given."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of the answer and how likely it was (natural logarithm)."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens at this place, likeliest first, with their log-probabilities."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the ``n`` answers."""

    index: int
    text: str
    finish_reason: str | None
    """``stop``, ``length`` or ``tool_calls``; ``None`` where a stream was left before the end."""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """The answer to a chat; the fields beside ``choices`` are those of the first choice."""

    text: str
    model: str
    """The model that answered, never an alias."""
    finish_reason: str | None
    usage: Usage
    choices: tuple[Choice, ...]
    tool_calls: tuple[ToolCall, ...]
    logprobs: tuple[TokenLogprob, ...]
    fingerprint: str | None
    """Engine, its version and the model file."""
    raw: JSON = field(repr=False)
    """The server's answer as it came; empty for an answer collected from a stream."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Completion:
    """The continuation of a text; the fields beside ``choices`` are those of the first choice."""

    text: str
    model: str
    finish_reason: str | None
    usage: Usage
    choices: tuple[Choice, ...]
    logprobs: tuple[TokenLogprob, ...]
    fingerprint: str | None
    raw: JSON = field(repr=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """Unit vectors, one for each input, in the order of the inputs."""

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    model: str
    usage: Usage
    raw: JSON = field(repr=False)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return len(self.vectors[0]) if self.vectors else 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that the server offers."""

    id: str
    capabilities: tuple[str, ...] = ()
    """``chat``, ``completion``, ``embedding``; empty where a server doesn't say."""
    aliases: tuple[str, ...] = ()
    """Other names that stand for it now."""
    loaded: bool = False
    """Whether it is in memory now."""
    raw: JSON = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Delta:
    """More of choice ``index``: a piece of a streamed answer. The last one may carry only ``usage``."""

    index: int = 0
    text: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    """Pieces of tool calls as the server sends them; `ChatAnswer.tool_calls` has them joined."""
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None


def usage(body: JSON) -> Usage:
    """Read ``usage``; zeros where a server sends none."""
    found = body.get("usage") or {}
    details = found.get("prompt_tokens_details") or {}
    return Usage(
        found.get("prompt_tokens") or 0, found.get("completion_tokens") or 0, details.get("cached_tokens") or 0
    )


def logprobs(found: JSON | None) -> tuple[TokenLogprob, ...]:
    """Read ``logprobs`` of a choice, in the form of chat (``content``) or of completions (``tokens``)."""
    if not found:
        return ()
    if "content" in found:
        return tuple(
            TokenLogprob(
                item["token"],
                item["logprob"],
                tuple((top["token"], top["logprob"]) for top in item.get("top_logprobs") or ()),
            )
            for item in found["content"] or ()
        )
    # Completions: parallel lists; the first token of an echoed prompt has no probability.
    tops = found.get("top_logprobs") or [None] * len(found.get("tokens") or ())
    return tuple(
        TokenLogprob(token, float("nan") if value is None else value, tuple((top or {}).items()))
        for token, value, top in zip(found.get("tokens") or (), found.get("token_logprobs") or (), tops, strict=True)
    )


def _tool_calls(found: Any) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(id=call["id"], **call_fields(call)) for call in found or ())


def call_fields(call: Mapping[str, Any]) -> dict[str, str]:
    """Kind, name and arguments of a call, or of a piece of one, whichever kind of tool it is of."""
    kind = "custom" if "custom" in call else "function"
    body = call.get(kind) or {}
    payload = body.get("input" if kind == "custom" else "arguments")
    return {"kind": kind, "name": body.get("name") or "", "arguments": payload or ""}


def chat_answer(body: JSON) -> ChatAnswer:
    """Read the answer of ``/chat/completions``."""
    choices = tuple(
        Choice(
            index=c["index"],
            text=c["message"].get("content") or "",
            finish_reason=c.get("finish_reason"),
            tool_calls=_tool_calls(c["message"].get("tool_calls")),
            logprobs=logprobs(c.get("logprobs")),
        )
        for c in sorted(body["choices"], key=lambda c: int(c["index"]))
    )
    return chat_from_choices(choices, body.get("model", ""), usage(body), body.get("system_fingerprint"), body)


def chat_from_choices(
    choices: tuple[Choice, ...], model: str, used: Usage, fingerprint: str | None, raw: JSON
) -> ChatAnswer:
    """An answer whose own fields are those of its first choice."""
    first = choices[0] if choices else Choice(0, "", None)
    return ChatAnswer(
        text=first.text,
        model=model,
        finish_reason=first.finish_reason,
        usage=used,
        choices=choices,
        tool_calls=first.tool_calls,
        logprobs=first.logprobs,
        fingerprint=fingerprint,
        raw=raw,
    )


def completion(body: JSON) -> Completion:
    """Read the answer of ``/completions``."""
    choices = tuple(
        Choice(c["index"], c["text"], c.get("finish_reason"), (), logprobs(c.get("logprobs")))
        for c in sorted(body["choices"], key=lambda c: int(c["index"]))
    )
    return completion_from_choices(choices, body.get("model", ""), usage(body), body.get("system_fingerprint"), body)


def completion_from_choices(
    choices: tuple[Choice, ...], model: str, used: Usage, fingerprint: str | None, raw: JSON
) -> Completion:
    """A completion whose own fields are those of its first choice."""
    first = choices[0] if choices else Choice(0, "", None)
    return Completion(
        text=first.text,
        model=model,
        finish_reason=first.finish_reason,
        usage=used,
        choices=choices,
        logprobs=first.logprobs,
        fingerprint=fingerprint,
        raw=raw,
    )


def embeddings(body: JSON) -> EmbeddingResult:
    """Read the answer of ``/embeddings``, vectors in base64 or as lists."""
    data = sorted(body["data"], key=lambda item: int(item["index"]))
    vectors = tuple(_vector(item["embedding"]) for item in data)
    return EmbeddingResult(vectors=vectors, model=body.get("model", ""), usage=usage(body), raw=body)


def models(body: JSON) -> list[ModelInfo]:
    """Read the answer of ``/models``; other servers than ours say no more than the id."""
    found = []
    for item in body["data"]:
        details = item.get("aigc") or {}
        capabilities, aliases = tuple(details.get("capabilities") or ()), tuple(details.get("aliases") or ())
        found.append(ModelInfo(item["id"], capabilities, aliases, bool(details.get("loaded")), item))
    return found


def _vector(found: Any) -> tuple[float, ...]:
    if not isinstance(found, str):
        return tuple(float(x) for x in found)
    numbers = array.array("f", base64.b64decode(found))
    if sys.byteorder == "big":
        # The wire is little-endian float32, whatever the machine.
        numbers.byteswap()
    return tuple(numbers)
