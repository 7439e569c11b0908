"""The engine on a tiny random pipeline; what it makes is held against diffusers itself."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="the extra `diffusers` isn't installed")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # libraries of others warn of each other while they are imported
    import diffusers_toys as toys
    import torch
    from diffusers import AutoPipelineForImage2Image, EulerAncestralDiscreteScheduler, StableDiffusionPipeline

from aigc.engines import diffusers as engine
from aigc.engines import diffusers_folder, registry
from aigc.engines.base import LoadOptions
from aigc.errors import Cancelled, ContextOverflow, InvalidModelFile, UnsupportedParameter, UserError
from aigc.pictures import rasters
from aigc.types import EngineFile, ImageRequest, ModelSpec, Raster, RestoreRequest

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.stable_diffusion(tmp_path_factory.mktemp("toys") / "tiny")


def painter_of(folder: Path) -> engine.DiffusersPainter:
    spec = ModelSpec(
        id="tiny-sd",
        capabilities=("image", "image_edit"),
        engines=(),
        context_tokens=0,
        created=0,
        digest="0123456789abcdef",
        licence="MIT",
    )
    options = LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1)
    return engine.DiffusersPainter(spec, EngineFile(engine="diffusers", path=str(folder), memory_bytes=1), options)


@pytest.fixture(scope="module")
def painter(folder: Path) -> Iterator[engine.DiffusersPainter]:
    painter = painter_of(folder)
    yield painter
    painter.close()


@pytest.fixture(scope="module")
def original(folder: Path) -> Any:
    pipe = StableDiffusionPipeline.from_pretrained(str(folder), local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def quiet(step: int, steps: int, preview: Raster | None) -> None: ...


def pixels(raster: Raster) -> np.ndarray:
    return rasters.to_array(raster)


def noise(width: int, height: int, channels: int = 3) -> Raster:
    values = np.random.default_rng(1).integers(0, 256, (height, width, channels), np.uint8)
    return rasters.from_array(values)


def seeded(number: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(number)


def test_words_give_the_picture_that_diffusers_gives(painter, original) -> None:
    asked = ImageRequest(prompt="a fox", seed=7, steps=3, guidance=4.0, width=24, height=16)
    made = painter.paint(asked, 1, quiet)
    wanted = original(
        "a fox", num_inference_steps=3, guidance_scale=4.0, width=24, height=16, generator=seeded(8)
    ).images[0]
    assert np.array_equal(pixels(made.image), np.asarray(wanted))
    assert (made.seed, made.facts) == (8, {"steps": 3, "scheduler": "DDIMScheduler", "guidance": 4.0})


def test_a_picture_is_changed_as_diffusers_changes_it(painter, original) -> None:
    image = noise(16, 16)
    asked = ImageRequest(prompt="a fox", seed=7, steps=4, image=image, strength=0.5)
    made = painter.paint(asked, 0, quiet)
    changed = AutoPipelineForImage2Image.from_pipe(original)
    changed.set_progress_bar_config(disable=True)
    wanted = changed(
        "a fox", image=rasters.to_image(image), strength=0.5, num_inference_steps=4, generator=seeded(7)
    ).images[0]
    assert np.array_equal(pixels(made.image), np.asarray(wanted))
    assert made.facts["strength"] == 0.5


def test_outside_of_a_mask_every_pixel_stays(painter, original) -> None:
    image = noise(64, 64)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    asked = ImageRequest(prompt="a fox", seed=7, steps=3, image=image, mask=rasters.from_array(mask))
    made = pixels(painter.paint(asked, 0, quiet).image)
    assert np.array_equal(made[mask == 0], pixels(image)[mask == 0])
    assert (made[mask == 255] != pixels(image)[mask == 255]).mean() > 0.9


def test_pictures_of_any_size_and_with_opacity_come_back_as_they_were(painter) -> None:
    image = noise(37, 21, channels=4)
    made = painter.paint(ImageRequest(prompt="x", seed=1, steps=2, image=image), 0, quiet).image
    assert (made.width, made.height, made.channels) == (37, 21, 4)
    assert np.array_equal(pixels(made)[..., 3], pixels(image)[..., 3])


def test_every_step_is_told_and_previews_show_the_picture(painter) -> None:
    told: list[tuple[int, int, Raster | None]] = []
    made = painter.paint(ImageRequest(prompt="x", seed=1, steps=4, previews=1), 0, lambda *one: told.append(one))
    assert [(step, steps) for step, steps, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    shown = [(step, preview) for step, _, preview in told if preview is not None]
    assert [step for step, _ in shown] == [2]
    assert (shown[0][1].width, shown[0][1].height) == (made.image.width, made.image.height) == (16, 16)


def test_an_edit_tells_the_steps_that_it_takes(painter) -> None:
    told: list[tuple[int, int]] = []
    asked = ImageRequest(prompt="x", seed=1, steps=10, image=noise(16, 16), strength=0.3)
    painter.paint(asked, 0, lambda step, steps, _: told.append((step, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_work_that_nobody_waits_for_ends_at_a_step_and_leaves_the_pipeline_usable(painter) -> None:
    steps: list[int] = []

    def gone(step: int, of: int, preview: Raster | None) -> None:
        steps.append(step)
        raise Cancelled("nobody waits")

    asked = ImageRequest(prompt="x", seed=1, steps=3)
    before = painter.paint(asked, 0, quiet)
    with pytest.raises(Cancelled):
        painter.paint(asked, 0, gone)
    assert steps == [1]
    assert painter.paint(asked, 0, quiet) == before


def test_a_step_that_takes_long_is_told_and_ended_from_within(painter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_PULSE_SECONDS", 0.0)
    told: list[tuple[int, int]] = []

    def gone(step: int, steps: int, preview: Raster | None) -> None:
        told.append((step, steps))
        if len(told) == 30:
            raise Cancelled("nobody waits")

    with pytest.raises(Cancelled):
        painter.paint(ImageRequest(prompt="x", seed=1, steps=3), 0, gone)
    assert told == [(0, 3)] * 30


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        (ImageRequest(prompt="x", seed=1, width=17, height=16), UserError, "size is 17x16; accepted: multiples of 2"),
        (ImageRequest(prompt="x", seed=1, width=66, height=16), UserError, "up to 64"),
        (ImageRequest(prompt="x", seed=1, steps=1001), UserError, "steps is 1001; accepted: 1 to 1000"),
        (ImageRequest(prompt="x " * 80, seed=1), ContextOverflow, "the prompt has 82 tokens, and this model reads 77"),
        (ImageRequest(prompt="x", seed=1, style="flat"), UnsupportedParameter, "knows no styles by name"),
        (ImageRequest(prompt="x", seed=1, transparent=True), UnsupportedParameter, "paints every pixel"),
        (ImageRequest(prompt="x", seed=1, panorama=True), UserError, "makes no panoramas"),
        (ImageRequest(prompt="x", seed=1, strength=0.5), UserError, "strength is given without a picture"),
        (
            ImageRequest(prompt="x", seed=1, steps=4, strength=0.2, image=noise(16, 16)),
            UserError,
            "strength is 0.2, of 4 steps none is left; accepted: 0.25 to 1",
        ),
        (ImageRequest(prompt="x", seed=1, image=noise(16, 16), width=32, height=32), UserError, "the picture is 16x16"),
        (RestoreRequest(image=noise(16, 16)), UserError, "mends no photographs"),
    ],
)
def test_what_it_can_t_do_is_refused_before_the_first_step(painter, asked, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        painter.check(asked)


def test_the_size_of_a_model_is_what_it_makes_unasked(painter) -> None:
    made = painter.paint(ImageRequest(prompt="x", seed=1, steps=1), 0, quiet).image
    assert (made.width, made.height) == (16, 16)


def with_settings(folder: Path, target: Path, **settings: object) -> Path:
    shutil.copytree(folder, target)
    (target / "aigc.json").write_text(json.dumps(settings))
    return target


def test_settings_choose_scheduler_steps_and_guidance(folder: Path, tmp_path: Path) -> None:
    name = "EulerAncestralDiscreteScheduler"
    chosen = with_settings(folder, tmp_path / "m", scheduler=name, steps=2, guidance=1.5)
    made = painter_of(chosen).paint(ImageRequest(prompt="a fox", seed=3), 0, quiet)
    assert made.facts == {"steps": 2, "scheduler": name, "guidance": 1.5}
    other = StableDiffusionPipeline.from_pretrained(str(folder), local_files_only=True)
    other.scheduler = EulerAncestralDiscreteScheduler.from_config(other.scheduler.config)
    wanted = other("a fox", num_inference_steps=2, guidance_scale=1.5, generator=seeded(3)).images[0]
    assert np.array_equal(pixels(made.image), np.asarray(wanted))


def test_words_and_seeds_make_a_difference(painter) -> None:
    made = [
        painter.paint(ImageRequest(prompt=prompt, seed=seed, steps=2), 0, quiet).image
        for prompt, seed in (("a fox", 1), ("a lake", 1), ("a fox", 2))
    ]
    assert len({image.pixels for image in made}) == 3


def test_a_lora_changes_the_picture_as_far_as_its_scale_says(folder: Path, tmp_path: Path, painter) -> None:
    asked = ImageRequest(prompt="a fox", seed=3, steps=2)
    without = pixels(painter.paint(asked, 0, quiet).image)
    name = toys.lora(shutil.copytree(folder, tmp_path / "base"))
    found = {}
    for scale in (0.0, 1.0):
        chosen = with_settings(tmp_path / "base", tmp_path / f"m{scale}", loras=[{"file": name, "scale": scale}])
        made = painter_of(chosen).paint(asked, 0, quiet)
        assert made.facts["loras"] == [name]
        found[scale] = pixels(made.image)
    assert np.array_equal(found[0.0], without)
    assert not np.array_equal(found[1.0], without)


def test_settings_that_fit_no_part_of_the_pipeline_are_refused(folder: Path, tmp_path: Path) -> None:
    other = with_settings(folder, tmp_path / "a", scheduler="FlowMatchEulerDiscreteScheduler")
    with pytest.raises(
        InvalidModelFile, match=r"names the scheduler 'FlowMatchEulerDiscreteScheduler'; accepted: .*DDIM"
    ):
        painter_of(other)
    strange = with_settings(folder, tmp_path / "b", loras=[{"file": "vae/diffusion_pytorch_model.safetensors"}])
    with pytest.raises(InvalidModelFile, match="diffusion_pytorch_model"):
        painter_of(strange)


def test_damaged_weights_are_said_so(folder: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(folder, tmp_path / "m")
    (damaged / "unet" / "config.json").write_text('{"_class_name": "UNet2DConditionModel", "sample_size": "x"}')
    with pytest.raises(InvalidModelFile, match="diffusers can't load m"):
        painter_of(damaged)


def test_a_folder_is_pulled_listed_and_run_by_a_worker_s_service(folder: Path) -> None:
    import time

    from aigc import settings
    from aigc.store import Store
    from aigc.types import ImageMade, ImagesDone, ImageStep

    store = Store(settings.load())
    spec = store.pull(str(folder), name="tiny-sd")
    assert (spec.capabilities, [file.engine for file in spec.engines]) == (("image", "image_edit"), ["diffusers"])
    assert list(store.verify("tiny-sd")) == []
    events: list[object] = []
    options = LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1)
    service = registry.load(spec, spec.engines[0], options, lambda items: events.extend(event for _, event in items))
    service.submit(1, ImageRequest(prompt="a fox", n=2, seed=5, steps=2))
    end = time.monotonic() + 60
    while not any(isinstance(event, ImagesDone) for event in events):
        assert time.monotonic() < end, events
        time.sleep(0.01)
    service.close()
    assert [event.seed for event in events if isinstance(event, ImageMade)] == [5, 6]
    assert sum(isinstance(event, ImageStep) for event in events) == 4


FAMILIES = {
    "StableDiffusionXLPipeline": (toys.stable_diffusion_xl, {"guidance_scale": 4.0}),
    "FluxPipeline": (toys.flux, {"guidance_scale": 4.0}),
    "QwenImagePipeline": (toys.qwen_image, {"true_cfg_scale": 4.0, "negative_prompt": " "}),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_other_families_paint_as_diffusers_does_and_keep_what_a_mask_protects(name: str, tmp_path: Path) -> None:
    import diffusers

    make, guidance = FAMILIES[name]
    folder = make(tmp_path / "tiny")
    painter = painter_of(folder)
    asked = ImageRequest(prompt="a f o x", seed=7, steps=3, guidance=4.0, width=32, height=16)
    painter.check(asked)
    told: list[int] = []
    made = painter.paint(asked, 0, lambda step, steps, preview: told.append(step))
    original = getattr(diffusers, name).from_pretrained(str(folder), local_files_only=True)
    size = {"width": 32, "height": 16, "num_inference_steps": 3}
    wanted = original("a f o x", generator=seeded(7), **size, **guidance).images[0]
    assert np.array_equal(pixels(made.image), np.asarray(wanted))
    assert told == [1, 2, 3]

    image = noise(32, 32)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:20, 8:20] = 255
    changed = painter.paint(ImageRequest(prompt="x", seed=1, steps=4, image=image, strength=0.5), 0, quiet).image
    assert (changed.width, changed.height) == (32, 32)
    masked = ImageRequest(prompt="x", seed=1, steps=4, image=image, mask=rasters.from_array(mask), strength=0.9)
    filled = pixels(painter.paint(masked, 0, quiet).image)
    assert np.array_equal(filled[mask == 0], pixels(image)[mask == 0])
    assert not np.array_equal(filled, pixels(image))


def test_a_family_without_previews_says_so_and_one_without_guidance_too(tmp_path: Path) -> None:
    painter = painter_of(toys.qwen_image(tmp_path / "qwen"))
    with pytest.raises(UnsupportedParameter, match="QwenImagePipeline can't show unfinished pictures"):
        painter.check(ImageRequest(prompt="x", seed=1, previews=1))
    folder = toys.flux(tmp_path / "schnell")
    config = json.loads((folder / "transformer" / "config.json").read_text())
    (folder / "transformer" / "config.json").write_text(json.dumps({**config, "guidance_embeds": False}))
    with pytest.raises(UnsupportedParameter, match="this FluxPipeline has no guidance"):
        painter_of(folder).check(ImageRequest(prompt="x", seed=1, guidance=3.5))


def test_the_families_are_those_that_diffusers_knows() -> None:
    from diffusers.pipelines import auto_pipeline as known

    for name, capabilities in diffusers_folder._FAMILIES.items():
        family = next(key for key, kind in known.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.items() if kind.__name__ == name)
        edits = family in known.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING and family in known.AUTO_INPAINT_PIPELINES_MAPPING
        assert ("image_edit" in capabilities) == edits, name
