"""Toys for the tests of the text and embedding services: a sink of events, and engines that play what they are told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from aigc.engines.base import Emit, SequenceDelta, SequenceRequest
from aigc.errors import ContextOverflow, UserError
from aigc.types import FINAL, Delta, Event, Feature, Message, ModelSpec, TextRequest

SPEC = ModelSpec(
    id="toy", capabilities=("chat", "completion"), engines=(), context_tokens=100, created=0, digest="", licence="MIT"
)


def user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def completion(**fields: Any) -> TextRequest:
    return TextRequest(**{"prompt": "ab", **fields})


class Sink:
    """Takes events and lets a test wait for them."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, Event]]] = []
        self._changed = threading.Condition()

    def __call__(self, events: Sequence[tuple[int, Event]]) -> None:
        with self._changed:
            self.batches.append(list(events))
            self._changed.notify_all()

    def of(self, number: int = 1) -> list[Event]:
        return [event for batch in self.batches for to, event in batch if to == number]

    def wait(self, number: int = 1) -> list[Event]:
        """All events of a request, once its last one is there."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(isinstance(e, FINAL) for e in self.of(number)), 10), self.batches
        return self.of(number)

    def wait_for(self, kind: type, number: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(isinstance(e, kind) for e in self.of(number)), 10), self.batches


def text_of(events: Sequence[Event], index: int = 0) -> str:
    return "".join(e.text for e in events if isinstance(e, Delta) and e.index == index)


class ScriptedEngine:
    """A `TextEngine` whose steps are played by the test. One token a character."""

    features: frozenset[Feature] = frozenset(get_args(Feature))
    chat_template: str | None = None
    bos_token = "^"
    eos_token = "$"
    adds_bos = False
    control_names: tuple[str, ...] = ()
    fingerprint = "scripted-1"

    def __init__(self, context_tokens: int = 100) -> None:
        self.context_tokens = context_tokens
        self.requests: list[SequenceRequest] = []
        self.cancelled: list[int] = []
        self.closed = False
        self._changed = threading.Condition()

    def encode(self, text: str, *, control: bool = True) -> list[int]:
        return [ord(letter) for letter in text]

    def piece(self, token: int) -> bytes:
        if not 0 <= token < 1000:
            raise UserError(f"there is no token {token}")
        return chr(token).encode()

    def start(self, emit: Emit) -> None:
        self.emit = emit

    def submit(self, request: SequenceRequest) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def cancel(self, sequence_id: int) -> None:
        self.cancelled.append(sequence_id)

    def stalled_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        self.closed = True

    def wait(self, count: int = 1) -> list[SequenceRequest]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, 10)
        return self.requests

    def play(self, *pieces: str, finish: str | None = "stop", at: int = 0) -> None:
        """Emit the pieces as one token each for the sequence submitted as number ``at``, then its end."""
        number = self.requests[at].id
        for piece in pieces:
            self.emit([SequenceDelta(id=number, text=piece, tokens=1)])
        if finish is not None:
            self.emit([SequenceDelta(id=number, tokens=int(finish == "stop"), finish=finish)])  # type: ignore[arg-type]


class ToyEmbedder:
    """An `Embedder` whose vector of a text counts its letters a, b, c and d."""

    width = 4
    context_tokens = 8
    fingerprint = "toy-embedder"

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.closed = False

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def piece(self, token: int) -> bytes:
        if token >= 1000:
            raise UserError(f"there is no token {token}")
        return chr(token).encode()

    def embed(self, token_lists: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.entered.set()
        assert self.gate.wait(10)
        self.calls.append(len(token_lists))
        if any(len(tokens) > self.context_tokens for tokens in token_lists):
            raise ContextOverflow("too long")
        if any(ord("!") in tokens for tokens in token_lists):
            raise RuntimeError("native trouble at 0x7f")
        counts = np.array([[list(t).count(ord(c)) for c in "abcd"] for t in token_lists], dtype=np.float32)
        return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)

    def close(self) -> None:
        self.closed = True
