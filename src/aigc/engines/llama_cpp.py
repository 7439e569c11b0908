"""Any GGUF model through llama.cpp (`xllamacpp`).

llama.cpp batches by itself: each sequence is one blocking call in a thread of its own, and its callback gets the
pieces. All slots share one key-value cache, and when that is full llama.cpp fails *every* running sequence; so a
sequence is let in only when its prompt and its longest answer fit beside those of the others. The rest wait here in
order of arrival.

Knows: xllamacpp's API and traps. Does not know: conversations, processes, grammars.
"""

from __future__ import annotations

import http.client
import json
import logging
import secrets
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from aigc.engines import gguf_header, vocabulary
from aigc.engines.base import Emit, LoadOptions, SequenceDelta, SequenceRequest
from aigc.engines.llama_cpp_sequence import Run
from aigc.engines.sequence_check import check_text, refuse, refuse_token
from aigc.errors import EngineError, EngineMissing, InsufficientMemory
from aigc.types import EngineFile, Feature, ModelSpec

_log = logging.getLogger(__name__)

_BATCH_TOKENS = 64
"""Prompt tokens between two looks at the cancelled: a batch can't be interrupted."""
_CELLS = 256
"""The cache's size is a multiple of this."""
_TOKENIZE_SECONDS = 60.0


class LlamaCppEngine:
    """A language model in llama.cpp; see `aigc.engines.base.TextEngine`.

    Raises:
        EngineMissing: the library, or a system library that it needs, isn't there.
        InvalidModelFile: no GGUF file.
        InsufficientMemory: the cache that was granted holds no sequence.
        EngineError: the library can't load the model.
    """

    features: frozenset[Feature] = frozenset(
        {
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
        }
    )

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        header = gguf_header.read(Path(file.path))
        speech = vocabulary.speech(header)
        self._pieces = vocabulary.pieces(header)
        self._cells = options.cache_bytes // max(1, file.cache_bytes_per_token) // _CELLS * _CELLS
        # More than every sequence at its longest is never used.
        self._cells = min(self._cells, options.max_sequences * -(-options.context_tokens // _CELLS) * _CELLS)
        if self._cells < _CELLS:
            raise InsufficientMemory(f"a cache of {options.cache_bytes} bytes holds {self._cells} tokens of {spec.id}")
        trained = int(header.of_model("context_length", spec.context_tokens))
        self.context_tokens = min(spec.context_tokens, trained, options.context_tokens, self._cells)
        self.chat_template = speech.chat_template
        self.bos_token, self.eos_token = speech.bos_token, speech.eos_token
        self.adds_bos = speech.adds_bos
        self.control_names = vocabulary.control_names(header)
        self._max_sequences = options.max_sequences
        self._key = secrets.token_urlsafe(32)
        module = _library()
        self.fingerprint = f"llama_cpp-{module.__version__}-{spec.digest[:6]}"
        self._server = self._load(module, file, options)

        self._lock = threading.Condition()
        self._waiting: deque[SequenceRequest] = deque()
        self._runs: dict[int, Run] = {}
        self._outbox: list[SequenceDelta] = []
        self._last_sign = time.monotonic()
        self._closing = False

    # ---------------------------------------------------------------- the port

    def encode(self, text: str, *, control: bool = True) -> list[int]:
        """Tokenise; see `aigc.engines.base.TextEngine.encode`."""
        check_text(text)
        body = json.dumps({"content": text, "parse_special": control, "add_special": False})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        # A connection for each call: llama.cpp drops idle ones. http.client knows nothing of proxies.
        connection = http.client.HTTPConnection(self._address, timeout=_TOKENIZE_SECONDS)
        try:
            connection.request("POST", "/tokenize", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            if response.status != 200:
                raise EngineError("llama.cpp can't tokenise this text") from RuntimeError(str(answer))
            tokens: list[int] = answer["tokens"]
        except OSError as error:
            raise EngineError("llama.cpp does not answer") from error
        finally:
            connection.close()
        return tokens

    def piece(self, token: int) -> bytes:
        """The bytes of a token. Raises: UserError."""
        if problem := refuse_token(token, len(self._pieces)):
            raise problem
        return self._pieces[token]

    def start(self, emit: Emit) -> None:
        """Begin to work; ``emit`` is called from one thread of the engine."""
        self._emit = emit
        self._pump = threading.Thread(target=self._hand_on, name="llama-cpp", daemon=True)
        self._pump.start()

    def submit(self, request: SequenceRequest) -> None:
        """Queue a sequence."""
        problem = refuse(request, self.features, len(self._pieces), self.context_tokens)
        with self._lock:
            if problem:
                self._outbox.append(SequenceDelta(id=request.id, error=problem))
                self._lock.notify_all()
                return
            if not self._runs and not self._waiting:
                self._last_sign = time.monotonic()
            self._waiting.append(request)
            self._let_in()

    def cancel(self, sequence_id: int) -> None:
        """Stop a sequence within one step."""
        with self._lock:
            if run := self._runs.get(sequence_id):
                run.cancelled = True
            self._waiting = deque(r for r in self._waiting if r.id != sequence_id)
            self._outbox = [delta for delta in self._outbox if delta.id != sequence_id]
            self._let_in()

    def stalled_seconds(self) -> float:
        """Seconds without a sign of life although there is work."""
        with self._lock:
            return time.monotonic() - self._last_sign if self._runs else 0.0

    def close(self) -> None:
        """Free the model. Sequences that were running get no further delta."""
        with self._lock:
            self._closing = True
            self._waiting.clear()
            for run in self._runs.values():
                run.cancelled = True
            self._lock.notify_all()
            while self._runs:
                self._lock.wait()
        if hasattr(self, "_pump"):
            self._pump.join()
        del self._server

    # ---------------------------------------------------------------- loading

    def _load(self, module: Any, file: EngineFile, options: LoadOptions) -> Any:
        params = module.CommonParams()
        params.model.path = file.path
        params.n_ctx = self._cells
        params.n_parallel = options.max_sequences
        params.kv_unified = True  # slots share the cache; otherwise each gets an n-th of it
        params.n_batch = params.n_ubatch = _BATCH_TOKENS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
        params.cache_ram_mib = 0  # the default keeps up to 8 GiB of old prompts
        params.cache_idle_slots = False
        params.ctx_shift = False  # would drop the beginning of a conversation, silently
        params.ui = False
        params.endpoint_slots = False
        params.api_keys = [self._key]
        params.n_threads_http = 2  # only `encode` comes this way
        params.offline = True
        params.verbosity = -1
        try:
            server = module.Server(params)
        except RuntimeError as error:
            raise EngineError("llama.cpp can't load the model", hint="`aigc verify` checks its file") from error
        self._address = str(server.listening_address).rpartition("//")[2]
        return server

    # ---------------------------------------------------------------- sequences

    def _let_in(self) -> None:
        """Start what fits. The lock is held."""
        used = sum(run.reserved for run in self._runs.values())
        while self._waiting and len(self._runs) < self._max_sequences and not self._closing:
            request = self._waiting[0]
            run = Run(request, self._server, self._pieces)
            if used + run.reserved > self._cells:
                return
            used += run.reserved
            self._waiting.popleft()
            self._runs[request.id] = run
            threading.Thread(target=self._work, args=(run,), name=f"llama-cpp-{request.id}", daemon=True).start()

    def _work(self, run: Run) -> None:
        try:
            run.go(lambda delta: self._put(run, delta))
        except Exception as error:
            _log.exception("a sequence failed")
            problem = EngineError("llama.cpp failed on this request")
            problem.__cause__ = error
            self._put(run, SequenceDelta(id=run.id, error=problem))
        with self._lock:
            del self._runs[run.id]
            self._last_sign = time.monotonic()
            self._let_in()
            self._lock.notify_all()

    def _put(self, run: Run, delta: SequenceDelta | None) -> None:
        with self._lock:
            self._last_sign = time.monotonic()
            if delta is not None and not run.cancelled:
                self._outbox.append(delta)
                self._lock.notify_all()

    def _hand_on(self) -> None:
        """What all sequences got meanwhile goes out in one piece."""
        while True:
            with self._lock:
                while not self._outbox and not self._closing:
                    self._lock.wait()
                if self._closing:
                    return
                deltas, self._outbox = self._outbox, []
            self._emit(deltas)


def _library() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        if "libgomp" in str(error):
            raise EngineMissing(
                "llama.cpp needs the system library libgomp.so.1, which isn't there",
                hint="apt-get install libgomp1, dnf install libgomp or apk add libgomp",
            ) from error
        raise EngineMissing("llama.cpp isn't installed", hint="pip install xllamacpp") from error
    return xllamacpp
