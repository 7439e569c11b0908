"""The renderer's scenes as a source: views, panoramas and stickers, each with captions in both languages.

Knows: `aigc.scenes`. Does not know: networks, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from aigc.errors import UserError
from aigc.scenes import caption, render, sample
from aigc.scenes.captions import Form, Language
from aigc.scenes.vocabulary import Projection
from aigc.training.source import Kind, Sample

_HELD_OUT = 1 << 40
"""Scenes to measure with have seeds from here on; what `aigc.scenes.held_out` keeps back is never drawn."""
_SHARES: dict[Projection, float] = {"perspective": 0.71, "sticker": 0.24, "panorama": 0.05}
_WORDINGS = 2
"""Captions of each form."""


@dataclass(frozen=True)
class Scenes:
    """One seed, one scene."""

    side: int = 256
    only: str = ""
    """The one kind that is made; none: all, each with its share."""

    def __post_init__(self) -> None:
        if self.only and self.only not in _SHARES:
            raise UserError(f"scenes have no kind {self.only!r}; accepted: {', '.join(_SHARES)}")

    @property
    def identity(self) -> str:
        """The renderer's own pictures of three seeds, so that a changed renderer is noticed."""
        import zlib

        checks = [zlib.crc32(self.sample(kind.name, 1, False).pixels.tobytes()) for kind in self.kinds]
        return f"scenes {self.side} {checks}"

    @property
    def kinds(self) -> Sequence[Kind]:
        """Views and stickers are square, panoramas twice as wide."""
        wide = {"panorama": 2}
        return tuple(
            Kind(name, self.side, self.side * wide.get(name, 1), share)
            for name, share in _SHARES.items()
            if self.only in ("", name)
        )

    def sample(self, kind: str, index: int, held_out: bool) -> Sample:
        """The scene of that seed."""
        if kind not in _SHARES:
            raise UserError(f"scenes have no kind {kind!r}; accepted: {', '.join(_SHARES)}")
        projection = next(name for name in _SHARES if name == kind)
        scene = sample(index + (_HELD_OUT if held_out else 0), projection=projection)
        width = 2 * self.side if kind == "panorama" else self.side
        picture = render(scene, width, self.side)

        def captions(language: Language) -> tuple[str, ...]:
            drawn = (caption(scene, language, form, draw).text for form in get_args(Form) for draw in range(_WORDINGS))
            return tuple(dict.fromkeys(drawn))

        return Sample(picture.rgb, captions("en"), captions("zh"))
