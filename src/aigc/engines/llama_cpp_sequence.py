"""One sequence inside llama.cpp: its settings, its call, its text.

Knows: llama.cpp's names for sampling settings, its answers and errors. Does not know: threads, other sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aigc.engines import llama_cpp_grammar
from aigc.engines.base import SequenceDelta, SequenceRequest
from aigc.engines.llama_cpp_logprobs import Logprobs
from aigc.errors import AigcError, ContextOverflow, EngineError, InvalidSchema
from aigc.types import JSON

_RANDOM_SEED = 2**32 - 1
"""llama.cpp takes this seed to mean a random one."""
NEUTRAL: JSON = {
    "samplers": ["penalties", "temperature", "top_k", "top_p", "min_p"],
    "temperature": 0.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
    "repeat_last_n": 0,
    "cache_prompt": True,
}
"""llama.cpp's own defaults (top_k 40, top_p 0.95, min_p 0.05, temperature 0.8) must not leak in."""

Put = Callable[["SequenceDelta | None"], None]
"""Takes what came; None is a sign of life without news."""


class Run:
    """A sequence that is being computed.

    Args:
        request: what was asked.
        server: xllamacpp's.
        pieces: the bytes of every token.
    """

    def __init__(self, request: SequenceRequest, server: Any, pieces: Sequence[bytes]) -> None:
        self.id = request.id
        self.reserved = len(request.tokens) + request.max_tokens
        """Cells of the cache that it may come to use."""
        self.cancelled = False
        self._request = request
        self._server = server
        self._counted = 0
        self._cached: int | None = None
        self._logprobs: Logprobs | None = None
        if request.top_logprobs is not None:
            self._logprobs = Logprobs(request.tokens, request.top_logprobs, pieces)

    def go(self, put: Put) -> None:
        """Compute it; returns when it has ended, failed or was cancelled."""

        def take(chunk: JSON) -> bool:
            if not self.cancelled:
                try:
                    put(self._delta(chunk))
                except AigcError as error:
                    put(SequenceDelta(id=self.id, error=error))
                    self.cancelled = True
            return self.cancelled

        try:
            body = self._body()
            if self._request.scored is not None and not self._score_prompt(*self._request.scored, put):
                return
        except AigcError as error:
            put(SequenceDelta(id=self.id, error=error))
            return
        self._server.handle_completions(body, take)
        if self._logprobs is not None and not self.cancelled:
            for delta in self._logprobs.late(self._ask):
                put(delta)

    def _score_prompt(self, start: int, end: int, put: Put) -> bool:
        """Tell the log-probabilities of some of the prompt. Returns: whether an answer is to follow."""
        assert self._logprobs is not None
        found = []
        for entry in self._logprobs.prompt(start, end, self._ask):
            put(None)
            if self.cancelled:
                return False
            found.append(entry)
        self._cached = 0  # what lies in the cache now, this request has computed
        last = self._request.max_tokens == 0
        put(SequenceDelta(id=self.id, prompt_logprobs=tuple(found), finish="length" if last else None))
        return not last

    def _delta(self, chunk: JSON) -> SequenceDelta | None:
        if "error" in chunk:
            raise _error(chunk["error"])
        choice = chunk["choices"][0]
        made = chunk.get("timings", {}).get("predicted_n", self._counted)
        if "usage" in chunk:
            made = chunk["usage"]["completion_tokens"]
        new, self._counted = made - self._counted, made
        if not (new or choice["text"] or choice["finish_reason"]):
            return None
        cached = 0
        if self._cached is None and "timings" in chunk:
            cached = self._cached = chunk["timings"]["cache_n"]
        delta = SequenceDelta(
            id=self.id, text=choice["text"], tokens=new, cached_tokens=cached, finish=choice["finish_reason"]
        )
        if self._logprobs is None:
            return delta
        return self._logprobs.add(delta, (choice["logprobs"] or {}).get("content", []))

    def _body(self) -> JSON:
        request, draw = self._request, self._request.draw
        body = NEUTRAL | {
            "prompt": list(request.tokens),
            "max_tokens": request.max_tokens,
            "temperature": draw.temperature,
            "top_p": draw.top_p,
            "top_k": draw.top_k or 0,
            "min_p": draw.min_p or 0.0,
            "seed": draw.seed % _RANDOM_SEED,
            "repeat_last_n": self.reserved,  # penalties look at the whole text
            "presence_penalty": draw.presence_penalty,
            "frequency_penalty": draw.frequency_penalty,
            "logit_bias": [[token, bias] for token, bias in draw.logit_bias.items()],
            "ignore_eos": request.ignore_eos,
            "stream": True,
            "timings_per_token": True,
            "return_progress": True,  # a sign of life, and a chance to cancel, after each batch of the prompt
        }
        if request.top_logprobs is not None:
            body["logprobs"] = max(1, request.top_logprobs)
        if request.constraint is not None:
            body |= llama_cpp_grammar.parameters(request.constraint)
        return body

    def _ask(self, body: JSON) -> JSON:
        """A short request of our own. Raises: AigcError."""
        answer: JSON = self._server.handle_completions(NEUTRAL | body)
        if "error" in answer:
            raise _error(answer["error"])
        return answer


def _error(told: JSON) -> AigcError:
    """llama.cpp's error as one of ours; its own words stay in ``__cause__``."""
    words = str(told.get("message", ""))
    if told.get("type") == "exceed_context_size_error":
        problem: AigcError = ContextOverflow(
            f"the prompt has {told.get('n_prompt_tokens')} tokens; at most {told.get('n_ctx')} fit"
        )
    elif "grammar" in words or "samplers" in words:
        problem = InvalidSchema("the schema can't be enforced: the grammar compiler refuses it")
    else:
        problem = EngineError("llama.cpp failed on this request")
    problem.__cause__ = RuntimeError(words)
    return problem
