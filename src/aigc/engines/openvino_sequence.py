"""One sequence inside OpenVINO's pipeline: its settings, its handle, its text.

Knows: OpenVINO's names for sampling settings. Does not know: threads, other sequences.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from typing import Any, Literal

from aigc.engines.base import Draw, SequenceDelta, SequenceRequest
from aigc.engines.detokenise import Detokeniser, token_logprob

_SEEDS = 2**32 - 1
_COLD = 1e-6
"""Logits are float32: below this, a temperature or a share of the probability leaves one token."""
_NGRAM_TOKENS = 3
"""Longest run of last tokens that is looked for. Source: Saxena 2023, prompt lookup decoding."""
_REASONS: dict[str, Literal["stop", "length"]] = {"STOP": "stop", "LENGTH": "length"}


def _greedy(draw: Draw) -> bool:
    """Whether only the likeliest token is left to draw; OpenVINO refuses such settings, or divides by zero."""
    return draw.temperature < _COLD or draw.top_p < _COLD or draw.top_k == 1 or (draw.min_p or 0) > 1 - _COLD


def generation_config(
    request: SequenceRequest, stop_ids: Tokens[int], structure: Any = None, lookup_tokens: int = 0
) -> Any:
    """A request in OpenVINO's words.

    Args:
        request: what was asked.
        stop_ids: tokens that end every sequence.
        structure: the request's constraint in OpenVINO's words.
        lookup_tokens: how many tokens the pipeline guesses in a step.
    """
    import openvino_genai

    draw = request.draw
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = request.max_tokens
    config.apply_chat_template = False
    config.ignore_eos = request.ignore_eos
    if not request.ignore_eos:
        config.stop_token_ids = {*stop_ids, *request.stop_ids}
    config.do_sample = not _greedy(draw)
    if config.do_sample:
        config.temperature = draw.temperature
        config.top_p = draw.top_p
        config.rng_seed = draw.seed % _SEEDS
        if draw.top_k is not None:
            config.top_k = draw.top_k
        if draw.min_p is not None:
            config.min_p = draw.min_p
    config.presence_penalty = draw.presence_penalty
    config.frequency_penalty = draw.frequency_penalty
    config.logprobs = 0 if request.top_logprobs is None else 1
    _look_up(config, lookup_tokens)
    if structure is not None:
        config.structured_output_config = structure
    return config


def helper_config(max_tokens: int, lookup_tokens: int = 0) -> Any:
    """For sequences that nobody reads."""
    import openvino_genai

    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = max_tokens
    config.apply_chat_template = False
    config.ignore_eos = True
    _look_up(config, min(lookup_tokens, 1))  # guesses are wasted on it, but such a pipeline refuses to go without
    return config


def _look_up(config: Any, tokens: int) -> None:
    """Guess ``tokens`` tokens of each step: those that followed the last ones where they stood before."""
    if tokens:
        config.num_assistant_tokens = tokens
        config.max_ngram_size = _NGRAM_TOKENS


class Sequence:
    """A sequence that the pipeline works on.

    Args:
        request: what was asked.
        handle: the pipeline's.
        pieces: the bytes of every token.
    """

    def __init__(self, request: SequenceRequest, handle: Any, pieces: Tokens[bytes]) -> None:
        self.id = request.id
        self.handle = handle
        self.repeatable = request.repeatable
        self.reading = True
        """Whether its prompt is still being computed."""
        self._text = Detokeniser(pieces)
        self._pieces = pieces
        self._with_logprobs = request.top_logprobs is not None

    @staticmethod
    def tensor(tokens: Tokens[int]) -> Any:
        """Tokens as the pipeline takes them: int64 of shape (1, number of tokens)."""
        import numpy as np
        import openvino

        return openvino.Tensor(np.asarray([tokens], dtype=np.int64))

    def read(self) -> SequenceDelta | None:
        """What the steps since the last call added; None for nothing."""
        tokens: list[int] = []
        scores: list[float] = []
        finish: Literal["stop", "length"] | None = None
        while self.handle.can_read():
            for output in self.handle.read().values():
                tokens += output.generated_ids
                scores += output.generated_log_probs
                reason = output.finish_reason.name
                finish = _REASONS.get(reason, finish)
        if not tokens and finish is None:
            return None
        self.reading = False
        drawn = list(zip(tokens, scores, strict=True)) if self._with_logprobs else []
        if finish == "stop":
            del drawn[-1:]  # the end token is no part of the answer
        return SequenceDelta(
            id=self.id,
            text=self._text.push(tokens),
            tokens=len(tokens),
            logprobs=tuple(token_logprob(self._pieces[token], score) for token, score in drawn),
            finish=finish,
        )

    def running(self) -> bool:
        """Whether the pipeline still works on it; one that it gave up for want of cache is ``IGNORED``."""
        return bool(self.handle.get_status().name == "RUNNING")
