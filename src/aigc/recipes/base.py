"""What a recipe consists of, and how one becomes a run in a folder.

Knows: recipes, run folders, sources by name. Does not know: networks, the command line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from aigc import settings
from aigc.errors import Conflict, InvalidModelFile, UserError
from aigc.recipes.image.stickers.packs import Fetch, require, table
from aigc.training.checkpoint import Checkpoint, Checkpoints, replace
from aigc.training.config import CHANGEABLE, TrainConfig, from_dict, override, to_dict
from aigc.training.pool import Pool
from aigc.training.source import Photographs, Source
from aigc.training.task import Data, Task

_KEPT = "run.json"

Filling = Callable[[str, int, int], None]
"""Told (what is made, how much is done, of how much)."""


class Config(Protocol):
    """What every recipe's settings have."""

    @property
    def train(self) -> TrainConfig:
        """How it learns."""
        ...

    @property
    def data(self) -> tuple[str, ...]:
        """Sources, as `open_source` reads them."""
        ...

    @property
    def pictures(self) -> int:
        """How many pictures of each source are made and drawn from."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What a recipe is made with."""

    config: Any
    pools: Sequence[Pool]
    device: torch.device
    folder: Path


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named run."""

    name: str
    presets: Mapping[str, Config]
    """Settings by size; ``full`` is what the shipped weights are trained with, ``toy`` what a test has time for."""
    make: Callable[[Setup], tuple[Task, Data]]
    network: Callable[[Any], nn.Module]
    """The network that its settings describe, with fresh weights: what is averaged, kept and published."""
    side: Callable[[Any], int] = field(default=lambda config: int(config.side))
    """Side of the pictures that its sources make."""


def open_source(text: str, side: int, fetch: Fetch | None = None) -> Source:
    """The source that a text names.

    There are ``scenes``, ``scenes:KIND``, ``stickers``, ``stickers:FOLDER``, ``shapes`` and ``photos:FOLDER``.

    Args:
        text: what a setting ``data`` has.
        side: of the pictures.
        fetch: brings what a source needs and isn't there; None: it must be there.

    Raises:
        UserError: no source has that form.
        AigcError: what the source needs isn't there, can't be fetched, or is damaged.
    """
    name, _, rest = text.partition(":")
    if name == "scenes":
        from aigc.recipes.image.scenes import Scenes

        return Scenes(side, rest)
    if name == "shapes" and not rest:
        from aigc.recipes.image.shapes import Shapes

        return Shapes(side)
    if name == "stickers":
        from aigc.recipes.image.stickers.source import Stickers

        folder = Path(rest).expanduser().absolute() if rest else settings.load().home / "packs"
        require(table().pack, folder, fetch)
        return Stickers(folder, side)
    if name == "photos" and rest:
        source = Photographs(Path(rest).expanduser().absolute(), side)
        source.identity  # noqa: B018 - says now if the folder holds too few
        return source
    raise UserError(
        f"no source of pictures is called {text!r}",
        hint="there are: scenes, scenes:KIND, stickers, shapes, photos:FOLDER",
    )


def settle(recipe: Recipe, folder: Path, size: str | None, assignments: Sequence[str]) -> Any:
    """The settings of a run: those that its folder keeps, or new ones that are then kept.

    Raises:
        UserError: an unknown size or setting.
        Conflict: the run was begun with other settings than those that are asked for now.
    """
    if size is not None and size not in recipe.presets:
        raise UserError(f"there is no size {size!r}", hint=f"sizes: {', '.join(recipe.presets)}")
    if not (folder / _KEPT).exists():
        config = override(recipe.presets[size or "full"], assignments)
        keep_run(folder, recipe.name, config)
        return config
    found = read_run(folder)
    begun_as, values = found["recipe"], found["settings"]
    if begun_as != recipe.name:
        raise Conflict(f"{folder} holds a run of {begun_as}, not of {recipe.name}", hint="name another --run")
    before = from_dict(type(recipe.presets["full"]), values)
    config = override(before if size is None else recipe.presets[size], assignments)
    for name, old, new in _differences(to_dict(before), to_dict(config)):
        if name == "train.steps" and config.train.fit_minutes:
            raise Conflict(
                f"{folder} was begun to fit {config.train.fit_minutes:g} minutes, so its steps can't be set",
                hint="set train.fit_minutes=0 beside train.steps",
            )
        if name == "train.fit_minutes" and not new:
            continue
        if name.removeprefix("train.") not in CHANGEABLE:
            raise Conflict(f"{folder} was begun with {name}={old}, not {new}", hint="begin another run with --run")
    keep_run(folder, recipe.name, config, found.get("from"))
    return config


def keep_run(folder: Path, recipe: str, settings: Any, before: Mapping[str, Any] | None = None) -> None:
    """Write ``run.json``.

    Args:
        folder: of the run; made if it isn't there.
        recipe: its name.
        settings: a recipe's dataclass, or what `to_dict` made of one.
        before: ``name`` and ``samples`` of what the run began from; None: from nothing.
    """
    plain = settings if isinstance(settings, Mapping) else to_dict(settings)
    content = {"recipe": recipe, "settings": plain, **({"from": before} if before else {})}
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / _KEPT, json.dumps(content, indent=1).encode())


def read_run(folder: Path) -> dict[str, Any]:
    """What ``run.json`` says: ``recipe``, ``settings``, maybe ``from``; empty: there is no run.

    Raises:
        InvalidModelFile: it can't be read.
    """
    kept = folder / _KEPT
    if not kept.exists():
        return {}
    try:
        found = json.loads(kept.read_text("utf-8"))
        return {"recipe": found["recipe"], "settings": dict(found["settings"]), **dict(found)}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidModelFile(f"{kept} can't be read: {error}", hint="begin another run with --run") from error


def public(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without where things lay on somebody's disk, which is nobody's business."""
    shown = {name: Path(value).name if name in ("vae", "teacher") else value for name, value in settings.items()}
    sources = (text.partition(":") for text in settings["data"])
    return {**shown, "data": [name + colon + Path(rest).name for name, colon, rest in sources]}


def newest(folder: Path, recipe: str) -> tuple[dict[str, Any], Checkpoint]:
    """Settings and newest checkpoint of a run of that recipe.

    Raises:
        UserError: the folder holds no run of it, or no checkpoint.
    """
    found = read_run(folder)
    checkpoint = Checkpoints(folder).load() if found.get("recipe") == recipe else None
    if checkpoint is None:
        raise UserError(
            f"{folder} is no run of {recipe} that has a checkpoint", hint=f"`aigc train {recipe}` makes one"
        )
    return found["settings"], checkpoint


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    found = []
    for name, value in new.items():
        if isinstance(value, dict):
            found += _differences(old.get(name, {}), value, f"{prefix}{name}.")
        elif old.get(name) != value:
            found.append((prefix + name, old.get(name), value))
    return found


def open_pools(
    recipe: Recipe,
    config: Any,
    folder: Path,
    workers: int,
    on_filling: Filling | None = None,
    fetch: Fetch | None = None,
) -> list[Pool]:
    """The pools of a run's sources, filled: with what is trained on, and 64 pictures or more to measure with."""
    pools = []
    for text in config.data:
        source = open_source(text, recipe.side(config), fetch)
        pool = Pool(folder / _slug(text, recipe.side(config)), source)
        for held_out, count in ((False, config.pictures), (True, 1)):
            told = None if on_filling is None else (lambda done, total, text=text: on_filling(text, done, total))
            pool.fill(count, held_out=held_out, workers=workers, on_progress=told)
        pools.append(pool)
    return pools


def _slug(text: str, side: int) -> str:
    return "".join(c if c.isalnum() else "-" for c in text).strip("-")[-60:] + f"-{side}"
