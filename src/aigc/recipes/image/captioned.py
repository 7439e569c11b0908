"""Pictures with what is said of them, as numbers of concepts and of what each belongs to.

Knows: pools, batches by number. Does not know: networks.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from aigc.errors import UserError
from aigc.scenes.concepts import owners
from aigc.scenes.reading import read
from aigc.training.pool import SHARD, Pool
from aigc.training.task import Batch

Said = list[list[str]]
"""For each picture its captions."""


class Captioned:
    """Batches of pixels and captions by number.

    Args:
        pools: each gets the same share of the batches, and in it each of its kinds its own.
        pictures: how many of each pool are drawn from; they must be there.
        batch: pictures in one.
        seed: of the run.
        english: share of the captions in English; the rest is Chinese.
        length: most concepts of a caption.

    Raises:
        UserError: a picture without a caption, one that isn't square, a caption of more than ``length`` concepts.
    """

    def __init__(
        self, pools: Sequence[Pool], pictures: int, batch: int, seed: int, english: float, length: int
    ) -> None:
        self._batch, self._seed, self._english, self._length = batch, seed, english, length
        self._parts: list[tuple[Pool, str, Said, Said]] = []
        self._shares: list[float] = []
        for pool in pools:
            total = sum(kind.share for kind in pool.source.kinds)
            for kind in pool.source.kinds:
                if kind.width != kind.height:
                    raise UserError(
                        f"{pool.source.identity} has pictures of {kind.width}x{kind.height}; image/gan makes squares",
                        hint="data=scenes:sticker takes one kind only",
                    )
                count = pool.counts(pictures)[kind.name]
                self._parts.append((pool, kind.name, *self._said(pool, kind.name, count)))
                self._shares.append(kind.share / total / len(pools))

    def _said(self, pool: Pool, kind: str, count: int, held_out: bool = False) -> tuple[Said, Said]:
        texts = [text for shard in range(count // SHARD) for text in pool.captions(kind, shard, held_out)]
        if not all(text["english"] for text in texts):
            raise UserError(f"{pool.source.identity} has pictures without captions; image/gan needs them")
        return [text["english"] for text in texts], [text["chinese"] or text["english"] for text in texts]

    def batch(self, number: int) -> Batch:
        """``pixels`` (B, 3, H, W) bytes, ``numbers`` and ``places`` (B, T); the same for the same number."""
        rng = np.random.default_rng((self._seed, number))
        pool, kind, english, chinese = self._parts[int(rng.choice(len(self._parts), p=self._shares))]
        rows = rng.integers(len(english), size=self._batch).tolist()
        said = [(english if rng.random() < self._english else chinese)[row] for row in rows]
        return self._rows(pool.rows(kind, rows), [s[int(rng.integers(len(s)))] for s in said])

    def held_out(self, count: int = SHARD) -> Batch:
        """Pictures that training never sees, some of each pool and kind, with their first English captions."""
        each = max(1, count // len(self._parts))
        batches = []
        for pool, kind, *_ in self._parts:
            english, _ = self._said(pool, kind, SHARD, held_out=True)
            batches.append(self._rows(pool.rows(kind, range(each), True), [said[0] for said in english[:each]]))
        return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}

    def _rows(self, pixels: NDArray[np.uint8], said: Sequence[str]) -> Batch:
        rows = torch.from_numpy(np.stack([as_row(text, self._length) for text in said]))
        return {
            "pixels": torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
            "numbers": rows[:, 0].contiguous(),
            "places": rows[:, 1].contiguous(),
        }

    def stream(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """The batches of these numbers."""
        return map(self.batch, numbers)


@functools.lru_cache(maxsize=1 << 18)
def as_row(caption: str, length: int) -> NDArray[np.int16]:
    """(2, T): numbers of a caption's concepts, 0 for nothing, and what each belongs to.

    Raises:
        UserError: it names more than ``length`` concepts.
    """
    row, reading = np.zeros((2, length), np.int16), read(caption)
    row[0] = reading.numbers(length)
    row[1, : len(reading.concepts)] = owners(reading.concepts)
    return row
