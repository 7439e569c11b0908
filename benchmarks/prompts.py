"""Prompts for measuring: random English words, the same in every run, different in every request."""

from __future__ import annotations

import random

WORDS = (
    "river stone lamp garden winter paper bridge music engine cloud table green quiet letter morning glass road "
    "yellow market harbour window forest silver number question answer simple strong travel island"
).split()
"""Each is one token of the usual vocabularies, or two."""


def words(count: int, seed: int) -> str:
    """So many words, drawn anew for each seed: no cache helps."""
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(count))
