"""The restorer that comes with the package: what it refuses, what it keeps, tiles against the whole."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageDraw

from aigc.engines import model_folder
from aigc.engines.base import LoadOptions
from aigc.engines.restore import RestoreEngine
from aigc.errors import Cancelled, InvalidModelFile, InvalidPicture, TooLarge, UserError
from aigc.pictures import rasters
from aigc.store import builtin
from aigc.types import ImageRequest, Raster, RestoreRequest

_FOLDER = builtin.folder() / "aigc-restore"
_OPTIONS = LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1)


@pytest.fixture(scope="module")
def engine() -> Iterator[RestoreEngine]:
    spec = model_folder.read(_FOLDER).spec(_FOLDER)
    made = RestoreEngine(spec, spec.engines[0], _OPTIONS)
    yield made
    made.close()


def _scene(width: int, height: int) -> Image.Image:
    """Hills, a sun and a house: edges, flat parts and slopes."""
    sky = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (sky, sky.point(lambda v: 200 - v // 2), sky.point(lambda v: 255 - v // 3)))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.6, height * 0.1, width * 0.8, height * 0.1 + width * 0.2), (250, 220, 120))
    draw.polygon([(0, height), (0, height * 0.7), (width * 0.4, height * 0.4), (width, height)], (60, 110, 70))
    draw.rectangle((width * 0.2, height * 0.6, width * 0.4, height * 0.85), (150, 80, 60))
    return picture


def _noisy(picture: Image.Image, sigma: float = 25) -> Raster:
    rng = np.random.default_rng(0)
    pixels = np.asarray(picture) + rng.normal(0, sigma, (picture.height, picture.width, 3))
    return rasters.from_array(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _run(engine: RestoreEngine, request: RestoreRequest) -> np.ndarray:
    engine.check(request)
    return rasters.to_array(engine.paint(request, 0, lambda *_: None).image)


def _error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a.astype(float) - b.astype(float)).mean())


def test_noise_gets_less(engine: RestoreEngine) -> None:
    clean = _scene(160, 120)
    noisy = _noisy(clean)
    made = _run(engine, RestoreRequest(image=noisy, task="denoise"))
    assert _error(made, np.asarray(clean)) < 0.5 * _error(rasters.to_array(noisy), np.asarray(clean))


def test_what_is_plain_to_measure_needs_no_telling(engine: RestoreEngine) -> None:
    noisy = _noisy(_scene(160, 120))
    painting = engine.paint(RestoreRequest(image=noisy), 0, lambda *_: None)
    assert painting.facts["repair"] == "denoise"
    assert np.array_equal(rasters.to_array(painting.image), _run(engine, RestoreRequest(image=noisy, task="denoise")))
    plain = engine.paint(RestoreRequest(image=rasters.from_image(_scene(155, 119))), 0, lambda *_: None)
    assert plain.facts["repair"] == "auto"


def test_enlarging_doubles_the_sides_of_the_same_picture(engine: RestoreEngine) -> None:
    small = _scene(192, 128).resize((96, 64), Image.Resampling.BICUBIC)
    made = rasters.to_image(
        engine.paint(RestoreRequest(image=rasters.from_image(small), task="upscale", scale=2), 0, lambda *_: None).image
    )
    assert made.size == (192, 128)
    assert _error(np.asarray(made.reduce(2)), np.asarray(small)) < 20


def test_a_dark_picture_becomes_brighter(engine: RestoreEngine) -> None:
    dark = rasters.from_image(_scene(96, 96).point(lambda v: v // 4))
    made = _run(engine, RestoreRequest(image=dark, task="lowlight"))
    assert made.mean() > 2 * rasters.to_array(dark).mean()


def test_marked_scratches_are_filled_and_the_rest_stays_to_the_bit(engine: RestoreEngine) -> None:
    clean = _scene(128, 128)
    scratched, mask = clean.copy(), Image.new("L", clean.size)
    for image, colour in ((scratched, (250, 250, 250)), (mask, 255)):
        ImageDraw.Draw(image).line([(5, 10), (120, 90)], colour, 2)
    request = RestoreRequest(image=rasters.from_image(scratched), mask=rasters.from_image(mask))
    engine.check(request)
    painting = engine.paint(request, 0, lambda *_: None)
    made, lost = rasters.to_array(painting.image), np.asarray(mask) > 0
    assert painting.facts["repair"] == "scratches"
    assert np.array_equal(made[~lost], np.asarray(scratched)[~lost])
    before = _error(np.asarray(scratched)[lost], np.asarray(clean)[lost])
    assert _error(made[lost], np.asarray(clean)[lost]) < 0.1 * before


def test_what_a_scratch_hides_decides_nothing(engine: RestoreEngine) -> None:
    mask = Image.new("L", (96, 96))
    ImageDraw.Draw(mask).line([(10, 10), (80, 60)], 255, 3)
    made = []
    for colour in ((0, 0, 0), (255, 0, 255)):
        picture = _scene(96, 96)
        ImageDraw.Draw(picture).line([(10, 10), (80, 60)], colour, 3)
        request = RestoreRequest(image=rasters.from_image(picture), mask=rasters.from_image(mask), task="scratches")
        made.append(_run(engine, request)[np.asarray(mask) > 0].astype(int))
    # Only the thumbnail still sees it.
    assert np.abs(made[0] - made[1]).max() <= 6


def test_a_part_that_is_too_wide_is_refused(engine: RestoreEngine) -> None:
    mask = Image.new("L", (120, 120))
    ImageDraw.Draw(mask).rectangle((10, 10, 90, 90), 255)
    request = RestoreRequest(image=rasters.from_image(_scene(120, 120)), mask=rasters.from_image(mask))
    with pytest.raises(UserError, match="more than 64 pixels wide") as caught:
        engine.paint(request, 0, lambda *_: None)
    assert caught.value.param == "mask"


def test_opacity_is_kept_and_enlarged_with_the_picture(engine: RestoreEngine) -> None:
    picture = _scene(64, 64).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((64, 64)))
    made = _run(engine, RestoreRequest(image=rasters.from_image(picture), task="denoise"))
    assert np.array_equal(made[..., 3], np.asarray(picture)[..., 3])
    big = _run(engine, RestoreRequest(image=rasters.from_image(picture), task="upscale"))
    assert big.shape == (128, 128, 4)
    assert np.abs(big[::2, ::2, 3].astype(int) - np.asarray(picture)[..., 3]).max() <= 4


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_stays_grey(engine: RestoreEngine, mode: str) -> None:
    grey = rasters.from_image(_scene(80, 48).convert("L").convert(mode))
    made = _run(engine, RestoreRequest(image=grey, task="jpeg"))
    assert made.shape == (48, 80, 1 if mode == "L" else 3)
    assert (made == made[..., :1]).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 31), (255, 257)])
def test_any_size_comes_back_as_it_was(engine: RestoreEngine, size: tuple[int, int]) -> None:
    made = _run(engine, RestoreRequest(image=rasters.from_image(_scene(*size))))
    assert made.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("task", ["denoise", "lowlight", "upscale"])
def test_tiles_show_no_seam(engine: RestoreEngine, task: str) -> None:
    request = RestoreRequest(image=_noisy(_scene(260, 200), 8), task=task)
    whole = _run(engine, request).astype(int)
    engine.tile = 256 if task == "upscale" else 192
    try:
        tiled = _run(engine, request).astype(int)
    finally:
        del engine.tile
    difference = np.abs(whole - tiled)
    assert difference.max() <= 2
    assert difference.mean() < 0.15


def test_the_same_request_gives_the_same_pixels(engine: RestoreEngine) -> None:
    request = RestoreRequest(image=_noisy(_scene(100, 60)))
    assert np.array_equal(_run(engine, request), _run(engine, request))


def test_progress_counts_tiles_and_a_cancelled_one_is_the_last(engine: RestoreEngine) -> None:
    request = RestoreRequest(image=_noisy(_scene(260, 200)), task="jpeg")
    steps: list[tuple[int, int]] = []

    def report(step: int, of: int, preview: Raster | None) -> None:
        steps.append((step, of))
        if len(steps) == 2:
            raise Cancelled("enough")

    engine.tile = 192
    try:
        with pytest.raises(Cancelled):
            engine.paint(request, 0, report)
        assert steps == [(0, 6), (1, 6)]
    finally:
        del engine.tile


_PICTURE = rasters.from_image(_scene(16, 16))
_MASK = rasters.from_image(Image.new("L", (16, 16), 255))


@pytest.mark.parametrize(
    ("request_", "error", "param", "words"),
    [
        (RestoreRequest(image=_PICTURE, task="colour"), UserError, "task", "accepted: auto, denoise, jpeg, deblur"),
        (RestoreRequest(image=_PICTURE, task="denoise", scale=2), UserError, "scale", "scale is 2 .* can: 1"),
        (RestoreRequest(image=_PICTURE, task="upscale", scale=4), UserError, "scale", "scale is 4 .* can: 2"),
        (RestoreRequest(image=_PICTURE, task="jpeg", mask=_MASK), UserError, "mask", "the task is jpeg"),
        (
            RestoreRequest(image=_PICTURE, mask=Raster(width=8, height=16, channels=1, pixels=b"\xff" * 128)),
            InvalidPicture,
            "mask",
            "8x16 with 1 channels; accepted: 16x16 with 1",
        ),
        (
            RestoreRequest(image=_PICTURE, mask=Raster(width=16, height=16, channels=1, pixels=bytes(256))),
            InvalidPicture,
            "mask",
            "nothing is marked",
        ),
        (
            RestoreRequest(
                image=Raster(width=4096, height=2049, channels=1, pixels=bytes(4096 * 2049)), task="upscale"
            ),
            TooLarge,
            "image",
            "8192x4098 = 33570816 pixels; accepted: at most 33554432",
        ),
        (ImageRequest(prompt="a cat", seed=1), UserError, "model", "repairs pictures and makes none"),
    ],
)
def test_what_it_can_not_do_is_refused_by_name(
    engine: RestoreEngine, request_: RestoreRequest, error: type[UserError], param: str, words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        engine.check(request_)
    assert caught.value.param == param


def test_a_folder_of_something_else_is_refused(tmp_path) -> None:
    model = model_folder.read(_FOLDER)
    other = msgspec.structs.replace(model, settings={"graph": "restorer.onnx"})
    (tmp_path / "model.json").write_bytes(msgspec.json.encode(other))
    spec = other.spec(tmp_path)
    with pytest.raises(InvalidModelFile, match="settings of no restorer"):
        RestoreEngine(spec, spec.engines[0], _OPTIONS)
    (tmp_path / "model.json").write_bytes(msgspec.json.encode(model))
    (tmp_path / "restorer.onnx").write_bytes(b"damaged")
    with pytest.raises(InvalidModelFile, match="expected"):
        RestoreEngine(spec, spec.engines[0], _OPTIONS)
