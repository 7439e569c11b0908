"""How long does a picture take, and how much memory, with our models, the renderer, and what others would run?

Every case runs in a process of its own, on all cores, the first picture not counted; memory is the highest that the
process reached. The peer is a U-Net of the size of Stable Diffusion 1.5 with random weights through ``diffusers``: the
numbers are wrong, the time is right. One of its steps is measured with and without text, as its guidance needs, and
taken 20 times; its text encoder and decoder are left out. It needs ``torch`` and ``diffusers`` and 4 GiB::

    python benchmarks/pictures.py [--model FOLDER] [--no-peer]

Prints progress on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import machine

THREADS = len(os.sched_getaffinity(0))
REPEATS = 3
PEER_STEPS = 20
CASES: dict[str, tuple[str, dict[str, Any], float | None]] = {
    "256 px, default steps": ("v1", {"width": 256, "height": 256}, 2.0),
    "256 px, default steps, f32": ("v1-f32", {"width": 256, "height": 256}, 4.0),
    "256 px, 4 steps, no guidance": ("v1", {"width": 256, "height": 256, "steps": 4, "guidance": 1.0}, 0.6),
    "512 px": ("v1", {"width": 512, "height": 512}, 3.5),
    "1024 px": ("v1", {"width": 1024, "height": 1024}, None),
    "panorama 1024x512": ("v1", {"width": 1024, "height": 512, "panorama": True}, 6.0),
    "preview, 32 px, one pass": ("preview", {"width": 32, "height": 32}, 0.05),
    "preview, 256 px": ("preview", {"width": 256, "height": 256}, None),
    "renderer, 512 px": ("scenes", {"width": 512, "height": 512}, None),
    "renderer, panorama 1024x512": ("scenes", {"width": 1024, "height": 512, "panorama": True}, None),
}
"""Name to (what paints, what is asked, seconds that are the goal)."""


def painted(kind: str, asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """In this process: seconds of each picture after the first, and the memory."""
    from aigc.engines.base import LoadOptions, Painter
    from aigc.types import ImageRequest

    options = LoadOptions(threads=THREADS, context_tokens=0, cache_bytes=0, max_sequences=1)
    painter: Painter
    if kind == "scenes":
        from aigc.engines.scenes import ScenePainter
        from aigc.store.builtin import builtin

        spec = next(spec for spec in builtin() if spec.id == "aigc-scenes")
        painter = ScenePainter(spec, spec.engines[0], options)
    elif kind == "preview":
        from aigc.engines import model_folder
        from aigc.engines.gan import GANPainter
        from aigc.store.builtin import folder as weights

        spec = model_folder.read(weights() / "aigc-preview").spec(weights() / "aigc-preview")
        painter = GANPainter(spec, spec.engines[0], options)
    else:
        from aigc.engines import image, image_networks, model_folder

        spec = model_folder.read(folder).spec(folder)
        painter = image.ImagePainter(spec, spec.engines[0], options)
        if kind == "v1-f32":
            painter._networks = image_networks.Networks(folder, THREADS, "f32")
    times = []
    for number in range(REPEATS + 1):
        request = ImageRequest(prompt="a red fox in a snowy forest at night", seed=number, **asked)
        painter.check(request)
        start = time.perf_counter()
        painter.paint(request, 0, lambda *_: None)
        times.append(time.perf_counter() - start)
    return {"seconds": statistics.median(times[1:]), "first_seconds": times[0], **memory()}


def peer() -> dict[str, Any]:
    """In this process: a step of a U-Net of that size, twice, as guidance needs it."""
    import diffusers
    import torch

    torch.set_num_threads(THREADS)
    with torch.inference_mode():
        net = diffusers.UNet2DConditionModel(
            sample_size=64, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280)
        ).eval()
        x, t, text = torch.randn(2, 4, 64, 64), torch.tensor([500, 500]), torch.randn(2, 77, 768)
        net(x, t, text)
        start = time.perf_counter()
        net(x, t, text)
        step = time.perf_counter() - start
    parameters = sum(p.numel() for p in net.parameters())
    return {"seconds": PEER_STEPS * step, "step_seconds": step, "parameters": parameters, **memory()}


def memory() -> dict[str, int]:
    """The most that this process held."""
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def apart(name: str, folder: Path) -> dict[str, Any]:
    """A case in a process of its own."""
    command = [sys.executable, __file__, "--case", name, "--model", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    from aigc.store.builtin import folder as weights

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=weights() / "aigc-v1", help="folder of the picture model")
    parser.add_argument("--no-peer", action="store_true", help="leave out the U-Net")
    parser.add_argument("--case", help="one case, in this process")
    given = parser.parse_args()
    if given.case == "peer":
        print(json.dumps(peer()))
        return
    if given.case:
        kind, asked, _ = CASES[given.case]
        print(json.dumps(painted(kind, asked, given.model)))
        return
    rows = []
    for name, (_, _, goal) in CASES.items():
        rows.append({"case": name, "goal_seconds": goal, **apart(name, given.model)})
        print(f"{name}: {rows[-1]['seconds']:.2f} s, {rows[-1]['peak_mib']} MiB", file=sys.stderr)
    answer: dict[str, Any] = {"benchmark": "pictures", "threads": THREADS, "cases": rows}
    if not given.no_peer:
        answer["peer"] = apart("peer", given.model)
        ours = next(row for row in rows if row["case"] == "512 px")
        answer["times_faster_than_peer"] = answer["peer"]["seconds"] / ours["seconds"]
        print(f"peer: {answer['peer']['seconds']:.1f} s, {answer['peer']['peak_mib']} MiB", file=sys.stderr)
    print(json.dumps({**answer, "machine": machine.describe()}))


if __name__ == "__main__":
    main()
