"""A run that begins with the weights of another one, or of a published model, and learns from other data.

The new folder gets them as the checkpoint of step 0 and, last, its ``run.json``, which says what it began from; the
optimisers begin anew. A published flow brings its auto-encoder along, which becomes a run in the folder ``vae`` below.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc.errors import Conflict, InvalidModelFile, UserError
from aigc.recipes.base import Recipe, keep_run, newest, public, read_run
from aigc.recipes.image.taught import taught, teach
from aigc.training.checkpoint import Checkpoint, Checkpoints, fill, read_tensors
from aigc.training.config import from_dict, override
from aigc.training.loop import UNTRAINED

_VAE, _FLOW = "image/vae", "image/flow"
_PUBLISHED = {
    _VAE: ("weights.safetensors", "vae.", ""),
    _FLOW: ("weights.safetensors", "flow.", "net."),
    "image/gan": ("generator.safetensors", "", ""),
    "image/restorer": ("restorer.safetensors", "", ""),
}
"""Recipe to (file of a published folder, prefix of its tensors there, prefix in the network)."""
_TABLES = (
    "net.embed_text.weight",
    "generator.caption.embed_concept.weight",
    "encoder.caption.embed_concept.weight",
    "known",
)
"""Tensors with a row for each concept: the list of concepts grows at its end."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is gone on from."""

    name: str
    samples: int
    """Seen before, by everything that it began from as well."""
    settings: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    """The averaged ones, under the names of the recipe's network."""
    taught: Sequence[int] = ()
    """Of a flow: numbers of the concepts that it has met."""


def begin(recipe: Recipe, folder: Path, place: Path, assignments: Sequence[str]) -> None:
    """Begin a run in a folder; one that has begun from there already is left as it is.

    Args:
        recipe: of both.
        folder: of the new run.
        place: folder of a run, or of a published model.
        assignments: settings that differ from theirs, ``name=value`` each.

    Raises:
        Conflict: the folder holds a run that began otherwise.
        UserError: nothing of that recipe is there, or it can't be gone on from with these settings.
        InvalidModelFile: weights of another shape (the message holds the first that differs), or damaged ones.
    """
    begun = read_run(folder)
    if begun:
        earlier = begun.get("from", {}).get("name", "nothing")
        if earlier != _name(place):
            raise Conflict(f"{folder} holds a run that began from {earlier}, not {place}", hint="name another --run")
        return
    before = read(place, recipe.name)
    own = folder / "vae"
    settings = dict(before.settings)
    if recipe.name == _FLOW and (place / "model.json").exists():
        settings["vae"] = str(own)
        vae = read(place, _VAE)
        _lay_down(own, _VAE, vae.settings, vae.weights, {"name": vae.name, "samples": vae.samples})
    config = override(from_dict(type(recipe.presets["full"]), settings), assignments)
    if recipe.name == _FLOW:
        _check_flow(settings, config, before.name)
    torch.manual_seed(config.train.seed)
    state = recipe.network(config).state_dict()
    try:
        fill(state, {name: _grown(name, x, state) for name, x in before.weights.items()}, before.name)
    except InvalidModelFile as error:
        raise InvalidModelFile(error.message, hint="leave out the settings that begin with model.") from error
    if recipe.name == _FLOW:
        teach(folder, before.taught)
    _lay_down(folder, recipe.name, config, state, {"name": before.name, "samples": before.samples})


def read(place: Path, recipe: str) -> Beginning:
    """What a folder offers to a recipe.

    Raises:
        UserError: nothing.
        InvalidModelFile: damaged files.
    """
    if not (place / "model.json").exists():
        told = past(place, recipe)
        settings, found = newest(place, recipe)
        return Beginning(_name(place), told["samples"], settings, found.model, taught(place))
    description = _description(place)
    told = description.get("training", {}).get(recipe)
    if told is None:
        offered = (
            ", ".join(description.get("training", {})) or "nothing: training goes on from a teacher, not its pupil"
        )
        raise UserError(f"{place} has no weights of {recipe} to begin from; it has: {offered}", param="from")
    file, there, here = _PUBLISHED[recipe]
    if hashlib.sha256((place / file).read_bytes()).hexdigest() != description["files"][file]["sha256"]:
        raise InvalidModelFile(f"{place / file} is damaged: its sha256 is another", hint="install the model again")
    weights = {
        here + name.removeprefix(there): x.float()
        for name, x in read_tensors(place / file).items()
        if name.startswith(there)
    }
    known = description["settings"].get("known", ())
    met = range(1, known + 1) if isinstance(known, int) else known
    return Beginning(description["id"], int(told["samples"]), told["settings"], weights, met)


def past(folder: Path, recipe: str) -> dict[str, Any]:
    """What a published model says about a run, so that others can go on from it: ``settings``, ``samples``, ``from``.

    Raises:
        UserError: the folder holds no run of that recipe, or no checkpoint.
    """
    settings, found = newest(folder, recipe)
    train = settings["train"]
    samples = found.step * train["batch"] * train["micro_batches"]
    before = read_run(folder).get("from")
    told = {"settings": public(settings), "samples": samples + (before["samples"] if before else 0)}
    return {**told, "from": before} if before else told


def _check_flow(theirs: Mapping[str, Any], config: Any, name: str) -> None:
    """Raises: UserError: the new run would learn other latents, or from a pupil without its teacher."""
    if theirs.get("teacher") and not config.teacher:
        raise UserError(f"{name} learned few steps from a teacher", param="from", hint="begin from its teacher instead")
    if Path(config.vae) == Path(theirs["vae"]):
        return
    mine, before = (newest(Path(p).expanduser(), _VAE)[1].model for p in (config.vae, theirs["vae"]))
    if mine.keys() != before.keys() or any(not torch.equal(x, before[n]) for n, x in mine.items()):
        raise UserError(
            f"vae is {config.vae}, and {name} learned the latents of another one", param="vae", hint="leave vae out"
        )


def _grown(name: str, x: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """Old rows of a table with the new network's fresh ones below."""
    if name in _TABLES and name in state and len(x) < len(state[name]) and x.shape[1:] == state[name].shape[1:]:
        return torch.cat([x, state[name][len(x) :]])
    return x


def _lay_down(
    folder: Path, recipe: str, settings: Any, weights: Mapping[str, Tensor], before: Mapping[str, Any]
) -> None:
    """A run that stands before its first step. Its ``run.json`` comes last: without it, nothing has begun."""
    Checkpoints(folder).save(Checkpoint(0, dict(weights), {}, UNTRAINED))
    keep_run(folder, recipe, settings, before)


def _description(place: Path) -> dict[str, Any]:
    path = place / "model.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        return dict(found)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidModelFile(f"{path} can't be read: {error}") from error


def _name(place: Path) -> str:
    return str(_description(place)["id"]) if (place / "model.json").exists() else place.resolve().name
