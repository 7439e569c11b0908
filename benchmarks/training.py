"""How many samples a second does each picture recipe train with, and how much of what the device can do is that?

Every recipe is run as `aigc train` runs it, for some steps, on pictures that cost nothing to make; the figures are
those of its own diary (`aigc.training.speed`), the median of the steps after the first three. The share is of the best
of twenty large matrix products on the same device. The flow takes the auto-encoder of the case before it. Needs the
extra ``[train]``; on a GPU the full presets are run, elsewhere the small ones::

    python benchmarks/training.py [--device auto] [--size small] [--steps 15] [--threads 2]

Prints progress on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import machine
from aigc.recipes import find
from aigc.recipes.run import Options, train
from aigc.training import devices
from aigc.training.config import TrainConfig
from aigc.training.metrics import Diary

RECIPES = ("image/vae", "image/flow", "image/gan", "image/restorer")
_PEAKS = 20
_WARM = 3
"""Steps that tell nothing: first allocations, compilation, the counting of operations."""


def measured(name: str, size: str, steps: int, device: str, home: Path) -> dict[str, Any]:
    """One recipe: its rates, step by step."""
    folder = home / name.rpartition("/")[2]
    settings = [
        "data=shapes",
        "pictures=64",
        f"train.steps={steps}",
        "train.log_every=1",
        f"train.sample_every={steps}",
    ]
    settings += ["train.fit_minutes=0", f"train.checkpoint_every={steps}"]
    settings += [f"vae={home / 'vae'}"] if name == "image/flow" else []
    options = Options(folder=folder, pool=home / "pictures", size=size, settings=settings, device=device)
    train(name, options)
    rows = [row for row in Diary(folder).rows() if "samples_per_second" in row][_WARM:]
    preset = find(name).presets[size].train
    return {
        "recipe": name,
        "size": size,
        "samples_a_step": preset.batch * preset.micro_batches,
        "samples_per_second": round(statistics.median(row["samples_per_second"] for row in rows), 2),
        "slowest": min(row["samples_per_second"] for row in rows),
        "fastest": max(row["samples_per_second"] for row in rows),
        "peak_share": round(statistics.median(row["peak_share"] for row in rows), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--size", help="preset; default: full on a GPU, else small")
    parser.add_argument("--steps", type=int, default=15, help="of each recipe")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="on the processor")
    given = parser.parse_args()
    if given.steps <= _WARM:
        parser.error(f"--steps is {given.steps}; accepted: more than {_WARM}")
    torch.set_num_threads(given.threads)
    device = devices.find(given.device)
    size = given.size or ("full" if device.type == "cuda" else "small")
    precision = devices.precision(TrainConfig(), device)
    load = os.getloadavg()[0]
    peak = max(devices.peak_flops(device, precision) for _ in range(_PEAKS))
    cases = []
    # One peak for all: on a machine that does other things too, each run would measure another.
    with tempfile.TemporaryDirectory() as home, mock.patch.object(devices, "peak_flops", return_value=peak):
        for name in RECIPES:
            cases.append(measured(name, size, given.steps, given.device, Path(home)))
            row = cases[-1]
            told = f"{name}: {row['samples_per_second']} samples/s, {row['peak_share']:.0%} of the peak"
            print(told, file=sys.stderr)
    answer = {
        "benchmark": "training",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": given.threads,
        "precision": str(precision).removeprefix("torch."),
        "peak_gflops": round(peak / 1e9),
        "busy": round(load, 1),
        "cases": cases,
        "versions": {"torch": torch.__version__},
    }
    print(json.dumps({**answer, "machine": machine.describe()}))


if __name__ == "__main__":
    main()
