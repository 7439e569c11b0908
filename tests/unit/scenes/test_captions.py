"""Captions say what the description holds, in both languages, and nothing else."""

from __future__ import annotations

import re

import pytest

from aigc.scenes import Scene, Thing, caption, sample
from aigc.scenes.kinds import kinds
from aigc.scenes.vocabulary import BACKDROPS, COLOURS, EXTRAS, PLACES, SEASONS, STYLES, TIMES, WEATHERS
from aigc.scenes.words import Words, words

ENGLISH, CHINESE = words("english"), words("chinese")


@pytest.mark.parametrize("language", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_every_word_of_the_vocabulary_can_be_said(language: Words) -> None:
    for values, ways in (
        (PLACES, language.place),
        (PLACES, language.where),
        (SEASONS, language.season),
        (TIMES, language.time),
        (WEATHERS, language.weather),
        (EXTRAS, language.extra),
        (STYLES, language.style),
        (COLOURS, language.colour),
        (BACKDROPS, language.backdrop),
    ):
        assert set(ways) == set(values)
    assert len(language.things) + len(language.places) >= 30


def ways(said: dict[str, list[str]], value: str | None) -> list[str]:
    return [] if value is None else said[value]


@pytest.mark.parametrize("seed", range(150))
def test_what_is_said_is_in_the_text_and_what_is_not_said_is_not(seed: int) -> None:
    scene = sample(seed)
    for language, w in (("en", ENGLISH), ("zh", CHINESE)):
        for form in ("short", "long", "tags"):
            found = caption(scene, language, form)  # type: ignore[arg-type]
            said, text = found.said, found.text.lower()
            for name, table in (("time", w.time), ("weather", w.weather)):
                value = getattr(said, name)
                stems = [stem(way) for way in ways(table, value)]
                assert value is None or any(s in text for s in stems), (name, value, text)
                others = {stem(way) for other in table if other != getattr(scene, name) for way in table[other]}
                assert not [s for s in others - set(stems) if holds(text, s, language)], (name, text)
            for group in said.groups:
                kind = kinds()[group.kind]
                noun = kind.chinese if language == "zh" else (kind.many() if len(group.members) > 1 else kind.name)
                assert noun in text, text
            for index in said.coloured:
                hues = w.colour[said.groups[index].colour or ""]
                assert any(hue.removesuffix("的") in text for hue in hues), text


def stem(way: str) -> str:
    """A phrase without the words that tags leave out."""
    way = re.sub(r"^(at|by|in|during|under|with|on|while it) (the |a |an )?", "", way)
    return way.lower()


def holds(text: str, words_of_it: str, language: str) -> bool:
    """Does the text hold these words, not merely inside other words? Chinese words of one hour may nest."""
    if language == "zh":
        return False
    return re.search(rf"\b{re.escape(words_of_it)}\b", text) is not None


@pytest.mark.parametrize("seed", range(150))
def test_texts_are_tidy(seed: int) -> None:
    scene = sample(seed)
    for draw in range(2):
        for form in ("short", "long", "tags"):
            english = caption(scene, "en", form, draw).text  # type: ignore[arg-type]
            assert english == english.strip()
            assert not re.search(r"  |,,| ,|, ,|[{}()]|\ba [aeiou]|\ban [^aeiou]|\bnone\b", english), english
            chinese = caption(scene, "zh", form, draw).text  # type: ignore[arg-type]
            assert chinese
            assert not re.search(r"，，|[{}]|^[，的]|，$|的的|的，|有，|None|的。", chinese), chinese
            assert not re.search(r"\b(no|not|without)\b|没有|无(?!云)", english + chinese)


def test_a_long_caption_names_things_colours_and_how_they_stand() -> None:
    scene = Scene(
        seed=1,
        place="meadow",
        things=(Thing("ball", "red", x=-0.5), Thing("cube", "blue", x=0.5)),
    )
    for draw in range(20):
        english, chinese = caption(scene, "en", "long", draw), caption(scene, "zh", "long", draw)
        assert "ball" in english.text
        assert "cube" in english.text
        assert "球" in chinese.text
        assert "方块" in chinese.text
        if english.said.relation and english.said.relation.word == "left of":
            first, second = (english.said.groups[i].kind for i in (english.said.relation.subject, 1))
            assert english.said.relation.subject == 0
            assert english.text.index(first) < english.text.index("left") < english.text.index(second)


def test_a_group_is_counted() -> None:
    scene = Scene(seed=1, place="meadow", things=tuple(Thing("sheep", "white", x=x) for x in (-0.6, 0.0, 0.6)))
    assert "three white sheep" in {caption(scene, "en", "tags", d).text.split(",")[0] for d in range(9)}
    assert any(caption(scene, "zh", "tags", d).text.startswith("三只白") for d in range(9))


def test_one_scene_has_many_captions() -> None:
    scene = sample(1)
    assert len({caption(scene, "en", "long", draw).text for draw in range(40)}) > 30
    assert len({caption(scene, "zh", "long", draw).text for draw in range(40)}) > 30


def test_attributes_are_listed_by_name() -> None:
    things = (Thing("fox", "red"),)
    scene = Scene(seed=2, place="forest", season="winter", time="night", things=things)
    found = frozenset().union(*(caption(scene, "en", "long", draw).said.attributes() for draw in range(20)))
    assert found >= {"kind:fox", "colour:red fox", "place:forest", "season:winter", "time:night"}
