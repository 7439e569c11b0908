"""Turns a finished picture into a painted or pixelled one.

Knows: pixels. Does not know: what they show. Shapes: (3, H, W) in 0 to 1, as seen on a screen.
"""

from __future__ import annotations

import numpy as np

from aigc.scenes.arrays import Dice, Floats, look_up, mix, smooth, tile
from aigc.scenes.progress import OnStep, ignored, part
from aigc.scenes.vocabulary import Style


def styled(rgb: Floats, style: Style, seed: int, *, wraps: bool = False, on_step: OnStep = ignored) -> Floats:
    """The picture in a style; 'rendered', 'flat' and '3-D' are drawn so, and left as they are.

    Args:
        rgb: The picture.
        style: What to turn it into.
        seed: Chooses the strokes.
        wraps: The right edge continues at the left one: no seam, no margin.
        on_step: Hears how far the painting is.
    """
    if style == "pixel art":
        return _pixels(rgb)
    if style not in ("watercolour", "oil"):
        return rgb
    if not wraps:
        return _watercolour(rgb, seed) if style == "watercolour" else _oil(rgb, seed, on_step)
    width = rgb.shape[2]
    beside = max(2, width // 8)
    wide = np.concatenate([rgb[:, :, -beside:], rgb, rgb[:, :, :beside]], axis=2)
    painted = _watercolour(wide, seed, margin=False) if style == "watercolour" else _oil(wide, seed, on_step)
    middle, before = painted[:, :, beside : beside + width], painted[:, :, :beside]
    share = smooth(0, 1, np.arange(1, beside + 1, dtype=np.float32) / beside)
    return np.concatenate([middle[:, :, :-beside], mix(middle[:, :, -beside:], before, share)], axis=2)


def blurred(rgb: Floats, radius: int) -> Floats:
    """Three box filters of ``2 * radius + 1`` pixels: nearly Gaussian. Edges repeat."""
    if radius < 1:
        return rgb
    for _ in range(2):
        for axis in (-1, -2):
            pad = [(0, 0)] * rgb.ndim
            pad[axis] = (radius + 1, radius)
            total = np.cumsum(np.pad(rgb, pad, mode="edge"), axis=axis, dtype=np.float64)
            size = rgb.shape[axis]
            width = 2 * radius + 1
            upper, lower = [slice(None)] * rgb.ndim, [slice(None)] * rgb.ndim
            upper[axis], lower[axis] = slice(width, width + size), slice(0, size)
            rgb = ((total[tuple(upper)] - total[tuple(lower)]) / width).astype(np.float32)
    return rgb


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """The x and y of each pixel's middle, in picture heights."""
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    x = (np.arange(width, dtype=np.float32) + 0.5) / height
    return np.broadcast_to(x[None, :], (height, width)), np.broadcast_to(y[:, None], (height, width))


def _at(rgb: Floats, x: Floats, y: Floats) -> Floats:
    """Nearest pixels at places in picture heights."""
    _, height, width = rgb.shape
    column = np.clip((x * height).astype(np.int32), 0, width - 1)
    row = np.clip((y * height).astype(np.int32), 0, height - 1)
    return rgb[:, row, column]


def _strokes(
    rgb: Floats, length: float, seed: int, layer: int, under: Floats, relief: Floats, on_step: OnStep
) -> tuple[Floats, Floats]:
    """One layer of brush strokes of this length (picture heights), each of one colour, along the edges of the picture.

    Every cell of a jittered grid holds one stroke; a pixel shows the topmost of the strokes of its nine cells.
    """
    _, height, width = rgb.shape
    x, y = _grid(height, width)
    cell = length * 0.5
    dice = Dice(seed, f"strokes {layer}")
    random = dice.many(64, 64, 4)
    grey: Floats = blurred(np.asarray(rgb.mean(axis=0, dtype=np.float32)), max(1, int(height * length * 0.12)))
    gy, gx = np.gradient(grey, axis=0), np.gradient(grey, axis=1)
    top = np.full((height, width), -1.0, dtype=np.float32)
    shown = under.copy()
    column, row = np.floor(x / cell).astype(np.int32), np.floor(y / cell).astype(np.int32)
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            c, r = column + dc, row + dr
            lot = random[r & 63, c & 63]
            sx, sy = (c + lot[..., 0]) * cell, (r + lot[..., 1]) * cell
            pc = np.clip((sx * height).astype(np.int32), 0, width - 1)
            pr = np.clip((sy * height).astype(np.int32), 0, height - 1)
            ex, ey = -gy[pr, pc], gx[pr, pc]
            size = np.sqrt(ex * ex + ey * ey) + 1e-5
            sure = smooth(0.001, 0.012, size)
            turn = (lot[..., 3] - 0.5) * 1.2
            ex, ey = mix(np.cos(turn), ex / size, sure), mix(np.sin(turn), ey / size, sure)
            dx, dy = x - sx, y - sy
            along, across = (dx * ex + dy * ey) / (length * 0.75), (dy * ex - dx * ey) / (length * 0.24)
            inside = along * along + across * across + 0.25 * np.sin(across * 9 + lot[..., 3] * 40) * (along > 0.4)
            chosen = (inside < 1) & (lot[..., 2] > top)
            top = np.where(chosen, lot[..., 2], top)
            tone = rgb[:, pr, pc] + (lot[..., 3] - 0.5) * np.float32(0.05)
            shown = np.where(chosen, tone, shown)
            bristle = np.sin(across * 11 + lot[..., 2] * 30) * 0.5 + (1 - np.abs(across)) * 1.4
            relief = np.where(chosen, bristle, relief)
            on_step((dr * 3 + dc + 5) / 9)
    return shown, relief


def _oil(rgb: Floats, seed: int, on_step: OnStep) -> Floats:
    """Strokes from large to small over one another, lit from the upper left."""
    _, height, width = rgb.shape
    shown, relief = blurred(rgb, max(1, height // 60)), np.zeros((height, width), dtype=np.float32)
    for layer, length in enumerate((0.075, 0.042, 0.024)):
        ground, told = blurred(rgb, int(height * length * 0.10)), part(on_step, layer / 3, (layer + 1) / 3)
        fresh, bristles = _strokes(ground, length, seed, layer, shown, relief, told)
        if layer:
            detail = np.abs(rgb - blurred(shown, max(1, int(height * length * 0.2)))).max(axis=0)
            wanted = detail > (0.035 if layer == 1 else 0.055)
            shown, relief = np.where(wanted, fresh, shown), np.where(wanted, bristles, relief)
        else:
            shown, relief = fresh, bristles
    relief = blurred(relief, 1) if height >= 256 else relief
    light = np.zeros_like(relief)
    light[1:, 1:] = relief[1:, 1:] - relief[:-1, :-1]
    grey = shown.mean(axis=0)
    return np.clip(grey + (shown - grey) * 1.15 + 0.035 * np.clip(light * height / 256, -1.5, 1.5), 0, 1)


def _watercolour(rgb: Floats, seed: int, *, margin: bool = True) -> Floats:
    """Washes on grainy paper: few tones, edges that wander, pigment that gathers along them, a torn white margin."""
    _, height, width = rgb.shape
    x, y = _grid(height, width)
    shift = Dice(seed, "watercolour").between(0, 1)
    wander, tremble = tile(3.4, 1), tile(2.4, 2, lowest=12)
    dx = 0.0040 * look_up(wander, x * 0.9 + shift, y * 0.9) + 0.0016 * look_up(tremble, x, y + shift)
    dy = 0.0040 * look_up(wander, x * 0.9, y * 0.9 + 0.4 + shift) + 0.0016 * look_up(tremble, x + 0.5, y + shift)
    washed = _washes(
        _at(blurred(rgb, max(1, height // 256)), x + dx, y + dy), look_up(wander, x * 1.7, y * 1.7 + shift)
    )
    grey = washed.mean(axis=0)
    rim = np.clip(blurred(grey, max(1, height // 90)) - grey, 0, 0.12)
    soft = mix(washed, blurred(washed, max(1, height // 200)), 0.5)
    grey = soft.mean(axis=0)
    pale = 1 - (1 - (grey + (soft - grey) * np.float32(1.3))) * np.float32(0.86)
    grain = look_up(tile(1.2, 3), x * 0.9 + shift, y * 0.9)
    pooled = look_up(wander, x * 0.45 + 0.2, y * 0.45 + shift)
    painted = 1 - (1 - np.clip(pale, 0, 1)) * (1 + 0.035 * grain + 0.06 * pooled) - 0.9 * rim
    if not margin:
        return np.clip(painted, 0, 1)
    edge = np.minimum(np.minimum(x, width / height - x), np.minimum(y, 1 - y)) + 0.7 * dx + 1.2 * dy
    paper = np.array([0.985, 0.975, 0.95], dtype=np.float32)[:, None, None] + 0.010 * grain
    return np.clip(mix(paper, painted, smooth(0.010, 0.020, edge)), 0, 1)


def _washes(rgb: Floats, unevenness: Floats) -> Floats:
    """Brightness in seven steps with soft borders; colours stay."""
    grey = rgb.mean(axis=0, dtype=np.float32)
    steps = grey * 7 + 0.22 * unevenness
    whole = np.floor(steps)
    level = (whole + smooth(0.35, 0.65, steps - whole)) / 7
    return np.clip(rgb + mix(0.0, level - grey, 0.75), 0, 1)


def _pixels(rgb: Floats) -> Floats:
    """Some 64 blocks to the height, few tones, ordered dithering."""
    _, height, width = rgb.shape
    size = max(2, round(height / 64))
    rows, columns = -(-height // size), -(-width // size)
    padded = np.pad(rgb, ((0, 0), (0, rows * size - height), (0, columns * size - width)), mode="edge")
    blocks = padded.reshape(3, rows, size, columns, size).mean(axis=(2, 4), dtype=np.float32)
    grey = blocks.mean(axis=0)
    blocks = np.clip(grey + (blocks - grey) * 1.25, 0, 1)
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16 - 0.47
    threshold = np.tile(bayer, (rows // 4 + 1, columns // 4 + 1))[:rows, :columns]
    levels = np.float32(10)
    dithered = np.clip(np.round(blocks * levels + threshold * 0.3) / levels, 0, 1)
    return np.repeat(np.repeat(dithered, size, axis=1), size, axis=2)[:, :height, :width]
