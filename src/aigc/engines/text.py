"""The text service of a worker: requests in OpenAI's terms on one side, a token engine on the other.

Threads: the worker's reader calls `TextService.submit` and `TextService.cancel`; one thread of our own renders,
tokenises and compiles schemas; the engine's thread brings tokens. One lock guards the tables and is held while events
are sent, so that nothing follows a cancellation; it is never held while the engine is called.

Usage: ``prompt_tokens`` counts the prompt once, ``completion_tokens`` every token drawn for every choice (also the one
that ends it, and what a stop string cut away), ``cached_tokens`` what no choice had to compute again.

Knows: the order of events. Does not know: what is inside of an engine, sockets, HTTP.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec

from aigc.engines.base import Send, SequenceDelta, SequenceRequest, TextEngine
from aigc.engines.choice import Choice
from aigc.engines.failures import failure
from aigc.engines.guard import Guard
from aigc.engines.prompt import Prepared, prepare
from aigc.engines.ranking import Ranking
from aigc.engines.template import ChatTemplate
from aigc.errors import UserError
from aigc.types import (
    Delta,
    EmbedRequest,
    Event,
    Finished,
    ModelSpec,
    Request,
    Started,
    TextRequest,
    TokenizeRequest,
    Tokens,
    Usage,
)


@dataclass
class _Answer:
    """A request that is being answered: its choices by the engine's sequence ids."""

    id: int
    prompt_tokens: int = 0
    choices: dict[int, Choice] = field(default_factory=dict)
    open: int = 0
    """Choices that are not complete."""
    ranking: Ranking | None = None
    """Set where more answers are drawn than told."""


class TextService:
    """`aigc.engines.base.Service` for chats, completions and tokenising, over any `TextEngine`.

    Args:
        engine: a loaded engine, not yet started; it is closed with the service.
        spec: the model, for its recommended sampling.
        send: takes the events.

    Raises:
        InvalidModelFile: the model's chat template can't be read.
    """

    def __init__(self, engine: TextEngine, spec: ModelSpec, send: Send) -> None:
        self._engine = engine
        self._spec = spec
        self._send = send
        self._template = ChatTemplate(
            engine.chat_template, engine.bos_token, engine.eos_token, Guard(engine.control_names)
        )
        self._lock = threading.Lock()
        self._answers: dict[int, _Answer] = {}
        self._sequences: dict[int, _Answer] = {}
        self._ids = itertools.count(1)
        self._preparing_since: float | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare")
        engine.start(self._on_deltas)

    def submit(self, request_id: int, request: Request) -> None:
        """See `aigc.engines.base.Service.submit`."""
        answer = _Answer(id=request_id)
        with self._lock:
            self._answers[request_id] = answer
        self._executor.submit(self._begin, answer, request)

    def cancel(self, request_id: int) -> None:
        """See `aigc.engines.base.Service.cancel`."""
        with self._lock:
            answer = self._answers.get(request_id)
            sequences = self._forget(answer) if answer is not None else []
        self._stop(sequences)

    def stalled_seconds(self) -> float:
        """See `aigc.engines.base.Service.stalled_seconds`; a template that hangs counts as well."""
        since = self._preparing_since
        return max(self._engine.stalled_seconds(), 0.0 if since is None else time.monotonic() - since)

    def close(self) -> None:
        """See `aigc.engines.base.Service.close`."""
        with self._lock:
            self._answers.clear()
            self._sequences.clear()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._engine.close()

    # ------------------------------------------------------------ before the first token

    def _begin(self, answer: _Answer, request: Request) -> None:
        if answer.id not in self._answers:
            return
        self._preparing_since = time.monotonic()
        try:
            if isinstance(request, TokenizeRequest):
                self._finish(answer, [self._tokenize(request)])
            elif isinstance(request, EmbedRequest):
                raise UserError(f"the model {self._spec.id!r} makes no embeddings", param="model")
            elif not isinstance(request, TextRequest):
                raise UserError(f"the model {self._spec.id!r} makes no pictures", param="model")
            else:
                self._launch(answer, request, prepare(request, self._engine, self._template, self._spec.defaults))
        except Exception as error:
            self._fail(answer, error)
        finally:
            self._preparing_since = None

    def _tokenize(self, request: TokenizeRequest) -> Tokens:
        if request.messages is None:
            ids = self._engine.encode(request.text or "")
        else:
            ids = self._template.guard.encode(self._template.render(request.messages), self._engine)
        return Tokens(ids=tuple(ids), pieces=tuple(self._engine.piece(i).decode("utf-8", "replace") for i in ids))

    def _launch(self, answer: _Answer, request: TextRequest, ready: Prepared) -> None:
        events: list[Event] = [Started(prompt_tokens=len(ready.tokens), fingerprint=self._fingerprint)]
        if ready.echo and ready.scored is None:
            events += [Delta(index=i, text=ready.echo) for i in range(request.n)]
        if ready.max_tokens == 0 and ready.scored is None:
            events += [Finished(index=i, reason="length") for i in range(request.n)]
            events.append(Usage(prompt_tokens=len(ready.tokens), completion_tokens=0, fingerprint=self._fingerprint))
            self._finish(answer, events)
            return
        sequences = [
            SequenceRequest(
                id=next(self._ids),
                tokens=ready.tokens,
                max_tokens=ready.max_tokens,
                draw=msgspec.structs.replace(ready.draw, seed=(ready.draw.seed + i) & (2**63 - 1)),
                constraint=ready.constraint,
                top_logprobs=request.top_logprobs if request.drawn == request.n else request.top_logprobs or 0,
                scored=ready.scored,
                stop_ids=ready.stop_ids,
                repeatable=request.sampling.seed is not None,
                ignore_eos=request.ignore_eos,
            )
            for i in range(request.drawn)
        ]
        with self._lock:
            if answer.id not in self._answers:
                return
            answer.prompt_tokens = len(ready.tokens)
            answer.open = len(sequences)
            if request.drawn > request.n:
                answer.ranking = Ranking(request.n, logprobs=request.top_logprobs is not None)
            for index, sequence in enumerate(sequences):
                answer.choices[sequence.id] = Choice(index, ready.rules, echo=ready.echo)
                self._sequences[sequence.id] = answer
            self._send([(answer.id, event) for event in events])
        for sequence in sequences:
            if sequence.id in self._sequences:
                self._engine.submit(sequence)
                if sequence.id not in self._sequences:  # cancelled meanwhile, perhaps before the engine knew it
                    self._engine.cancel(sequence.id)

    # ------------------------------------------------------------ tokens

    def _on_deltas(self, deltas: Sequence[SequenceDelta]) -> None:
        """All that one step of the engine brought; goes out in one piece."""
        sent: list[tuple[int, Event]] = []
        to_stop: list[int] = []
        with self._lock:
            for delta in deltas:
                answer = self._sequences.get(delta.id)
                if answer is None:
                    continue
                events: list[Event] = []
                try:
                    self._advance(answer, delta, events, to_stop)
                except Exception as error:
                    events.append(failure(error))
                    to_stop += self._forget(answer)
                for event in events:
                    sent.append((answer.id, event))
            if sent:
                self._send(sent)
        self._stop(to_stop)

    def _advance(self, answer: _Answer, delta: SequenceDelta, events: list[Event], to_stop: list[int]) -> None:
        if delta.error is not None:
            raise delta.error
        choice = answer.choices[delta.id]
        over = choice.push(delta, events)
        if answer.ranking is not None:
            answer.ranking.hold(choice, events)
        if not over:
            return
        del self._sequences[delta.id]
        if delta.finish is None:
            to_stop.append(delta.id)
        answer.open -= 1
        if answer.open == 0:
            choices = list(answer.choices.values())
            if answer.ranking is not None:
                events += answer.ranking.told(choices)
            readers = [choice.prediction for choice in choices if choice.prediction is not None]
            accepted = sum(reader.accepted() for reader in readers)
            events.append(
                Usage(
                    prompt_tokens=answer.prompt_tokens,
                    completion_tokens=sum(choice.completion_tokens for choice in choices),
                    accepted_prediction_tokens=accepted,
                    rejected_prediction_tokens=sum(reader.tokens for reader in readers) - accepted,
                    reasoning_tokens=sum(choice.reasoning_tokens for choice in choices),
                    cached_tokens=min(choice.cached_tokens for choice in choices),
                    fingerprint=self._fingerprint,
                )
            )
            self._forget(answer)

    # ------------------------------------------------------------ the end

    @property
    def _fingerprint(self) -> str:
        return self._engine.fingerprint

    def _forget(self, answer: _Answer) -> list[int]:
        """Drop a request from the tables (lock held); returns the sequences that the engine still works on."""
        self._answers.pop(answer.id, None)
        return [sequence for sequence in answer.choices if self._sequences.pop(sequence, None) is not None]

    def _finish(self, answer: _Answer, events: Sequence[Event]) -> None:
        with self._lock:
            if self._answers.get(answer.id) is answer:
                self._forget(answer)
                self._send([(answer.id, event) for event in events])

    def _fail(self, answer: _Answer, error: Exception) -> None:
        with self._lock:
            if self._answers.get(answer.id) is not answer:
                return
            sequences = self._forget(answer)
            self._send([(answer.id, failure(error))])
        self._stop(sequences)

    def _stop(self, sequences: Sequence[int]) -> None:
        for sequence in sequences:
            self._engine.cancel(sequence)
