"""A description is data: checked, and the same as text and back."""

from __future__ import annotations

import pytest

from aigc.errors import UserError
from aigc.scenes import Scene, Thing, held_out, relations, sample
from aigc.scenes.art import DRAWN
from aigc.scenes.held_out import combinations
from aigc.scenes.kinds import kinds
from aigc.scenes.vocabulary import COLOURS, PLACES, SEASONAL, STYLES


@pytest.mark.parametrize("seed", range(60))
def test_a_sampled_scene_comes_back_from_its_text(seed: int) -> None:
    scene = sample(seed)
    assert Scene.from_json(scene.to_json()) == scene


def test_the_text_of_a_scene_is_short_json() -> None:
    scene = Scene(seed=3, place="lake", things=(Thing("fox", "red"),))
    assert scene.to_json() == '{"seed":3,"place":"lake","things":[{"kind":"fox","colour":"red"}]}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a scene"),
        ('{"seed":1,"place":"moon"}', "moon"),
        ('{"seed":1,"place":"lake","fog":1}', "fog"),
        ('{"seed":-1,"place":"lake"}', "seed is -1"),
        ('{"seed":1}', "place is missing"),
        ('{"seed":1,"place":"desert","season":"winter"}', "no seasons"),
        ('{"seed":1,"place":"lake","style":"3-D"}', "stickers"),
        ('{"seed":1,"place":"lake","things":[{"kind":"fox","size":2}]}', "things[0].size is 2"),
        ('{"seed":1,"projection":"sticker"}', "at least one"),
        ('{"seed":1,"projection":"sticker","place":"lake","things":[{"kind":"fox"}]}', "no place"),
        ('{"seed":1,"projection":"sticker","things":[{"kind":"fox"}],"backdrop_colour":"red"}', "transparent"),
    ],
)
def test_a_description_without_meaning_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words.replace("[", r"\[")):
        Scene.from_json(text)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="unicorn") as caught:
        DRAWN.kind("unicorn")
    assert "lighthouse" in str(caught.value.hint)


def test_every_kind_is_complete() -> None:
    assert len(kinds()) >= 60
    for kind in kinds().values():
        assert set(kind.colours) <= set(COLOURS)
        assert kind.colours
        assert kind.metres > 0
        assert kind.aspect > 0
        assert kind.chinese
        assert kind.measure


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    assert sample(5) == sample(5)
    assert len({sample(seed) for seed in range(50)}) == 50


def test_sampling_reaches_every_place_style_and_kind() -> None:
    scenes = [sample(seed) for seed in range(2500)]
    assert {s.place for s in scenes if s.place} == set(PLACES)
    assert {s.style for s in scenes} == set(STYLES)
    assert {thing.kind for s in scenes for thing in s.things} == set(kinds())


def test_sampled_scenes_hold_together() -> None:
    for seed in range(600):
        scene = sample(seed)
        assert scene.season is None or scene.place in SEASONAL
        assert scene.weather != "snow" or scene.season == "winter" or scene.place == "arctic"
        assert "moon" not in scene.extras or scene.time == "night"
        for thing in scene.things:
            kind = DRAWN.kind(thing.kind)
            half = thing.size * kind.aspect * (0.5 if scene.projection == "panorama" else 1)
            assert abs(thing.x) + half <= 1.02


def test_the_held_out_combinations_are_fixed_for_ever() -> None:
    names = "fox cat dog horse sheep bear rabbit house castle tent ball cube car sailboat balloon kite".split()
    blue = {n for n in names if f"colour|blue|{n}" in held_out(Scene(seed=0, place="lake", things=(Thing(n, "blue"),)))}
    assert blue == HELD_OUT_IN_BLUE
    scene = Scene(seed=0, place="lake", things=(Thing("fox", "red"), Thing("ball")))
    assert combinations(scene) == {
        "colour|red|fox",
        "style|rendered|fox",
        "style|rendered|ball",
        "place|lake|fox",
        "place|lake|ball",
        "pair|ball|fox",
        "hour|lake|day|clear",
    }


HELD_OUT_IN_BLUE = {"bear", "sheep"}


def test_training_never_sees_what_is_held_out_and_the_examination_always_does() -> None:
    for seed in range(200):
        assert held_out(sample(seed)) == frozenset()
        assert held_out(sample(seed, held_out=True)) != frozenset()


def test_relations_are_read_off_positions() -> None:
    scene = Scene(seed=0, place="meadow", things=(Thing("ball", "red", x=-0.5), Thing("cube", "blue", x=0.5)))
    assert [(r.subject, r.word, r.object) for r in relations(scene, DRAWN)] == [(0, "left of", 1), (1, "right of", 0)]


def test_what_flies_is_above_what_stands() -> None:
    things = (Thing("kite", x=0.1, y=0.2), Thing("dog", x=-0.1))
    words = [(r.subject, r.word) for r in relations(Scene(seed=0, place="meadow", things=things), DRAWN)]
    assert words == [(0, "above")]


def test_the_farther_of_two_is_behind() -> None:
    things = (Thing("house", size=0.2, x=-0.1), Thing("fox", size=0.2, x=0.1))
    words = [(r.subject, r.word) for r in relations(Scene(seed=0, place="meadow", things=things), DRAWN)]
    assert words == [(0, "behind"), (1, "in front of")]
