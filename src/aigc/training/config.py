"""Settings as data: frozen dataclasses to and from JSON, and ``train.steps=200`` from a command line.

Knows: dataclasses. Does not know: torch, recipes, files.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from aigc.errors import UserError

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """How a run learns; the same names in every recipe."""

    steps: int = 1000
    """Steps of the whole run."""
    fit_minutes: float = 0.0
    """If not 0: once the speed is known, ``steps`` is set so that the whole run takes this long."""
    batch: int = 16
    """Samples that go through the network at once."""
    micro_batches: int = 1
    """Batches whose gradients make one step; processes share them out, so it is a multiple of their number."""
    optimiser: Literal["adamw", "muon"] = "adamw"
    """``muon``: Muon for the matrices inside, AdamW for the rest."""
    learning_rate: float = 2e-4
    """At its highest."""
    warmup: int = 100
    """Steps during which the learning rate rises from 0."""
    decay: float = 0.3
    """Share of the run, at its end, during which the learning rate falls to 0."""
    weight_decay: float = 0.01
    beta2: float = 0.99
    """AdamW's memory of squared gradients."""
    clip: float = 1.0
    """Longest gradient, as a norm over all parameters; longer ones are shortened to it."""
    average: float = 0.999
    """How much of the average of the weights stays at each step; the average is what is kept and published."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """``auto``: bfloat16 where the hardware multiplies it (GPUs, newer CPUs), float32 elsewhere."""
    compile: Literal["auto", "yes", "no"] = "auto"
    """Whether torch.compile fuses the network; ``auto``: on a GPU."""
    seed: int = 0
    log_every: int = 20
    sample_every: int = 500
    checkpoint_every: int = 500
    keep: int = 2
    """Checkpoints that stay on disk."""

    def __post_init__(self) -> None:
        _at_least(self, 1, "steps", "batch", "micro_batches", "log_every", "sample_every", "checkpoint_every", "keep")
        _at_least(self, 0, "warmup", "weight_decay", "seed", "fit_minutes")
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UserError(f"train.{name} is {getattr(self, name)}; accepted: a number above 0")
        for name in ("decay", "average", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"train.{name} is {getattr(self, name)}; accepted: 0 up to, but not, 1")


def _at_least(config: TrainConfig, low: int, *names: str) -> None:
    for name in names:
        if not low <= getattr(config, name) < 2**62:
            raise UserError(f"train.{name} is {getattr(config, name)}; accepted: {low} or more")


CHANGEABLE = ("steps", "log_every", "sample_every", "checkpoint_every", "keep", "compile")
"""Names of `TrainConfig` that may differ when a run goes on; ``fit_minutes`` may become 0, to set ``steps``."""


def to_dict(config: Any) -> dict[str, Any]:
    """What JSON can hold of a config: nested dictionaries, lists, numbers, texts."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain


def from_dict(kind: type[C], values: Mapping[str, Any]) -> C:
    """A config from what `to_dict` made.

    Raises:
        UserError: a name that the config doesn't have, or a value of another kind.
    """
    return _build(kind, values, "")


def _build(kind: type[C], values: Mapping[str, Any], path: str) -> C:
    kinds = get_type_hints(kind)
    built: dict[str, Any] = {}
    for name, value in values.items():
        if name not in kinds:
            raise _unknown(path + name, [path + known for known in kinds])
        built[name] = _value(kinds[name], value, path + name)
    try:
        return kind(**built)
    except ValueError as error:
        raise UserError(f"{path or 'these settings'}: {error}") from error


def _value(kind: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise UserError(f"{path} is {value!r}; accepted: a group of settings")
        return _build(kind, value, path + ".")
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise UserError(f"{path} is {value!r}; accepted: {', '.join(get_args(kind))}")
    if get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        return tuple(_value(get_args(kind)[0], item, path) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise UserError(f"{path} is {value!r}; accepted: {_named(kind)}")


def _named(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"several of {_named(get_args(kind)[0])}, with commas between"
    return {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}[kind.__name__]


def override(config: C, assignments: Sequence[str]) -> C:
    """The config with some values replaced.

    Args:
        config: what holds otherwise.
        assignments: ``name=value`` each, with dots between levels: ``train.steps=200``, ``model.widths=32,64``.

    Raises:
        UserError: no ``=``, an unknown name (the nearest ones are named), or a value of another kind.
    """
    values = to_dict(config)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(f"{assignment!r} sets nothing", hint="write name=value, like train.steps=200")
        *groups, name = path.strip().split(".")
        level, kind = values, type(config)
        for group in groups:
            level, kind = level.get(group, {}), get_type_hints(kind).get(group, type(None))
        if not dataclasses.is_dataclass(kind) or name not in level:
            raise _unknown(path.strip(), names(config))
        level[name] = _parse(get_type_hints(kind)[name], text.strip(), path.strip())
    return from_dict(type(config), values)


def _parse(kind: Any, text: str, path: str) -> Any:
    if get_origin(kind) is tuple:
        return [_parse(get_args(kind)[0], part.strip(), path) for part in text.split(",") if part.strip()]
    if kind is bool:
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise UserError(f"{path} is {text!r}; accepted: {_named(kind)}") from None
    if dataclasses.is_dataclass(kind):
        raise UserError(f"{path} is a group of settings", hint=f"set one of them, like {path}.NAME=VALUE")
    return text


def names(config: Any, prefix: str = "") -> list[str]:
    """Every name that `override` accepts."""
    found = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        found += names(value, f"{prefix}{field.name}.") if dataclasses.is_dataclass(value) else [prefix + field.name]
    return found


def _unknown(name: str, known: Sequence[str]) -> UserError:
    near = difflib.get_close_matches(name, known, 3, 0.5)
    return UserError(f"no setting is called {name!r}", hint=f"known: {', '.join(near or known)}")
