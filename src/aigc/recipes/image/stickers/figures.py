"""Which drawing of which set shows which kind of thing, and its pixels.

Knows: how the sets store drawings, rasterising. Does not know: scenes, captions, colours by name.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.errors import EngineMissing
from aigc.recipes.image.stickers.packs import Pack, members, parsed, table
from aigc.scenes.vocabulary import Style

RGBA = NDArray[np.uint8]

_ICONS, _CODES, _FOLDER = "package/icons.json", "package/chars.json", "package/assets/"
_PRESENTED = "-fe0f"
"""Marks the emoji form of a character that is text as well; sets name it or not."""
_VISIBLE = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawing: SVG text, or the bytes of a picture file."""

    pack: str
    style: Style
    drawing: str | bytes


@lru_cache(maxsize=2)
def figures(folder: Path) -> Mapping[str, tuple[Figure, ...]]:
    """The drawings of every kind, in the order of ``packs.toml``.

    Raises:
        ChecksumMismatch, InvalidModelFile: an archive is wrong or damaged.
    """
    known = table()
    codes = {code.lower() for entry in known.kinds.values() for code in entry.emoji}
    found = {pack.key: _drawings(pack, folder, codes) for pack in known.pack}
    _share_names(found, codes)
    return {
        kind: tuple(
            Figure(pack.key, pack.style, drawing)
            for pack in known.pack
            if pack.key not in entry.without
            for code in entry.emoji
            if (drawing := found[pack.key].by_code.get(code.lower())) is not None
        )
        for kind, entry in known.kinds.items()
    }


@dataclass
class _Set:
    """Drawings of a set by code point; of those without a table of code points, also the drawings by name."""

    by_code: dict[str, str | bytes]
    names: dict[str, str]
    icons: dict[str, Any] | None


def _drawings(pack: Pack, folder: Path, codes: set[str]) -> _Set:
    content = members(pack, folder, lambda name: name in (_ICONS, _CODES) or name.startswith(_FOLDER))
    if _ICONS not in content:
        files = {name.removeprefix(_FOLDER).partition(".")[0]: data for name, data in content.items()}
        return _Set({c: files[n] for c in codes for n in (c, c + _PRESENTED) if n in files}, {}, None)
    icons = parsed(content, _ICONS, pack)
    chars = parsed(content, _CODES, pack) if _CODES in content else {}
    if not chars:
        return _Set({}, {}, icons)
    names = {c: str(chars[n]) for c in codes for n in (c + _PRESENTED, c) if n in chars}
    drawn = {code: svg for code, name in names.items() if (svg := _svg(icons, name)) is not None}
    return _Set(dict(drawn), names, None)


def _share_names(found: Mapping[str, _Set], codes: set[str]) -> None:
    """Sets without code points name their drawings as the others do."""
    for each in found.values():
        if each.icons is None:
            continue
        for code in sorted(codes):
            names = dict.fromkeys(other.names[code] for other in found.values() if code in other.names)
            drawn = next((svg for name in names if (svg := _svg(each.icons, name)) is not None), None)
            if drawn is not None:
                each.by_code[code] = drawn
        each.icons = None


def _svg(icons: Mapping[str, Any], name: str) -> str | None:
    """A drawing as an SVG file. Source: IconifyJSON format, iconify.design/docs/types/iconify-json.html."""
    name = icons.get("aliases", {}).get(name, {}).get("parent", name)
    icon = icons["icons"].get(name)
    if icon is None:
        return None
    left, top, wide, high = (icon.get(k, icons.get(k, d)) for k, d in _FRAME.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {wide} {high}">{icon["body"]}</svg>'
    )


_FRAME = {"left": 0, "top": 0, "width": 16, "height": 16}


@lru_cache(maxsize=128)
def pixels(figure: Figure, side: int) -> RGBA:
    """(rows, columns, 4): the drawing on a square of that side, cut to what is seen of it.

    Raises:
        EngineMissing: the library that draws SVG isn't installed.
    """
    from PIL import Image

    content = figure.drawing if isinstance(figure.drawing, bytes) else _rasterised(figure.drawing, side)
    with Image.open(io.BytesIO(content)) as image:
        shown = image.convert("RGBA")
        if shown.height != side:
            shown = shown.resize((round(shown.width * side / shown.height), side), Image.Resampling.LANCZOS)
        rgba = np.asarray(shown)
    seen = rgba[:, :, 3] > _VISIBLE
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    cut: RGBA = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    return cut


def _rasterised(svg: str, side: int) -> bytes:
    try:
        import resvg_py
    except ModuleNotFoundError as error:
        raise EngineMissing(
            "stickers need the library resvg-py, which is not installed", hint="pip install 'aigc-studio[train]'"
        ) from error
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
