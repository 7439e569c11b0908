"""Says what a picture shows: the whole (place, hour, weather, style ...) and each thing with its colour and place.

The network in ``weights/aigc-probe`` was taught with pictures of the renderer (`tools/train_probe.py`); how often it is
right about new ones is printed beside every result, as the most that a model can reach.

Knows: pictures and judgements. Does not know: prompts, models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.errors import InvalidModelFile
from aigc.evaluation.labels import HEADS, KINDS, SIDE
from aigc.scenes.vocabulary import COLOURS, EXTRAS
from aigc.store.builtin import folder

_BATCH = 16
_EXTRA = 0.5
"""How sure it must be that something is there."""
_CENTRE = 0.2
"""The same of a thing, whichever it is."""
_ALIKE = 0.05
"""How likely a thing must be of a kind to be counted for it; a blind guess is 1/68."""


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
        counts: Of each kind how many things may be of it.
        features: (n,) what was seen as numbers, to compare pictures by.
    """

    whole: Mapping[str, str]
    extras: frozenset[str]
    spots: Mapping[str, Spot]
    counts: Mapping[str, int]
    features: NDArray[np.float32]


def look(pictures: Iterable[NDArray[np.uint8]]) -> list[Seen]:
    """Judges pictures of shape (H, W, 3), any size.

    Raises:
        InvalidModelFile: the network is missing.
    """
    small = [_small(picture) for picture in pictures]
    found: list[Seen] = []
    for start in range(0, len(small), _BATCH):
        batch = np.stack(small[start : start + _BATCH]).transpose(0, 3, 1, 2).astype(np.float32) / 255
        answers = _network()(batch)
        named = {key.get_any_name(): np.asarray(answers[key]) for key in answers}
        found += [_seen({name: array[i] for name, array in named.items()}) for i in range(len(batch))]
    return found


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None))


@lru_cache(maxsize=1)
def _network() -> Any:
    import openvino

    path: Path = folder() / "aigc-probe" / "probe.onnx"
    if not path.is_file():
        raise InvalidModelFile(f"{path} is missing", hint="install the package again")
    return openvino.Core().compile_model(str(path), "CPU")


def _seen(answer: dict[str, NDArray[np.float32]]) -> Seen:
    whole = {name: words[int(answer[name].argmax())] for name, words in HEADS.items() if name != "extra"}
    extras = frozenset(word for word, p in zip(EXTRAS, _sigmoid(answer["extra"]), strict=True) if p > _EXTRA)
    centre = _sigmoid(answer["centre"][0])
    kind = np.exp(answer["kind"] - answer["kind"].max(axis=0))
    kind = kind / kind.sum(axis=0)
    peaks = _peaks(centre)
    spots, counts = {}, {}
    for number, name in enumerate(KINDS):
        sure = centre * kind[number]
        y, x = np.unravel_index(int(sure.argmax()), sure.shape)
        colour = COLOURS[int(answer["colour"][:, y, x].argmax())]
        spots[name] = Spot(colour, (float(x) + 0.5) / sure.shape[1], float(sure[y, x]))
        counts[name] = sum(float(kind[number, row, column]) > _ALIKE for row, column in peaks)
    return Seen(whole, extras, spots, counts, answer["features"])


def _peaks(centre: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Cells that are surer than those around."""
    padded = np.pad(centre, 1)
    rows, columns = centre.shape
    around = np.stack([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)])
    return [(int(y), int(x)) for y, x in np.argwhere((centre >= around.max(axis=0)) & (centre > _CENTRE))]


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-x)), dtype=np.float32)
