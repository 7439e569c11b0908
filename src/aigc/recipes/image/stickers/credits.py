"""Whose pictures a model learned from, as Markdown for its card and as a notice beside weights.

Knows: ``packs.toml``. Does not know: models, runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from aigc.recipes.image.stickers.packs import table


def credits(data: Sequence[str]) -> str:
    """A paragraph with a table of the sets; empty for sources that hold no pictures of others.

    Args:
        data: the setting of a run.
    """
    if not any(source.partition(":")[0] == "stickers" for source in data):
        return ""
    rows = [f"| {p.title} {p.version} | {p.author} | {p.licence} | {p.home} |" for p in table().pack]
    return "\n".join(
        [
            "It learned from stickers made of these sets (npm packages, recoloured and combined); the licences ask for",
            "this notice wherever the weights go:",
            "",
            "| set | by | licence | home |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
