"""The networks of our picture model, opened with OpenVINO: latents in, latents out.

Knows: OpenVINO, the files of the folder, their inputs and outputs. Does not know: prompts, sampling, edits.
Shapes: B batch, Z latent channels, H height, W width of the latent, T text tokens, f the factor between sides.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aigc.engines import model_folder
from aigc.engines.image_enlarger import Enlarger, EnlargerSettings, Floats
from aigc.errors import EngineError, InvalidModelFile

if TYPE_CHECKING:
    from openvino import CompiledModel


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``settings`` in ``model.json``."""

    latent: int
    """Channels of a latent."""
    factor: int
    """Side of a picture over side of its latent."""
    patch: int
    """Side of what the flow sees as one token, in the latent."""
    head: int
    """Width of an attention head, of which the positions are made."""
    concepts: int
    """Most concepts that a prompt may name."""
    known: int | frozenset[int]
    """Numbers of the concepts that were trained; a whole number: all up to this one."""
    side: int
    """Of the square pictures that it was trained on, in pixels."""
    steps: int
    guidance: float
    styles: tuple[str, ...]
    fixed: bool = False
    """Steps and guidance are in the weights: no others may be taken."""
    enlarger: EnlargerSettings | None = None
    """A restorer beside the other networks that doubles sides."""

    @property
    def vocabulary(self) -> Container[int]:
        """What ``known`` stands for."""
        return range(1, self.known + 1) if isinstance(self.known, int) else self.known


class Networks:
    """All networks of a folder.

    Args:
        folder: with ``model.json``.
        threads: compute threads.
        precision: ``bf16`` or ``f32``; None: bf16 where the CPU has it.

    Raises:
        InvalidModelFile: something is missing, damaged, or of another form.
        EngineError: OpenVINO can't open it.
    """

    def __init__(self, folder: Path, threads: int, precision: str | None = None) -> None:
        import openvino

        model = model_folder.read(folder)
        try:
            self.settings = msgspec.convert(model.settings, Settings)
        except msgspec.ValidationError as error:
            raise InvalidModelFile(f"{folder / model_folder.DESCRIPTION} suits no picture engine: {error}") from error
        self.digest = model.digest
        core = openvino.Core()
        self.precision = precision or best_precision(core)
        opened = opener(core, folder, model, threads, self.precision)
        self._read, self._flow = opened("read.onnx"), opened("flow.onnx")
        self._convolves = any("around" in one.get_names() for one in self._flow.inputs)
        self._encoder, self._decoder = opened("encoder.onnx"), opened("decoder.onnx")
        self.enlarger = Enlarger(self.settings.enlarger, opened) if self.settings.enlarger else None

    def read(self, numbers: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
        """Concepts (B, T), -1 for nothing, as tokens (B, 1 + T, D) and which of them count (B, 1 + T)."""
        made = self._read([np.maximum(numbers, 0), numbers >= 0])
        return made[0], made[1]

    def velocity(
        self,
        x: Floats,
        t: float,
        text: tuple[Floats, NDArray[np.bool_]],
        known: Floats,
        turns: tuple[Floats, Floats],
        around: bool,
    ) -> Floats:
        """Noise minus picture, (B, Z, H, W), for noisy latents of the same shape at the time ``t``.

        Args:
            x: (B, Z, H, W).
            t: 0 (picture) to 1 (noise).
            text: what `read` gave.
            known: (B, Z + 1, H, W), what is given of the picture, then 1 where it is given.
            turns: cosines and sines of the positions.
            around: whether left and right edge touch.
        """
        at = np.full(len(x), t, np.float32)
        inputs = {"x": x, "t": at, "tokens": text[0], "seen": text[1], "known": known}
        inputs |= {"cosine": turns[0], "sine": turns[1]}
        if self._convolves:
            inputs["around"] = np.array([around], np.float32)
        found: Floats = self._flow(inputs)[0]
        return found

    def encode(self, pixels: Floats) -> Floats:
        """(B, 3, fH, fW), 0 to 1, to normed latents (B, Z, H, W)."""
        found: Floats = self._encoder([pixels])[0]
        return found

    def decode(self, latents: Floats) -> Floats:
        """Normed latents (B, Z, H, W) to (B, 3, fH, fW), cut to 0..1."""
        found: Floats = np.clip(self._decoder([latents])[0], 0, 1)
        return found


def opener(
    core: Any, folder: Path, model: model_folder.ModelFolder, threads: int, precision: str
) -> Callable[[str], CompiledModel]:
    """What opens a network of a folder by its file's name, checked.

    Raises, when it is called:
        InvalidModelFile: the file is missing or damaged.
        EngineError: OpenVINO can't open it.
    """
    options: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}

    def opened(name: str) -> CompiledModel:
        content = model_folder.contents(folder, model, name)
        try:
            return core.compile_model(core.read_model(content, b""), "CPU", options)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO can't open {name} of {model.id}") from error

    return opened


def best_precision(core: Any) -> str:
    """In what OpenVINO should compute on this CPU: bf16 where that is in its hardware."""
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in able else "f32"
