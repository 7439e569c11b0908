"""A prompt is read into concepts: the truth is what the captions of sampled scenes say, and what a person would say."""

from __future__ import annotations

import hashlib
from typing import get_args

import pytest

from aigc.errors import UserError
from aigc.scenes import Caption, caption, sample
from aigc.scenes.captions import Form, Language
from aigc.scenes.concepts import CONCEPTS, FIRST, LATER, NUMBERS, PICTURE, SECOND, owners, slot
from aigc.scenes.kinds import kinds, pictured
from aigc.scenes.lexicon import Entry, _phrases, tokens, tree
from aigc.scenes.limits import drawn, within
from aigc.scenes.reading import read
from aigc.scenes.vocabulary import BACKDROPS, COLOURS, EXTRAS, PLACES, SEASONS, STYLES, TIMES, WEATHERS

BOUND = ("kind", "colour", "count", "relation")


def test_the_concepts_are_those_that_models_were_trained_with() -> None:
    digest = hashlib.sha256("\n".join(CONCEPTS[:141]).encode()).hexdigest()
    assert digest == "75f70deadf974d8ae2f29f632b269532ca8be8654ac48e7bda8de00acd079025", (
        "weights depend on the order: only append"
    )


def test_every_word_of_the_renderer_is_a_concept() -> None:
    names = {
        "kind": kinds(),
        "colour": COLOURS,
        "place": PLACES,
        "season": SEASONS,
        "time": TIMES,
        "weather": WEATHERS,
        "extra": EXTRAS,
        "style": STYLES,
        "backdrop": BACKDROPS,
    }
    assert {f"{name}:{word}" for name, found in names.items() for word in found} <= set(CONCEPTS)
    assert len(NUMBERS) == len(CONCEPTS)


def test_no_phrase_has_two_meanings_but_the_ones_that_a_number_decides() -> None:
    meanings: dict[str, set[Entry]] = {}
    for phrase, entry in _phrases():
        meanings.setdefault(" ".join(token.text for token in tokens(phrase)), set()).add(entry)
    assert {phrase for phrase, found in meanings.items() if len(found) > 1} == {
        "stars",
        "skyscrapers",
        "flowers",
        "birds",
    }


def said(found: Caption) -> tuple[list[str], set[str]]:
    """What a caption says of its things, in order, and of everything else."""
    things: list[str] = []
    truth = found.said
    order = [truth.relation.subject, truth.relation.object] if truth.relation else range(len(truth.groups))
    for index in order:
        group = truth.groups[index]
        if things and truth.relation:
            things.append(f"relation:{truth.relation.word}")
        if len(group.members) > 1 or not (found.language == "en" and found.form == "tags"):
            things.append(f"count:{len(group.members)}")
        things += [f"colour:{group.colour}"] if index in truth.coloured else []
        things.append(f"kind:{group.kind}")
    rest = {f"extra:{extra}" for extra in truth.extras}
    for name in ("place", "season", "time", "weather", "style", "projection"):
        value = getattr(truth, name)
        rest |= {f"{name}:{value}"} if value else set()
    if truth.backdrop:
        rest.add(f"backdrop:{truth.backdrop_colour} {truth.backdrop}")
    return things, rest


def understood(text: str) -> tuple[list[str], set[str]]:
    """The same, as read from a text."""
    concepts = list(read(text).concepts)
    rest = {concept for concept in concepts if slot(concept) not in (*BOUND, "backdrop")}
    for i, concept in enumerate(concepts):
        if slot(concept) == "backdrop":
            colour = concepts.pop(i - 1).removeprefix("colour:") if slot(concepts[i - 1]) == "colour" else None
            rest.add(f"backdrop:{colour} {concept.removeprefix('backdrop:')}")
            break
    return [concept for concept in concepts if slot(concept) in BOUND], rest


@pytest.mark.parametrize("seed", range(60))
def test_what_a_caption_says_is_what_is_read(seed: int) -> None:
    scene = sample(1_000_000 + seed, held_out=seed % 3 == 0)
    for language in get_args(Language):
        for form in get_args(Form):
            found = caption(scene, language, form, seed)
            assert understood(found.text) == said(found), found.text
            assert read(found.text).unknown == (), found.text


FOX_AND_CAR = ("count:1", "kind:fox", "relation:left of", "count:1", "kind:car")


@pytest.mark.parametrize(
    ("prompt", "concepts"),
    [
        ("a red fox in a snowy forest at night", "count:1 colour:red kind:fox season:winter place:forest time:night"),
        ("雪山下的湖，日落", "place:lake season:winter time:sunset"),
        ("snow", "season:winter"),
        ("雪", "season:winter"),
        ("it is snowing", "weather:snow"),
        ("下雪了", "weather:snow"),
        ("a kitten on a sunny beach", "count:1 kind:cat weather:clear time:day place:beach"),
        ("a sunny beach at sunset", "weather:clear place:beach time:sunset"),
        ("three puppies under the stars", "count:3 kind:dog time:night weather:clear"),
        ("two red stars", "count:2 colour:red kind:star"),
        ("two birds", "count:2 kind:bird"),
        ("birds in the sky", "extra:birds"),
        ("cows", "count:3 kind:cow"),
        ("一只白天鹅", "count:1 colour:white kind:swan"),
        ("紅色的貓", "colour:red kind:cat"),
        ("ＯＩＬ painting of a dark-blue hot air balloon", "style:oil count:1 colour:blue kind:hot-air balloon"),
        ("a gray wolf, watercolor", "count:1 colour:grey kind:wolf style:watercolour"),
        ("两只狐狸 in a city at dusk", "count:2 kind:fox place:city time:dusk"),
        ("3D icon of a pig, white background", "style:3-D count:1 kind:pig colour:white backdrop:plain"),
        ("海边的星空", "place:beach time:night weather:clear"),
        ("a lake in winter, frozen in the snow", "place:lake season:winter"),
    ],
)  # fmt: skip
def test_people_say_it_in_other_words(prompt: str, concepts: str) -> None:
    assert " ".join(read(prompt).concepts) == concepts


@pytest.mark.parametrize(
    "prompt",
    [
        "a fox left of a car",
        "a fox to the left of a car",
        "to the left of a car there is a fox",
        "a fox on the left and a car on the right",
        "一只狐狸在一辆汽车的左边",
        "一辆汽车的左边有一只狐狸",
        "左边是一只狐狸，右边是一辆汽车",
    ],
)
def test_a_relation_stands_between_its_things_however_it_is_said(prompt: str) -> None:
    assert read(prompt).concepts == FOX_AND_CAR


def test_what_is_under_a_balloon_has_the_balloon_above_it() -> None:
    assert read("a house under a balloon").concepts == read("a balloon above a house").concepts
    assert read("a fox under a car").ignored == ("under",)


def test_every_word_is_grounded_unknown_or_ignored() -> None:
    reading = read("a happy robot in the woods, no snow, five blue hills and democracy")
    assert [g.concept for g in reading.grounded] == ["count:1", "kind:robot", "place:forest", "place:hills"]
    assert set(reading.unknown) == {"happy", "no snow", "five", "blue", "democracy"}
    assert set(reading.ignored) == {"and"}


def test_a_grounded_word_tells_where_it_stands() -> None:
    prompt = "Two  KITTENS在海边"
    assert [(g.text, g.concept) for g in read(prompt).grounded] == [
        ("Two", "count:2"),
        ("KITTENS", "kind:cat"),
        ("海边", "place:beach"),
    ]
    assert all(prompt[g.start : g.end] == g.text for g in read(prompt).grounded)


def test_an_unknown_word_may_be_taken_for_the_nearest_concept() -> None:
    reading = read("two blue gliders and love", {"gliders": "kind:airplane"}.get)
    assert reading.concepts == ("count:2", "colour:blue", "kind:airplane")
    assert [g.how for g in reading.grounded] == ["word", "word", "near"]
    assert reading.unknown == ("love",)


def test_concepts_have_numbers_and_zero_is_nothing() -> None:
    assert read("fox, red car").numbers(5) == [1, NUMBERS["colour:red"], NUMBERS["kind:car"], 0, 0]
    with pytest.raises(UserError, match="names 3 things and properties, at most 2"):
        read("fox, red car").numbers(2)


def test_nothing_and_noise_are_read_as_nothing() -> None:
    assert read("").concepts == ()
    assert read("  ,,, \n\0 ").concepts == ()
    assert read("red " * 8000).unknown == ("red",)
    assert tree().entry is None


def test_a_number_and_a_colour_belong_to_the_thing_after_them_and_the_colour_of_a_backdrop_to_the_picture() -> None:
    said = {
        "a red background, two blue cars left of a green cactus": [
            *("colour:red", PICTURE), *("backdrop:plain", PICTURE),
            *("count:2", FIRST), *("colour:blue", FIRST), *("kind:car", FIRST), *("relation:left of", PICTURE),
            *("count:1", SECOND), *("colour:green", SECOND), *("kind:cactus", SECOND),
        ],
        "狐狸、汽车、红色的房子和猫，扁平风格": [
            *("kind:fox", FIRST), *("kind:car", SECOND), *("colour:red", LATER), *("kind:house", LATER),
            *("kind:cat", LATER), *("style:flat", PICTURE),
        ],
    }  # fmt: skip
    for prompt, expected in said.items():
        concepts = read(prompt).concepts
        assert [x for pair in zip(concepts, owners(concepts), strict=True) for x in pair] == expected


def test_kinds_that_are_only_named_are_concepts_with_a_stand_in_that_is_drawn() -> None:
    assert len(CONCEPTS) <= 255
    assert CONCEPTS[141:] == tuple(f"kind:{name}" for name in pictured())
    assert not pictured().keys() & kinds().keys()
    assert {each.instead for each in pictured().values()} <= {"", *kinds()}


@pytest.mark.parametrize(
    ("prompt", "concepts"),
    [
        ("a red apple left of two pandas", "count:1 colour:red kind:apple relation:left of count:2 kind:panda"),
        ("一只绿色的恐龙和三本书", "count:1 colour:green kind:dinosaur count:3 kind:book"),
        ("a pink unicorn eating ice cream", "count:1 colour:pink kind:unicorn kind:ice cream"),
        ("two pairs of scissors, a cup of coffee", "count:2 kind:pair of scissors count:1 kind:cup of coffee"),
        ("红苹果", "colour:red kind:apple"),
        ("蓝色的T恤贴纸", "colour:blue kind:T-shirt projection:sticker"),
        ("蘋果和鑰匙", "kind:apple kind:key"),
    ],
)
def test_kinds_that_are_only_named_are_read(prompt: str, concepts: str) -> None:
    assert " ".join(read(prompt).concepts) == concepts


def test_who_does_not_know_a_kind_takes_what_stands_for_it_or_names_it_with_all_that_belongs_to_it() -> None:
    found = within(read("two green trucks"), drawn)
    assert found.concepts == ("count:2", "colour:green", "kind:car")
    assert [g.how for g in found.grounded] == ["word", "word", "near"]
    found = within(read("a pink panda left of a red fox at a lake"), drawn)
    assert found.concepts == ("count:1", "colour:red", "kind:fox", "place:lake")
    assert set(found.unknown) == {"pink", "panda", "left of"}
    found = within(read("a red fox left of a pink panda, a blue car"), drawn)
    assert found.concepts == ("count:1", "colour:red", "kind:fox", "count:1", "colour:blue", "kind:car")
    assert set(found.unknown) == {"pink", "panda", "left of"}
    whole = read("a pink panda")
    assert within(whole, lambda concept: True) == whole
