"""One sequence inside llama.cpp: its settings, its calls, its text.

While a character is spread over several tokens, llama.cpp streams nothing for the first of them, not even their
log-probabilities. A sequence that wants those is therefore computed in short calls that do not stream; each goes on
where the last one ended, from the cache.

Knows: llama.cpp's names for sampling settings, its answers and errors. Does not know: threads, other sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aigc.engines import llama_cpp_grammar
from aigc.engines.base import SequenceDelta, SequenceRequest
from aigc.engines.detokenise import Detokeniser, token_logprob
from aigc.errors import AigcError, ContextOverflow, EngineError, InvalidSchema, UnsupportedParameter
from aigc.types import JSON, TokenLogprob, TopLogprob

_RANDOM_SEED = 2**32 - 1
"""llama.cpp takes this seed to mean a random one."""
_CALL_TOKENS = 16
"""Tokens of one call that doesn't stream: what a cancelled sequence still costs."""
_NEUTRAL: JSON = {
    "samplers": ["penalties", "temperature", "top_k", "top_p", "min_p"],
    "repeat_penalty": 1.0,
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
        self._pieces = pieces
        self._counted = 0
        self._cached: int | None = None

    def go(self, put: Put) -> None:
        """Compute it; returns when it has ended, failed or was cancelled."""
        if self._request.top_logprobs is None:
            self._stream(put)
        elif self._request.constraint is None:
            self._call_by_call(put)
        else:
            put(self._failed(UnsupportedParameter(_NO_LOGPROBS, param="logprobs")))

    # ---------------------------------------------------------------- without log-probabilities

    def _stream(self, put: Put) -> None:
        body = self._settings() | {
            "prompt": list(self._request.tokens),
            "max_tokens": self._request.max_tokens,
            "stream": True,
            "timings_per_token": True,
            "return_progress": True,  # a sign of life, and a chance to cancel, after each batch of the prompt
        }

        def take(chunk: JSON) -> bool:
            if not self.cancelled:
                put(self._delta(chunk))
            return self.cancelled

        self._server.handle_completions(body, take)

    def _delta(self, chunk: JSON) -> SequenceDelta | None:
        if "error" in chunk:
            return self._failed(_error(chunk["error"]))
        choice = chunk["choices"][0]
        made = chunk.get("timings", {}).get("predicted_n", self._counted)
        finish = choice["finish_reason"]
        if "usage" in chunk:
            made = chunk["usage"]["completion_tokens"]
        new, self._counted = made - self._counted, made
        if not (new or choice["text"] or finish):
            return None
        cached = 0
        if self._cached is None and "timings" in chunk:
            cached = self._cached = chunk["timings"]["cache_n"]
        return SequenceDelta(id=self.id, text=choice["text"], tokens=new, cached_tokens=cached, finish=finish)

    # ---------------------------------------------------------------- with log-probabilities

    def _call_by_call(self, put: Put) -> None:
        tokens, text = list(self._request.tokens), Detokeniser(self._pieces)
        left, number = self._request.max_tokens, 0
        while left and not self.cancelled:
            body = self._settings(number) | {
                "prompt": tokens,
                "max_tokens": min(left, _CALL_TOKENS),
                "logprobs": max(1, self._request.top_logprobs or 0),
            }
            answer = self._server.handle_completions(body)
            if "error" in answer:
                put(self._failed(_error(answer["error"])))
                return
            choice = answer["choices"][0]
            entries = (choice["logprobs"] or {}).get("content", [])
            ids = [entry["id"] for entry in entries]
            used = answer["usage"]["completion_tokens"]
            left, number = left - used, number + 1
            tokens += ids
            ended = choice["finish_reason"] == "stop"
            put(
                SequenceDelta(
                    id=self.id,
                    text=text.push(ids),
                    tokens=used,
                    logprobs=tuple(self._logprob(entry) for entry in entries),
                    cached_tokens=answer["timings"]["cache_n"] if number == 1 else 0,
                    finish="stop" if ended else None if left else "length",
                )
            )
            if ended:
                return

    def _logprob(self, entry: JSON) -> TokenLogprob:
        chosen = token_logprob(self._pieces[entry["id"]], entry["logprob"])
        if not self._request.top_logprobs:
            return chosen
        top = []
        for rival in entry["top_logprobs"]:
            shown = token_logprob(self._pieces[rival["id"]], rival["logprob"])
            top.append(TopLogprob(token=shown.token, bytes=shown.bytes, logprob=shown.logprob))
        return TokenLogprob(token=chosen.token, bytes=chosen.bytes, logprob=chosen.logprob, top=tuple(top))

    # ---------------------------------------------------------------- both

    def _settings(self, call: int = 0) -> JSON:
        draw = self._request.draw
        settings = _NEUTRAL | {
            "temperature": draw.temperature,
            "top_p": draw.top_p,
            "top_k": draw.top_k or 0,
            "min_p": draw.min_p or 0.0,
            "seed": (draw.seed + call) % _RANDOM_SEED,
            "repeat_last_n": self.reserved,  # penalties look at the whole text; the default is 64 tokens
            "presence_penalty": draw.presence_penalty,
            "frequency_penalty": draw.frequency_penalty,
            "logit_bias": [[token, bias] for token, bias in draw.logit_bias.items()],
            "ignore_eos": self._request.ignore_eos,
        }
        if self._request.constraint is not None:
            settings |= llama_cpp_grammar.parameters(self._request.constraint)
        return settings

    def _failed(self, error: AigcError) -> SequenceDelta:
        return SequenceDelta(id=self.id, error=error)


_NO_LOGPROBS = "llama.cpp can't give log-probabilities for an answer that a schema or tools constrain"


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
