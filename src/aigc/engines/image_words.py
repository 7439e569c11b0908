"""What our picture models make of a prompt: concepts, and an account of what was understood.

Knows: prompts, concepts, a model's vocabulary. Does not know: networks, scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc.errors import UserError
from aigc.scenes.concepts import CONCEPTS, NUMBERS, slot, value
from aigc.scenes.limits import within
from aigc.scenes.reading import Reading, read
from aigc.types import JSON, ImageRequest

_MOST_CHARACTERS = 32_000


@dataclass(frozen=True, slots=True)
class Words:
    """A prompt for the network, and for people."""

    numbers: NDArray[np.int64]
    """(T,), -1 for nothing."""
    facts: JSON


def read_prompt(prompt: str, known: Callable[[str], bool], drawn: Sequence[str]) -> Reading:
    """What a prompt says to somebody who knows these concepts; what else it says is listed as unknown.

    Args:
        prompt: in English, Chinese or both.
        known: whether a concept can be shown.
        drawn: some of what can be shown, for the hint.

    Raises:
        UserError: it is empty, too long, or none of its words means anything here.
    """
    if len(prompt) > _MOST_CHARACTERS:
        raise UserError(f"prompt has {len(prompt)} characters; accepted: at most {_MOST_CHARACTERS}", param="prompt")
    if not prompt.strip():
        raise UserError("prompt is empty", param="prompt", hint="Say what to draw, for example 'a lake at dawn'.")
    reading = within(read(prompt), known)
    if not reading.concepts and reading.unknown:
        raise _nothing(reading.unknown, drawn)
    return reading


def _nothing(unknown: Sequence[str], drawn: Sequence[str]) -> UserError:
    return UserError(
        f"nothing in the prompt means anything to this model: {', '.join(unknown)[:200]}",
        param="prompt",
        hint=f"It draws, among others: {', '.join(drawn[:24])}.",
    )


def understood(request: ImageRequest, known: Container[int], most: int, styles: Collection[str]) -> Words:
    """Read the prompt and what the request says beside it, for a model with a vocabulary.

    Args:
        request: with ``prompt``, ``style``, ``panorama``; the prompt may be empty where a picture is given.
        known: numbers of the concepts that the model was trained with.
        most: concepts that it can take.
        styles: those that it knows.

    Raises:
        UserError: see `read_prompt`; too much is said, or prompt and style contradict each other.
    """
    concepts: list[str] = []
    facts: JSON = {}
    if request.prompt.strip() or request.image is None:
        kinds_of_it = [value(c) for c in CONCEPTS if slot(c) == "kind" and NUMBERS[c] in known]
        reading = read_prompt(request.prompt, lambda concept: NUMBERS[concept] in known, kinds_of_it)
        concepts, facts = list(reading.concepts), reading.account()
    concepts += _style(request, concepts, styles)
    if request.panorama and "projection:panorama" not in concepts:
        concepts.append("projection:panorama")
    if len(concepts) > most:
        raise UserError(
            f"prompt names {len(concepts)} things and properties; accepted: at most {most}",
            param="prompt",
            hint="say less in one picture",
        )
    numbers = [NUMBERS[c] for c in concepts]
    return Words(np.array(numbers + [-1] * (most - len(numbers)), np.int64), facts)


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
