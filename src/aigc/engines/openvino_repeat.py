"""What makes a sequence come out the same, bit by bit, whatever else OpenVINO's pipeline computes beside it.

The rows of a step don't touch each other. But three things round differently, and neighbours decide about them:

* Attention has one way for steps with at least as many sequences as threads, or with a prompt in them, and another for
  smaller ones; so have 4-bit weights (of Qwen2.5, not of SmolLM2) from five rows on. So steps are filled up with
  companions, sequences that nobody reads.
* A prompt that is cut in two elsewhere. So it goes in by pieces of fixed length, each in a step without other prompts.
* A prompt of which the cache holds a part, computed in other pieces. So it is spelled as nobody has spelled it: the
  network takes ``token - vocabulary size`` for ``token`` (indices of its Gather count from the end), the cache doesn't.

Source: measured with OpenVINO 2026.4 (docs/lab/LOG.md); attention's choice stands in its executor_pa.cpp.
Knows: which helpers a repeatable sequence needs. Does not know: text, threads, who waits.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from aigc.engines import openvino_sequence
from aigc.engines.base import SequenceRequest

PIECE_TOKENS = 128
"""A multiple of the cache's block, so that every piece but the last fills its blocks."""
_SPELLED = 12
"""Tokens whose spelling tells prompts apart: more ways to write them than a cache can hold."""

_LEAST_SEQUENCES = 5
_COMPANION_TOKENS = 256
"""A companion is replaced before its cache grows."""
_FIRST_ID = 2**62
"""Ids of helpers begin where those of sequences never get."""


def pieces(tokens: Sequence[int], vocabulary_size: int, number: int) -> list[list[int]]:
    """The prompts to be computed one after the other; each holds the one before, which then is in the cache.

    A prompt that is too short to be spelled in many ways is computed token by token, always: what the cache holds
    under its spelling came about in the same way.

    Args:
        tokens: the prompt.
        vocabulary_size: rows of the embedding.
        number: of this prompt among all that are spelled; those near each other get different spellings.
    """
    if len(tokens) < _SPELLED:
        spelled = [token - vocabulary_size for token in tokens]
        return [spelled[:end] for end in range(1, len(tokens) + 1)]
    pattern = number % (2**_SPELLED - 1)  # never all of them: so are the short ones spelled
    spelled = [token - vocabulary_size if pattern >> at & 1 else token for at, token in enumerate(tokens[:_SPELLED])]
    spelled += tokens[_SPELLED:]
    return [spelled[:end] for end in range(PIECE_TOKENS, len(spelled), PIECE_TOKENS)] + [spelled]


class Company:
    """Sequences that nobody reads, for the sake of repeatable ones. Called from the thread that owns the pipeline.

    Args:
        threads: that compute a step.
        context_tokens: longest sequence.
        lookup_tokens: that the pipeline guesses in a step.
    """

    def __init__(self, threads: int, context_tokens: int, lookup_tokens: int = 0) -> None:
        self.least = max(threads, _LEAST_SEQUENCES)
        """Sequences in a step of a repeatable one."""
        self._companion_tokens = min(_COMPANION_TOKENS, context_tokens - 1)
        self._lookup_tokens = lookup_tokens
        self._numbers = itertools.count(1)
        self._ids = itertools.count(_FIRST_ID)
        self._companions: list[Any] = []
        self._piece: Any = None
        self._led: int | None = None
        self._ahead: deque[list[int]] = deque()

    @property
    def reading(self) -> bool:
        """Whether a piece of a prompt is being computed."""
        if self._piece is not None and not _runs(self._piece):
            self._piece = None
        return self._piece is not None

    def lead(self, pipe: Any, request: SequenceRequest, vocabulary_size: int) -> list[int] | None:
        """The prompt to give to the pipeline for ``request``; None while one of its pieces has to go first."""
        if self._led != request.id:
            self._led = request.id
            self._ahead = deque(pieces(request.tokens, vocabulary_size, next(self._numbers)))
        tokens = self._ahead.popleft()
        if not self._ahead:
            self._led = None
            return tokens
        self._piece = self._add(pipe, tokens, 1)
        return None

    def fill(self, pipe: Any, live: Iterable[openvino_sequence.Sequence]) -> None:
        """Before a step: as many companions as it lacks, none where nobody needs them."""
        sequences = list(live)
        self._companions = [handle for handle in self._companions if _runs(handle)]
        needed = 0
        if self.reading or any(sequence.repeatable for sequence in sequences):
            needed = max(0, self.least - sum(not sequence.reading for sequence in sequences))
        while len(self._companions) > needed:
            self._companions.pop().cancel()
        while len(self._companions) < needed:
            self._companions.append(self._add(pipe, [0], self._companion_tokens))

    def clear(self) -> None:
        """Forget everything; the pipeline is gone."""
        self._companions.clear()
        self._piece, self._led = None, None

    def _add(self, pipe: Any, tokens: Sequence[int], max_tokens: int) -> Any:
        config = openvino_sequence.helper_config(max_tokens, self._lookup_tokens)
        return pipe.add_request(next(self._ids), openvino_sequence.Sequence.tensor(tokens), config)


def _runs(handle: Any) -> bool:
    while handle.can_read():
        handle.read()
    return bool(handle.get_status().name == "RUNNING")
