"""What colour a drawing has, and the same drawing in another one.

Colours are compared in OKLab, where distances are about as large as they look.

Source: Ottosson, A perceptual color space for image processing, 2020.
Knows: pixels and the eleven colour words. Does not know: what is drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc.scenes.arrays import smooth
from aigc.scenes.vocabulary import COLOURS, Colour

Floats = NDArray[np.float32]
RGBA = NDArray[np.uint8]

TYPICAL: dict[Colour, tuple[float, float, float]] = {
    "red": (0.58, 0.22, 27.0),
    "orange": (0.74, 0.175, 58.0),
    "yellow": (0.88, 0.175, 95.0),
    "green": (0.66, 0.19, 143.0),
    "blue": (0.58, 0.18, 256.0),
    "purple": (0.54, 0.20, 303.0),
    "pink": (0.80, 0.125, 355.0),
    "brown": (0.47, 0.085, 55.0),
    "black": (0.24, 0.0, 0.0),
    "white": (0.95, 0.0, 0.0),
    "grey": (0.66, 0.0, 0.0),
}
"""Lightness, chroma and hue in degrees that each word is shown with."""
_COLOURLESS = 0.045
"""Chroma below which a colour is black, grey or white."""
_MAIN, _NAMED = 0.5, 0.56
"""Share of a drawing that must have one colour for it to be changed, and for it to be named."""
_CANDIDATES = 8
_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]], np.float32)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]], np.float32)  # fmt: skip
_FROM_LMS, _FROM_LAB = np.linalg.inv(_TO_LMS), np.linalg.inv(_TO_LAB)


def to_lab(rgb: NDArray[np.uint8]) -> Floats:
    """(N, 3) bytes of a screen to (N, 3) OKLab."""
    share = rgb.astype(np.float32) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T, np.float32)


def from_lab(lab: Floats) -> NDArray[np.uint8]:
    """(N, 3) OKLab to bytes of a screen; what a screen can't show is cut."""
    linear = np.clip((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0, 1)
    share = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    rgb: RGBA = np.round(share * 255).astype(np.uint8)
    return rgb


def word(lightness: float, chroma: float, hue: float) -> Colour | None:
    """The word for a colour (hue in degrees); None between two words."""
    if chroma < _COLOURLESS:
        bounds: tuple[tuple[Colour, float, float], ...] = (
            ("black", 0.0, 0.36), ("grey", 0.46, 0.82), ("white", 0.88, 1.01),
        )  # fmt: skip
        return next((name for name, low, high in bounds if low <= lightness < high), None)
    hue %= 360
    if 30 <= hue < 100 and lightness < 0.58 and chroma < 0.15:
        return "brown"
    if (hue >= 335 or hue < 30) and lightness > 0.70:
        return "pink" if chroma >= 0.06 else None
    named: tuple[tuple[Colour, float, float], ...] = (
        ("red", 12, 36), ("orange", 48, 72), ("yellow", 82, 110), ("green", 125, 170), ("blue", 205, 275),
        ("purple", 288, 325),
    )  # fmt: skip
    found = next((name for name, low, high in named if low <= hue < high), None)
    dull = chroma < 0.09 or (found in ("orange", "yellow") and (lightness < 0.66 or chroma < 0.125))
    dull = dull or (found == "red" and chroma < 0.16)
    return None if dull else found


class Look:
    """The colour that most of a drawing has.

    Attributes:
        named: The word for it, if one fits.
        changeable: Whether enough of the drawing has it to show another one.
    """

    def __init__(self, rgba: RGBA) -> None:
        seen = rgba[:, :, 3] > 127
        lab = to_lab(rgba[seen, :3])
        self._centre, share = _most(lab)
        self.changeable = share >= _MAIN
        lightness, chroma, hue = _polar(self._centre[None])[0]
        self.named = word(float(lightness), float(chroma), float(hue)) if share >= _NAMED else None

    def shown_as(self, rgba: RGBA, colour: Colour) -> RGBA:
        """The drawing (of any size) in another colour: light and dark stay, so do parts of other colours."""
        seen = rgba[:, :, 3] > 0
        lab = to_lab(rgba[seen, :3])
        lightness, chroma, hue = TYPICAL[colour]
        centre = _polar(self._centre[None])[0]
        polar = _polar(lab)
        new = np.empty_like(polar)
        # Towards black or white there is less room for shades.
        room = min(lightness, 1 - lightness) / max(min(float(centre[0]), 1 - float(centre[0])), 0.05)
        new[:, 0] = np.clip(lightness + (polar[:, 0] - centre[0]) * min(0.9, max(room, 0.35)), 0.04, 0.985)
        strength = polar[:, 1] / centre[1] if centre[1] > _COLOURLESS else np.ones(len(polar), np.float32)
        new[:, 1] = chroma * np.clip(strength, 0.55, 1.25)
        turn = (polar[:, 2] - centre[2] + 180) % 360 - 180
        new[:, 2] = hue + (0.35 * turn if centre[1] > _COLOURLESS else 0)
        angle = np.radians(new[:, 2])
        target = np.stack([new[:, 0], new[:, 1] * np.cos(angle), new[:, 1] * np.sin(angle)], axis=1)
        weight = _alike(lab, self._centre)[:, None]
        changed: RGBA = rgba.copy()
        changed[seen, :3] = from_lab((lab + (target - lab) * weight).astype(np.float32))
        return changed


def _polar(lab: Floats) -> Floats:
    """Lightness, chroma, hue in degrees."""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return np.stack([lab[:, 0], chroma, np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))], axis=1).astype(np.float32)


def _most(lab: Floats) -> tuple[Floats, float]:
    """The colour that most of the others are shades of, (3,), and the share of those."""
    cells = np.floor(lab / np.array([0.2, 0.07, 0.07], np.float32)).astype(np.int64)
    keys = cells @ np.array([1, 64, 4096]) + 2**20
    values, counts = np.unique(keys, return_counts=True)
    best, most = lab.mean(axis=0), -1.0
    for key in values[np.argsort(-counts, kind="stable")[:_CANDIDATES]]:
        centre = lab[keys == key].mean(axis=0)
        for _ in range(2):
            weight = _alike(lab, centre)[:, None]
            centre = (lab * weight).sum(axis=0) / weight.sum()
        share = float(_alike(lab, centre).mean())
        if share > most:
            best, most = centre, share
    return np.asarray(best, np.float32), most


def _alike(lab: Floats, centre: Floats) -> Floats:
    """How much each colour is a shade of this one, 0 to 1."""
    polar, own = _polar(lab), _polar(centre[None])[0]
    if own[1] < _COLOURLESS:
        near = smooth(0.085, 0.05, polar[:, 1]) * smooth(0.36, 0.24, np.abs(polar[:, 0] - own[0]))
    else:
        turn = np.abs((polar[:, 2] - own[2] + 180) % 360 - 180)
        near = smooth(48, 28, turn) * smooth(0.02, 0.05, polar[:, 1]) * smooth(0.5, 0.4, np.abs(polar[:, 0] - own[0]))
    return np.asarray(near, np.float32)


assert tuple(TYPICAL) == COLOURS
