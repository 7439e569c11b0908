"""The examination of a picture model: does it show what prompts say, in which languages, also what it never saw?

Knows: the order of the parts, the sums. Does not know: HTTP, terminals, networks inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aigc.errors import UserError
from aigc.evaluation.distances import ahead, kernel_distance, nearest, seam
from aigc.evaluation.examiner import Seen, look, vectors
from aigc.evaluation.judge import ATTRIBUTES, judge
from aigc.evaluation.questions import Question, questions
from aigc.evaluation.renders import OnStep, Pixels, drawn, pixels, trained
from aigc.scenes.reading import read

if TYPE_CHECKING:
    from aigc.client.sync import Client

GOALS = {"seen": 0.85, "held out": 0.55}
"""Shares of verdicts that a good model reaches; of the renderer's own grammar."""
_PANORAMAS = ("a lake under mountains at dawn", "雪山下的湖，日落", "a beach by day", "夜晚的城市")
LEAST, CAPTIONS = 20, 1000
"""Prompts that are asked at least, and at most: the captions that each picture has to find its own among."""
FOUND = {"R@1": 1, "R@10": 10}
"""Rows of the table that say how often a picture's own caption is among so many that are nearest to it."""
_TRAINED = 300
"""Training pictures that are compared with, at most."""
_OTHER = 7
"""The question so many places on is of another sort."""
Column = tuple[str, Callable[[Question], bool]]
COLUMNS: tuple[Column, ...] = (
    ("all", lambda q: True),
    ("English", lambda q: q.caption.language == "en"),
    ("Chinese", lambda q: q.caption.language == "zh"),
    ("seen", lambda q: not q.held_out),
    ("held out", lambda q: q.held_out),
)


@dataclass(frozen=True)
class Share:
    """Right verdicts of all."""

    right: int
    total: int

    @property
    def value(self) -> float | None:
        """From 0 to 1; None without verdicts."""
        return self.right / self.total if self.total else None


@dataclass(frozen=True)
class Row:
    """One attribute, or all of them: shares by column, and what the examiner says of real renders.

    ``ceiling``: renders of the same prompts; ``floor``: of other prompts, as by a model that doesn't read.
    """

    attribute: str
    shares: Mapping[str, Share]
    ceiling: Share
    floor: Share


@dataclass(frozen=True)
class Examination:
    """Everything that was found.

    Attributes:
        rows: One for each attribute, one for all, one for each of `FOUND`.
        refused: Prompts that the model did not take, with its words; their verdicts count as wrong.
        kid: Kernel distance from renders of other prompts; 0 is alike.
        kid_floor: The same of true renders of the prompts: less than that can't be expected.
        novelty: Median distance to the nearest of 300 training pictures, over that of new renders; far below 1: copies.
        seam: Worst panorama: step across the edge over steps inside; None: it makes none.
    """

    model: str
    rows: Sequence[Row]
    kid: float
    kid_floor: float
    novelty: float
    seam: float | None
    seconds_each: float
    refused: Sequence[str] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As one JSON object; shares from 0 to 1."""
        table = {
            row.attribute: {
                **{name: share.value for name, share in row.shares.items()},
                "verdicts": row.shares["all"].total,
                "real renders": row.ceiling.value,
                "other pictures": row.floor.value,
            }
            for row in self.rows
        }
        return {
            "model": self.model,
            "attributes": table,
            "goals": GOALS,
            "kid": self.kid,
            "kid_floor": self.kid_floor,
            "novelty": self.novelty,
            "seam": self.seam,
            "seconds_each": self.seconds_each,
            "refused": list(self.refused),
        }


def examine(client: Client, model: str, *, count: int, side: int, on_step: OnStep, **options: Any) -> Examination:
    """Asks a served model for pictures and judges them.

    Args:
        client: where to ask.
        model: id or alias.
        count: how many of the fixed prompts, `LEAST` to `CAPTIONS`.
        side: of the pictures, in pixels.
        on_step: told about every picture.
        **options: go with every request, e.g. ``steps``.

    Raises:
        AigcError: what the server says, but for prompts that the model refuses.
    """
    if not LEAST <= count <= CAPTIONS:
        raise UserError(f"count is {count}, accepted: {LEAST} to {CAPTIONS}", param="count", hint="Ask for another.")
    known = questions(max(CAPTIONS, 2 * count))
    asked, others = known[:count], known[count : 2 * count]
    made, refused, seconds = _asked(client, model, asked, side, on_step, options)
    wall = _panoramas(client, model, side, on_step)
    truth = look(drawn([q.scene for q in asked], side, "real renders", on_step))
    beside = look(drawn([q.scene for q in others], side, "renders of other prompts", on_step))
    copied = look(drawn(trained(min(count, _TRAINED)), side, "training pictures", on_step))
    seen = dict(zip(made, look(made.values()), strict=True))
    rows = [_row(name, asked, seen, truth) for name in (*ATTRIBUTES, "all")]
    a, b, c, d = (np.stack([s.features for s in group]) for group in (list(seen.values()), truth, beside, copied))
    return Examination(
        model=model,
        rows=[*rows, *_retrieved(asked, known[:CAPTIONS], seen, truth)],
        kid=kernel_distance(a, c),
        kid_floor=kernel_distance(b, c),
        novelty=float(np.median(nearest(a, d)) / np.median(nearest(b, d))),
        seam=wall,
        seconds_each=seconds / max(len(made), 1),
        refused=refused,
    )


def _asked(
    client: Client, model: str, asked: Sequence[Question], side: int, on_step: OnStep, options: Mapping[str, Any]
) -> tuple[dict[int, Pixels], list[str], float]:
    """The model's pictures by number of the question, what it refused, and how long it took."""
    made: dict[int, Pixels] = {}
    refused: list[str] = []
    began = time.monotonic()
    for question in asked:
        try:
            answer = client.generate(
                question.prompt, model=model, width=side, height=side, seed=question.number, **options
            )
        except UserError as error:
            if error.param != "prompt":
                raise
            refused.append(f"{question.prompt}: {error.message}")
        else:
            made[question.number] = pixels(answer.images[0])
        on_step("pictures", question.number + 1, len(asked))
    if len(made) < 2:
        raise UserError(f"the model {model!r} refused nearly all prompts", param="model", hint=refused[0])
    return made, refused, time.monotonic() - began


def _panoramas(client: Client, model: str, side: int, on_step: OnStep) -> float | None:
    """The worst seam; None where the model makes no panoramas."""
    found = []
    for number, prompt in enumerate(_PANORAMAS):
        try:
            answer = client.panorama(prompt, 2 * side, side, model=model, seed=number)
        except UserError:
            return None
        found.append(seam(pixels(answer.images[0])))
        on_step("panoramas", number + 1, len(_PANORAMAS))
    return max(found)


def _row(name: str, asked: Sequence[Question], seen: Mapping[int, Seen], truth: Sequence[Seen]) -> Row:
    """One attribute; a refused prompt is wrong in all that it said."""
    real = {q.number: _verdicts(name, q, truth[q.number]) for q in asked}
    told = {
        q.number: _verdicts(name, q, seen[q.number]) if q.number in seen else [False] * len(real[q.number])
        for q in asked
    }
    other = {q.number: _verdicts(name, q, truth[_other(q, asked)]) for q in asked}
    return _summed(name, asked, told, real, other)


def _retrieved(
    asked: Sequence[Question], known: Sequence[Question], seen: Mapping[int, Seen], truth: Sequence[Seen]
) -> list[Row]:
    """How often a picture finds its own caption; one that was refused finds none."""
    captions, words = vectors([q.prompt for q in known]), [read(q.prompt).concepts for q in known]

    def places(pictures: Mapping[int, Seen]) -> dict[int, int]:
        found = ahead(np.stack([s.vector for s in pictures.values()]), captions, list(pictures), words)
        return dict(zip(pictures, found.tolist(), strict=True))

    made, real = places(seen), places(dict(enumerate(truth)))
    other = places({q.number: truth[_other(q, asked)] for q in asked})

    def within(first: int, found: Mapping[int, int]) -> dict[int, list[bool]]:
        return {q.number: [found.get(q.number, CAPTIONS) < first] for q in asked}

    return [
        _summed(name, asked, within(first, made), within(first, real), within(first, other))
        for name, first in FOUND.items()
    ]


def _other(question: Question, asked: Sequence[Question]) -> int:
    """Number of another question, of another sort."""
    return (question.number + _OTHER) % len(asked)


def _summed(
    name: str,
    asked: Sequence[Question],
    told: Mapping[int, list[bool]],
    real: Mapping[int, list[bool]],
    other: Mapping[int, list[bool]],
) -> Row:
    """A row of verdicts by number of the question."""
    shares = {column: _share([v for q in asked if chosen(q) for v in told[q.number]]) for column, chosen in COLUMNS}
    ceiling, floor = (_share([v for each in found.values() for v in each]) for found in (real, other))
    return Row(name, shares, ceiling, floor)


def _verdicts(name: str, question: Question, seen: Seen) -> list[bool]:
    verdicts = judge(question.caption.said, seen)
    return [v for each in verdicts.values() for v in each] if name == "all" else verdicts[name]


def _share(verdicts: Sequence[bool]) -> Share:
    return Share(sum(verdicts), len(verdicts))
