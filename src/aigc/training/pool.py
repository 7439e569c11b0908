"""Pictures made once by worker processes, kept on disk, drawn many times.

A shard is 64 pictures of one kind: ``train-scene-00003.npy``, (64, H, W, 3) bytes, and ``.json`` with their captions.
Shards are whole or not there, so making them can be stopped at any time and goes on where it was.

Knows: sources, files, batches by number. Does not know: networks.
"""

from __future__ import annotations

import functools
import io
import json
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch

from aigc.errors import StorageFull, UserError
from aigc.training.checkpoint import replace
from aigc.training.source import Kind, Pixels, Source
from aigc.training.task import Batch

SHARD = 64
_AHEAD = 4
"""Batches that are made ready while one is used."""


class Pool:
    """The pictures of one source in a folder.

    Raises:
        UserError: the folder holds pictures of another source, or of another state of this one.
    """

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder, self.source = folder, source
        mark = folder / "source.json"
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            replace(mark, json.dumps({"identity": source.identity}).encode())
        found = json.loads(mark.read_text("utf-8"))["identity"]
        if found != source.identity:
            raise UserError(
                f"{folder} holds pictures of {found!r}, not of {source.identity!r}",
                hint="name another folder with --pool, or remove that one",
            )

    def counts(self, pictures: int) -> dict[str, int]:
        """How many pictures of each kind a total means: by their shares, in whole shards, at least one."""
        total = sum(kind.share for kind in self.source.kinds)
        return {k.name: max(1, round(pictures * k.share / total / SHARD)) * SHARD for k in self.source.kinds}

    def fill(
        self,
        pictures: int,
        *,
        held_out: bool = False,
        workers: int = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Make what is missing.

        Args:
            pictures: of all kinds together.
            held_out: make those that training never sees.
            workers: processes; one stays in this process.
            on_progress: told (shards done, shards in all).

        Raises:
            StorageFull: a shard could not be written; all others are whole.
        """
        jobs = [(kind, s) for kind, n in self.counts(pictures).items() for s in range(n // SHARD)]
        missing = [(kind, s) for kind, s in jobs if not self._path(kind, s, held_out).exists()]
        done = len(jobs) - len(missing)
        try:
            for _ in _run([(self.source, self.folder, k, s, held_out) for k, s in missing], workers):
                done += 1
                if on_progress is not None:
                    on_progress(done, len(jobs))
        except OSError as error:
            raise StorageFull(
                f"pictures can't be written to {self.folder}: {error.strerror or error}",
                hint="make room and start again",
            ) from error

    def _path(self, kind: str, shard: int, held_out: bool) -> Path:
        return _path(self.folder, kind, shard, held_out)

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - a pool lives as long as its run
    def pixels(self, kind: str, shard: int, held_out: bool = False) -> Pixels:
        """(64, H, W, 3), mapped from disk."""
        mapped: Pixels = np.load(self._path(kind, shard, held_out), mmap_mode="r")
        return mapped

    @functools.lru_cache(maxsize=4096)  # noqa: B019
    def captions(self, kind: str, shard: int, held_out: bool = False) -> list[dict[str, list[str]]]:
        """For each of the 64: ``english`` and ``chinese``."""
        found: list[dict[str, list[str]]] = json.loads(
            self._path(kind, shard, held_out).with_suffix(".json").read_text("utf-8")
        )
        return found

    def rows(self, kind: str, indices: Sequence[int], held_out: bool = False) -> Pixels:
        """(N, H, W, 3) of these numbers."""
        return np.stack([self.pixels(kind, i // SHARD, held_out)[i % SHARD] for i in indices])


def _path(folder: Path, kind: str, shard: int, held_out: bool) -> Path:
    return folder / f"{'held' if held_out else 'train'}-{kind}-{shard:05d}.npy"


_Job = tuple[Source, Path, str, int, bool]


def _run(jobs: Sequence[_Job], workers: int) -> Iterator[None]:
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            _make(job)
            yield
        return
    # Spawned, not forked: a process with threads or a GPU must not be forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        futures: list[Future[None]] = [pool.submit(_make, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(job: _Job) -> None:
    """One shard: captions first, so that pixels without captions are never found."""
    source, folder, kind, shard, held_out = job
    samples = [source.sample(kind, i, held_out) for i in range(shard * SHARD, (shard + 1) * SHARD)]
    path = _path(folder, kind, shard, held_out)
    texts = [{"english": list(s.english), "chinese": list(s.chinese)} for s in samples]
    replace(path.with_suffix(".json"), json.dumps(texts, ensure_ascii=False).encode())
    content = io.BytesIO()
    np.save(content, np.stack([s.pixels for s in samples]))
    replace(path, content.getvalue())


class Pictures:
    """Batches of pixels from several pools, by number.

    Args:
        pools: each gets the same share of the batches, and in it each kind its own.
        pictures: how many of each pool are drawn from; they must be there.
        batch: pictures in one.
        seed: of the run.
        side: pictures are cut to squares of this side; None: as they are.
    """

    def __init__(self, pools: Sequence[Pool], pictures: int, batch: int, seed: int, side: int | None = None) -> None:
        self._batch, self._seed, self._side = batch, seed, side
        self._choices: list[tuple[Pool, Kind, int, float]] = []
        for pool in pools:
            counts, total = pool.counts(pictures), sum(k.share for k in pool.source.kinds)
            self._choices += [(pool, k, counts[k.name], k.share / total / len(pools)) for k in pool.source.kinds]

    def batch(self, number: int) -> Batch:
        """``pixels`` (B, 3, H, W) bytes; the same for the same number."""
        rng = np.random.default_rng((self._seed, number))
        pool, kind, count, _ = self._choices[int(rng.choice(len(self._choices), p=[c[3] for c in self._choices]))]
        rows = pool.rows(kind.name, rng.integers(count, size=self._batch).tolist())
        side = self._side
        if side is not None:
            if min(kind.height, kind.width) < side:
                raise UserError(f"crops of {side} pixels can't be cut from {kind.height}x{kind.width}")
            tops = rng.integers(kind.height - side + 1, size=len(rows))
            lefts = rng.integers(kind.width - side + 1, size=len(rows))
            rows = np.stack([r[t : t + side, x : x + side] for r, t, x in zip(rows, tops, lefts, strict=True)])
        return {"pixels": torch.from_numpy(rows).permute(0, 3, 1, 2).contiguous()}

    def stream(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """The batches of these numbers, a few made ready ahead."""
        with ThreadPoolExecutor(_AHEAD) as threads:
            waiting: deque[Future[Batch]] = deque()
            for number in numbers:
                waiting.append(threads.submit(self.batch, number))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
