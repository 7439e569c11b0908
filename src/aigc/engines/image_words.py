"""What our picture model makes of a prompt: numbers of concepts, and an account of what was understood.

Knows: prompts, concepts, the model's vocabulary. Does not know: networks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc.errors import UserError
from aigc.scenes.concepts import NUMBERS
from aigc.scenes.reading import Reading, read
from aigc.types import JSON, ImageRequest

_MOST_CHARACTERS = 32_000


@dataclass(frozen=True, slots=True)
class Words:
    """A prompt for the network, and for people."""

    numbers: NDArray[np.int64]
    """(T,), -1 for nothing."""
    facts: JSON


def understood(request: ImageRequest, known: int, most: int, styles: Collection[str]) -> Words:
    """Read the prompt and what the request says beside it.

    Args:
        request: with ``prompt``, ``style``, ``panorama``.
        known: highest concept number that the model was trained with.
        most: concepts that it can take.
        styles: those that it knows.

    Raises:
        UserError: nothing is understood, too much is said, or prompt and style contradict each other.
    """
    if len(request.prompt) > _MOST_CHARACTERS:
        raise UserError(
            f"prompt has {len(request.prompt)} characters; accepted: at most {_MOST_CHARACTERS}", param="prompt"
        )
    reading = read(request.prompt)
    concepts = [c for c in reading.concepts if NUMBERS[c] <= known]
    concepts += _style(request, concepts, styles)
    if request.panorama and "projection:panorama" not in concepts:
        concepts.append("projection:panorama")
    if request.prompt.strip() and not concepts:
        raise UserError(
            f"nothing in the prompt means anything to this model: {', '.join(reading.unknown)[:200]}",
            param="prompt",
            hint="it draws places, seasons, hours, weather, animals, buildings, vehicles, plants, for example "
            "'a red fox in a snowy forest at night'",
        )
    if not request.prompt.strip() and request.image is None:
        raise UserError("prompt is empty", param="prompt", hint="say what to draw, for example 'a lake at dawn'")
    if len(concepts) > most:
        raise UserError(
            f"prompt names {len(concepts)} things and properties; accepted: at most {most}",
            param="prompt",
            hint="say less in one picture",
        )
    numbers = [NUMBERS[c] for c in concepts]
    padded = np.array(numbers + [-1] * (most - len(numbers)), np.int64)
    return Words(padded, account(reading, known))


def _style(request: ImageRequest, concepts: list[str], styles: Collection[str]) -> list[str]:
    if request.style is None:
        return []
    if request.style not in styles:
        raise UserError(f"style is {request.style!r}; accepted: {', '.join(styles)}", param="style")
    said = [c for c in concepts if c.startswith("style:")]
    wanted = f"style:{request.style}"
    if said and said != [wanted]:
        raise UserError(
            f"style is {request.style!r}, but the prompt says {said[0].partition(':')[2]!r}",
            param="style",
            hint="leave one of them out",
        )
    return [] if said else [wanted]


def account(reading: Reading, known: int) -> JSON:
    """Which words were understood, as what, and which were not."""
    taken = tuple(g for g in reading.grounded if NUMBERS[g.concept] <= known)
    later = tuple(g.text for g in reading.grounded if NUMBERS[g.concept] > known)
    return Reading(taken, (*reading.unknown, *later), reading.ignored).account()
