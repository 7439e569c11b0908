"""The embedding service of a worker: texts in OpenAI's terms on one side, an `Embedder` on the other.

One thread computes. What waits when it is free is computed together, up to a number of tokens; a request that is
cancelled while it waits is never computed. Fewer ``dimensions`` than the model has are the first ones, made unit length
again: exact for models trained that way (Matryoshka), a rough cut for others such as e5.

Knows: the order of events, limits, batches. Does not know: what is inside of an embedder, sockets, HTTP.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc.engines.base import Embedder
from aigc.engines.failures import failure
from aigc.engines.one_by_one import Line
from aigc.errors import ContextOverflow, EngineError, UserError
from aigc.types import Embeddings, EmbedRequest, Event, Request, TokenizeRequest, Tokens

BATCH_TOKENS = 16_384
"""Requests are computed together while the sum of their tokens stays below this."""
STEP_TOKENS = 4096
"""What is computed between two looks at who still waits: a quarter of a second on two cores."""


@dataclass
class _Job:
    tokens: list[list[int]]
    dimensions: int | None


class EmbeddingService(Line[Embedder]):
    """`aigc.engines.base.Service` for embeddings and tokenising."""

    def _round(self) -> None:
        """Compute what waits, a batch at a time."""
        carried: tuple[int, _Job] | None = None
        while True:
            carried = self._batch(carried)
            if carried is None:
                return

    def _batch(self, carried: tuple[int, _Job] | None) -> tuple[int, _Job] | None:
        """Compute one batch; returns the job that would have made it too large."""
        batch: dict[int, _Job] = dict([carried] if carried is not None else [])
        size = sum(len(tokens) for job in batch.values() for tokens in job.tokens)
        left = None
        while left is None and (taken := self._take()) is not None:
            number, request = taken
            self._alive()
            try:
                job = self._prepare(number, request)
            except Exception as error:
                self._tell([(number, failure(error))], last=True)
                continue
            if job is None:
                continue
            added = sum(len(tokens) for tokens in job.tokens)
            if batch and size + added > BATCH_TOKENS:
                left = (number, job)
            else:
                batch[number] = job
                size += added
        self._compute({number: job for number, job in batch.items() if number in self._running})
        return left

    def _prepare(self, number: int, request: Request) -> _Job | None:
        """A job for the batch; what needs no vectors is answered here."""
        if isinstance(request, TokenizeRequest):
            if request.messages is not None:
                raise UserError(f"the model {self._spec.id!r} has no chats", param="messages")
            ids = self._engine.encode(request.text or "")
            pieces = tuple(self._engine.piece(i).decode("utf-8", "replace") for i in ids)
            self._tell([(number, Tokens(ids=tuple(ids), pieces=pieces))], last=True)
            return None
        if not isinstance(request, EmbedRequest):
            raise UserError(f"the model {self._spec.id!r} makes embeddings only", param="model")
        width = self._engine.width
        if request.dimensions is not None and not 1 <= request.dimensions <= width:
            raise UserError(
                f"'dimensions' is {request.dimensions}, the model {self._spec.id!r} has 1 to {width}",
                param="dimensions",
            )
        if not request.inputs:
            raise UserError("'input' is empty, at least one text is needed", param="input")
        return _Job([self._tokens(i, given) for i, given in enumerate(request.inputs)], request.dimensions)

    def _tokens(self, index: int, given: str | tuple[int, ...]) -> list[int]:
        if not given:
            raise UserError(f"'input' {index} is empty", param="input")
        if isinstance(given, str):
            tokens = self._engine.encode(given)
        else:
            tokens = list(given)
            for token in tokens:
                self._known(token)
        if len(tokens) > self._engine.context_tokens:
            raise ContextOverflow(
                f"'input' {index} has {len(tokens)} tokens, the model reads {self._engine.context_tokens}",
                param="input",
                hint="split the text",
            )
        return tokens

    def _known(self, token: int) -> None:
        try:
            self._engine.piece(token)
        except UserError as error:
            raise UserError(error.message, param="input", hint=error.hint) from error

    def _compute(self, batch: dict[int, _Job]) -> None:
        if not batch:
            return
        self._alive()
        flat = [tokens for job in batch.values() for tokens in job.tokens]
        try:
            vectors = self._embed(flat, batch)
        except Exception as error:
            if len(batch) == 1:
                self._tell([(number, failure(error)) for number in batch], last=True)
            else:  # one request's fault must not be another's
                for number, job in batch.items():
                    self._compute({number: job})
            return
        if vectors is None:
            return
        events: list[tuple[int, Event]] = []
        at = 0
        for number, job in batch.items():
            rows = vectors[at : at + len(job.tokens)]
            at += len(job.tokens)
            try:
                events.append((number, self._event(rows, job)))
            except EngineError as error:
                events.append((number, failure(error)))
        self._tell(events, last=True)

    def _embed(self, flat: Sequence[Sequence[int]], batch: Collection[int]) -> NDArray[np.float32] | None:
        """Vectors of all token lists, a slice of ``STEP_TOKENS`` at a time; None once nobody wants them any more."""
        parts: list[NDArray[np.float32]] = []
        at = 0
        while at < len(flat):
            end, size = at + 1, len(flat[at])
            while end < len(flat) and size + len(flat[end]) <= STEP_TOKENS:
                size += len(flat[end])
                end += 1
            if not self._running.intersection(batch):
                return None
            self._alive()  # a slice is a step: a large request is no hung engine
            parts.append(self._engine.embed(flat[at:end]))
            at = end
        return np.concatenate(parts)

    def _event(self, rows_NW: NDArray[np.float32], job: _Job) -> Embeddings:  # noqa: N803  # N inputs, W width
        if job.dimensions is not None and job.dimensions < self._engine.width:
            rows_NW = rows_NW[:, : job.dimensions]  # noqa: N806
            lengths = np.linalg.norm(rows_NW, axis=1, keepdims=True)
            if not lengths.all():
                raise EngineError(f"the first {job.dimensions} dimensions of a vector are all zero")
            rows_NW = rows_NW / lengths  # noqa: N806
        return Embeddings(
            vectors=np.ascontiguousarray(rows_NW, dtype="<f4").tobytes(),
            width=rows_NW.shape[1],
            prompt_tokens=sum(len(tokens) for tokens in job.tokens),
            fingerprint=self._engine.fingerprint,
        )
