"""The fixed prompts of the examination: captions of scenes that nobody trains on, as many of each sort.

Sorts: a sticker, a view alone, one thing, several of a kind, two things side by side; each in English and Chinese, each
with combinations that training shows and with such that it never does (`aigc.scenes.held_out`).

Knows: scenes and captions. Does not know: models, pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice, zip_longest
from typing import Literal

from aigc.scenes import Caption, Scene, caption, sample
from aigc.scenes.captions import Form, Language

FIRST_SEED = 3 << 40
"""Neither models nor the examiner are trained on scenes from here on."""
_FORMS: tuple[Form, ...] = ("long", "long", "tags", "long", "short")
_WORDINGS = 8
Sort = Literal["sticker", "view", "one", "several", "pair"]
SORTS: tuple[Sort, ...] = ("sticker", "view", "one", "several", "pair")


@dataclass(frozen=True)
class Question:
    """A prompt and the scene that it was written about."""

    number: int
    scene: Scene
    caption: Caption
    sort: Sort
    held_out: bool

    @property
    def prompt(self) -> str:
        """What a model is asked for."""
        return self.caption.text


@lru_cache(maxsize=4)
def questions(total: int) -> tuple[Question, ...]:
    """The first so many of an endless list that is the same on every machine.

    Args:
        total: at least 1; multiples of 20 have as many of every sort, language and half.
    """
    cells = [
        _cell(sort, language, held_out, number)
        for number, (sort, language, held_out) in enumerate(
            (sort, language, held_out) for sort in SORTS for language in _LANGUAGES for held_out in (False, True)
        )
    ]
    rounds = zip_longest(*(islice(cell, -(-total // len(cells))) for cell in cells))
    found = [each for row in rounds for each in row][:total]
    return tuple(Question(i, q.scene, q.caption, q.sort, q.held_out) for i, q in enumerate(found))


_LANGUAGES: tuple[Language, ...] = ("en", "zh")


def _cell(sort: Sort, language: Language, held_out: bool, number: int) -> Iterator[Question]:
    """All questions of one sort, language and half."""
    made = 0
    for seed in count(FIRST_SEED + number * 10**9):
        scene = sample(seed, projection="sticker" if sort == "sticker" else "perspective", held_out=held_out)
        if sort not in ("sticker", sort_of(scene)):
            continue
        found = _worded(scene, language, _FORMS[made % len(_FORMS)], sort)
        if found is not None:
            made += 1
            yield Question(0, scene, found, sort, held_out)


def sort_of(scene: Scene) -> Sort:
    """What a view is about; stickers are a sort of their own."""
    kinds = {thing.kind for thing in scene.things}
    if len(scene.things) < 2:
        return "one" if scene.things else "view"
    return "several" if len(kinds) == 1 else "pair"


def _worded(scene: Scene, language: Language, form: Form, sort: Sort) -> Caption | None:
    """A caption that says what the sort is about; None if the scene has none."""
    for draw in range(_WORDINGS):
        found = caption(scene, language, "long" if sort == "pair" else form, draw)
        relation = found.said.relation
        if sort != "pair" or (relation is not None and relation.word in ("left of", "right of")):
            return found
    return None
