"""Text: what a language model is asked, and what it answers.

Knows: field names, units and defaults. Does not know: HTTP, engines, sockets.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from aigc.types.base import JSON, Value

Feature = Literal[
    "seed",
    "penalties",
    "logprobs",
    "top_logprobs",
    "prompt_logprobs",
    "logit_bias",
    "schema",
    "tools",
    "top_k",
    "min_p",
]
"""What an engine may or may not be able to honour; the runtime picks the engine by what a request needs."""

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

ToolKind = Literal["function", "custom"]
"""A function takes JSON arguments; a custom tool takes one text, its input."""


# ---------------------------------------------------------------- the question


class ToolCall(Value, frozen=True, kw_only=True):
    """A call that the model made earlier in the conversation."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it; of a custom tool the input itself."""
    kind: ToolKind = "function"


class Message(Value, frozen=True, kw_only=True):
    """One turn. Content parts are joined into text before they get here."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    """What an assistant thought before it said this."""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Grammar(Value, frozen=True, kw_only=True):
    """What the whole input of a custom tool must look like."""

    syntax: Literal["lark", "regex"]
    definition: str


class Tool(Value, frozen=True, kw_only=True):
    """A function or custom tool that the model may call."""

    name: str
    description: str = ""
    parameters: JSON = msgspec.field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON schema of a function's arguments."""
    strict: bool = False
    kind: ToolKind = "function"
    grammar: Grammar | None = None
    """Of a custom tool's input; None: any text."""


class ToolChoice(Value, frozen=True, kw_only=True):
    """Which tools may or must be called; ``names`` limits the choice (empty: all)."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()
    named: bool = False
    """The one name was demanded by itself, not as a set of allowed tools."""


class Sampling(Value, frozen=True, kw_only=True):
    """How the next token is drawn. ``None`` means: the model's own recommendation."""

    temperature: float | None = None
    """0 is greedy; at most 2."""
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = msgspec.field(default_factory=dict)
    """Token id to a number in [-100, 100] that is added to its logit."""
    text_bias: dict[str, float] = msgspec.field(default_factory=dict)
    """The same for tokens named by their text; each must be exactly one token of the model."""


class TextRequest(Value, frozen=True, kw_only=True, tag="text"):
    """A chat (``messages``) or a completion (``prompt``): exactly one of the two is given."""

    messages: tuple[Message, ...] | None = None
    prompt: str | tuple[int, ...] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    schema: JSON | None = None
    """The answer must be JSON that this schema accepts; ``{"type": "object"}`` is JSON mode."""
    n: int = 1
    max_tokens: int | None = None
    """Longest answer in tokens; ``None``: whatever the context leaves."""
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    top_logprobs: int | None = None
    """``None``: no log-probabilities; 0: only the chosen token's; k: the k likeliest as well."""
    best_of: int | None = None
    """Answers to draw; the ``n`` with the highest mean log-probability per token are told. ``None``: ``n``."""
    reasoning_effort: ReasoningEffort | None = None
    """``None``: what the model's template does by itself."""
    prediction: str | None = None
    """What the client believes that the answer will be; the usage tells how much of it came true."""
    echo: bool = False
    """The prompt comes first, with its log-probabilities where those are asked for."""
    suffix: str | None = None
    """What follows the answer: the model fills the gap between the prompt and this."""
    ignore_eos: bool = False
    """Benchmarks only: go on to ``max_tokens``."""

    @property
    def drawn(self) -> int:
        """Sequences that are computed for it."""
        return max(self.n, self.best_of or 0)

    def needs(self) -> frozenset[Feature]:
        """The features that an engine must have to honour this request."""
        found: set[Feature] = set()
        if self.sampling.seed is not None:
            found.add("seed")
        if self.sampling.presence_penalty or self.sampling.frequency_penalty:
            found.add("penalties")
        if self.sampling.logit_bias or self.sampling.text_bias:
            found.add("logit_bias")
        if self.sampling.top_k is not None:
            found.add("top_k")
        if self.sampling.min_p is not None:
            found.add("min_p")
        if self.top_logprobs is not None:
            found.add("top_logprobs" if self.top_logprobs else "logprobs")
            if self.echo:
                found.add("prompt_logprobs")
        if self.drawn > self.n:
            found.add("logprobs")
        if self.schema is not None:
            found.add("schema")
        if self.tools and self.tool_choice.mode != "none":
            found.add("tools")
        return frozenset(found)


class EmbedRequest(Value, frozen=True, kw_only=True, tag="embed"):
    """Texts, or lists of token ids, to turn into vectors."""

    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None


class TokenizeRequest(Value, frozen=True, kw_only=True, tag="tokenize"):
    """Text to split into tokens; ``messages`` goes through the chat template first."""

    text: str | None = None
    messages: tuple[Message, ...] | None = None


# ---------------------------------------------------------------- the answer


class TopLogprob(Value, frozen=True, kw_only=True):
    """One candidate for a position."""

    token: str
    bytes: tuple[int, ...]
    logprob: float


class TokenLogprob(Value, frozen=True, kw_only=True):
    """The chosen token, how likely it was, and its rivals (likeliest first)."""

    token: str
    bytes: tuple[int, ...]
    logprob: float | None
    """None for the first token of a prompt, which nothing precedes."""
    top: tuple[TopLogprob, ...] = ()


class ToolCallDelta(Value, frozen=True, kw_only=True):
    """A piece of a tool call; ``id`` and ``name`` come once, with the first piece."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    """More of the arguments; of a custom tool more of its input."""
    kind: ToolKind = "function"


FinishReason = Literal["stop", "length", "tool_calls"]


class Started(Value, frozen=True, kw_only=True, tag="started"):
    """The prompt is tokenised and accepted."""

    prompt_tokens: int
    fingerprint: str = ""
    """As in `Usage`."""


class Delta(Value, frozen=True, kw_only=True, tag="delta"):
    """More of choice ``index``."""

    index: int
    text: str = ""
    reasoning: str = ""
    """What the model thinks before it answers."""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class Finished(Value, frozen=True, kw_only=True, tag="finished"):
    """Choice ``index`` is complete."""

    index: int
    reason: FinishReason


class Usage(Value, frozen=True, kw_only=True, tag="usage"):
    """Last event of a text answer: what it cost and who made it."""

    prompt_tokens: int
    completion_tokens: int
    fingerprint: str
    """Engine, its version and the model file, e.g. ``openvino-2026.4.1-1f3c9a``."""
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    """Those of the completion tokens that were thoughts."""
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class Embeddings(Value, frozen=True, kw_only=True, tag="embeddings"):
    """Unit vectors: ``vectors`` is float32, row-major, little-endian, of shape (number of inputs, width)."""

    vectors: bytes
    width: int
    prompt_tokens: int
    fingerprint: str


class Tokens(Value, frozen=True, kw_only=True, tag="tokens"):
    """Token ids, and the text of each one."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


TextEvent = Started | Delta | Finished | Usage
