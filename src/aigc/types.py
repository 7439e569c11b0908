"""Values that cross layers: what a model is asked, what it answers, which models there are.

All are frozen `msgspec.Struct`s: the same objects travel as msgpack between server and worker and are
checked while they are decoded. Shaped after OpenAI's API, minus what only the HTTP layer needs to know
(ids, timestamps, ``object`` names).

Knows: field names, units and defaults. Does not know: HTTP, engines, sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

Capability = Literal["chat", "completion", "embedding", "image", "image_edit", "panorama", "restoration"]
"""What a model can be asked for; one entry for every endpoint family that exists."""

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

JSON = dict[str, Any]

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

ToolKind = Literal["function", "custom"]
"""A function takes JSON arguments; a custom tool takes one text, its input."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base: immutable, keyword-only, and silent about defaults on the wire."""


# ---------------------------------------------------------------- text: the question


class ToolCall(_Value, frozen=True, kw_only=True):
    """A call that the model made earlier in the conversation."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it; of a custom tool the input itself."""
    kind: ToolKind = "function"


class Message(_Value, frozen=True, kw_only=True):
    """One turn. Content parts are joined into text before they get here."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    """What an assistant thought before it said this."""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Grammar(_Value, frozen=True, kw_only=True):
    """What the whole input of a custom tool must look like."""

    syntax: Literal["lark", "regex"]
    definition: str


class Tool(_Value, frozen=True, kw_only=True):
    """A function or custom tool that the model may call."""

    name: str
    description: str = ""
    parameters: JSON = msgspec.field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON schema of a function's arguments."""
    strict: bool = False
    kind: ToolKind = "function"
    grammar: Grammar | None = None
    """Of a custom tool's input; None: any text."""


class ToolChoice(_Value, frozen=True, kw_only=True):
    """Which tools may or must be called; ``names`` limits the choice (empty: all)."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()
    named: bool = False
    """The one name was demanded by itself, not as a set of allowed tools."""


class Sampling(_Value, frozen=True, kw_only=True):
    """How the next token is drawn. ``None`` means: the model's own recommendation."""

    temperature: float | None = None
    """0 is greedy; at most 2."""
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = {}
    """Token id to a number in [-100, 100] that is added to its logit."""
    text_bias: dict[str, float] = {}
    """The same for tokens named by their text; each must be exactly one token of the model."""


class TextRequest(_Value, frozen=True, kw_only=True, tag="text"):
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


class EmbedRequest(_Value, frozen=True, kw_only=True, tag="embed"):
    """Texts, or lists of token ids, to turn into vectors."""

    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None


class TokenizeRequest(_Value, frozen=True, kw_only=True, tag="tokenize"):
    """Text to split into tokens; ``messages`` goes through the chat template first."""

    text: str | None = None
    messages: tuple[Message, ...] | None = None


# ---------------------------------------------------------------- pictures


class Raster(_Value, frozen=True, kw_only=True):
    """A picture as raw pixels: 8 bits, row by row from the top, channels interleaved."""

    width: int
    height: int
    channels: Literal[1, 3, 4]
    """Grey; red, green, blue; the same and opacity (not multiplied)."""
    pixels: bytes

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or len(self.pixels) != self.width * self.height * self.channels:
            raise ValueError(f"{len(self.pixels)} bytes are no {self.width}x{self.height}x{self.channels} picture")


class ImageRequest(_Value, frozen=True, kw_only=True, tag="image"):
    """Pictures from words, or from a picture and words. ``None`` means: the model's own default."""

    prompt: str = ""
    n: int = 1
    width: int | None = None
    height: int | None = None
    seed: int
    """0 to 2**63 - 1; the first picture has it, the next ones those that follow."""
    steps: int | None = None
    guidance: float | None = None
    style: str | None = None
    """A style that the model was trained in; as if the prompt said so."""
    strength: float | None = None
    """How far a given picture may change: 0 not at all, 1 altogether."""
    image: Raster | None = None
    """A picture to begin with: an edit, or, without a prompt, a variation."""
    mask: Raster | None = None
    """Of the size of ``image``, one channel: 255 where to paint, 0 where every pixel stays as it is."""
    panorama: bool = False
    """All around (360 by 180 degrees), twice as wide as high; left and right edges touch."""
    transparent: bool = False
    previews: int = 0
    """Unfinished pictures to show on the way."""


class RestoreRequest(_Value, frozen=True, kw_only=True, tag="restore"):
    """A photograph to repair."""

    image: Raster
    mask: Raster | None = None
    """Of the size of ``image``, one channel: 255 where pixels are lost."""
    task: str = "auto"
    scale: int | None = None
    """Times the side, for enlarging; None: what the task does by itself."""


PictureRequest = ImageRequest | RestoreRequest
Request = TextRequest | EmbedRequest | TokenizeRequest | ImageRequest | RestoreRequest


# ---------------------------------------------------------------- text: the answer


class TopLogprob(_Value, frozen=True, kw_only=True):
    """One candidate for a position."""

    token: str
    bytes: tuple[int, ...]
    logprob: float


class TokenLogprob(_Value, frozen=True, kw_only=True):
    """The chosen token, how likely it was, and its rivals (likeliest first)."""

    token: str
    bytes: tuple[int, ...]
    logprob: float | None
    """None for the first token of a prompt, which nothing precedes."""
    top: tuple[TopLogprob, ...] = ()


class ToolCallDelta(_Value, frozen=True, kw_only=True):
    """A piece of a tool call; ``id`` and ``name`` come once, with the first piece."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    """More of the arguments; of a custom tool more of its input."""
    kind: ToolKind = "function"


FinishReason = Literal["stop", "length", "tool_calls"]


class Started(_Value, frozen=True, kw_only=True, tag="started"):
    """The prompt is tokenised and accepted."""

    prompt_tokens: int
    fingerprint: str = ""
    """As in `Usage`."""


class Delta(_Value, frozen=True, kw_only=True, tag="delta"):
    """More of choice ``index``."""

    index: int
    text: str = ""
    reasoning: str = ""
    """What the model thinks before it answers."""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class Finished(_Value, frozen=True, kw_only=True, tag="finished"):
    """Choice ``index`` is complete."""

    index: int
    reason: FinishReason


class Usage(_Value, frozen=True, kw_only=True, tag="usage"):
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


class Embeddings(_Value, frozen=True, kw_only=True, tag="embeddings"):
    """Unit vectors: ``vectors`` is float32, row-major, little-endian, of shape (number of inputs, width)."""

    vectors: bytes
    width: int
    prompt_tokens: int
    fingerprint: str


class Tokens(_Value, frozen=True, kw_only=True, tag="tokens"):
    """Token ids, and the text of each one."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]


class ImageStep(_Value, frozen=True, kw_only=True, tag="image_step"):
    """Picture ``index`` has come so far."""

    index: int
    step: int
    steps: int
    preview: Raster | None = None
    """What it looks like now, where previews were asked for."""


class ImageMade(_Value, frozen=True, kw_only=True, tag="image_made"):
    """Picture ``index`` is complete."""

    index: int
    image: Raster
    seed: int | None = None
    """What it was drawn with; None where nothing is drawn by chance."""
    facts: JSON = {}
    """What is true of this picture and worth keeping in its file: steps, what was understood of the prompt, ..."""


class ImagesDone(_Value, frozen=True, kw_only=True, tag="images_done"):
    """Last event of an answer with pictures."""

    fingerprint: str


class Failure(_Value, frozen=True, kw_only=True, tag="failure"):
    """An `aigc.errors.AigcError` on its way through a socket: class name and arguments."""

    name: str
    message: str
    param: str | None = None
    hint: str | None = None
    retry_after_seconds: float | None = None


TextEvent = Started | Delta | Finished | Usage
PictureEvent = ImageStep | ImageMade | ImagesDone
Event = TextEvent | Embeddings | Tokens | PictureEvent | Failure
FINAL = (Usage, Embeddings, Tokens, ImagesDone, Failure)
"""An event of one of these types is the last of its request."""

Deliver = Callable[[Event], None]
"""Takes the events of one answer in their order. It is called for every token: it returns at once and never raises."""


# ---------------------------------------------------------------- models


class EngineFile(_Value, frozen=True, kw_only=True):
    """How one engine runs a model."""

    engine: str
    """Name in `aigc.engines.registry`."""
    path: str
    """File or folder that the engine opens, absolute."""
    memory_bytes: int
    """Estimate of the resident memory with the weights loaded and an empty cache."""
    cache_bytes_per_token: int = 0
    """Key-value cache for one token of context; 0 where there is none."""


class ModelSpec(_Value, frozen=True, kw_only=True):
    """An installed model, as the runtime and the workers need to know it."""

    id: str
    capabilities: tuple[Capability, ...]
    engines: tuple[EngineFile, ...]
    """In order of preference."""
    context_tokens: int
    """Longest prompt plus answer that the model was made for."""
    created: int
    """Unix seconds of the installation."""
    digest: str
    """sha256 of the weights' file."""
    licence: str
    defaults: Sampling = Sampling()
    """What the makers of the model recommend where a request is silent."""
    languages: tuple[str, ...] = ()
    embedding_width: int | None = None
    infill: bool = False
    """Whether it can fill the gap between two texts."""
