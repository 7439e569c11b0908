"""The examination of a picture model: does it show what prompts say, in which languages, also what it never saw?

Knows: the order of the parts, the sums. Does not know: HTTP, terminals, networks inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aigc.errors import UserError
from aigc.evaluation.distances import kernel_distance, nearest, seam
from aigc.evaluation.examiner import Seen, look
from aigc.evaluation.judge import ATTRIBUTES, judge
from aigc.evaluation.questions import Question, questions
from aigc.scenes import render, sample

if TYPE_CHECKING:
    from aigc.client.sync import Client

GOALS = {"seen": 0.85, "held out": 0.55}
"""Shares of verdicts that a good model reaches; of the renderer's own grammar."""
_PANORAMAS = ("a lake under mountains at dawn", "雪山下的湖，日落", "a beach by day", "夜晚的城市")
_TRAINED = 300
"""Training pictures that are compared with, at most."""
_OTHER = 7
"""The picture of the question so many places on is another one, of another sort."""
Pixels = NDArray[np.uint8]
OnStep = Callable[[str, int, int], None]
"""Told (what, done, of how many)."""
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
        refused: Prompts that the model did not take, with its words; their verdicts count as wrong.
        kid: Kernel distance from the renders of the same prompts; 0 is alike.
        novelty: Median distance to the nearest of 300 training pictures, over that of new renders; far below 1: copies.
        seam: Worst panorama: step across the edge over steps inside; None: it makes none.
    """

    model: str
    rows: Sequence[Row]
    kid: float
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
        count: how many of the fixed prompts, at least 20.
        side: of the pictures, in pixels.
        on_step: told about every picture.
        **options: go with every request, e.g. ``steps``.

    Raises:
        AigcError: what the server says, but for prompts that the model refuses.
    """
    asked = questions(count)
    made, refused, seconds = _asked(client, model, asked, side, on_step, options)
    real = _renders(asked, side, on_step)
    wall = _panoramas(client, model, side, on_step)
    trained = _trained(min(count, _TRAINED), side, on_step)
    seen = dict(zip(made, look(made.values()), strict=True))
    truth = look(real)
    rows = [_row(name, asked, seen, truth) for name in (*ATTRIBUTES, "all")]
    a, b, c = (np.stack([s.features for s in group]) for group in (list(seen.values()), truth, look(trained)))
    return Examination(
        model=model,
        rows=rows,
        kid=kernel_distance(a, b),
        novelty=float(np.median(nearest(a, c)) / np.median(nearest(b, c))),
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


def pixels(image: Any) -> Pixels:
    """(H, W, 3) of a Pillow image; what shines through is white."""
    from PIL import Image

    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    return np.asarray(Image.alpha_composite(ground, rgba).convert("RGB"))


def _renders(asked: Sequence[Question], side: int, on_step: OnStep) -> list[Pixels]:
    found = []
    for question in asked:
        found.append(_drawn(question.scene, side))
        on_step("real renders", len(found), len(asked))
    return found


def _trained(count: int, side: int, on_step: OnStep) -> list[Pixels]:
    """Pictures that models are trained on: the first seeds."""
    found = []
    for seed in range(count):
        found.append(_drawn(sample(seed, projection="sticker" if seed % 4 == 0 else "perspective"), side))
        on_step("training pictures", len(found), count)
    return found


def _drawn(scene: Any, side: int) -> Pixels:
    picture = render(scene, side, side, supersample=1)
    opacity = picture.alpha[..., None].astype(np.float32) / 255
    return np.asarray((picture.rgb * opacity + 255 * (1 - opacity)).round(), dtype=np.uint8)


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
    shares = {column: _share([v for q in asked if chosen(q) for v in told[q.number]]) for column, chosen in COLUMNS}
    ceiling = _share([v for verdicts in real.values() for v in verdicts])
    other = [v for q in asked for v in _verdicts(name, q, truth[(q.number + _OTHER) % len(asked)])]
    return Row(name, shares, ceiling, _share(other))


def _verdicts(name: str, question: Question, seen: Seen) -> list[bool]:
    verdicts = judge(question.caption.said, seen)
    return [v for each in verdicts.values() for v in each] if name == "all" else verdicts[name]


def _share(verdicts: Sequence[bool]) -> Share:
    return Share(sum(verdicts), len(verdicts))
