"""Photographs repaired by our restorer on OpenVINO: tile by tile, in memory that doesn't grow with the picture.

The network gives what is to be added to a picture, so that computing in bfloat16 rounds the change and not the
picture. It looks four times, at the picture and its mirror images, and the mean counts.

Source: Timofte et al. 2016, arXiv:1511.02228, section 3.5 (several looks).
Knows: tasks, tiles, OpenVINO. Does not know: how the network was trained, files of pictures, HTTP.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aigc.engines import model_folder
from aigc.engines.base import LoadOptions, Painting, Report
from aigc.engines.image_networks import best_precision
from aigc.engines.restore_judge import judge
from aigc.engines.tiling import Floats, Window, spans, thumbnail
from aigc.errors import EngineError, InvalidModelFile, InvalidPicture, TooLarge, UserError
from aigc.pictures import rasters
from aigc.types import JSON, EngineFile, ModelSpec, PictureRequest, Raster, RestoreRequest

AUTO = "auto"
MAX_PIXELS = 2**25
"""Of a result: what the way back to the server carries."""
_MARGIN = 64
"""Further away a pixel hardly matters: tiles differ from the whole by less than half a grey level (tests)."""
_ROUNDS = 32
"""So many pixels from its edge the middle of a lost part is reached."""


class RestoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``model.json`` says about the network."""

    graph: str
    """File with the ONNX graph."""
    tasks: tuple[str, ...]
    """In the order of the task vector."""
    factor: int
    """Sides of what goes in are multiples of it."""
    glance: int
    """Side of the thumbnail."""
    rounds: dict[str, int] = {}
    """By task: how often the network repairs what it has repaired, where that measured better than once."""


class RestoreEngine:
    """`aigc.engines.base.Painter` for a folder with a restorer.

    Raises:
        InvalidModelFile: the folder is damaged.
        EngineError: OpenVINO can't load the network.
    """

    tile = 512
    """Side of a piece, in pixels of the result: 250 MB, and at most a second or two between two reports."""

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        import openvino

        folder = Path(file.path)
        model = model_folder.read(folder)
        try:
            self._settings = msgspec.convert(model.settings, RestoreSettings)
        except msgspec.ValidationError as error:
            raise InvalidModelFile(f"{folder / model_folder.DESCRIPTION}: settings of no restorer: {error}") from error
        self._id = spec.id
        core = openvino.Core()
        self.precision = best_precision(core)
        hints = {"INFERENCE_PRECISION_HINT": self.precision, "INFERENCE_NUM_THREADS": options.threads}
        try:
            graph = core.read_model(model_folder.contents(folder, model, self._settings.graph))
            self._run: Any = core.compile_model(graph, "CPU", hints).create_infer_request()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO can't load the network in {folder.name}") from error
        self.fingerprint = f"{spec.id}-{model.digest[:8]}-{self.precision}"

    def check(self, request: PictureRequest) -> None:
        """See `aigc.engines.base.Painter.check`."""
        if not isinstance(request, RestoreRequest):
            raise UserError(f"{self._id} repairs pictures and makes none", param="model", hint="try the model 'image'")
        tasks = (AUTO, *self._settings.tasks)
        if request.task not in tasks:
            raise UserError(f"no task is called {request.task!r}; accepted: {', '.join(tasks)}", param="task")
        natural = _natural_scale(request.task)
        if request.scale not in (None, natural):
            raise UserError(
                f"scale is {request.scale} for the task {request.task}; {self._id} can: {natural}",
                param="scale",
                hint="the task upscale doubles the sides; realesrgan-x4plus can do four times",
            )
        check_size(request.image, natural)
        if request.mask is not None:
            self._check_mask(request, request.mask)

    def _check_mask(self, request: RestoreRequest, mask: Raster) -> None:
        if request.task not in (AUTO, "scratches"):
            raise UserError(
                f"a mask means scratches, and the task is {request.task}",
                param="mask",
                hint="leave one of them away, or repair twice",
            )
        image = request.image
        if (mask.width, mask.height, mask.channels) != (image.width, image.height, 1):
            seen = f"{mask.width}x{mask.height} with {mask.channels} channels"
            raise InvalidPicture(f"the mask is {seen}; accepted: {image.width}x{image.height} with 1", param="mask")
        if not any(mask.pixels):
            raise InvalidPicture("nothing is marked in the mask", param="mask", hint="mark what is lost with 255")

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        """See `aigc.engines.base.Painter.paint`."""
        assert isinstance(request, RestoreRequest)
        grey, pixels = colours(request.image)
        task = self._taken(request, pixels)
        mask = None if request.mask is None else Window(rasters.to_array(request.mask))
        picture = Window(pixels, _natural_scale(task))
        rounds = self._settings.rounds.get(task, 1)
        told = np.array([[name == task for name in self._settings.tasks]], np.float32)
        glance = thumbnail(pixels[..., :3], self._settings.glance).transpose(2, 0, 1)[None]
        made = np.empty((picture.height, picture.width, pixels.shape[2]), np.uint8)
        rows, columns = (spans(n, self.tile, _MARGIN, self._settings.factor) for n in (picture.height, picture.width))
        tiles = [(r, c) for r in rows for c in columns]
        for number, (r, c) in enumerate(tiles):
            report(number, len(tiles), None)
            x = picture.read(r, c)
            lost = np.zeros_like(x[..., :1]) if mask is None else mask.read(r, c)
            if mask is None or lost.any():
                x[..., :3] = self._repaired(x[..., :3], lost, told, glance, rounds)
            made[r.place, c.place] = np.rint(x[r.kept, c.kept] * 255)
        report(len(tiles), len(tiles), None)
        facts: JSON = {"repair": task, "precision": self.precision}
        return Painting(image=rasters.from_array(as_before(made, request.image, grey)), facts=facts)

    def _taken(self, request: RestoreRequest, pixels: NDArray[np.uint8]) -> str:
        """The task; for ``auto`` what a mask or the judge says, if the network knows it."""
        if request.task != AUTO:
            return request.task
        found = "scratches" if request.mask is not None else judge(pixels)
        return found if found in self._settings.tasks else AUTO

    def _repaired(self, x: Floats, lost: Floats, told: Floats, glance: Floats, rounds: int) -> Floats:
        """(H, W, 3) in 0..1 to the same. Where something is marked as lost, all else stays as it is."""
        marked = bool(lost.any())
        better = filled(x, lost > 0) if marked else x
        for _ in range(rounds):
            seen = np.concatenate([better, (lost > 0).astype(np.float32)], axis=2).transpose(2, 0, 1)[None]
            better = (better + self._change(seen, told, glance)[0].transpose(1, 2, 0)).clip(0, 1)
        mended: Floats = x + lost * (better - x) if marked else better
        return mended

    def _change(self, seen: Floats, told: Floats, glance: Floats) -> Floats:
        """(1, 4, H, W) to what is to be added, (1, 3, H, W)."""
        total = np.zeros_like(seen[:, :3])
        for down, across in product((1, -1), repeat=2):
            mirrored = [np.ascontiguousarray(x[:, :, ::down, ::across]) for x in (seen, glance)]
            try:
                self._run.infer({"picture": mirrored[0], "task": told, "glance": mirrored[1]})
            except RuntimeError as error:
                raise EngineError("OpenVINO failed while it repaired a picture") from error
            total += self._run.get_output_tensor(0).data[:, :, ::down, ::across] / 4
        return total

    def close(self) -> None:
        """See `aigc.engines.base.Painter.close`."""
        self._run = None


def _natural_scale(task: str) -> int:
    return 2 if task == "upscale" else 1


def filled(x: Floats, lost: NDArray[np.bool_]) -> Floats:
    """Lost pixels get the mean of their known neighbours, from the edge inwards; the network was trained to better it.

    Args:
        x: (H, W, C).
        lost: (H, W, 1).

    Raises: UserError: a lost part is too wide for that.
    """
    x, known = x.copy(), ~lost
    places = np.nonzero(lost[..., 0])
    box = tuple(slice(max(0, int(p.min()) - 1), int(p.max()) + 2) for p in places)
    part, there = x[box], known[box]  # views: what happens to them happens to the whole
    for _ in range(_ROUNDS):
        near = _neighbours(there.astype(np.float32))
        reached = ~there & (near > 0)
        if not reached.any():
            break
        sums = _neighbours(part * there)
        np.copyto(part, sums / np.maximum(near, 1e-6), where=reached)
        there |= reached
    if not there.all():
        raise UserError(
            f"the mask marks a part that is more than {2 * _ROUNDS} pixels wide, or everything",
            param="mask",
            hint="scratches are filled from their edges; larger parts are painted anew with `aigc edit`",
        )
    return x


def _neighbours(x: Floats) -> Floats:
    """Sums over 3x3 pixels, nearer ones counted more; nothing lies beyond the edge."""
    wide = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    tall = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    sums: Floats = tall[:, :-2] + 2 * tall[:, 1:-1] + tall[:, 2:]
    return sums


def check_size(image: Raster, scale: int) -> None:
    """Raises: TooLarge: the result would have more pixels than can be sent."""
    pixels = image.width * image.height * scale**2
    if pixels > MAX_PIXELS:
        raise TooLarge(
            f"the result would have {image.width * scale}x{image.height * scale} = {pixels} pixels; "
            f"accepted: at most {MAX_PIXELS}",
            param="image",
            hint="make the picture smaller, or repair it in parts",
        )


def colours(image: Raster) -> tuple[bool, NDArray[np.uint8]]:
    """(whether it shows greys only, its pixels with at least three channels)."""
    pixels = rasters.to_array(image)
    if image.channels == 1:
        return True, np.repeat(pixels, 3, axis=2)
    grey = bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())
    return grey, pixels


def as_before(made: NDArray[np.uint8], image: Raster, grey: bool) -> NDArray[np.uint8]:
    """What was grey stays grey, what had one channel has one again."""
    if grey:
        made[..., :3] = np.rint(made[..., :3].mean(2, dtype=np.float32, keepdims=True))
    return made[..., :1] if image.channels == 1 else made
