"""A flow of any weights, exported, painted with by the engine that serves it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from aigc.cli.publish import publish  # noqa: E402
from aigc.client.sync import Client  # noqa: E402
from aigc.engines import model_folder  # noqa: E402
from aigc.engines.base import LoadOptions  # noqa: E402
from aigc.engines.image import ImagePainter  # noqa: E402
from aigc.errors import Conflict, InvalidModelFile, UserError  # noqa: E402
from aigc.pictures import rasters  # noqa: E402
from aigc.recipes.publish import publish as export  # noqa: E402
from aigc.recipes.run import Options, train  # noqa: E402
from aigc.types import ImageRequest, Raster, RestoreRequest  # noqa: E402

SMALL = {"width": 64, "height": 64}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy runs, trained for a moment."""
    root = tmp_path_factory.mktemp("runs")
    shared = {"pool": root / "pool", "size": "toy", "device": "cpu"}
    train("image/vae", Options(folder=root / "vae", settings=["side=64"], **shared))
    settings = ["side=64", f"vae={root / 'vae'}"]
    train("image/flow", Options(folder=root / "flow", settings=settings, **shared))
    train("image/restorer", Options(folder=root / "restorer", settings=["train.steps=4"], **shared))
    return root


@pytest.fixture(scope="module")
def folder(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``aigc publish`` writes."""
    into = tmp_path_factory.mktemp("model")
    notes = into.parent / "notes.md"
    notes.write_text("It knows nothing but shapes.", "utf-8")
    publish(runs / "flow", name="toy", enlarger=runs / "restorer", into=into, notes=notes, replace=False)
    return into


@pytest.fixture(scope="module")
def painter(folder: Path) -> ImagePainter:
    return _open(folder)


def _open(folder: Path) -> ImagePainter:
    spec = model_folder.read(folder).spec(folder)
    options = LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1)
    return ImagePainter(spec, spec.engines[0], options)


def _paint(painter: ImagePainter, request: ImageRequest, index: int = 0) -> tuple[Raster, list[tuple[int, int, bool]]]:
    told: list[tuple[int, int, bool]] = []
    painter.check(request)
    made = painter.paint(request, index, lambda step, steps, preview: told.append((step, steps, preview is not None)))
    return made.image, told


def test_the_same_request_gives_the_same_pixels_and_another_seed_others(painter: ImagePainter) -> None:
    request = ImageRequest(prompt="a red background", seed=3, steps=2, **SMALL)
    first, told = _paint(painter, request)
    assert (first.width, first.height, first.channels) == (64, 64, 3)
    assert told == [(1, 3, False), (2, 3, False), (3, 3, False)]
    assert _paint(painter, request)[0] == first
    assert _paint(painter, request, index=1)[0] != first
    assert _paint(painter, msgspec.structs.replace(request, seed=4))[0] == _paint(painter, request, index=1)[0]


def test_previews_are_as_many_as_were_asked_for(painter: ImagePainter) -> None:
    _, told = _paint(painter, ImageRequest(prompt="a red background", seed=0, steps=6, previews=3, **SMALL))
    assert sum(shown for _, _, shown in told) == 3


def test_a_panorama_has_no_seam(painter: ImagePainter) -> None:
    image, _ = _paint(
        painter, ImageRequest(prompt="a red background", seed=0, steps=3, width=128, height=64, panorama=True)
    )
    pixels = rasters.to_array(image).astype(int)
    steps = np.abs(np.diff(pixels, axis=1)).mean((0, 2))
    seam = np.abs(pixels[:, 0] - pixels[:, -1]).mean()
    assert seam <= steps.max()


def test_an_edit_keeps_the_size_and_what_the_mask_keeps(painter: ImagePainter) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    mask = np.zeros((90, 130), np.uint8)
    mask[30:60, 40:80] = 255
    image = rasters.from_array(pixels)
    out, _ = _paint(
        painter, ImageRequest(prompt="a red background", seed=0, steps=2, image=image, mask=rasters.from_array(mask))
    )
    made = rasters.to_array(out)
    assert np.array_equal(made[mask == 0], pixels[mask == 0])
    assert not np.array_equal(made[mask > 0], pixels[mask > 0])
    whole, told = _paint(painter, ImageRequest(seed=0, steps=10, strength=0.5, image=image))
    assert (whole.width, whole.height) == (130, 90)
    assert len(told) == 5 + 1 + 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 101}, "steps"),
        ({"guidance": 0.5}, "guidance"),
        ({"n": 11}, "n"),
        ({"transparent": True}, "background"),
        ({"strength": 0.5}, "strength"),
        ({"width": 63}, "size"),
        ({"width": 512, "height": 512}, "size"),
        ({"panorama": True}, "size"),
        ({"style": "cubism"}, "style"),
    ],
)
def test_what_it_can_not_do_is_refused_by_name(painter: ImagePainter, change: dict[str, object], param: str) -> None:
    request = msgspec.structs.replace(ImageRequest(prompt="a red background", seed=0, **SMALL), **change)
    with pytest.raises(UserError) as caught:
        painter.check(request)
    assert caught.value.param == param


def test_photographs_are_another_models_matter(painter: ImagePainter) -> None:
    with pytest.raises(UserError, match="repairs no photographs"):
        painter.check(RestoreRequest(image=rasters.from_array(np.zeros((4, 4), np.uint8))))


@pytest.mark.parametrize("name", ["flow.onnx", "decoder.onnx", "read.onnx", "encoder.onnx"])
def test_a_damaged_network_is_refused_before_it_is_opened(folder: Path, tmp_path: Path, name: str) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(bytes(content))
    with pytest.raises(InvalidModelFile, match="damaged"):
        _open(tmp_path)


def test_settings_of_another_form_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "model.json"
    path.write_bytes(path.read_bytes().replace(b'"patch": 2', b'"patch": "two"'))
    with pytest.raises(InvalidModelFile, match="suits no picture engine"):
        _open(tmp_path)


def test_a_folder_without_a_run_and_a_run_that_is_not_served_are_refused(tmp_path: Path, runs: Path) -> None:
    with pytest.raises(UserError, match="is no run; accepted: runs of image/flow, image/gan and image/restorer"):
        export(tmp_path)
    with pytest.raises(UserError, match="is a run of image/vae; accepted"):
        export(runs / "vae")
    with pytest.raises(UserError, match="makes no pictures that could be enlarged"):
        export(runs / "restorer", runs / "restorer")


def test_the_sides_are_doubled_by_the_restorer(painter: ImagePainter) -> None:
    image, told = _paint(painter, ImageRequest(prompt="a red background", seed=0, steps=2, width=256, height=256))
    assert (image.width, image.height) == (256, 256)
    assert len(told) == 2 + 1 + 2


def test_a_published_model_is_installed_and_served_under_its_name(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGC_HOME", str(tmp_path))
    publish(runs / "flow", name="mine", enlarger=None, into=None, notes=None, replace=False)
    with pytest.raises(Conflict, match="mine is installed already"):
        publish(runs / "flow", name="mine", enlarger=None, into=None, notes=None, replace=False)
    publish(runs / "flow", name="mine", enlarger=None, into=None, notes=None, replace=True)
    with Client() as client:
        assert {m.id: m.capabilities for m in client.models()}["mine"] == ("image", "image_edit", "panorama")
        made = client.generate("a red background", model="mine", width=64, height=64, seed=1, steps=2)
    assert made.images[0].size == (64, 64)


def test_a_pupil_goes_its_teachers_way_in_few_steps_and_takes_no_others(runs: Path, tmp_path: Path) -> None:
    settings = ["side=64", f"vae={runs / 'vae'}", f"teacher={runs / 'flow'}", "sample_steps=2", "train.steps=4"]
    made = train(
        "image/flow",
        Options(folder=tmp_path / "few", pool=runs / "pool", size="toy", device="cpu", settings=settings),
    )
    assert made.finished
    publish(tmp_path / "few", name="few", enlarger=None, into=tmp_path / "model", notes=None, replace=False)
    pupil = _open(tmp_path / "model")
    request = ImageRequest(prompt="a red background", seed=0, **SMALL)
    _, told = _paint(pupil, request)
    assert len(told) == 2 + 1
    for change, param in (({"steps": 3}, "steps"), ({"guidance": 2.0}, "guidance")):
        with pytest.raises(UserError, match=f"{param} is") as caught:
            pupil.check(msgspec.structs.replace(request, **change))
        assert caught.value.param == param


def test_a_teacher_of_another_size_is_refused(runs: Path, tmp_path: Path) -> None:
    settings = ["side=64", f"vae={runs / 'vae'}", f"teacher={runs / 'flow'}", "model.width=64"]
    with pytest.raises(UserError, match="whose model or side is another"):
        train("image/flow", Options(folder=tmp_path, pool=runs / "pool", size="toy", device="cpu", settings=settings))


def test_a_restorer_repairs_again_where_that_measured_better(runs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(runs / "restorer", tmp_path / "run")
    newest = {"denoise_psnr": 30.0, "denoise_psnr_round_2": 30.5, "denoise_psnr_round_3": 30.4}
    newest |= {"jpeg_psnr": 30.0, "jpeg_psnr_round_2": 30.05, "jpeg_psnr_round_3": 29.0}
    others = ("deblur", "lowlight", "upscale", "scratches")
    newest |= {f"{task}_psnr{end}": 20.0 for task in others for end in ("", "_round_2", "_round_3")}
    with (copy / "metrics.jsonl").open("a") as diary:
        diary.write(json.dumps({"step": 4, **newest}) + "\n")
    assert export(copy).settings["rounds"] == {"denoise": 2}


def test_the_card_says_what_was_learned_from_and_how_much(folder: Path) -> None:
    card = (folder / "README.md").read_text("utf-8")
    assert "| data | shapes (64 pictures of each) |" in card
    assert "| seen | 96 samples in 12 steps |" in card
    assert "held out loss" in card
    assert "![samples](samples.png)" in card
    assert "It knows nothing but shapes." in card
