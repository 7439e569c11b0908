"""Filling the gap between two texts, with the tokens that model families were trained on for it.

Source: Bavarian et al. 2022, arXiv:2207.14255; the spellings are those of the families' own tokenizers.
Knows: the order of the parts and the names of the tokens. Does not know: requests, engines' libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

_HEAD, _TAIL = "{head}", "{tail}"


class Family(msgspec.Struct, frozen=True):
    """How a family of models is asked for what stands between a head and a tail."""

    layout: tuple[str, ...]
    """Names of special tokens, and the places of the two texts."""
    ends: tuple[str, ...] = ()
    """Tokens that end the filling, beside those that end every answer; a vocabulary need not hold all of them."""

    @property
    def names(self) -> list[str]:
        """The special tokens without which it doesn't work."""
        return [part for part in self.layout if part not in (_HEAD, _TAIL)]


FAMILIES = (
    Family(  # Qwen2.5-Coder, CodeGemma, Granite
        ("<|fim_prefix|>", _HEAD, "<|fim_suffix|>", _TAIL, "<|fim_middle|>"),
        ("<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<|file_separator|>"),
    ),
    Family(  # StarCoder
        ("<fim_prefix>", _HEAD, "<fim_suffix>", _TAIL, "<fim_middle>"),
        ("<|endoftext|>", "<fim_pad>", "<file_sep>", "<repo_name>"),
    ),
    Family(
        ("<fim-prefix>", _HEAD, "<fim-suffix>", _TAIL, "<fim-middle>"), ("<|endoftext|>", "<fim-pad>")
    ),  # SantaCoder
    Family(("<\uff5cfim\u2581begin\uff5c>", _HEAD, "<\uff5cfim\u2581hole\uff5c>", _TAIL, "<\uff5cfim\u2581end\uff5c>")),
    Family(("\u2581<PRE>", _HEAD, "\u2581<SUF>", _TAIL, "\u2581<MID>"), ("\u2581<EOT>",)),  # Code Llama
    Family(("<|code_suffix|>", _TAIL, "<|code_prefix|>", _HEAD, "<|code_middle|>"), ("<|endoftext|>",)),  # CodeGeeX4
    Family(("[SUFFIX]", _TAIL, "[PREFIX]", _HEAD)),  # Codestral
    Family(("<[fim-suffix]>", _TAIL, "<[fim-prefix]>", _HEAD, "<[fim-middle]>")),  # Seed-Coder
)
"""In the order in which a vocabulary is searched. The fourth is DeepSeek-Coder's."""


class Filling(msgspec.Struct, frozen=True):
    """A prompt that asks for the middle."""

    tokens: list[int]
    head: int
    """Where in ``tokens`` the head begins."""
    stop_ids: tuple[int, ...]


def family_of(special: Collection[str]) -> Family | None:
    """The family whose tokens are all among a vocabulary's ``special`` ones; None if the model can't fill gaps."""
    return next((family for family in FAMILIES if all(name in special for name in family.names)), None)


def filling(head: Sequence[int], tail: Sequence[int], encode: Callable[[str], list[int]]) -> Filling | None:
    """The prompt for what stands between two texts.

    Args:
        head: tokens before the gap.
        tail: tokens after it.
        encode: the model's tokenizer; the name of a special token gives exactly one token.
    Returns: None for a model that can't.
    """

    def token(name: str) -> int | None:
        found = encode(name)
        return found[0] if len(found) == 1 else None

    known = {name: number for family in FAMILIES for name in family.names if (number := token(name)) is not None}
    family = family_of(known)
    if family is None:
        return None
    tokens: list[int] = []
    start = 0
    for part in family.layout:
        start = len(tokens) if part == _HEAD else start
        tokens += head if part == _HEAD else tail if part == _TAIL else [known[part]]
    return Filling(tokens, start, tuple(number for name in family.ends if (number := token(name)) is not None))
