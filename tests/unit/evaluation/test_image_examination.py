"""The examination of picture models: its questions, its judgements, its sums."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aigc.client.picture_results import Picture, PictureAnswer
from aigc.errors import UserError
from aigc.evaluation.distances import ahead, kernel_distance, nearest, seam
from aigc.evaluation.examiner import Seen, Spot, look, reduced, vectors
from aigc.evaluation.image import Examination, examine
from aigc.evaluation.judge import judge
from aigc.evaluation.labels import HEADS, KINDS, targets
from aigc.evaluation.questions import Question, questions
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
    found = dict.fromkeys(spots, 1) | (counts or {})
    things = [alike(**{kind: 0.9}) for kind, number in found.items() for _ in range(number)]
    nothing = np.zeros(1, np.float32)
    return Seen(dict.fromkeys(HEADS, "") | words, extras, NOTHING | spots, things, nothing, nothing)


def alike(**kinds: float) -> dict[str, float]:
    return dict.fromkeys(KINDS, 0.0) | kinds


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


def test_a_thing_counts_once_for_what_it_is_most_like() -> None:
    asked = said(groups=(Group("fox", None, (0, 1)), Group("wolf", None, (2,))))
    found = replace(seen(), things=[alike(fox=0.5, wolf=0.4), alike(fox=0.6), alike(fox=0.3, wolf=0.6), alike(bear=1)])
    assert judge(asked, found)["count"] == [True, True]


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
    # Of a set with itself, 0 and 1: within 1 and 1, across a mean of 1, 1, 1 and 8. Without bias is below 0 here.
    both = np.concatenate([x[:1], y[:1]])
    assert kernel_distance(both, both) == pytest.approx(1 + 1 - 2 * 11 / 4)


def test_pictures_that_equal_their_captions_find_them() -> None:
    eye = np.eye(5, dtype=np.float32)
    assert ahead(eye, eye, range(5), "abcde").tolist() == [0] * 5


def test_a_caption_that_says_the_same_is_not_in_the_way_and_any_other_is() -> None:
    same, picture = np.ones((4, 1), np.float32), np.ones((1, 1), np.float32)
    assert ahead(picture, same, [0], "abcd").tolist() == [3]
    assert ahead(picture, same, [0], "aaab").tolist() == [1]


def test_vectors_are_the_same_for_the_same_words_in_both_languages_and_order_matters() -> None:
    a, b, c, d = vectors(
        [
            "a red fox left of a blue car",
            "一只红色的狐狸在一辆蓝色的汽车的左边",
            "a blue fox left of a red car",
            "a forest",
        ]
    )
    assert np.linalg.norm(a) == pytest.approx(1, abs=1e-4)
    assert a @ b == pytest.approx(1, abs=1e-4)
    assert a @ d < 0.5 < a @ c < 0.999


def test_a_small_picture_grows_without_squares() -> None:
    ramp = np.broadcast_to(np.arange(0, 144, 2, dtype=np.uint8)[None, :, None], (72, 72, 3))
    grown = reduced(ramp)
    assert grown.shape == (144, 144, 3)
    assert len(np.unique(grown[0, :, 0])) > 110


def test_a_copy_is_at_no_distance() -> None:
    a = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    assert nearest(a, a[:1]) == pytest.approx([0.0, 1.0])


def test_a_shifted_panorama_has_no_seam_and_a_ramp_has_one() -> None:
    wave = np.sin(np.arange(64) / 64 * 2 * np.pi) * 100 + 128
    ramp = np.arange(64) * 2
    assert seam(np.broadcast_to(wave[None, :, None], (8, 64, 3)).astype(np.uint8)) < 2
    assert seam(np.broadcast_to(ramp[None, :, None], (8, 64, 3)).astype(np.uint8)) == pytest.approx(63)


def test_labels_are_where_things_are() -> None:
    scene = Scene(seed=1, place="lake", things=(Thing("fox", "red"),))
    plain = targets(scene, np.array([[0, 0.14, 0.52]], np.float32))
    assert np.argwhere(plain["centre"] == 1).tolist() == [[12, 3]]
    assert KINDS[plain["kind"][12, 3]] == KINDS[plain["kind"][13, 4]] == "fox"
    assert plain["kind"][12, 5] == plain["colour"][12, 5] == -1
    assert targets(scene, np.array([[0, -1, -1]], np.float32))["centre"].max() == 0
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


@pytest.fixture(scope="module")
def true() -> Examination:
    return examined(Draws())


def test_true_pictures_reach_the_ceiling_but_for_what_was_refused(true: Examination) -> None:
    everything, first, ten = true.rows[-3:]
    assert everything.attribute == "all"
    assert everything.ceiling.value is not None
    assert everything.ceiling.value > 0.8
    assert everything.shares["Chinese"].value == pytest.approx(_ceiling("zh"))
    assert len(true.refused) == 1
    assert everything.shares["all"].right < everything.ceiling.right
    assert true.seam is not None
    assert true.seam < 1.5
    assert true.novelty == pytest.approx(1, abs=0.2)
    assert (first.attribute, ten.attribute) == ("R@1", "R@10")
    assert first.shares["all"].total == 20
    assert 5 < first.ceiling.right <= ten.ceiling.right
    assert ten.shares["all"].right == ten.ceiling.right - _found(true.refused[0])
    assert ten.floor.right < 5


def _on_white(question: Question) -> NDArray[np.uint8]:
    picture = render(question.scene, 160, 160, supersample=1)
    opacity = picture.alpha[..., None] / 255
    return (picture.rgb * opacity + 255 * (1 - opacity)).round().astype(np.uint8)


def _found(refused: str) -> int:
    """1 if the true picture of the prompt that was refused finds it among the first ten of 1,000; computed apart."""
    known = questions(1000)
    question = next(q for q in known if refused.startswith(q.prompt))
    near = vectors([q.prompt for q in known]) @ look([_on_white(question)])[0].vector
    return int((near > near[question.number] + 1e-6).sum() < 10)


def _ceiling(language: str) -> float:
    """What the examiner says of true pictures in one language, computed apart."""
    asked = [q for q in questions(20) if q.caption.language == language]
    verdicts = [
        verdict
        for q, s in zip(asked, look(map(_on_white, asked)), strict=True)
        for each in judge(q.caption.said, s).values()
        for verdict in each
    ]
    return sum(verdicts) / len(verdicts)


def test_a_blind_painter_is_far_below_and_far_away(true: Examination) -> None:
    blind = examined(Draws(blind=True))
    assert blind.rows[-3].shares["all"].right < 0.5 * true.rows[-3].shares["all"].right
    assert blind.kid > 5 * abs(true.kid)
    assert true.kid_floor == blind.kid_floor


def test_the_examination_becomes_json(true: Examination) -> None:
    told = json.loads(json.dumps(true.to_json()))
    assert set(told["attributes"]["colour"]) == {
        "all", "English", "Chinese", "seen", "held out", "verdicts", "real renders", "other pictures",
    }  # fmt: skip
    assert list(told["attributes"])[-3:] == ["all", "R@1", "R@10"]
    assert told["goals"] == {"seen": 0.85, "held out": 0.55}


@pytest.mark.parametrize("count", [19, 1001])
def test_more_prompts_than_captions_are_refused_and_too_few(count: int) -> None:
    with pytest.raises(UserError, match=f"count is {count}, accepted: 20 to 1000"):
        examine(Draws(), "m", count=count, side=160, on_step=lambda *_: None)  # type: ignore[arg-type]
