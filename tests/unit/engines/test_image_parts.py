"""Parts of the picture engine against closed forms: sizes, the way along the flow, masks, words."""

from __future__ import annotations

import numpy as np
import pytest

from aigc.engines import image_sampler as sampler
from aigc.engines.image_given import merged, prepared, to_raster
from aigc.engines.image_sizes import Plan, plan, working_size
from aigc.engines.image_words import understood
from aigc.errors import UserError
from aigc.pictures import rasters
from aigc.scenes.concepts import NUMBERS
from aigc.types import ImageRequest, Raster

STYLES = ("flat", "oil")


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((256, 256), Plan(256, 256, 0)),
        ((512, 512), Plan(256, 256, 1)),
        ((1024, 1024), Plan(256, 256, 2)),
        ((384, 384), Plan(192, 192, 1)),
        ((1536, 1024), Plan(384, 256, 2)),
    ],
)
def test_a_size_is_a_small_picture_doubled(size: tuple[int, int], expected: Plan) -> None:
    assert plan(*size, side=256, doublings=2, panorama=False) == expected


def test_panoramas_are_twice_as_wide_as_high() -> None:
    assert plan(2048, 1024, side=256, doublings=2, panorama=True) == Plan(512, 256, 2)
    with pytest.raises(UserError, match="size is 1024x1024, which this model can't make; nearest: "):
        plan(1024, 1024, side=256, doublings=2, panorama=True)


@pytest.mark.parametrize("size", [(0, 0), (100, 100), (513, 512), (10**9, 10**9), (-256, 256)])
def test_other_sizes_are_refused_with_the_nearest(size: tuple[int, int]) -> None:
    with pytest.raises(UserError) as caught:
        plan(*size, side=256, doublings=1, panorama=False)
    assert caught.value.param == "size"
    assert "nearest: " in caught.value.message


def test_a_picture_of_any_size_is_worked_on_at_about_the_trained_area() -> None:
    assert working_size(4000, 4000, 256) == (256, 256)
    assert working_size(3000, 2000, 256) == (320, 224)
    assert working_size(10, 100_000, 256) == (128, 512)


# ---------------------------------------------------------------- the way


def test_the_sampler_follows_the_analytic_flow_of_a_normal_distribution() -> None:
    """Pictures from N(3, 0.5): noise n arrives at 3 + 0.5 n, on x_t = 3 (1 - t) + n sqrt(0.25 (1 - t)^2 + t^2)."""

    def velocity(x: sampler.Floats, t: float) -> sampler.Floats:
        spread = 0.25 * (1 - t) ** 2 + t**2
        return (-3.0 + (x - 3 * (1 - t)) * (t - 0.25 * (1 - t)) / spread).astype(np.float32)

    noise = np.array([-1.5, 0.0, 0.3, 2.0], np.float32).reshape(4, 1, 1, 1)
    made = sampler.sample(velocity, noise, sampler.times(2000), 1, lambda *_: None)
    np.testing.assert_allclose(made, 3 + 0.5 * noise, atol=5e-3)


def test_guidance_goes_beyond_the_text_and_away_from_none() -> None:
    def velocity(x: sampler.Floats, t: float) -> sampler.Floats:
        told, untold = np.split(x, 2)
        return np.concatenate([np.full_like(told, 2.0), np.full_like(untold, 1.0)])

    seen: list[tuple[int, int]] = []
    made = sampler.sample(
        velocity, np.zeros((1, 1, 1, 1), np.float32), [1.0, 0.0], 3.0, lambda k, n, _: seen.append((k, n))
    )
    assert made.item() == -(1 + 3 * (2 - 1))
    assert seen == [(1, 1)]


def test_noise_depends_on_the_seed_only() -> None:
    assert np.array_equal(sampler.noise(5, (2, 3)), sampler.noise(5, (2, 3)))
    assert not np.array_equal(sampler.noise(5, (2, 3)), sampler.noise(6, (2, 3)))
    assert sampler.noise(0, (100, 100)).std() == pytest.approx(1, abs=0.02)


def test_positions_are_those_of_the_network() -> None:
    torch = pytest.importorskip("torch")
    from aigc.models.flow import positions

    for wraps in (False, True):
        ours = sampler.positions(4, 8, 64, 25, wraps)
        theirs = positions(4, 8, 64, 25, wraps, torch.device("cpu"))
        for mine, its in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, its.numpy(), atol=2e-6)


# ---------------------------------------------------------------- given pictures


def _picture(width: int, height: int, channels: int = 3) -> Raster:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return rasters.from_array(pixels)


def _mask(width: int, height: int, left: int, top: int, right: int, bottom: int) -> Raster:
    pixels = np.zeros((height, width), np.uint8)
    pixels[top:bottom, left:right] = 255
    return rasters.from_array(pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_outside_of_the_mask_stay_to_the_bit(channels: int) -> None:
    image, mask = _picture(450, 300, channels), _mask(450, 300, 200, 100, 300, 160)
    given = prepared(image, mask, lambda w, h: (64, 64))
    out = rasters.to_array(merged(np.zeros((3, 64, 64), np.float32), given))
    before = np.repeat(rasters.to_array(image), 3 if channels == 1 else 1, axis=2)
    outside = rasters.to_array(mask)[..., 0] == 0
    assert np.array_equal(out[outside], before[outside])
    assert not out[~outside][:, :3].any()
    if channels == 4:
        assert np.array_equal(out[..., 3], before[..., 3])


def test_around_a_small_mask_a_part_is_worked_on() -> None:
    given = prepared(_picture(450, 300), _mask(450, 300, 200, 100, 300, 160), lambda w, h: (64, 64))
    assert (given.width, given.height) == (200, 200)
    assert given.left <= 200 < 300 <= given.left + given.width
    assert given.top <= 100 < 160 <= given.top + given.height
    assert given.painted is not None
    assert given.painted[32, 32] == 1
    assert given.painted[0, 0] == 0


def test_a_mask_at_the_edge_and_one_larger_than_a_square_are_worked_on() -> None:
    for box in ((0, 0, 5, 5), (445, 295, 450, 300), (0, 0, 450, 300), (0, 140, 450, 150)):
        given = prepared(_picture(450, 300), _mask(450, 300, *box), lambda w, h: (32, 32))
        assert 0 <= given.left <= given.left + given.width <= 450
        assert 0 <= given.top <= given.top + given.height <= 300
        assert merged(np.ones((3, 32, 32), np.float32), given).width == 450


def test_a_mask_that_marks_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="marks nothing"):
        prepared(_picture(8, 8), _mask(8, 8, 0, 0, 0, 0), lambda w, h: (32, 32))


def test_pixels_are_rounded() -> None:
    found = to_raster(np.array([0.0, 0.4999, 1.0], np.float32).reshape(3, 1, 1))
    assert found.pixels == bytes([0, 127, 255])


# ---------------------------------------------------------------- words


def test_english_and_chinese_are_the_same_numbers() -> None:
    one = understood(ImageRequest(prompt="a lake at sunset", seed=0), range(1, 999), 8, STYLES)
    two = understood(ImageRequest(prompt="日落时的湖泊", seed=0), range(1, 999), 8, STYLES)
    assert set(one.numbers) == set(two.numbers)
    assert one.facts == {
        "grounded": [
            {"text": "lake", "concept": "place:lake", "how": "word"},
            {"text": "at sunset", "concept": "time:sunset", "how": "word"},
        ]
    }


def test_what_is_not_understood_is_told() -> None:
    found = understood(ImageRequest(prompt="a fox reading Kant", seed=0), range(1, 999), 8, STYLES)
    assert "Kant" in " ".join(found.facts["unknown"])


def test_words_for_concepts_that_came_after_the_training_are_unknown_to_the_model() -> None:
    known = NUMBERS["place:lake"]
    found = understood(ImageRequest(prompt="a lake at sunset", seed=0), range(1, known + 1), 8, STYLES)
    assert [g["concept"] for g in found.facts["grounded"]] == ["place:lake"]
    assert found.facts["unknown"] == ["at sunset"]
    assert found.numbers.max() == known


def test_a_prompt_of_nothing_but_words_that_the_model_was_not_taught_is_refused() -> None:
    with pytest.raises(UserError, match="means anything to this model: lake, at sunset") as caught:
        understood(ImageRequest(prompt="a lake at sunset", seed=0), {NUMBERS["kind:fox"]}, 8, STYLES)
    assert caught.value.hint == "It draws, among others: fox."


def test_a_model_from_before_a_kind_draws_what_stands_for_it_or_says_that_it_does_not_know_it() -> None:
    before = range(1, NUMBERS["relation:behind"] + 1)
    found = understood(ImageRequest(prompt="a green panda bear and a blue truck", seed=0), before, 8, STYLES)
    assert [g["concept"] for g in found.facts["grounded"]] == ["count:1", "colour:blue", "kind:car"]
    assert found.facts["unknown"] == ["panda bear", "green"]
    with pytest.raises(UserError, match="nothing in the prompt means anything to this model: panda"):
        understood(ImageRequest(prompt="a panda", seed=0), before, 8, STYLES)


def test_a_style_is_as_if_the_prompt_said_it() -> None:
    one = understood(ImageRequest(prompt="a lake", style="oil", seed=0), range(1, 999), 8, STYLES)
    two = understood(ImageRequest(prompt="a lake, oil painting", seed=0), range(1, 999), 8, STYLES)
    assert np.array_equal(one.numbers, two.numbers)


@pytest.mark.parametrize(
    ("request_", "param", "message"),
    [
        (ImageRequest(prompt="", seed=0), "prompt", "prompt is empty"),
        (ImageRequest(prompt="qwertz uiop", seed=0), "prompt", "nothing in the prompt means anything"),
        (ImageRequest(prompt="x" * 32_001, seed=0), "prompt", "32001 characters"),
        (ImageRequest(prompt="a lake", style="cubism", seed=0), "style", "accepted: flat, oil"),
        (ImageRequest(prompt="an oil painting of a lake", style="flat", seed=0), "style", "the prompt says 'oil'"),
        (
            ImageRequest(prompt="a red fox, a blue car, a green house, two dogs at a lake at night", seed=0),
            "prompt",
            "accepted: at most 8",
        ),
    ],
)
def test_what_the_words_do_not_allow_is_refused_by_name(request_: ImageRequest, param: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        understood(request_, range(1, 999), 8, STYLES)
    assert caught.value.param == param
