"""Says what a picture shows: the whole (place, hour, weather, style ...) and each thing with its colour and place; and
gives pictures and captions vectors that are near where they belong together.

The networks in ``weights/aigc-probe`` were taught with pictures of the renderer (`tools/train_probe.py`); how often
they are right about new ones is printed beside every result, as the most that a model can reach.

Knows: pictures, captions and judgements. Does not know: models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.errors import InvalidModelFile
from aigc.evaluation.labels import HEADS, KINDS, SIDE, WORDS
from aigc.scenes.reading import read
from aigc.scenes.vocabulary import COLOURS, EXTRAS
from aigc.store.builtin import folder

Numbers = NDArray[np.float32]
_BATCH = 16
_EXTRA = 0.5
"""How sure it must be that something is there."""
_CENTRE = 0.2
"""The same of a thing, whichever it is."""


@dataclass(frozen=True)
class Spot:
    """Where something is, most likely: ``x`` from 0, the left edge, to 1."""

    colour: str
    x: float
    sure: float


@dataclass(frozen=True)
class Seen:
    """What a picture shows.

    Attributes:
        whole: Of each of ``labels.HEADS`` but ``extra`` the most likely word.
        extras: All that are there.
        spots: Of each kind the likeliest place.
        things: Of each thing that is seen, how likely it is of each kind.
        features: (n,) what was seen as numbers, to compare pictures by; over renders each has mean 0 and variance 1.
        vector: (d,) of length 1, near those of its captions (`vectors`).
    """

    whole: Mapping[str, str]
    extras: frozenset[str]
    spots: Mapping[str, Spot]
    things: Sequence[Mapping[str, float]]
    features: Numbers
    vector: Numbers


def look(pictures: Iterable[NDArray[np.uint8]]) -> list[Seen]:
    """Judges pictures of shape (H, W, 3), any size.

    Raises:
        InvalidModelFile: the network is missing.
    """
    small = [reduced(picture) for picture in pictures]
    found: list[Seen] = []
    for start in range(0, len(small), _BATCH):
        batch = np.stack(small[start : start + _BATCH]).transpose(0, 3, 1, 2).astype(np.float32) / 255
        answers = _network("probe.onnx")(batch)
        named = {key.get_any_name(): np.asarray(answers[key]) for key in answers}
        found += [_seen({name: array[i] for name, array in named.items()}) for i in range(len(batch))]
    return found


def vectors(captions: Sequence[str]) -> Numbers:
    """(n, d) of length 1, near those of the pictures that the captions are about.

    Raises:
        InvalidModelFile: the network is missing.
        UserError: a caption says more than the network reads.
    """
    words = np.array([read(caption).numbers(WORDS) for caption in captions], np.int64)
    return np.asarray(_network("captions.onnx")(words)[0])


def reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as the network sees it: (SIDE, SIDE, 3)."""
    from PIL import Image

    # Means of squares shrink best, but would make squares of the pixels of a smaller picture.
    way = Image.Resampling.BOX if min(picture.shape[:2]) >= SIDE else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), way))


@lru_cache(maxsize=2)
def _network(name: str) -> Any:
    import openvino

    path: Path = folder() / "aigc-probe" / name
    if not path.is_file():
        raise InvalidModelFile(f"{path} is missing", hint="install the package again")
    return openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _seen(answer: dict[str, Numbers]) -> Seen:
    whole = {name: words[int(answer[name].argmax())] for name, words in HEADS.items() if name != "extra"}
    extras = frozenset(word for word, p in zip(EXTRAS, _sigmoid(answer["extra"]), strict=True) if p > _EXTRA)
    centre = _sigmoid(answer["centre"][0])
    kind = np.exp(answer["kind"] - answer["kind"].max(axis=0))
    kind = kind / kind.sum(axis=0)
    spots = {}
    for number, name in enumerate(KINDS):
        sure = centre * kind[number]
        y, x = np.unravel_index(int(sure.argmax()), sure.shape)
        colour = COLOURS[int(answer["colour"][:, y, x].argmax())]
        spots[name] = Spot(colour, (float(x) + 0.5) / sure.shape[1], float(sure[y, x]))
    things = tuple(dict(zip(KINDS, kind[:, y, x].tolist(), strict=True)) for y, x in _peaks(centre))
    return Seen(whole, extras, spots, things, answer["features"], answer["vector"])


def _peaks(centre: Numbers) -> list[tuple[int, int]]:
    """Cells that are surer than those around."""
    padded = np.pad(centre, 1)
    rows, columns = centre.shape
    around = np.stack([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)])
    return [(int(y), int(x)) for y, x in np.argwhere((centre >= around.max(axis=0)) & (centre > _CENTRE))]


def _sigmoid(x: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-x)), dtype=np.float32)
