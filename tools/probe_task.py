"""What the examiner learns from: batches of disturbed pictures, and the losses of all that it says.

Words of a picture as a whole that are rare count as much as common ones (Menon et al. 2020, arXiv:2007.07314): prompts
name what is remarkable. Centres of things learn by the focal loss of CenterNet (Zhou et al. 2019, arXiv:1904.07850),
pictures and captions by InfoNCE (van den Oord et al. 2018, arXiv:1807.03748; as in Radford et al. 2021,
arXiv:2103.00020).

Knows: labels, losses. Does not know: how pictures are made, where they lie, the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aigc.evaluation.labels import HEADS, KINDS, SIDE, targets
from aigc.models.examiner import Examiner, ExaminerConfig
from aigc.scenes.concepts import NUMBERS
from aigc.scenes.vocabulary import COLOURS
from aigc.training.config import TrainConfig
from aigc.training.sheets import sheet
from aigc.training.task import Batch, Player
from probe_pictures import Pictures

HELD_OUT = 256
"""The first pictures are measured with."""
_OTHERS = 256
"""Captions of other pictures that each picture of a batch must be told from."""


def config() -> ExaminerConfig:
    """The network for the words that there are."""
    return ExaminerConfig(
        heads={name: len(words) for name, words in HEADS.items()}, kinds=len(KINDS), colours=len(COLOURS), side=SIDE
    )


# ---------------------------------------------------------------- batches


class Batches:
    """Batches by number."""

    def __init__(self, pictures: Pictures, size: int, seed: int) -> None:
        self._pictures, self._size, self._seed = pictures, size, seed

    def stream(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """The batches of these numbers."""
        return map(self.batch, numbers)

    def batch(self, number: int) -> Batch:
        """``pixels`` (B, 3, SIDE, SIDE) bytes, ``words`` (B, WORDS), ``others`` (n, WORDS), and all targets."""
        dice, p = np.random.default_rng((self._seed, number)), self._pictures
        held = min(HELD_OUT, len(p.scenes) // 2)
        chosen = held + dice.choice(len(p.scenes) - held, self._size, replace=len(p.scenes) - held < self._size)
        found = _rows(p, chosen, dice)
        others = held + dice.integers(len(p.scenes) - held, size=_OTHERS)
        return found | {"others": _words(p, others, dice)}

    def held_out(self) -> Batch:
        """All that are measured with, as they are."""
        return _rows(self._pictures, np.arange(min(HELD_OUT, len(self._pictures.scenes) // 2)), None)


def _rows(p: Pictures, chosen: NDArray[np.int64], dice: np.random.Generator | None) -> Batch:
    pixels, rows = [], []
    words = _words(p, chosen, dice)
    for row, index in enumerate(chosen):
        picture, boxes = torch.from_numpy(p.pixels[index]).permute(2, 0, 1), p.boxes[index].copy()
        if dice is not None:
            picture, boxes, mirrored = disturbed(picture, boxes, dice)
            if mirrored:
                words[row] = _mirrored(words[row])
        pixels.append(picture)
        rows.append(targets(p.scenes[index], boxes))
    wanted = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
    return {"pixels": torch.stack(pixels), "words": words, **wanted}


def _words(p: Pictures, chosen: NDArray[np.int64], dice: np.random.Generator | None) -> Tensor:
    """One caption of each."""
    which = np.zeros(len(chosen), int) if dice is None else dice.integers(p.words.shape[1], size=len(chosen))
    return torch.from_numpy(p.words[chosen, which].astype(np.int64))


def _mirrored(words: Tensor) -> Tensor:
    left, right = NUMBERS["relation:left of"], NUMBERS["relation:right of"]
    return torch.where(words == left, right, torch.where(words == right, left, words))


def disturbed(
    picture: Tensor, boxes: NDArray[np.float32], dice: np.random.Generator
) -> tuple[Tensor, NDArray[np.float32], bool]:
    """A picture (3, SIDE, SIDE) of bytes as a model might paint it: mirrored, nearer, blurred, noisy, brighter, darker.

    Returns: the picture, the boxes, whether it was mirrored.
    """
    x, mirrored = picture.float() / 255, bool(dice.random() < 0.5)
    there = boxes[:, 0] >= 0
    if mirrored:
        x, boxes[there, 1] = x.flip(2), 1 - boxes[there, 1]
    if dice.random() < 0.6:
        x, boxes = _nearer(x, boxes, dice)
    lot = dice.random()
    if lot < 0.35:
        small = int(SIDE * dice.uniform(0.45, 0.95))
        x = _resized(_resized(x, small), SIDE)
    if lot > 0.7:
        x = x + float(0.05 * dice.random()) * torch.from_numpy(dice.standard_normal(x.shape, dtype=np.float32))
    x = (x - 0.5) * float(dice.uniform(0.9, 1.1)) + 0.5 + float(dice.uniform(-0.06, 0.06))
    return (x.clamp(0, 1) * 255).round().byte(), boxes, mirrored


def _nearer(x: Tensor, boxes: NDArray[np.float32], dice: np.random.Generator) -> tuple[Tensor, NDArray[np.float32]]:
    """A part of the picture that holds the middles of all things; unless there is none."""
    share = float(dice.uniform(0.86, 0.98))
    left, top = (float(dice.uniform(0, 1 - share)) for _ in range(2))
    middles = boxes[boxes[:, 0] >= 0, 1:]
    inside = (middles - (left, top)) / share
    if inside.size and (inside.min() < 0.06 or inside.max() > 0.94):
        return x, boxes
    size = round(SIDE * share)
    column, row = round(SIDE * left), round(SIDE * top)
    boxes[boxes[:, 0] >= 0, 1:] = inside
    return _resized(x[:, row : row + size, column : column + size], SIDE), boxes


def _resized(x: Tensor, side: int) -> Tensor:
    return functional.interpolate(x[None], (side, side), mode="bilinear", antialias=True)[0]


# ---------------------------------------------------------------- losses


class Task:
    """The network, its losses, and how good it is about pictures that it isn't taught with."""

    def __init__(self, pictures: Pictures, train: TrainConfig, sizes: ExaminerConfig | None = None) -> None:
        torch.manual_seed(train.seed)
        self.network = Examiner(sizes or config())
        self.players: Sequence[Player] = (Player("examiner", self.network, self._loss),)
        self._held_out = Batches(pictures, train.batch, train.seed).held_out()
        self._usual = usual(pictures)
        style = self.network.style
        style.mean, spread = _moments(style.energies(some(pictures, 512).float() / 255))
        style.std = spread.clamp(min=1e-2)  # what hardly ever differs must not decide when it does

    def _loss(self, batch: Batch, done: float) -> tuple[Tensor, dict[str, Tensor]]:
        found = {name: x.float() for name, x in self.network(batch["pixels"].float() / 255).items()}
        whole = sum((self._whole(name, found[name], batch) for name in HEADS), torch.zeros(()))
        kind = entropy(found["kind"], batch["kind"])
        colour = entropy(found["colour"], batch["colour"])
        centre = focal(found["centre"][:, 0], batch["centre"])
        match = self._match(found["vector"], batch)
        total = whole + centre + 1.5 * kind + colour + match
        return total, {"whole": whole, "centre": centre, "kind": kind, "colour": colour, "match": match}

    def _whole(self, name: str, logits: Tensor, batch: Batch) -> Tensor:
        logits = logits + self._usual[name].to(logits.device)
        if name != "extra":
            return entropy(logits, batch[name])
        raw = functional.binary_cross_entropy_with_logits(logits, batch[name], reduction="none").mean(1)
        return 3 * (raw * batch["scenic"]).sum() / batch["scenic"].sum().clamp(min=1)

    def _match(self, vectors: Tensor, batch: Batch) -> Tensor:
        words = torch.cat([batch["words"], batch["others"]])
        words = words[:, : int((words > 0).sum(1).max())]
        captions = self.network.captions(words).float()
        return info_nce(vectors, captions, words, self.network.scale.clamp(max=4.0).exp())

    @torch.no_grad()
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Shares of right answers, 0 to 1, about held-out pictures; ``R@1`` among the captions of all of them."""
        assert isinstance(model, Examiner)
        found, device = _seen(model, self._held_out["pixels"]), next(model.parameters()).device
        figures = {}
        for name in HEADS:
            wanted = self._held_out[name]
            if name == "extra":
                right = ((found[name] > 0) == (wanted > 0.5))[self._held_out["scenic"] > 0]
            else:
                right = (found[name].argmax(1) == wanted)[wanted >= 0]
            figures[name] = float(right.float().mean())
        at = self._held_out["centre"] == 1
        for name in ("kind", "colour"):
            figures[name] = float((found[name].argmax(1) == self._held_out[name])[at].float().mean())
        captions = model.captions(self._held_out["words"].to(device)).float().cpu()
        nearer = found["vector"] @ captions.T
        own = nearer.diagonal()[:, None]
        figures["R@1"] = float(((nearer > own + 1e-6).sum(1) < 1).float().mean())
        return figures

    @torch.no_grad()
    def sheet(self, model: nn.Module) -> NDArray[np.uint8]:
        """Held-out pictures above, where things are seen below."""
        pixels = self._held_out["pixels"][:8]
        assert isinstance(model, Examiner)
        heat = _seen(model, pixels)["centre"].sigmoid()
        shown = functional.interpolate(heat, SIDE, mode="nearest").expand(-1, 3, -1, -1)
        return sheet([x.permute(0, 2, 3, 1).numpy() for x in (pixels, (shown * 255).byte())])


def _seen(model: Examiner, pixels: Tensor) -> dict[str, Tensor]:
    device = next(model.parameters()).device
    parts = [model(part.to(device).float() / 255) for part in pixels.split(32)]
    return {name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}


def usual(pictures: Pictures) -> dict[str, Tensor]:
    """How usual each word is among the pictures, as logits that the network needn't learn."""
    empty = np.full((1, 3), -1, np.float32)
    rows = [targets(scene, empty) for scene in pictures.scenes]
    found = {}
    for name, words in HEADS.items():
        if name == "extra":
            share = np.mean([row[name] for row in rows if row["scenic"]] or [np.zeros(len(words))], axis=0)
            share = share.clip(1e-3, 1 - 1e-3)
            found[name] = torch.from_numpy(np.log(share / (1 - share))).float()
        else:
            counts = np.bincount([int(row[name]) for row in rows if row[name] >= 0], minlength=len(words))
            found[name] = torch.from_numpy(np.log((counts + 1) / (counts + 1).sum())).float()
    return found


def entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy, the mean over what is asked (not -1); 0 if nothing is."""
    total = functional.cross_entropy(logits, wanted, ignore_index=-1, reduction="sum")
    return total / (wanted >= 0).sum().clamp(min=1)


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Of the centres (B, C, C); CenterNet, equation 1, for each centre."""
    p = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    at = target == 1
    each = torch.where(at, (1 - p) ** 2 * p.log(), (1 - target) ** 4 * p**2 * (1 - p).log())
    return -each.sum() / at.sum().clamp(min=1)


def info_nce(vectors: Tensor, captions: Tensor, words: Tensor, scale: Tensor) -> Tensor:
    """How badly pictures find their captions, and captions their pictures.

    Args:
        vectors: (B, D) of length 1, of pictures.
        captions: (B + n, D) of length 1, of their captions in the same order, then of others.
        words: (B + n, T) of these captions; the same words are as right.
        scale: of the products.
    """
    products = scale * vectors @ captions.T
    same = (words[: len(vectors), None] == words[None]).all(-1)
    wanted = same / same.sum(1, keepdim=True)
    back = same[:, : len(vectors)].float()
    forth = functional.cross_entropy(products, wanted)
    return 0.5 * (forth + functional.cross_entropy(products[:, : len(vectors)].T, back / back.sum(1, keepdim=True)))


def features_of(model: Examiner, pictures: Pictures, count: int = 2048) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the features over training pictures, as the network's buffers hold them.

    Args:
        model: whose features are not normed yet.
        pictures: at least 2.
        count: how many are looked at, evenly spread.
    """
    with torch.no_grad():
        return _moments(_seen(model.eval(), some(pictures, count))["features"])


def some(pictures: Pictures, count: int) -> Tensor:
    """(count, 3, SIDE, SIDE) bytes, evenly spread; all if there are fewer."""
    chosen = np.linspace(0, len(pictures.scenes) - 1, min(count, len(pictures.scenes))).astype(int)
    return torch.from_numpy(pictures.pixels[chosen]).permute(0, 3, 1, 2)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0, keepdim=True), x.std(0, keepdim=True).clamp(min=1e-4)
