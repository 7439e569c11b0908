"""Embeddings with multilingual-e5 on OpenVINO.

Texts of like length are computed together, so that there is little padding, and every compute thread works on a
batch of its own: no thread ever waits for another, which keeps the speed up beside a busy neighbour. Weights have 4
bits, activations 8 (quantised by groups of 32 as they come), sums 32; vectors are float32.

The text is embedded as it is given. The model was trained with ``query: `` and ``passage: `` in front of texts; who
wants that writes it there.

Knows: tokens, batches, OpenVINO. Does not know: requests, HTTP, how the folder came about.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.engines.base import LoadOptions
from aigc.engines.e5_tokenizer import E5Tokenizer
from aigc.errors import ContextOverflow, EngineError, StoreError, UserError
from aigc.types import EngineFile, ModelSpec

_BATCH_TOKENS = 512
"""Tokens of one batch, padding included; a longer text is a batch by itself. More is no faster (benchmarks/)."""
_STREAMS = 2
"""Batches that are computed side by side, at most; each takes 40 MB."""


class E5Encoder:
    """The folder, loaded: token lists in, unit vectors out.

    Args:
        folder: what `aigc.engines.e5_convert.convert` wrote.
        threads: compute threads.

    Raises:
        StoreError: the folder is damaged.
        EngineError: OpenVINO can't load it.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        import openvino

        self.tokenizer = E5Tokenizer(folder)
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
            self.width, self.positions, self._pad = (int(config[key]) for key in ("width", "positions", "pad"))
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(f"config.json in {folder.name} can't be read", hint="`aigc verify`") from error
        settings = {
            "NUM_STREAMS": min(threads, _STREAMS),
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 32,
        }
        try:
            compiled = openvino.Core().compile_model(folder / "encoder.xml", "CPU", settings)
            self._queue: Any = openvino.AsyncInferQueue(compiled, min(threads, _STREAMS))
        except RuntimeError as error:
            raise EngineError(f"OpenVINO can't load the encoder in {folder.name}") from error
        self._queue.set_callback(_keep)
        self._lock = threading.Lock()

    def embed(self, token_lists: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """(N, width) for N lists of 1 to ``positions`` valid ids. Thread-safe: calls wait for each other."""
        vectors = np.empty((len(token_lists), self.width), np.float32)
        try:
            with self._lock:
                for side, rows in plan([len(tokens) for tokens in token_lists], self.positions):
                    batch = [token_lists[row] for row in rows]
                    self._queue.start_async(self._padded(batch, side), (vectors, rows))
                self._queue.wait_all()
        except RuntimeError as error:
            raise EngineError("OpenVINO failed while it computed embeddings") from error
        return vectors

    def _padded(self, batch: Sequence[Sequence[int]], side: int) -> dict[str, NDArray[np.int32]]:
        shape = len(batch), side
        ids, mask = np.full(shape, self._pad, np.int32), np.zeros(shape, np.int32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return {"input_ids": ids, "attention_mask": mask}


def _keep(request: Any, target: tuple[NDArray[np.float32], list[int]]) -> None:
    vectors, rows = target
    vectors[rows] = request.get_output_tensor(0).data


def plan(lengths: Sequence[int], positions: int) -> list[tuple[int, list[int]]]:
    """Batches, longest first, as (padded length, indices).

    Padded lengths are taken from a short list and numbers of rows are powers of two, because OpenVINO keeps working
    memory for every shape that it has seen: with free shapes a process grows by 100 MB in 100 requests. Longest first,
    so that the threads finish at about the same time.

    Args:
        lengths: tokens of each text, 1 to ``positions``.
        positions: longest text of the model.
    """
    sides: dict[int, list[int]] = {}
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        sides.setdefault(min(_padded_length(lengths[index]), positions), []).append(index)
    batches = []
    for side, rows in sides.items():
        most = max(1, _BATCH_TOKENS // side)
        while rows:
            take = 1 << (min(most, len(rows)).bit_length() - 1)
            batches.append((side, rows[:take]))
            rows = rows[take:]
    return batches


def _padded_length(length: int) -> int:
    """Up to the next multiple of an eighth of the power of two above: at most a quarter more, 4 at least."""
    step = max(4, (1 << (length - 1).bit_length()) // 8)
    return -(-length // step) * step


class E5Embedder:
    """`aigc.engines.base.Embedder` for an installed multilingual-e5.

    Raises:
        StoreError: the folder is damaged.
        EngineError: OpenVINO can't load it.
    """

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        import openvino

        self._loaded: E5Encoder | None = E5Encoder(Path(file.path), options.threads)
        self.width = self._loaded.width
        self.context_tokens = min(self._loaded.positions, options.context_tokens)
        version = openvino.__version__.split("-")[0]
        self.fingerprint = f"openvino-{version}-e5-{spec.digest[:6]}"

    def encode(self, text: str) -> list[int]:
        """Token ids, ``<s>`` and ``</s>`` included. Raises: `aigc.errors.UserError` for half a surrogate pair."""
        return self._encoder.tokenizer.encode(text)

    def piece(self, token: int) -> bytes:
        """The UTF-8 text of a token. Raises: `aigc.errors.UserError` for an id outside the vocabulary."""
        return self._encoder.tokenizer.piece(token)

    def embed(self, token_lists: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors of shape (len(token_lists), width), in the order of the input.

        Raises:
            ContextOverflow: a list is longer than ``context_tokens``.
            UserError: a list is empty, or holds an id outside the vocabulary.
            EngineError: OpenVINO failed.
        """
        for index, tokens in enumerate(token_lists):
            self._check(index, tokens)
        return self._encoder.embed(token_lists)

    def _check(self, index: int, tokens: Sequence[int]) -> None:
        if not tokens:
            raise UserError(f"input {index} has no tokens; at least 1 is needed", param="input")
        if len(tokens) > self.context_tokens:
            raise ContextOverflow(
                f"input {index} has {len(tokens)} tokens; this model takes at most {self.context_tokens}",
                param="input",
                hint="Split the text and embed the parts.",
            )
        size = self._encoder.tokenizer.size
        for token in tokens:
            if not 0 <= token < size:
                raise UserError(f"input {index} has token {token}; ids go from 0 to {size - 1}", param="input")

    def close(self) -> None:
        """Free the model."""
        self._loaded = None

    @property
    def _encoder(self) -> E5Encoder:
        if self._loaded is None:
            raise EngineError("this embedder is closed")
        return self._loaded
