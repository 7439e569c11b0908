"""Start a recipe, or go on with it: the one function behind the command line, the Makefile and tests.

Knows: the order: settings, pictures, networks, loop. Does not know: terminals.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc.errors import UserError
from aigc.recipes import find
from aigc.recipes.base import Filling, Recipe, Setup, open_pools, settle
from aigc.recipes.beginning import begin
from aigc.recipes.image.stickers.packs import Fetch
from aigc.training import devices, distribution
from aigc.training.checkpoint import Checkpoint, Checkpoints, replace
from aigc.training.loop import UNTRAINED, Outcome, Progress, Trainer
from aigc.training.pack import read


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a caller decides beyond a recipe's settings."""

    folder: Path
    """Of the run; what is there is gone on with."""
    pool: Path
    """Where pictures are kept; several runs may share it."""
    before: Path | None = None
    """Folder of a run or of a published model whose weights a new run begins with."""
    size: str | None = None
    """A preset; None: ``full``, or what the run was begun with."""
    settings: Sequence[str] = ()
    """``name=value`` each."""
    minutes: float = math.inf
    """Stop after this long, with a checkpoint; making pictures counts."""
    device: str = "auto"
    workers: int = 1
    """Processes that make pictures."""
    fetch: Fetch | None = None
    """Brings archives that a source needs; None: they must be there."""


def train(
    name: str,
    options: Options,
    *,
    on_filling: Filling | None = None,
    on_step: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Run a recipe until it is finished, its time is over, or it is interrupted; the same call goes on.

    Raises:
        AigcError: an unknown recipe or setting, a library that is missing, a full disk, a loss that is not finite.
        KeyboardInterrupt: after a checkpoint was written.
    """
    began = time.monotonic()
    recipe = find(name)
    device = devices.find(options.device)
    group = distribution.join(device)
    try:
        # One process settles and makes the pictures; the others then find everything done.
        if not group.leads:
            group.barrier()
        config = _settled(recipe, options, group.leads)
        pools = open_pools(recipe, config, options.pool, options.workers, on_filling, options.fetch)
        if group.leads:
            group.barrier()
        task, data = recipe.make(Setup(config, pools, device, options.folder))
        trainer = Trainer(task, data, config.train, options.folder, device=device, group=group)
        left = options.minutes * 60 - (time.monotonic() - began)
        return trainer.run(stop_after=max(0.0, left), on_step=on_step if group.leads else None)
    finally:
        distribution.leave()


def fill(name: str, options: Options, *, on_filling: Filling | None = None) -> None:
    """Make the pictures of a recipe and train nothing; beside a training it feeds the next one. Raises: AigcError."""
    recipe = find(name)
    config = _settled(recipe, options, True)
    open_pools(recipe, config, options.pool, options.workers, on_filling, options.fetch)


def _settled(recipe: Recipe, options: Options, leads: bool) -> Any:
    """The settings of the run, which is begun if it begins from something."""
    if options.before is not None:
        if options.size is not None:
            raise UserError(
                f"size is {options.size!r}, and a run that begins from another takes its settings",
                param="size",
                hint="leave it out; change single settings",
            )
        if leads:
            begin(recipe, options.folder, options.before, options.settings)
    return settle(recipe, options.folder, options.size, options.settings)


def begin_from(packed: Path, runs: Path, stage: str) -> None:
    """Begin a run with weights that travelled: what `training.pack` wrote, beside ``STAGE-run.json``.

    A run that has checkpoints stays as it is. The optimisers begin anew.

    Args:
        packed: folder with the parts.
        runs: folder of all runs.
        stage: name of the run and of the parts.

    Raises:
        InvalidModelFile: a part is missing or damaged.
    """
    settings = packed / f"{stage}-run.json"
    if not settings.exists() or Checkpoints(runs / stage).steps():
        return
    weights = read(packed, stage)
    (runs / stage).mkdir(parents=True, exist_ok=True)
    kept = json.loads(settings.read_text("utf-8"))
    if "vae" in kept["settings"]:
        kept["settings"]["vae"] = str(runs / "vae")
    replace(runs / stage / "run.json", json.dumps(kept, indent=1).encode())
    Checkpoints(runs / stage).save(Checkpoint(0, weights, {}, UNTRAINED))
