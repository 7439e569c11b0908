"""Trains the examiner of ``aigc eval image``: a small network that says what a picture shows.

    python tools/train_probe.py render FOLDER --parts 40        # labelled pictures of the renderer, some minutes
    python tools/train_probe.py train FOLDER --minutes 20       # resumes; the newest state lies in FOLDER
    python tools/train_probe.py write FOLDER weights/aigc-probe # ONNX, and how good it is

It never sees what a picture model was trained on: its seeds are others. Things are found as points, after CenterNet
(Zhou et al. 2019, arXiv:1904.07850): a map of centres, and at each centre the kind and the colour.

Knows: torch, the renderer. Needs the extra ``[train]``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc.evaluation.labels import HEADS, SIDE, STRIDE, targets
from aigc.scenes import Scene, render, sample
from aigc.scenes.arrays import Dice
from aigc.scenes.kinds import kinds
from aigc.scenes.vocabulary import COLOURS

FIRST_SEED = 2 << 40
"""Training pictures of models have lower seeds."""
_PER_PART = 300
_GRID = SIDE // STRIDE
_BATCH = 64


class Probe(nn.Module):
    """A picture to judgements of the whole, and to maps of centres, kinds and colours.

    Shapes: (B, 3, SIDE, SIDE) in 0 to 1 -> one (B, n) for each head, features (B, 160), maps (B, n, SIDE/8, SIDE/8).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 24, 2), _conv(24, 32, 2), _Residual(32))
        self.middle = nn.Sequential(_conv(32, 64, 2), _Residual(64), _Residual(64))
        self.deep = nn.Sequential(_conv(64, 112, 2), _Residual(112), _Residual(112))
        self.deepest = nn.Sequential(_conv(112, 160, 2), _Residual(160))
        self.heads = nn.ModuleDict({name: nn.Linear(160, len(values)) for name, values in HEADS.items()})
        self.down = nn.ModuleList([nn.Conv2d(160, 112, 1), nn.Conv2d(112, 64, 1)])
        self.joined = nn.Sequential(_Residual(64), _conv(64, 96, 1))
        self.maps = nn.Conv2d(96, 1 + len(kinds()) + len(COLOURS), 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Logits."""
        m = self.middle(self.stem(x * 2 - 1))
        d = self.deep(m)
        e = self.deepest(d)
        features = e.mean((2, 3))
        up = functional.interpolate(self.down[0](e), scale_factor=2.0) + d
        up = functional.interpolate(self.down[1](up), scale_factor=2.0) + m
        maps = self.maps(self.joined(up))
        found = {name: head(features) for name, head in self.heads.items()}
        found["features"] = features
        found["centre"], found["kind"], found["colour"] = maps.split([1, len(kinds()), len(COLOURS)], dim=1)
        return found


def _conv(a: int, b: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.SiLU())


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width, 1), nn.Conv2d(width, width, 3, 1, 1, bias=False))
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(x + self.norm(self.body(x)))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- pictures


def draw(folder: Path, part: int) -> None:
    """One file of pictures and what they show, unless it is there."""
    path = folder / f"{part:04d}.npz"
    if path.exists():
        return
    pictures: list[Any] = []
    scenes: list[str] = []
    boxes: list[str] = []
    seed = FIRST_SEED + part * 100_000
    while len(pictures) < _PER_PART:
        seed += 1
        dice = Dice(seed, "probe")
        sticker = dice.chance(0.27)
        scene = sample(seed, projection="sticker" if sticker else "perspective", held_out=dice.chance(0.35))
        if not scene.things and not dice.chance(0.45):
            continue
        fine = len(pictures) % 3 == 0 and scene.style in ("rendered", "flat")
        picture = render(scene, SIDE, SIDE, supersample=2 if fine else 1)
        opacity = picture.alpha[..., None] / 255
        pictures.append((picture.rgb * opacity + 255 * (1 - opacity)).round().astype(np.uint8))
        scenes.append(scene.to_json())
        boxes.append(json.dumps([_middle(picture.mask(i), i) for i in range(len(scene.things))]))
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, imgs=np.stack(pictures), scenes=np.array(scenes), boxes=np.array(boxes))
    unfinished.replace(path)


def _middle(mask: Any, index: int) -> tuple[int, float, float, int]:
    """(thing, column, row, pixels); without a place where too little of it is seen."""
    rows, columns = np.nonzero(mask)
    if len(rows) < 6:
        return index, -1.0, -1.0, len(rows)
    return index, float(columns.mean()), float(rows.mean()), len(rows)


def load(folder: Path) -> tuple[Any, list[Scene], list[list[Any]]]:
    """All parts."""
    parts = [np.load(path) for path in sorted(folder.glob("[0-9]*.npz")) if ".part" not in path.name]
    scenes = [Scene.from_json(str(text)) for part in parts for text in part["scenes"]]
    boxes = [json.loads(str(text)) for part in parts for text in part["boxes"]]
    return np.concatenate([part["imgs"] for part in parts]), scenes, boxes


# ---------------------------------------------------------------- training


def loss_of(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    """Cross entropies of the heads; focal loss of the centres (CenterNet, equation 1); kind and colour at centres."""
    total = torch.zeros(())
    for name in HEADS:
        if name == "extra":
            seen = wanted["scenic"]
            raw = functional.binary_cross_entropy_with_logits(found[name], wanted[name], reduction="none").mean(1)
            total = total + 2 * (raw * seen).sum() / seen.sum().clamp(min=1)
        else:
            total = total + functional.cross_entropy(found[name], wanted[name], ignore_index=-1)
    heat, target = found["centre"][:, 0], wanted["centre"]
    p = heat.sigmoid().clamp(1e-4, 1 - 1e-4)
    at = target == 1
    focal = torch.where(at, (1 - p) ** 2 * p.log(), (1 - target) ** 4 * p**2 * (1 - p).log())
    total = total - 0.5 * focal.sum() / at.sum().clamp(min=1)
    b, y, x = at.nonzero(as_tuple=True)
    kind, colour = wanted["kind"][b, y, x], wanted["colour"][b, y, x]
    total = total + 1.5 * functional.cross_entropy(found["kind"][b, :, y, x], kind)
    return total + functional.cross_entropy(found["colour"][b, :, y, x], colour)


def batch_of(pictures: Any, scenes: list[Scene], boxes: list[list[Any]], chosen: list[int]) -> tuple[Tensor, Any]:
    """Pictures, some of them blurred or noisy as those of a model are, and their targets; half of them mirrored."""
    x = torch.from_numpy(pictures[chosen]).permute(0, 3, 1, 2).float() / 255
    wanted: dict[str, list[Any]] = {}
    for row, index in enumerate(chosen):
        mirrored = random.random() < 0.5
        if mirrored:
            x[row] = x[row].flip(2)
        for name, value in targets(scenes[index], boxes[index], mirrored=mirrored).items():
            wanted.setdefault(name, []).append(value)
        lot = random.random()
        if lot < 0.35:
            small = int(SIDE * random.uniform(0.5, 0.9))
            x[row] = functional.interpolate(
                functional.interpolate(x[row : row + 1], small, mode="bilinear", antialias=True), SIDE, mode="bilinear"
            )[0]
        if lot > 0.75:
            x[row] = (x[row] + 0.04 * random.random() * torch.randn_like(x[row])).clamp(0, 1)
        x[row] = (x[row] * random.uniform(0.93, 1.07)).clamp(0, 1)
    return x, {name: torch.from_numpy(np.stack(values)) for name, values in wanted.items()}


def train(folder: Path, minutes: float, total_steps: int) -> None:
    """Goes on where it stopped, for so many minutes."""
    torch.set_num_threads(1)
    pictures, scenes, boxes = load(folder)
    held = len(pictures) // 20
    network = Probe()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    state = folder / "state.pt"
    step = 0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        step = kept["step"]
    end = time.monotonic() + minutes * 60
    while step < total_steps and time.monotonic() < end:
        random.seed(step)
        torch.manual_seed(step)
        chosen = random.sample(range(held, len(pictures)), _BATCH)
        x, wanted = batch_of(pictures, scenes, boxes, chosen)
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 100) * max(0.02, 1 - step / total_steps)
        network.train()
        loss = loss_of(network(x), wanted)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.3f} of {len(pictures)} pictures", flush=True)
    torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, state)


def write(folder: Path, target: Path) -> None:
    """The network as ``probe.onnx``, with weights of 16 bits."""
    from aigc.recipes.image.export import to_onnx

    network = Probe().eval()
    network.load_state_dict(torch.load(folder / "state.pt", weights_only=True)["network"])
    names = [*HEADS, "features", "centre", "kind", "colour"]
    listed = _Listed(network, names)
    example = {"pictures": torch.zeros(2, 3, SIDE, SIDE)}
    free = {name: {0: "batch"} for name in ("pictures", *names)}
    target.mkdir(parents=True, exist_ok=True)
    (target / "probe.onnx").write_bytes(to_onnx(listed, listed.forward, example, names, dynamic=free))


class _Listed(nn.Module):
    """The answers in a fixed order."""

    def __init__(self, network: Probe, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        found = self.network(pictures)
        return tuple(found[name] for name in self.names)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["render", "train", "write"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path, nargs="?", default=Path("weights/aigc-probe"))
    parser.add_argument("--parts", type=int, default=40, help=f"files of {_PER_PART} pictures")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--steps", type=int, default=2500)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.what == "render":
        for part in range(given.first, given.first + given.parts):
            draw(given.folder, part)
    elif given.what == "train":
        train(given.folder, given.minutes, given.steps)
    else:
        write(given.folder, given.target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
