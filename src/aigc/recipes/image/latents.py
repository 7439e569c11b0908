"""What the flow model learns from: pictures as latents, made once by the frozen auto-encoder; captions as numbers.

Knows: pools, a VAE's run, batches by number. Does not know: the flow model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aigc.errors import UserError
from aigc.models.layers import wrap_around
from aigc.models.vae import VAE, VAEConfig
from aigc.recipes.base import read_run
from aigc.scenes.reading import read
from aigc.training.checkpoint import Checkpoints, fill
from aigc.training.config import from_dict
from aigc.training.pool import SHARD, Pool
from aigc.training.task import Batch


def load_vae(folder: str, device: torch.device) -> VAE:
    """The auto-encoder of a run, frozen.

    Raises:
        UserError: no folder is named, or it holds no checkpoint of ``image/vae``.
    """
    place = Path(folder).expanduser()
    found = read_run(place) if folder else {}
    newest = Checkpoints(place).load() if found.get("recipe") == "image/vae" else None
    if newest is None:
        raise UserError(
            f"vae is {folder!r}; accepted: the folder of a run of image/vae that has a checkpoint",
            hint="train image/vae first, then --set vae=FOLDER",
        )
    vae = VAE(from_dict(VAEConfig, found["settings"]["model"]))
    fill(vae.state_dict(), newest.model, folder)
    vae.eval().requires_grad_(False).to(device)
    return vae


def as_numbers(text: str, length: int) -> Tensor:
    """(length,) numbers of the concepts that a caption names, in its order; -1 where nothing is.

    Raises:
        UserError: the text names more than ``length`` concepts.
    """
    numbers = torch.tensor(read(text).numbers(length), dtype=torch.int16)
    return torch.where(numbers > 0, numbers, -1)


@dataclass(frozen=True, slots=True)
class Part:
    """Pictures of one kind."""

    latents: Tensor
    """(N, Z, H, W), float16, as the auto-encoder gives them."""
    english: list[Tensor]
    """For each picture its captions, (number of captions, T), -1 for nothing."""
    chinese: list[Tensor]
    share: float


def encode(
    pool: Pool, count: int, vae: VAE, device: torch.device, keep: Path, length: int, held_out: bool = False
) -> list[Part]:
    """Every kind of a pool as latents; what was encoded before is read from ``keep``.

    Raises:
        UserError: a picture without a caption, or a caption of more than ``length`` concepts.
    """
    parts = []
    total = sum(kind.share for kind in pool.source.kinds)
    for kind in pool.source.kinds:
        shards = SHARD if held_out else pool.counts(count)[kind.name]
        file = keep / f"{pool.folder.name}-{kind.name}-{'held' if held_out else 'train'}-{shards}.npy"
        if file.exists():
            latents = torch.from_numpy(np.load(file))
        else:
            with wrap_around(vae, kind.width == 2 * kind.height), torch.no_grad():
                latents = torch.cat(
                    [_encoded(pool, kind.name, s, vae, device, held_out) for s in range(shards // SHARD)]
                )
            keep.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(".new.npy")
            np.save(beside, latents.numpy())
            beside.replace(file)
        texts = [text for s in range(shards // SHARD) for text in pool.captions(kind.name, s, held_out)]
        if not all(text["english"] for text in texts):
            raise UserError(f"{pool.source.identity} has pictures without captions; image/flow needs them")
        english = [_read(t["english"], length) for t in texts]
        chinese = [_read(t["chinese"] or t["english"], length) for t in texts]
        parts.append(Part(latents, english, chinese, kind.share / total))
    return parts


def _read(captions: Sequence[str], length: int) -> Tensor:
    return torch.stack([as_numbers(caption, length) for caption in captions])


def _encoded(pool: Pool, kind: str, shard: int, vae: VAE, device: torch.device, held_out: bool) -> Tensor:
    pixels = torch.from_numpy(np.array(pool.pixels(kind, shard, held_out))).permute(0, 3, 1, 2)
    means = [vae.encode(p.to(device).float() / 127.5 - 1)[0] for p in torch.split(pixels, 16)]
    # One order in memory, whether fresh or read from disk: noise is drawn in the order of the memory.
    return torch.cat(means).half().cpu().contiguous()


@dataclass(frozen=True, slots=True)
class Habits:
    """How batches are drawn."""

    batch: int
    seed: int
    english: float
    """Share of the captions in English; the rest is Chinese."""
    untold: float
    """Share of the samples without a caption."""
    given: float
    """Share of the samples of which a part is given, to learn inpainting."""


class Latents:
    """Batches of latents, captions and masks by number."""

    def __init__(self, parts: Sequence[Part], habits: Habits) -> None:
        self._parts, self._habits = parts, habits
        total = sum(p.share for p in parts)
        self._shares = [p.share / total for p in parts]

    def batch(self, number: int) -> Batch:
        """``latents`` (B, Z, H, W), ``text`` (B, T) with -1 for nothing, ``given`` (B, 1, H, W): 1 where known."""
        h, rng = self._habits, np.random.default_rng((self._habits.seed, number))
        part = self._parts[int(rng.choice(len(self._parts), p=self._shares))]
        rows = rng.integers(len(part.latents), size=h.batch)
        latents = part.latents[torch.from_numpy(rows)].float()
        high, wide = latents.shape[-2:]
        if wide == 2 * high:
            # A panorama has no beginning.
            turns = rng.integers(wide, size=h.batch).tolist()
            latents = torch.stack([x.roll(turn, -1) for x, turn in zip(latents, turns, strict=True)])
        texts, masks = [], []
        for row in rows.tolist():
            chosen = (part.english if rng.random() < h.english else part.chinese)[row]
            text = chosen[int(rng.integers(len(chosen)))]
            texts.append(text if rng.random() >= h.untold else torch.full_like(text, -1))
            masks.append(_mask(rng, high, wide) if rng.random() < h.given else torch.zeros(1, high, wide))
        return {"latents": latents, "text": torch.stack(texts), "given": torch.stack(masks)}

    def stream(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """The batches of these numbers."""
        return map(self.batch, numbers)


def _mask(rng: np.random.Generator, high: int, wide: int) -> Tensor:
    """(1, H, W): all is given but a rectangle; or, as often, nothing but one."""
    mask = torch.ones(1, high, wide)
    h, w = (int(rng.integers(max(1, side // 4), side * 3 // 4 + 1)) for side in (high, wide))
    top, left = int(rng.integers(high - h + 1)), int(rng.integers(wide - w + 1))
    mask[:, top : top + h, left : left + w] = 0
    return mask if rng.random() < 0.5 else 1 - mask
