"""Golden statements that a person would check, measured on small pictures."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from aigc.errors import UserError
from aigc.scenes import Picture, Scene, Thing, caption, render, sample
from aigc.scenes.canvas import BIRDS, GROUND, SKY, WATER
from aigc.scenes.kinds import Kind
from aigc.scenes.pen import Sprite
from aigc.scenes.vocabulary import PLACES, SEASONAL, STYLES, Place, Style

SIZE = 96


def light_of(picture: Picture) -> float:
    return float(picture.rgb.mean())


def test_night_is_darker_than_day_everywhere() -> None:
    for place in PLACES:
        day, night = (render(Scene(seed=4, place=place, time=time), SIZE, SIZE) for time in ("day", "night"))
        assert light_of(night) < 0.6 * light_of(day), place


def test_winter_is_whiter_than_summer_wherever_there_are_seasons() -> None:
    for place in sorted(SEASONAL - {"city"}):
        summer, winter = (render(Scene(seed=6, place=place, season=s), SIZE, SIZE) for s in ("summer", "winter"))
        green, white = (p.rgb[p.ids == GROUND].astype(float).mean(axis=0) for p in (summer, winter))
        assert white.mean() > 1.25 * green.mean(), place
        assert white.min() / white.max() > green.min() / green.max(), place


def test_sunset_is_redder_than_day() -> None:
    for seed in range(4):
        day, sunset = (render(Scene(seed=seed, place="sea", time=t), SIZE, SIZE).rgb for t in ("day", "sunset"))
        assert sunset[..., 0].mean() / sunset[..., 2].mean() > 1.3 * day[..., 0].mean() / day[..., 2].mean()


def test_fog_takes_the_contrast_from_far_away() -> None:
    clear, fog = (render(Scene(seed=2, place="hills", weather=w), SIZE, SIZE).rgb for w in ("clear", "fog"))
    assert fog[SIZE // 4 : SIZE // 2].std() < 0.6 * clear[SIZE // 4 : SIZE // 2].std()


def test_red_ball_left_of_blue_cube() -> None:
    for seed in range(3):
        things = (Thing("ball", "red", x=-0.5, size=0.3), Thing("cube", "blue", x=0.5, size=0.3))
        picture = render(Scene(seed=seed, place="meadow", things=things), SIZE, SIZE)
        ball, cube = picture.mask(0), picture.mask(1)
        assert ball.sum() > 300
        assert cube.sum() > 300
        assert np.nonzero(ball)[1].mean() < SIZE / 2 < np.nonzero(cube)[1].mean()
        red, blue = (picture.rgb[mask].astype(float).mean(axis=0) for mask in (ball, cube))
        assert red.argmax() == 0
        assert blue.argmax() == 2


def test_a_thing_fills_the_share_of_the_picture_that_the_description_says() -> None:
    picture = render(Scene(seed=1, place="meadow", things=(Thing("ball", "red", size=0.4, x=0.2),)), 200, 200)
    rows, columns = np.nonzero(picture.mask(0))
    assert rows.max() - rows.min() + 1 == pytest.approx(80, abs=3)
    assert columns.mean() == pytest.approx((0.2 + 1) / 2 * 200, abs=3)


@pytest.mark.parametrize("place", PLACES)
def test_each_sampled_thing_can_be_seen(place: Place) -> None:
    seen = 0
    for seed in range(300):
        scene = sample(seed, projection="perspective")
        if scene.place == place and scene.things and seen < 3:
            seen += 1
            picture = render(scene, SIZE, SIZE)
            for index, thing in enumerate(scene.things):
                assert picture.mask(index).sum() > 0.12 * (thing.size * SIZE) ** 2 * 0.3, scene.to_json()
    assert seen


@pytest.mark.parametrize("style", ["rendered", "flat", "watercolour", "oil"])
def test_the_seam_of_a_panorama_is_no_worse_than_its_neighbours(style: Style) -> None:
    seams, neighbours = [], []
    for seed in range(6):
        picture = render(sample(seed, projection="panorama", style=style), 192, 96).rgb.astype(float)
        inner = np.abs(np.diff(picture, axis=1)).mean(axis=(0, 2))
        seams.append(np.abs(picture[:, 0] - picture[:, -1]).mean())
        neighbours.append(inner.mean())
        assert seams[-1] <= inner.max()
    assert np.mean(seams) < 1.25 * np.mean(neighbours)


@pytest.mark.parametrize("style", STYLES)
def test_the_same_description_gives_the_same_pixels_on_any_number_of_threads(style: str) -> None:
    scene = sample(11, style=style)  # type: ignore[arg-type]
    expected = render(scene, 64, 64)
    found: list[Picture] = []
    threads = [threading.Thread(target=lambda: found.append(render(scene, 64, 64))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for picture in found:
        assert np.array_equal(picture.rgb, expected.rgb)
        assert np.array_equal(picture.ids, expected.ids)


def test_a_transparent_sticker_has_a_clear_corner_and_a_solid_middle() -> None:
    scene = Scene(seed=1, projection="sticker", style="flat", things=(Thing("heart", "red", size=0.8, y=-0.4),))
    picture = render(scene, SIZE, SIZE)
    assert picture.alpha[0, 0] == 0
    assert picture.alpha[SIZE // 2, SIZE // 2] == 255
    assert picture.rgb[SIZE // 2, SIZE // 2].argmax() == 0
    assert picture.mask(0)[SIZE // 2, SIZE // 2]


def test_pictures_without_transparency_are_opaque() -> None:
    assert render(sample(3, projection="perspective"), 48, 32).alpha.min() == 255


def test_a_lake_has_sky_above_water() -> None:
    ids = render(Scene(seed=8, place="lake"), SIZE, SIZE).ids
    sky, water = np.nonzero(ids == SKY)[0], np.nonzero(ids == WATER)[0]
    assert sky.size > 500
    assert water.size > 300
    assert sky.mean() < water.mean()


@pytest.mark.parametrize("style", ["watercolour", "oil", "pixel art", "flat"])
def test_a_style_changes_the_picture_but_not_what_is_where(style: str) -> None:
    plain = Scene(seed=9, place="hills", things=(Thing("windmill", "red", size=0.4),))
    styled = Scene(seed=9, place="hills", style=style, things=plain.things)  # type: ignore[arg-type]
    a, b = render(plain, SIZE, SIZE), render(styled, SIZE, SIZE)
    assert not np.array_equal(a.rgb, b.rgb)
    assert (a.mask(0) & b.mask(0)).sum() > 0.8 * (a.mask(0) | b.mask(0)).sum()


def test_pixel_art_consists_of_square_blocks() -> None:
    rgb = render(Scene(seed=9, place="hills", style="pixel art"), 128, 128).rgb
    assert np.array_equal(rgb[::2, ::2], rgb[1::2, 1::2])


@pytest.mark.parametrize(("width", "height"), [(0, 64), (64, 8), (5000, 64)])
def test_sizes_that_cannot_be_drawn_are_refused(width: int, height: int) -> None:
    with pytest.raises(UserError, match="must be from 16 to 4096"):
        render(sample(1), width, height)


@pytest.mark.parametrize("shape", [(96, 64), (64, 96), (17, 16), (200, 50)])
def test_any_shape_is_drawn(shape: tuple[int, int]) -> None:
    assert render(sample(2, projection="perspective"), *shape).rgb.shape == (shape[1], shape[0], 3)


def test_moon_and_birds_are_seen_when_they_are_there() -> None:
    moons = birds = 0
    for seed in range(600):
        scene = sample(seed, projection="perspective", style="rendered")
        if "moon" in scene.extras and moons < 8 and scene.weather == "clear":
            moons += 1
            rgb = render(scene, SIZE, SIZE, supersample=1).rgb.astype(int)
            assert (rgb.min(axis=2) > 150).sum() >= 4, scene.to_json()
        if "birds" in scene.extras and birds < 8:
            birds += 1
            assert (render(scene, SIZE, SIZE, supersample=1).ids == BIRDS).any(), scene.to_json()
    assert (moons, birds) == (8, 8)


@pytest.mark.parametrize("place", PLACES)
def test_things_may_be_asked_for_where_nobody_expects_them(place: Place) -> None:
    for kind in ("ship", "fox", "castle", "airplane", "fish"):
        for projection in ("perspective", "panorama"):
            things = (Thing(kind, "purple", x=0.9, size=0.6), Thing(kind, x=-1, size=0.02, y=-0.3))
            scene = Scene(seed=5, place=place, projection=projection, things=things, horizon=0.9, field=100)  # type: ignore[arg-type]
            assert render(scene, 48, 24, supersample=1).rgb.std() > 1


class Borrowed:
    """Art from elsewhere: one kind, a green square picture with a clear border."""

    def kind(self, name: str) -> Kind:
        return Kind(name, "方形", "个", 1.0, 1.0, ("green",))

    def sprite(self, name: str, colour: str | None, variant: int, rows: float) -> Sprite:
        rgba = np.zeros((64, 64, 4), dtype=np.uint8)
        rgba[4:60, 4:60] = (30, 200, 40, 255)
        return Sprite.of_pixels(rgba)


def test_pictures_from_elsewhere_are_things_like_our_own() -> None:
    scene = Scene(seed=3, place="meadow", things=(Thing("emblem", size=0.4),))
    picture = render(scene, SIZE, SIZE, art=Borrowed())
    mask = picture.mask(0)
    assert mask.sum() == pytest.approx((0.4 * SIZE * 56 / 64) ** 2, rel=0.15)
    assert picture.rgb[mask].astype(float).mean(axis=0).argmax() == 1
    assert caption(scene, "zh", "tags", art=Borrowed()).text.startswith("一个方形")
