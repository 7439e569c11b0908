"""The examination of picture models: its questions, its judgements, its sums."""

from __future__ import annotations

import io
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from aigc.client.picture_results import Picture, PictureAnswer
from aigc.errors import UserError
from aigc.evaluation.distances import kernel_distance, nearest, seam
from aigc.evaluation.examiner import Seen, Spot, look
from aigc.evaluation.image import Examination, examine
from aigc.evaluation.judge import judge
from aigc.evaluation.labels import HEADS, KINDS, targets
from aigc.evaluation.questions import questions
from aigc.scenes import Scene, Thing, held_out, render
from aigc.scenes.captions import Said
from aigc.scenes.relations import Group, Relation


def test_the_questions_are_the_same_everywhere_and_balanced() -> None:
    asked = questions(60)
    assert len({q.prompt for q in asked}) > 55
    assert set(Counter((q.sort, q.caption.language, q.held_out) for q in asked).values()) == {3}
    assert all(bool(held_out(q.scene)) == q.held_out for q in asked)
    assert all(q.caption.said.relation for q in asked if q.sort == "pair")
    assert [q.prompt for q in questions(20)] == [q.prompt for q in asked[:20]]
    assert asked[0].prompt == "four skyscrapers, clip art on a yellow background"


def said(**parts: object) -> Said:
    nothing = dict.fromkeys(("relation", "place", "season", "time", "weather", "style", "projection"))
    rest = {"groups": (), "coloured": frozenset(), "extras": (), "backdrop": None, "backdrop_colour": None}
    return Said(**(nothing | rest | parts))  # type: ignore[arg-type]


NOTHING = {kind: Spot("red", 0.5, 0.0) for kind in KINDS}


def seen(extras: frozenset[str] = frozenset(), counts: dict[str, int] | None = None, **whole: str | Spot) -> Seen:
    spots = {name: spot for name, spot in whole.items() if isinstance(spot, Spot)}
    words = {name: word for name, word in whole.items() if isinstance(word, str)}
    found = dict.fromkeys(KINDS, 0) | dict.fromkeys(spots, 1) | (counts or {})
    return Seen(dict.fromkeys(HEADS, "") | words, extras, NOTHING | spots, found, np.zeros(1, np.float32))


FOX, CAR = Spot("red", 0.2, 0.9), Spot("blue", 0.8, 0.8)
PAIR = (Group("fox", "red", (0,)), Group("car", "blue", (1,)))


def test_everything_right() -> None:
    asked = said(
        groups=PAIR,
        coloured=frozenset({0, 1}),
        relation=Relation(0, "left of", 1),
        place="lake",
        time="night",
        extras=("moon",),
    )
    verdicts = judge(asked, seen(fox=FOX, car=CAR, place="lake", time="night", extras=frozenset({"moon"})))
    assert {name: found for name, found in verdicts.items() if found} == {
        "object": [True, True],
        "colour": [True, True],
        "count": [True, True],
        "left or right": [True],
        "place": [True],
        "hour": [True],
        "extra": [True],
    }


def test_swapped_colours_and_sides_are_wrong() -> None:
    asked = said(groups=PAIR, coloured=frozenset({0, 1}), relation=Relation(0, "left of", 1))
    verdicts = judge(asked, seen(fox=CAR, car=FOX))
    assert verdicts["object"] == [True, True]
    assert verdicts["colour"] == [False, False]
    assert verdicts["left or right"] == [False]


def test_a_thing_that_is_not_there_has_neither_colour_nor_side() -> None:
    asked = said(groups=PAIR, coloured=frozenset({0, 1}), relation=Relation(1, "right of", 0))
    verdicts = judge(asked, seen(fox=FOX))
    assert verdicts["object"] == verdicts["colour"] == verdicts["count"] == [True, False]
    assert verdicts["left or right"] == [False]


def test_three_are_not_two() -> None:
    asked = said(groups=(Group("fox", None, (0, 1, 2)),))
    assert judge(asked, seen(fox=FOX, counts={"fox": 3}))["count"] == [True]
    assert judge(asked, seen(fox=FOX, counts={"fox": 2}))["count"] == [False]


def test_only_what_was_said_is_judged() -> None:
    assert not any(judge(said(), seen(fox=FOX, place="lake")).values())


def test_the_same_distribution_is_at_no_distance_and_another_is() -> None:
    dice = np.random.default_rng(0)
    a, b = dice.normal(size=(2, 400, 16)).astype(np.float32)
    far = (b + 1).astype(np.float32)
    assert abs(kernel_distance(a, b)) < 0.2
    assert kernel_distance(a, far) > 5
    # Closed form: two points each, kernel (xy + 1)^3: within 1 and 8, across 1.
    x, y = np.array([[0.0], [0.0]], np.float32), np.array([[1.0], [1.0]], np.float32)
    assert kernel_distance(x, y) == pytest.approx(1 + 8 - 2 * 1)


def test_a_copy_is_at_no_distance() -> None:
    a = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    assert nearest(a, a[:1]) == pytest.approx([0.0, 1.0])


def test_a_shifted_panorama_has_no_seam_and_a_ramp_has_one() -> None:
    wave = np.sin(np.arange(64) / 64 * 2 * np.pi) * 100 + 128
    ramp = np.arange(64) * 2
    assert seam(np.broadcast_to(wave[None, :, None], (8, 64, 3)).astype(np.uint8)) < 2
    assert seam(np.broadcast_to(ramp[None, :, None], (8, 64, 3)).astype(np.uint8)) == pytest.approx(63)


def test_labels_are_where_things_are_also_in_the_mirror() -> None:
    scene = Scene(seed=1, place="lake", things=(Thing("fox", "red"),))
    plain = targets(scene, [[0, 12.0, 50.0, 30]])
    mirrored = targets(scene, [[0, 12.0, 50.0, 30]], mirrored=True)
    assert np.argwhere(plain["centre"] == 1).tolist() == [[6, 1]]
    assert np.argwhere(mirrored["centre"] == 1).tolist() == [[6, 10]]
    assert plain["season"] == -1
    assert HEADS["place"][int(plain["place"])] == "lake"


class Draws:
    """Answers as a client does: with the renderer's own picture of the scene that the prompt was written about."""

    def __init__(self, *, blind: bool = False) -> None:
        self._scenes = {q.prompt: q.scene for q in questions(20)}
        self._blind = blind

    def generate(self, prompt: str, *, width: int, height: int, **_: object) -> PictureAnswer:
        if prompt.startswith("four"):
            raise UserError("too many", param="prompt")
        scene = Scene(seed=1, place="lake") if self._blind else self._scenes[prompt]
        return self._answer(scene, width, height)

    def panorama(self, prompt: str, width: int, height: int, **_: object) -> PictureAnswer:
        return self._answer(Scene(seed=1, place="lake", projection="panorama"), width, height)

    def _answer(self, scene: Scene, width: int, height: int) -> PictureAnswer:
        picture = render(scene, width, height, supersample=1)
        content = io.BytesIO()
        Image.fromarray(np.dstack([picture.rgb, picture.alpha])).save(content, "PNG")
        return PictureAnswer((Picture(content.getvalue()),))


def examined(client: Draws) -> Examination:
    return examine(client, "m", count=20, side=160, on_step=lambda *_: None)  # type: ignore[arg-type]


def test_true_pictures_reach_the_ceiling_but_for_what_was_refused() -> None:
    found = examined(Draws())
    everything = found.rows[-1]
    assert everything.attribute == "all"
    assert everything.ceiling.value is not None
    assert everything.ceiling.value > 0.6
    assert everything.shares["Chinese"].value == pytest.approx(_ceiling(found, "zh"))
    assert len(found.refused) == 1
    assert everything.shares["all"].right < everything.ceiling.right
    assert found.seam is not None
    assert found.seam < 1.5
    assert found.novelty == pytest.approx(1, abs=0.2)


def _ceiling(found: Examination, language: str) -> float:
    """What the examiner says of true pictures in one language, computed apart."""
    asked = [q for q in questions(20) if q.caption.language == language]
    pictures = [render(q.scene, 160, 160, supersample=1) for q in asked]
    on_white = [
        (p.rgb * (p.alpha[..., None] / 255) + 255 * (1 - p.alpha[..., None] / 255)).round().astype(np.uint8)
        for p in pictures
    ]
    verdicts = [
        verdict
        for q, s in zip(asked, look(on_white), strict=True)
        for each in judge(q.caption.said, s).values()
        for verdict in each
    ]
    return sum(verdicts) / len(verdicts)


def test_a_blind_painter_is_far_below_and_far_away() -> None:
    blind, true = examined(Draws(blind=True)), examined(Draws())
    assert blind.rows[-1].shares["all"].right < 0.5 * true.rows[-1].shares["all"].right
    assert blind.kid > 5 * abs(true.kid)


def test_the_examination_becomes_json() -> None:
    told = json.loads(json.dumps(examined(Draws()).to_json()))
    assert set(told["attributes"]["colour"]) == {
        "all", "English", "Chinese", "seen", "held out", "verdicts", "real renders", "other pictures",
    }  # fmt: skip
    assert told["goals"] == {"seen": 0.85, "held out": 0.55}
