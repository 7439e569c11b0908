"""What a prompt asks for is in the scene; what can't be is named."""

from __future__ import annotations

import pytest

from aigc.errors import UserError
from aigc.scenes import Scene, relations, sample
from aigc.scenes.art import DRAWN
from aigc.scenes.captions import caption
from aigc.scenes.compose import Composed, compose
from aigc.scenes.concepts import slot, value
from aigc.scenes.reading import read


def made(prompt: str, seed: int = 7, **options: object) -> Composed:
    return compose(read(prompt), seed, **options)  # type: ignore[arg-type]


def scene(prompt: str, seed: int = 7, **options: object) -> Scene:
    found = made(prompt, seed, **options)
    assert found.unmet == ()
    return found.scene


@pytest.mark.parametrize("seed", range(40))
def test_a_sampled_scene_is_met_again_by_its_own_caption(seed: int) -> None:
    original = sample(5_000 + seed)
    for language in ("en", "zh"):
        found = caption(original, language, "long", seed)  # type: ignore[arg-type]
        composed = made(found.text, seed)
        shown = composed.scene
        for concept in read(found.text).concepts:
            name, word = slot(concept), value(concept)
            if name in ("place", "season", "time", "weather", "style", "backdrop"):
                assert getattr(shown, name) == word or any(u.startswith(name) for u in composed.unmet), concept
            if name == "extra":
                assert word in shown.extras or composed.unmet, concept
        assert sorted(t.kind for t in shown.things) == sorted(t.kind for t in original.things)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("prompt", ["a red fox left of a blue car", "一辆蓝色的汽车的左边有一只红色的狐狸"])
def test_left_is_left(prompt: str, seed: int) -> None:
    things = {thing.kind: thing for thing in scene(prompt, seed).things}
    assert things["fox"].x < things["car"].x - 0.25
    assert (things["fox"].colour, things["car"].colour) == ("red", "blue")


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("a windmill behind a cow", "behind"),
        ("a tent in front of a castle", "in front of"),
        ("a kite above a dog", "above"),
    ],
)
def test_relations_are_those_that_a_viewer_would_say(prompt: str, word: str, ratio: float) -> None:
    for seed in range(6):
        found = scene(prompt, seed, ratio=ratio)
        assert word in {r.word for r in relations(found, DRAWN) if r.subject == 0}


@pytest.mark.parametrize("prompt", ["three penguins", "三只企鹅", "3 penguins on the ice"])
def test_as_many_as_were_said(prompt: str) -> None:
    assert [thing.kind for thing in scene(prompt).things] == ["penguin"] * 3


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("prompt", ["four buses and four cars", "sticker of four cars and two buses"])
def test_things_stay_inside_and_apart_at_any_shape(prompt: str, ratio: float) -> None:
    for seed in range(6):
        things = scene(prompt, seed, ratio=ratio).things
        assert len(things) >= 6
        for i, a in enumerate(things):
            half = a.size * DRAWN.kind(a.kind).aspect * ratio
            assert abs(a.x) + half <= 1.001
            for b in things[:i]:
                other = b.size * DRAWN.kind(b.kind).aspect * ratio
                beside = abs(a.x - b.x) > half + other
                over = a.y > b.y + b.size or b.y > a.y + a.size
                assert beside or over


def test_the_narrowest_picture_has_a_scene() -> None:
    for ratio in (1 / 32, 32.0):
        assert len(made("four buses and four cars", ratio=ratio).scene.things) == 8
        assert len(made("sticker of four buses and four cars", ratio=ratio).scene.things) == 8


def test_the_same_words_and_seed_give_the_same_scene_and_one_word_more_changes_only_that() -> None:
    assert scene("a lake") == scene("湖泊")
    day, night = scene("a lake by day, clear sky", 3), scene("a lake at night, clear sky", 3)
    assert (day.season, day.field) == (night.season, night.field)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a whale", {"lake", "sea", "beach", "island", "river", "arctic"}),
        ("a camel", {"desert"}),
        ("a village", {"village"}),
        ("cows in spring", {"hills", "meadow", "fields"}),
    ],
)
def test_a_place_that_is_not_said_suits_what_is(prompt: str, expected: set[str]) -> None:
    assert {scene(prompt, seed).place for seed in range(25)} <= expected


@pytest.mark.parametrize(
    ("prompt", "unmet"),
    [
        ("the desert in winter", "season winter: desert looks the same all year here"),
        ("a rainbow at night", "extra rainbow: there is no sun at night"),
        ("a 3D landscape with a lake", "style 3-D: that is for stickers; land and sky were asked for"),
        ("sticker of a fox in a forest", "place forest: a sticker shows things only"),
        ("a black and white cat", "colour white: a cat has one colour here"),
        ("winter and summer in the mountains", "season summer: it is winter already"),
        ("the moon over a lake by day", "extra moon: the moon is seen at night here, it is day"),
        ("a cat behind a tree", "relation behind: these two can't be placed so in this view"),
        ("sixteen: four cats, four dogs, four pigs, four cows", "kind cow: 4 of them; a picture holds 12 things"),
        ("panorama of a lake", "projection panorama: that is twice as wide as high, without anything transparent"),
    ],
)
def test_what_cannot_be_shown_is_named(prompt: str, unmet: str) -> None:
    assert made(prompt).unmet == (unmet,)


def test_two_words_for_what_is_seen_together_contradict_nothing() -> None:
    assert scene("a lake in the mountains").place == "lake"
    assert scene("a beach by the ocean with waves").place == "beach"
    assert scene("a rainy, cloudy day in the city").weather == "rain"


def test_a_transparent_sticker_needs_a_thing() -> None:
    assert scene("a fox", transparent=True).backdrop == "transparent"
    with pytest.raises(UserError, match="needs a thing") as caught:
        made("a forest", transparent=True)
    assert caught.value.param == "background"


def test_a_style_given_twice_must_be_the_same() -> None:
    assert scene("a lake", style="oil").style == scene("a lake, oil painting").style == "oil"
    with pytest.raises(UserError, match="style is 'oil', but the prompt says 'flat'"):
        made("a lake, flat illustration", style="oil")


def test_a_kind_that_nothing_here_draws_is_named_and_one_with_a_stand_in_is_drawn_as_that() -> None:
    found = made("a panda and a green truck on a meadow")
    assert [(thing.kind, thing.colour) for thing in found.scene.things] == [("car", "green")]
    assert found.unmet == ("kind panda: nothing here draws it", "kind truck: a car is drawn in its place")
