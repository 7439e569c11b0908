"""Language models on CPUs through OpenVINO GenAI's continuous batching.

One thread owns the pipeline: it admits what was submitted, calls ``step()``, and hands on what all sequences got from
that step in one piece. `submit` and `cancel` leave notes for it and wake it up. Constrained sequences pass a second
thread first, which tries their grammars (`openvino_grammar`); the others overtake them there.

Source: Kwon et al. 2023, arXiv:2309.06180 (paged attention).
Knows: OpenVINO's pipeline, its limits and failures. Does not know: conversations, processes, conversion.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence as Tokens
from pathlib import Path
from typing import Any

from aigc.engines import mapped, openvino_folder, openvino_grammar
from aigc.engines.base import Emit, LoadOptions, SequenceDelta, SequenceRequest
from aigc.engines.constraint import ToolConstraint
from aigc.engines.guard import Guard
from aigc.engines.openvino_repeat import PIECE_TOKENS, Company
from aigc.engines.openvino_sequence import Sequence, generation_config, helper_config
from aigc.engines.sequence_check import check_text, refuse, refuse_token
from aigc.errors import AigcError, Busy, EngineError, EngineMissing, InsufficientMemory
from aigc.types import EngineFile, Feature, ModelSpec

_log = logging.getLogger(__name__)

_BATCH_TOKENS = 256
"""Tokens in one step. A prompt goes in by pieces of this size, so that others go on and a cancelled one ends soon."""
_NICE = 10
"""How far the thread that compiles grammars steps back, from 0 to 19."""
_TRIAL_PATIENCE_SECONDS = 30.0
"""A grammar may take this long to compile before the engine counts as hung."""


class OpenVinoEngine:
    """A language model in OpenVINO; see `aigc.engines.base.TextEngine`.

    Raises:
        EngineMissing: the library isn't installed.
        InvalidModelFile: the folder is not one that we converted.
        InsufficientMemory: the cache that was granted holds no sequence.
        EngineError: the library can't load the model.
    """

    features: frozenset[Feature] = frozenset({"seed", "penalties", "logprobs", "schema", "tools", "top_k", "min_p"})

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        try:
            import openvino_genai
        except ImportError as error:
            raise EngineMissing("OpenVINO isn't installed", hint="pip install openvino-genai") from error
        self._folder = Path(file.path)
        described = openvino_folder.description(self._folder)
        self._options = options
        self._blocks = options.cache_bytes // (described.cache_bytes_per_token * openvino_folder.BLOCK_TOKENS)
        room = self._blocks * openvino_folder.BLOCK_TOKENS
        if room < 2 * openvino_folder.BLOCK_TOKENS:
            raise InsufficientMemory(f"a cache of {options.cache_bytes} bytes holds {room} tokens of {spec.id}")
        self.context_tokens = min(spec.context_tokens, described.context_tokens, options.context_tokens, room)
        self._speech = described.speech
        self.chat_template = self._speech.chat_template
        self.bos_token, self.eos_token = self._speech.bos_token, self._speech.eos_token
        self.adds_bos = self._speech.adds_bos
        version = openvino_genai.get_version().split("-")[0]
        self.fingerprint = f"openvino-{version}-{spec.digest[:6]}"
        self._vocabulary_size = described.vocabulary_size
        self._company = Company(options.threads, self.context_tokens, options.lookup_tokens)
        self._load()

        self._wake = threading.Condition()
        self._inbox: list[SequenceRequest | SequenceDelta] = []
        self._cancelled: list[int] = []
        self._known: set[int] = set()  # submitted, neither finished nor cancelled
        self._closing = False
        self._line: deque[SequenceRequest | SequenceDelta] = deque()  # taken out of the inbox, not yet in the pipeline
        self._live: dict[int, Sequence] = {}
        self._trials: queue.SimpleQueue[SequenceRequest | None] = queue.SimpleQueue()
        self._trial_began: float | None = None
        self._work_since: float | None = None
        self._threads: list[threading.Thread] = []

    # ---------------------------------------------------------------- the port

    def encode(self, text: str, *, control: bool = True) -> list[int]:
        """Tokenise; see `aigc.engines.base.TextEngine.encode`."""
        check_text(text)
        if not text:
            return []
        if not control:  # the tokenizer itself knows no such wish
            return [token for part in self._guard.apart(text) for token in self.encode(part)]
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).input_ids.data.reshape(-1).tolist()
        return found

    def piece(self, token: int) -> bytes:
        """The bytes of a token. Raises: UserError."""
        if problem := refuse_token(token, len(self._pieces)):
            raise problem
        return self._pieces[token]

    def start(self, emit: Emit) -> None:
        """Begin to work; ``emit`` is called from the engine's thread."""
        self._emit = emit
        for target, name in ((self._run, "openvino"), (self._try_grammars, "openvino-grammar")):
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def submit(self, request: SequenceRequest) -> None:
        """Queue a sequence."""
        note: SequenceRequest | SequenceDelta = request
        if problem := refuse(request, self.features, len(self._pieces), self.context_tokens):
            note = SequenceDelta(id=request.id, error=problem)
        constraint = note.constraint if isinstance(note, SequenceRequest) else None
        new = constraint is not None and not self._trial.knows(constraint)
        with self._wake:
            self._known.add(request.id)
            self._work_since = self._work_since or time.monotonic()
            if isinstance(note, SequenceRequest) and new:
                self._trials.put(note)
                return
            self._inbox.append(note)
            self._wake.notify()

    def cancel(self, sequence_id: int) -> None:
        """Stop a sequence within one step."""
        with self._wake:
            if sequence_id in self._known:
                self._known.discard(sequence_id)
                self._cancelled.append(sequence_id)
                self._wake.notify()

    def stalled_seconds(self) -> float:
        """Seconds without a step although there is work."""
        with self._wake:
            now = time.monotonic()
            since, began = self._work_since, self._trial_began
            trial = max(0.0, now - began - _TRIAL_PATIENCE_SECONDS) if began is not None else 0.0
            only_trials = began is not None and not self._live and not self._inbox
            step = 0.0 if since is None or only_trials else now - since
        return max(step, trial)

    def close(self) -> None:
        """Free the model. Sequences that were running get no further delta."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._trials.put(None)
        for thread in self._threads:
            thread.join()
        self._live.clear()
        self._company.clear()
        del self._trial, self._tokenizer, self._pipe

    # ---------------------------------------------------------------- loading

    def _load(self) -> None:
        try:
            self._pipe = self._open()
            self._tokenizer = self._pipe.get_tokenizer()
            self._pieces = self._read_pieces(self._vocabulary_size)
            stops = self._speech.stop_ids
            self._trial = openvino_grammar.GrammarTrial(
                self._folder / openvino_folder.GRAMMAR, self._tokenizer, stops, self._pieces
            )
        except RuntimeError as error:
            raise EngineError("OpenVINO can't load the model", hint="`aigc verify` checks its files") from error

    def _open(self) -> Any:
        import openvino_genai

        scheduler = openvino_genai.SchedulerConfig()
        scheduler.num_kv_blocks = self._blocks
        scheduler.max_num_seqs = self._options.max_sequences + self._company.least  # room for companions
        rows = scheduler.max_num_seqs * (1 + self._options.lookup_tokens)
        scheduler.max_num_batched_tokens = max(_BATCH_TOKENS, rows + PIECE_TOKENS)
        scheduler.enable_prefix_caching = True
        properties = openvino_folder.PROPERTIES | {
            "INFERENCE_NUM_THREADS": self._options.threads,
            "sampler_num_threads": self._options.threads,
        }
        if self._options.lookup_tokens:
            properties["prompt_lookup"] = True
        pipe = openvino_genai.ContinuousBatchingPipeline(str(self._folder), scheduler, "CPU", properties)
        self._warm_up(pipe)
        mapped.release(self._folder / openvino_folder.MODEL)
        return pipe

    def _warm_up(self, pipe: Any) -> None:
        """The first step packs the weights, which takes seconds: the first user shall not wait for it."""
        config = helper_config(1, self._options.lookup_tokens)
        handle = pipe.add_request(0, Sequence.tensor([0]), config)
        while pipe.has_non_finished_requests():
            pipe.step()
        del handle

    def _read_pieces(self, size: int) -> list[bytes]:
        pieces = [b""] * size
        for piece, token in self._tokenizer.get_vocab().items():
            if token < size:
                pieces[token] = piece
        self.control_names = [pieces[token].decode(errors="replace") for token in self._speech.control_ids]
        self._guard = Guard(self.control_names)
        for token in self._speech.control_ids:
            pieces[token] = b""
        return pieces

    # ---------------------------------------------------------------- the grammar thread

    def _try_grammars(self) -> None:
        _step_back()
        while (request := self._trials.get()) is not None:
            with self._wake:
                if request.id not in self._known:
                    continue
                self._trial_began = time.monotonic()
            note: SequenceRequest | SequenceDelta = request
            try:
                assert request.constraint is not None
                self._trial.check(request.constraint)
            except AigcError as error:
                error.param = "tools" if isinstance(request.constraint, ToolConstraint) else "response_format"
                note = SequenceDelta(id=request.id, error=error)
            except Exception as error:
                _log.exception("a grammar could not be tried")
                note = SequenceDelta(id=request.id, error=_failed(error))
            with self._wake:
                self._trial_began = None
                self._work_since = time.monotonic()
                self._inbox.append(note)
                self._wake.notify()

    # ---------------------------------------------------------------- the engine thread

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._inbox or self._cancelled or self._line or self._live or self._closing):
                    self._work_since = time.monotonic() if self._known else None
                    self._wake.wait()
                if self._closing:
                    return
                inbox, self._inbox = self._inbox, []
                cancelled, self._cancelled = self._cancelled, []
            self._line.extend(inbox)
            deltas = self._admit()
            for sequence_id in cancelled:
                # The handle's end takes the request out of the pipeline with the next step.
                if sequence := self._live.pop(sequence_id, None):
                    sequence.handle.cancel()
                    del sequence
            deltas += self._step()
            self._settle(deltas)

    def _admit(self) -> list[SequenceDelta]:
        """Let in who waits, in order; a repeatable one shares no step with other prompts."""
        refused: list[SequenceDelta] = []
        while self._line and not self._company.reading:
            note = self._line[0]
            reading = [sequence.repeatable for sequence in self._live.values() if sequence.reading]
            if any(reading):
                break
            tokens: Tokens[int] | None = None
            if isinstance(note, SequenceRequest) and note.id in self._known:
                if note.repeatable and reading:
                    break
                try:
                    tokens = self._company.lead(self._pipe, note, len(self._pieces)) if note.repeatable else note.tokens
                except Exception as error:
                    _log.exception("a piece of a prompt was refused")
                    self._company.clear()
                    note = SequenceDelta(id=note.id, error=_failed(error))
                if tokens is None and isinstance(note, SequenceRequest):
                    break
            self._line.popleft()
            if isinstance(note, SequenceDelta):
                refused.append(note)
            elif tokens is not None:
                refused += self._let_in(note, tokens)
        return refused

    def _let_in(self, request: SequenceRequest, tokens: Tokens[int]) -> list[SequenceDelta]:
        try:
            structure = None if request.constraint is None else self._trial.structure(request.constraint)
            config = generation_config(request, self._speech.stop_ids, structure, self._options.lookup_tokens)
            handle = self._pipe.add_request(request.id, Sequence.tensor(tokens), config)
        except Exception as error:
            _log.exception("a sequence was refused")
            return [SequenceDelta(id=request.id, error=_failed(error))]
        self._live[request.id] = Sequence(request, handle, self._pieces)
        return []

    def _step(self) -> list[SequenceDelta]:
        try:
            self._company.fill(self._pipe, self._live.values())
            if self._pipe.has_non_finished_requests():
                self._pipe.step()
            return [delta for sequence in self._live.values() if (delta := self._read(sequence)) is not None]
        except Exception as error:
            _log.exception("a step failed; %d sequences are lost and the pipeline is opened again", len(self._live))
            failed = [SequenceDelta(id=sequence_id, error=_failed(error)) for sequence_id in self._live]
            self._live.clear()
            self._company.clear()
            self._reopen()
            return failed

    def _read(self, sequence: Sequence) -> SequenceDelta | None:
        delta = sequence.read()
        if delta is not None or sequence.running():
            return delta
        room = self._blocks * openvino_folder.BLOCK_TOKENS
        error = Busy(f"the cache of {room} tokens is full with other sequences", retry_after_seconds=5.0)
        return SequenceDelta(id=sequence.id, error=error)

    def _reopen(self) -> None:
        # A step that raised leaves the pipeline in a state from which it can't go on.
        self._pipe = None
        try:
            self._load()
        except Exception:
            _log.exception("the pipeline can't be opened again")

    def _settle(self, deltas: list[SequenceDelta]) -> None:
        with self._wake:
            # Cancelled meanwhile: nothing more is said about it.
            told = [delta for delta in deltas if delta.id in self._known]
            for delta in told:
                if delta.finish or delta.error:
                    self._known.discard(delta.id)
            self._work_since = time.monotonic() if self._known else None
        for delta in deltas:
            if delta.finish or delta.error:
                self._live.pop(delta.id, None)
        if told:
            self._emit(told)


def _step_back() -> None:
    """Let all other threads go first: who waits for a grammar waits longer, the streams of the others go on."""
    if sys.platform == "linux":  # elsewhere the priority is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _failed(error: Exception) -> EngineError:
    # The library's words name the paths of its build machine: they stay in the log and in __cause__.
    problem = EngineError("OpenVINO failed on this request")
    problem.__cause__ = error
    return problem
