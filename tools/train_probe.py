"""Trains the examiner of ``aigc eval image``: a small network that says what a picture shows and which caption is its.

    python tools/train_probe.py render FOLDER --parts 60        # labelled pictures of the renderer, 15 CPU-s a part
    python tools/train_probe.py train FOLDER --minutes 20       # resumes; the run lies in FOLDER/run
    python tools/train_probe.py write FOLDER weights/aigc-probe # ONNX for serving

It never sees what a picture model was trained on: its seeds are others.

Knows: the order of things. Does not know: what is learned (`probe_task.py`), how pictures are made
(`probe_pictures.py`). Needs the extra ``[train]``.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from aigc.errors import UserError
from aigc.evaluation.labels import HEADS, SIDE, WORDS
from aigc.models.examiner import Examiner, ExaminerConfig
from aigc.recipes.image.export import rounded, to_onnx
from aigc.training import checkpoint, devices
from aigc.training.config import TrainConfig
from aigc.training.loop import Outcome, Progress, Trainer
from probe_pictures import Pictures, draw, load
from probe_task import Batches, Task, config, features_of

SETTINGS = TrainConfig(
    steps=3000,
    batch=64,
    learning_rate=2e-3,
    warmup=100,
    decay=0.5,
    weight_decay=0.03,
    clip=2.0,
    average=0.997,
    log_every=25,
    sample_every=500,
    checkpoint_every=100,
)
_MAPS = ("centre", "kind", "colour", "features", "vector")


def train(
    pictures: Pictures, folder: Path, settings: TrainConfig, minutes: float, sizes: ExaminerConfig | None = None
) -> Outcome:
    """Goes on where it stopped, for so many minutes."""
    task, data = Task(pictures, settings, sizes), Batches(pictures, settings.batch, settings.seed)
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(task, data, settings, folder, device=devices.find("auto"))
    return trainer.run(stop_after=minutes * 60, on_step=_told)


def _told(progress: Progress) -> None:
    if progress.step % SETTINGS.log_every == 0:
        print(progress.step, progress.row, flush=True)


def write(pictures: Pictures, folder: Path, target: Path, sizes: ExaminerConfig | None = None) -> Examiner:
    """``probe.onnx`` sees pictures, ``captions.onnx`` reads captions; weights take 16 bits. Returns the network.

    Raises:
        UserError: the folder holds no checkpoint.
    """
    network = Examiner(sizes or config()).eval()
    found = checkpoint.Checkpoints(folder).load()
    if found is None:
        raise UserError(f"{folder} holds no checkpoint", hint="train first")
    checkpoint.fill(network.state_dict(), found.model, str(folder))
    rounded(network)
    network.feature_mean, network.feature_std = features_of(network, pictures)
    names = [*HEADS, *_MAPS]
    listed = _Listed(network, names)
    free = {name: {0: "batch"} for name in ("pictures", *names)}
    target.mkdir(parents=True, exist_ok=True)
    example = {"pictures": torch.zeros(2, 3, SIDE, SIDE)}
    (target / "probe.onnx").write_bytes(to_onnx(listed, listed.forward, example, names, dynamic=free))
    words = {"words": torch.ones(2, WORDS, dtype=torch.int64)}
    both = {name: {0: "batch"} for name in ("words", "vector")}
    reader = to_onnx(network.captions, network.captions.forward, words, ["vector"], dynamic=both)
    (target / "captions.onnx").write_bytes(reader)
    return network.eval()  # the exporter leaves it in another mode


class _Listed(nn.Module):
    """The answers in a fixed order."""

    def __init__(self, network: Examiner, names: list[str]) -> None:
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
    parser.add_argument("--parts", type=int, default=60, help="files of 256 pictures")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--steps", type=int, default=SETTINGS.steps)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.what == "render":
        for part in range(given.first, given.first + given.parts):
            draw(given.folder, part)
        return 0
    torch.set_num_threads(1 if not torch.cuda.is_available() else torch.get_num_threads())
    pictures = load(given.folder)
    if given.what == "train":
        settings = dataclasses.replace(SETTINGS, steps=given.steps)
        print(train(pictures, given.folder / "run", settings, given.minutes))
    else:
        write(pictures, given.folder / "run", given.target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
