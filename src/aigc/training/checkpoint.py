"""What a run leaves on disk so that it can go on: safetensors and JSON, never pickle, each whole or not there.

::

    RUN/run.json                              recipe and settings
    RUN/checkpoints/step-00000500/
        model.safetensors                     the averaged weights: what is published
        training.safetensors                  the weights as they are, and the optimisers' memory
        state.json                            step, steps, seconds, metrics since the last row

A checkpoint is written beside its place, flushed, and renamed: a kill or a full disk leaves the older ones.

Knows: files, tensors by name. Does not know: what they mean.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from aigc.errors import InvalidModelFile, StorageFull

Write = Callable[[Path, bytes], None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that was read."""

    step: int
    model: dict[str, Tensor]
    training: dict[str, Tensor]
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: the run's.
        keep: how many stay.
        write: puts bytes into a new file, durably; tests bring one that fails.
    """

    def __init__(self, folder: Path, keep: int = 2, write: Write | None = None) -> None:
        self.folder = folder / "checkpoints"
        self._keep = keep
        self._write = write or write_durably

    def steps(self) -> list[int]:
        """Of the checkpoints there are, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(int(p.name[5:]) for p in self.folder.glob("step-*") if p.name[5:].isdigit())

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of that step."""
        return self.folder / f"step-{step:08d}"

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write one and remove the oldest.

        Raises:
            StorageFull: it could not be written; those before it are as they were.
        """
        from safetensors.torch import save

        target = self.path(checkpoint.step)
        unfinished = self.folder / f".unfinished-{checkpoint.step:08d}"
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            self._write(unfinished / "model.safetensors", save(_plain(checkpoint.model)))
            self._write(unfinished / "training.safetensors", save(_plain(checkpoint.training)))
            state = {"step": checkpoint.step, **checkpoint.state}
            self._write(unfinished / "state.json", json.dumps(state, indent=1).encode())
            shutil.rmtree(target, ignore_errors=True)
            unfinished.rename(target)
            _flush_folder(self.folder)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise StorageFull(
                f"step {checkpoint.step} can't be saved to {self.folder}: {error.strerror or error}",
                hint=self._left(),
            ) from error
        for step in self.steps()[: -self._keep]:
            shutil.rmtree(self.path(step), ignore_errors=True)
        return target

    def last_good(self) -> str:
        """A sentence that names the newest checkpoint."""
        steps = self.steps()
        return f"the last good checkpoint is {self.path(steps[-1])}" if steps else "there is no checkpoint yet"

    def _left(self) -> str:
        return f"make room and start the same command again; {self.last_good()}"

    def load(self, step: int | None = None) -> Checkpoint | None:
        """The newest, or that of a step; None if there is none.

        Raises:
            InvalidModelFile: a file is damaged or missing.
        """
        steps = self.steps() if step is None else [step]
        if not steps:
            return None
        folder = self.path(steps[-1])
        try:
            state = json.loads((folder / "state.json").read_text("utf-8"))
            model, training = (read_tensors(folder / name) for name in ("model.safetensors", "training.safetensors"))
            return Checkpoint(state.pop("step"), model, training, state)
        except (OSError, ValueError, KeyError) as error:
            before = f", and the run goes on from step {steps[-2]}" if len(steps) > 1 else ""
            raise InvalidModelFile(
                f"the checkpoint {folder} can't be read: {error}", hint=f"remove that folder{before}"
            ) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises: InvalidModelFile if it isn't one."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InvalidModelFile(f"{path} is not a readable safetensors file: {error}") from error
    return tensors


def fill(target: Mapping[str, Tensor], source: Mapping[str, Tensor], what: str) -> None:
    """Copy tensors by name into the tensors of a network.

    Raises:
        InvalidModelFile: names or shapes differ; the message holds the first that does.
    """
    for name in sorted(set(target) ^ set(source)):
        where = "it lacks" if name in target else "the network has no"
        raise InvalidModelFile(f"{what} belongs to another network: {where} {name}")
    for name, tensor in target.items():
        if tensor.shape != source[name].shape:
            shapes = f"{tuple(source[name].shape)} there, {tuple(tensor.shape)} here"
            raise InvalidModelFile(f"{what} belongs to another network: {name} is {shapes}")
        tensor.detach().copy_(source[name])


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk has it. Raises: OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Replace a small file in one move. Raises: OSError."""
    beside = path.with_name(f".{path.name}.new")
    write_durably(beside, content)
    beside.replace(path)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.detach().to("cpu").contiguous() for name, x in tensors.items()}


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
