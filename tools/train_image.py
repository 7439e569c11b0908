"""Trains the picture models stage by stage, each within its time; the same command goes on where the last one stopped.

It needs torch, numpy, safetensors, Pillow and matplotlib, and none of what serving needs, so that it runs on a lent
GPU machine without an install: ``PYTHONPATH=src python3 tools/train_image.py vae --minutes 9 --out "$OUT"``. What can
travel back (weights in 8 or 16 bits in parts, settings, diary, curves, the newest sheet) is copied to ``--out``.

A stage begins with weights that are there: ``--from FOLDER``, with what came back before, another run, or a model that
``aigc publish`` wrote (``--from weights/aigc-v1``).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from aigc.errors import AigcError
from aigc.recipes.run import Options, begin_from, fill, train
from aigc.training.checkpoint import Checkpoints
from aigc.training.loop import Progress
from aigc.training.pack import write

STAGES = {"vae": (10.0, 16), "restorer": (12.0, 16), "flow": (20.0, 8), "gan": (8.0, 16)}
"""Name to (minutes of the whole stage, bits of the weights that travel), in the order of the plan."""


def main() -> int:
    """Run the stages that are named. Exit code 1 says what was wrong."""
    options = _parse()
    try:
        for stage in options.stages:
            if options.fill_only:
                fill(f"image/{stage}", _options(stage, options), on_filling=_say_filling)
            else:
                _stage(stage, options)
    except AigcError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", default=list(STAGES), help="default: all, in order")
    parser.add_argument("--size", choices=("full", "small", "toy"), help="toy: a minute on a CPU, the same code")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop each stage after so long")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs and the pictures")
    parser.add_argument("--data", help="sources with commas between; default: scenes")
    parser.add_argument("--out", type=Path, help="where to put what travels back")
    parser.add_argument("--from", dest="before", type=Path, help="folder with weights to begin with")
    parser.add_argument("--set", action="append", default=[], help="a setting, for all stages named")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fill-only", action="store_true", help="make the pictures, train nothing")
    options = parser.parse_args()
    options.stages = options.stages or list(STAGES)
    return options


def _options(stage: str, options: argparse.Namespace) -> Options:
    folder = options.runs / stage
    before = options.before if options.before and not _travelled(options.before) else None
    settings: list[str] = []
    if before is not None:
        settings += [f"data={options.data}"] if options.data else []
    elif not (folder / "run.json").exists():
        # Minutes fit the machine once; afterwards the run keeps what it was begun with.
        settings += [] if options.size == "toy" else [f"train.fit_minutes={STAGES[stage][0]}"]
        settings += [f"data={options.data or 'scenes'}"] if options.data or options.size != "toy" else []
        settings += [f"vae={options.runs / 'vae'}"] if stage == "flow" else []
    settings += options.set
    begun = (folder / "run.json").exists()
    return Options(
        folder=folder,
        pool=options.runs / "pictures",
        before=before,
        size=None if begun else options.size,
        settings=settings,
        minutes=options.minutes,
        device=options.device,
        workers=options.workers,
    )


def _travelled(folder: Path) -> bool:
    return any(folder.glob("*-run.json"))


def _stage(stage: str, options: argparse.Namespace) -> None:
    if options.before is not None and _travelled(options.before):
        for name in ("vae", stage):
            begin_from(options.before, options.runs, name)
    asked = _options(stage, options)
    print(f"== {stage}: {asked.folder}", flush=True)
    began = time.monotonic()
    outcome = train(f"image/{stage}", asked, on_filling=_say_filling, on_step=_Teller())
    word = "finished" if outcome.finished else "to be continued"
    print(f"== {stage}: step {outcome.step}, {word}, {time.monotonic() - began:.0f} s", flush=True)
    if options.out is not None:
        _travel(stage, asked.folder, options.out)


def _travel(stage: str, folder: Path, out: Path) -> None:
    """Copy what fits: at most five files besides the weights' parts."""
    newest = Checkpoints(folder).load()
    assert newest is not None
    paths = write(newest.model, out, stage, STAGES[stage][1])
    shutil.copy(folder / "run.json", out / f"{stage}-run.json")
    shutil.copy(folder / "metrics.jsonl", out / f"{stage}-metrics.jsonl")
    for name, found in (("curves", [folder / "curves.png"]), ("samples", sorted((folder / "samples").glob("*.png")))):
        if found and found[-1].exists():
            shutil.copy(found[-1], out / f"{stage}-{name}.png")
    print(f"== {stage}: {sum(p.stat().st_size for p in paths) / 2**20:.1f} MiB in {len(paths)} parts", flush=True)


def _say_filling(what: str, done: int, total: int) -> None:
    if done % 16 == 0 or done == total:
        print(f"pictures of {what}: {done} / {total} shards", flush=True)


class _Teller:
    """A line every ten seconds."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.row and (now - self._told > 10 or progress.step == progress.steps):
            self._told = now
            row = progress.row
            print(
                f"{progress.step}/{progress.steps} loss {row['loss']:.4f} "
                f"{row['samples_per_second']:.0f} samples/s {row['peak_share']:.1%} of peak",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
