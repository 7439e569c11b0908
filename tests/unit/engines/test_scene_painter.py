"""The renderer as an engine: golden statements that a person would check, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aigc.engines.base import LoadOptions
from aigc.engines.scenes import ScenePainter
from aigc.errors import Cancelled, UserError
from aigc.store.builtin import builtin
from aigc.types import ImageRequest, Raster, RestoreRequest

SPEC = next(spec for spec in builtin() if spec.id == "aigc-scenes")
PAINTER = ScenePainter(SPEC, SPEC.engines[0], LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1))


def paint(prompt: str, seed: int = 3, *, index: int = 0, **options: Any) -> tuple[Any, dict[str, Any]]:
    """Pixels and facts of a small picture."""
    options = {"width": 96, "height": 96} | options
    request = ImageRequest(prompt=prompt, seed=seed, **options)
    PAINTER.check(request)
    painting = PAINTER.paint(request, index, lambda step, steps, preview: None)
    image = painting.image
    pixels = np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width, image.channels)
    return pixels.astype(float), painting.facts


def test_night_is_darker_than_day() -> None:
    for by_day, by_night in (("a lake by day", "a lake at night"), ("白天的湖泊", "夜晚的湖泊")):
        assert paint(by_night)[0].mean() < 0.6 * paint(by_day)[0].mean()


def test_winter_is_whiter_than_summer_and_snow_is_winter() -> None:
    summer = paint("a meadow in summer by day, clear sky")[0][60:].mean()
    for prompt in ("a meadow in winter by day, clear sky", "草地，雪，白天，晴空", "snowy meadow by day, clear sky"):
        assert paint(prompt)[0][60:].mean() > 1.2 * summer


def test_sunset_is_redder_than_day() -> None:
    def redness(prompt: str) -> float:
        pixels = paint(prompt)[0]
        return float(pixels[..., 0].mean() / pixels[..., 2].mean())

    assert redness("the sea at sunset, clear sky") > 1.3 * redness("the sea by day, clear sky")


@pytest.mark.parametrize("seed", range(4))
def test_red_is_left_and_blue_is_right(seed: int) -> None:
    prompt = "a red ball to the left of a blue cube on a meadow by day, clear sky, flat illustration"
    pixels = paint(prompt, seed)[0][30:]
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 70) & (pixels[..., 2] < 70)
    blue = (pixels[..., 2] > 120) & (pixels[..., 0] < 60) & (pixels[..., 1] < 110)
    assert red.sum() > 20
    assert blue.sum() > 20
    assert np.nonzero(red)[1].mean() < np.nonzero(blue)[1].mean() - 10


def test_three_stickers_are_three_pieces() -> None:
    pixels = paint("sticker of three red hearts, transparent background", width=192, height=192)[0]
    assert pixels.shape[2] == 4
    assert pieces(pixels[..., 3] > 128) == 3
    assert pieces(paint("四个星星的贴纸，透明背景", width=192, height=192)[0][..., 3] > 128) == 4


def pieces(mask: Any) -> int:
    """Connected pieces of a mask, by flooding."""
    left, count = {(int(y), int(x)) for y, x in np.argwhere(mask)}, 0
    while left:
        count += 1
        edge = [left.pop()]
        while edge:
            y, x = edge.pop()
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            edge += near
    return count


def test_a_panorama_has_no_seam() -> None:
    for prompt in ("a lake under mountains at dawn", "a village in winter, oil painting"):
        pixels = paint(prompt, width=256, height=128, panorama=True)[0]
        inner = np.abs(np.diff(pixels, axis=1)).mean(axis=(0, 2))
        assert np.abs(pixels[:, 0] - pixels[:, -1]).mean() <= np.percentile(inner, 95)


def test_the_same_request_gives_the_same_pixels_and_the_next_picture_has_the_next_seed() -> None:
    first, again, second = paint("a fox", 5)[0], paint("a fox", 5)[0], paint("a fox", 5, index=1)[0]
    assert np.array_equal(first, again)
    assert np.array_equal(second, paint("a fox", 6)[0])
    assert not np.array_equal(first, second)


def test_facts_tell_what_was_understood_and_what_was_not_shown() -> None:
    facts = paint("a happy fox in the desert in winter")[1]
    assert [each["concept"] for each in facts["grounded"]] == [
        "count:1",
        "kind:fox",
        "place:desert",
        "season:winter",
    ]
    assert facts["unknown"] == ["happy"]
    assert facts["not_shown"] == ["season winter: desert looks the same all year here"]
    assert json.loads(facts["scene"])["place"] == "desert"


def test_progress_is_told_evenly_with_previews_of_the_full_size() -> None:
    told: list[tuple[int, int, Raster | None]] = []
    request = ImageRequest(prompt="a forest", seed=1, width=640, height=384, previews=2)
    PAINTER.paint(request, 0, lambda *step: told.append(step))
    assert [step for step, _, _ in told] == list(range(1, 21))
    assert {steps for _, steps, _ in told} == {20}
    shown = [preview for _, _, preview in told if preview]
    assert [(preview.width, preview.height) for preview in shown] == [(640, 384)] * 2


def test_a_cancelled_picture_ends_at_once() -> None:
    def gone(step: int, steps: int, preview: Raster | None) -> None:
        told.append(step)
        raise Cancelled("nobody waits")

    told: list[int] = []
    with pytest.raises(Cancelled):
        PAINTER.paint(ImageRequest(prompt="a forest, oil painting", seed=1, width=256, height=256), 0, gone)
    assert told == [1]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": None, "height": None}, (512, 512)),
        ({"width": None, "height": None, "panorama": True}, (1024, 512)),
        ({"width": 64, "height": 200}, (64, 200)),
        ({"width": None, "height": None, "prompt": "湖泊，全景图"}, (1024, 512)),
    ],
)
def test_sizes(options: dict[str, Any], size: tuple[int, int]) -> None:
    pixels = paint(**({"prompt": "a lake"} | options))[0]
    assert (pixels.shape[1], pixels.shape[0]) == size


@pytest.mark.parametrize(
    ("options", "param", "message"),
    [
        ({"width": 0, "height": 0}, "size", "nearest: 64x64"),
        ({"width": 10**9, "height": 100}, "size", "nearest: 2048x100"),
        ({"width": 512, "height": 512, "panorama": True}, "size", "nearest: 768x384"),
        ({"prompt": ""}, "prompt", "prompt is empty"),
        ({"prompt": "x" * 32_001}, "prompt", "32001 characters"),
        ({"prompt": "democracy"}, "prompt", "nothing in the prompt means anything to this model: democracy"),
        ({"style": "cubist"}, "style", "accepted: rendered, flat"),
        ({"steps": 4}, "steps", "steps is given"),
        ({"guidance": 3.0}, "guidance", "guidance is given"),
        ({"strength": 0.5}, "strength", "strength is given"),
        ({"n": 11}, "n", "accepted: 1 to 10"),
        ({"image": Raster(width=1, height=1, channels=3, pixels=b"abc")}, "image", "image is given"),
        ({"transparent": True}, "background", "needs a thing"),
        ({"transparent": True, "panorama": True, "width": 128, "height": 64}, "background", "no transparent"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(options: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        paint(**({"prompt": "a lake"} | options))
    assert caught.value.param == param


def test_photographs_are_not_repaired_here() -> None:
    with pytest.raises(UserError, match="repairs no photographs"):
        PAINTER.check(RestoreRequest(image=Raster(width=1, height=1, channels=3, pixels=b"abc")))
