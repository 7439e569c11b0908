"""The ports of the engines: one small Protocol per capability, and what passes through them.

An engine is a native library with a model in it. It lives in a worker process, is called from several threads,
and knows tokens, not conversations: chat templates, tools, stop strings and JSON are `aigc.engines.text`'s matter,
the same for every engine.

Knows: tokens in, tokens out. Does not know: HTTP, processes, files other than its model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from aigc.engines.constraint import Constraint
from aigc.errors import AigcError
from aigc.types import (
    JSON,
    Event,
    Feature,
    PictureRequest,
    Raster,
    Request,
    SpeechPiece,
    SpeechRequest,
    TokenLogprob,
    TranscribeRequest,
    TranscriptEvent,
)


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """How one sequence is sampled: `aigc.types.Sampling` with nothing left open."""

    temperature: float
    """0: greedy."""
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float | None = None
    seed: int
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = {}


class SequenceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One sequence to be continued; a request with ``n`` choices becomes ``n`` of these."""

    id: int
    tokens: Sequence[int]
    max_tokens: int
    draw: Draw
    constraint: Constraint | None = None
    top_logprobs: int | None = None
    scored: tuple[int, int] | None = None
    """Tell the log-probabilities of ``tokens[a:b]`` first, in one delta; then ``max_tokens`` may be 0."""
    stop_ids: tuple[int, ...] = ()
    """Tokens that end this sequence, beside those that end every one."""
    repeatable: bool = False
    """Its seed was given: the answer shall not depend on what else is computed, as far as the engine can see to it."""
    ignore_eos: bool = False


class SequenceDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What one step added to a sequence. The last one carries ``finish`` or ``error``."""

    id: int
    text: str = ""
    """Complete characters only: a character that spans tokens comes with its last token."""
    tokens: int = 0
    """Number of tokens in this delta; the end-of-sequence token counts, its text is empty."""
    logprobs: tuple[TokenLogprob, ...] = ()
    prompt_logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens to be scored; one that nothing precedes has no number. Told once, before anything else."""
    cached_tokens: int = 0
    """Prompt tokens that were not computed again; told once, with any delta."""
    finish: Literal["stop", "length"] | None = None
    error: AigcError | None = None


Emit = Callable[[Sequence[SequenceDelta]], None]
"""Takes all deltas of one engine step; called from the engine's thread, must not block."""


class TextEngine(Protocol):
    """A loaded language model that continues many token sequences at once."""

    features: frozenset[Feature]
    context_tokens: int
    """Longest sequence that fits: at most the model's own limit."""
    chat_template: str | None
    """Jinja source, or None for a model without one."""
    bos_token: str
    eos_token: str
    adds_bos: bool
    """Whether the model was trained on texts that begin with ``bos_token``; chat templates write it themselves."""
    control_names: Collection[str]
    """Names of the tokens that mean something to the model beside their letters, like ``<|im_end|>``."""
    fingerprint: str

    def encode(self, text: str, *, control: bool = True) -> list[int]:
        """Tokenise; without ``control`` the names of control tokens are text. No BOS is added. Thread-safe."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for. Raises: `aigc.errors.UserError` for an id outside the vocabulary."""
        ...

    def start(self, emit: Emit) -> None:
        """Called once, before the first `submit`."""
        ...

    def submit(self, request: SequenceRequest) -> None:
        """Queue a sequence; returns at once. Thread-safe. Errors come as a delta."""
        ...

    def cancel(self, sequence_id: int) -> None:
        """Stop a sequence within one step and free its memory; no further delta comes. Unknown ids are ignored."""
        ...

    def stalled_seconds(self) -> float:
        """Seconds since the last step ended while there is work; 0 when idle."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Embedder(Protocol):
    """A loaded model that turns texts into unit vectors."""

    width: int
    context_tokens: int
    fingerprint: str

    def encode(self, text: str) -> list[int]:
        """Tokenise as `embed` does, special tokens included."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        ...

    def embed(self, token_lists: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors of shape (len(token_lists), width), in the order of the input.

        Raises: `aigc.errors.ContextOverflow` for a list longer than ``context_tokens``.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


Report = Callable[[int, int, Raster | None], None]
"""Told (steps done, steps in all, an unfinished picture or None) between two steps of a picture, at least every few
seconds; raises `aigc.errors.Cancelled` when nobody waits for the picture any more, which an engine lets pass."""


class Painting(msgspec.Struct, frozen=True, kw_only=True):
    """A picture and what is true of it."""

    image: Raster
    seed: int | None = None
    """What it was drawn with; None where nothing is drawn by chance."""
    facts: JSON = {}
    """Names and values that a person may want to read in the picture's file; nothing that the request says already."""


class Painter(Protocol):
    """A loaded model that makes or mends pictures, one at a time."""

    fingerprint: str

    def check(self, request: PictureRequest) -> None:
        """Refuse by name what this model can't do. Fast; called once, before the first picture.

        Raises: `aigc.errors.UserError` with ``param``; the hint says what is accepted, for sizes the nearest ones.
        """
        ...

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        """Picture ``index`` (0 to ``n - 1``) of a request that was checked: the same request, the same pixels."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Speaker(Protocol):
    """A loaded model that speaks, one text at a time."""

    fingerprint: str

    def check(self, request: SpeechRequest) -> None:
        """Refuse by name what this model can't do. Fast; called once, before the first piece.

        Raises: `aigc.errors.UserError` with ``param``; the hint says what is accepted.
        """
        ...

    def speak(self, request: SpeechRequest) -> Iterator[SpeechPiece]:
        """The pieces of a request that was checked, each as soon as it is there: a sentence or less.

        It is left in the middle where nobody waits any more; between two pieces lies a second at most.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Listener(Protocol):
    """A loaded model that writes down what is said, one sound at a time."""

    fingerprint: str

    def check(self, request: TranscribeRequest) -> None:
        """Refuse by name what this model can't do. Fast.

        Raises: `aigc.errors.UserError` with ``param``; the hint says what is accepted.
        """
        ...

    def listen(self, request: TranscribeRequest) -> Iterator[TranscriptEvent]:
        """The transcript of a request that was checked: `TranscriptStarted`, then segments in their order.

        Steps come in between, and before: of a sound that begins with silence the language is not known for a while.

        It is left in the middle where nobody waits any more. Memory does not grow with the length of the sound.

        Raises: `aigc.errors.UserError`: the sound can't be read, or is longer than the request allows.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


Send = Callable[[Sequence[tuple[int, Event]]], None]
"""Takes (request id, event) pairs and writes them to the server in one piece. Thread-safe."""


class Service(Protocol):
    """What a worker process runs: requests in, events out. The worker knows nothing else."""

    def submit(self, request_id: int, request: Request) -> None:
        """Begin; returns at once. Every request ends with exactly one event of `aigc.types.FINAL`, or is cancelled."""
        ...

    def cancel(self, request_id: int) -> None:
        """Forget a request within one step; no further event comes. Unknown ids are ignored."""
        ...

    def stalled_seconds(self) -> float:
        """How long the engine has been silent although it has work; 0 when idle."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor decides about a model before it is loaded."""

    threads: int
    """Compute threads of the engine."""
    context_tokens: int
    """Longest sequence to make room for."""
    cache_bytes: int
    """Upper bound of the key-value cache."""
    max_sequences: int
    """Sequences that are computed side by side; more of them wait inside the engine."""
    lookup_tokens: int = 0
    """Most tokens of a step that may be guessed from text which was there before; engines without lookup ignore it."""
