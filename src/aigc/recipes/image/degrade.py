"""Damage to photographs, as tensors: what the restorer learns to undo. Parameters are drawn from torch's generator.

Sources: ITU-T T.81 (JPEG: tables of annex K, scaled as libjpeg does); Foi et al. 2008 (noise that grows with light).
Knows: pixels in 0..1. Does not know: networks.
Shapes: B batch, H height, W width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from aigc.models.restorer import TASKS

_LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"
)
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


@dataclass(frozen=True, slots=True)
class Damaged:
    """A batch after damage."""

    pictures: Tensor
    """(B, 3, H, W), 0 to 1."""
    masks: Tensor
    """(B, 1, H, W), 1 where a pixel is lost."""
    tasks: Tensor
    """(B,), places in `TASKS`."""


def damage(pictures: Tensor, tasks: Tensor) -> Damaged:
    """Damage each picture as its task says.

    Args:
        pictures: (B, 3, H, W), 0 to 1; sides multiples of 16.
        tasks: (B,), places in `TASKS`.
    """
    out, masks = pictures.clone(), torch.zeros_like(pictures[:, :1])
    for index, name in enumerate(TASKS):
        rows = (tasks == index).nonzero()[:, 0]
        if not len(rows):
            continue
        x = pictures[rows]
        if name == "scratches":
            made, lost = scratches(x)
            masks[rows] = lost
        else:
            made = {"denoise": noise, "jpeg": _jpeg, "deblur": blur, "lowlight": darken, "upscale": shrink}[name](x)
        # Every picture that reaches a restorer has been rounded to bytes.
        out[rows] = (made.clamp(0, 1) * 255).round() / 255
    return Damaged(out, masks, tasks)


def _draw(x: Tensor, low: float, high: float) -> Tensor:
    """(B, 1, 1, 1), uniform."""
    return torch.rand(len(x), 1, 1, 1, device=x.device) * (high - low) + low


def noise(x: Tensor) -> Tensor:
    """Noise of 2 to 50 grey levels, part of it growing with the light, in a third of the pictures grey."""
    sigma = torch.exp(_draw(x, math.log(2 / 255), math.log(50 / 255)))
    shot = _draw(x, 0, 1)
    grains = torch.randn_like(x)
    grains = torch.where(_draw(x, 0, 1) < 1 / 3, grains[:, :1].expand_as(x), grains)
    return x + grains * sigma * torch.sqrt((1 - shot) + 2 * shot * x)


def _jpeg(x: Tensor) -> Tensor:
    return jpeg(x, _draw(x, 10, 70).round())


def jpeg(x: Tensor, quality: Tensor) -> Tensor:
    """What a JPEG of that quality shows, colours at half the resolution.

    Args:
        x: (B, 3, H, W), 0 to 1; sides multiples of 16.
        quality: (B, 1, 1, 1), 1 to 100, whole numbers.
    """
    y, cb, cr = torch.einsum("ij,bjhw->bihw", _matrix(_TO_YCC, x), x * 255).split(1, dim=1)
    scale = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality)
    planes = [_coded(y - 128, _LUMA, scale)]
    for c in (cb, cr):
        small = functional.avg_pool2d(c, 2)
        coded = _coded(small, _CHROMA, scale)
        planes.append(functional.interpolate(coded, scale_factor=2.0, mode="bilinear", align_corners=False))
    planes[0] = planes[0] + 128
    rgb = torch.einsum("ij,bjhw->bihw", _matrix(_TO_RGB, x), torch.cat(planes, dim=1))
    return (rgb / 255).clamp(0, 1)


def _matrix(rows: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    return torch.tensor(rows, device=like.device, dtype=torch.float32)


def _coded(plane: Tensor, table: str, scale: Tensor) -> Tensor:
    """(B, 1, H, W) through 8x8 cosine transform, rounding, and back."""
    b, _, h, w = plane.shape
    k = torch.arange(8, device=plane.device, dtype=torch.float32)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    steps = torch.tensor([float(n) for n in table.split()], device=plane.device).view(1, 1, 1, 8, 8)
    steps = torch.floor((steps * scale[..., None] + 50) / 100).clamp(1, 255)
    blocks = plane.reshape(b, h // 8, 8, w // 8, 8).transpose(2, 3)
    coded = torch.round(basis @ blocks @ basis.T / steps) * steps
    return (basis.T @ coded @ basis).transpose(2, 3).reshape(b, 1, h, w)


def blur(x: Tensor) -> Tensor:
    """Out of focus (a normal distribution of 0.6 to 3 pixels) or shaken (a line of 5 to 19), then slight noise."""
    reach = torch.arange(-10, 11, device=x.device, dtype=torch.float32)
    v, u = torch.meshgrid(reach, reach, indexing="ij")
    sigma = _draw(x, 0.6, 3.0)[:, 0]
    soft = torch.exp(-(u**2 + v**2) / (2 * sigma**2))
    angle, half = _draw(x, 0, math.pi)[:, 0], _draw(x, 2.5, 9.5)[:, 0]
    along, across = u * angle.cos() + v * angle.sin(), v * angle.cos() - u * angle.sin()
    line = (half + 0.5 - along.abs()).clamp(0, 1) * (1 - across.abs()).clamp(0, 1)
    kernel = torch.where(_draw(x, 0, 1)[:, 0] < 0.5, soft, line)
    kernel = kernel / kernel.sum((1, 2), keepdim=True)
    b, c, h, w = x.shape
    padded = functional.pad(x, (10, 10, 10, 10), mode="reflect").reshape(1, b * c, h + 20, w + 20)
    made = functional.conv2d(padded, kernel.repeat_interleave(c, 0)[:, None], groups=b * c).view(b, c, h, w)
    return made + torch.randn_like(x) * _draw(x, 0, 2 / 255)


def darken(x: Tensor) -> Tensor:
    """A fifth to a half of the light, a bent tone curve, and the noise that comes with it."""
    dark = (x.clamp(0, 1) ** _draw(x, 1.0, 2.2)) * _draw(x, 0.12, 0.5)
    return dark + torch.randn_like(x) * torch.sqrt(dark + 0.01) * _draw(x, 0, 0.05)


def shrink(x: Tensor) -> Tensor:
    """Half the side, and enlarged again with bicubic interpolation; half of the pictures are slightly noisy."""
    small = functional.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True, align_corners=False)
    grain = _draw(x, -3 / 255, 3 / 255).clamp_min(0)
    small = ((small + torch.randn_like(small) * grain).clamp(0, 1) * 255).round() / 255
    return functional.interpolate(small, scale_factor=2.0, mode="bicubic", align_corners=False)


def scratches(x: Tensor) -> tuple[Tensor, Tensor]:
    """(picture with 1 to 8 bent lines, light or dark and a little uneven, mask of the lost pixels)."""
    b, _, h, w = x.shape
    ys = torch.linspace(0, 1, h, device=x.device).view(1, h, 1)
    xs = torch.linspace(0, 1, w, device=x.device).view(1, 1, w)
    mask = torch.zeros(b, h, w, device=x.device)
    count = torch.randint(1, 9, (b, 1, 1), device=x.device)
    for number in range(8):
        angle, place, bend, thick = (torch.rand(b, 1, 1, device=x.device) for _ in range(4))
        angle = angle * math.pi
        along, across = xs * angle.cos() + ys * angle.sin(), ys * angle.cos() - xs * angle.sin()
        distance = (across - (place * 1.6 - 0.5) - 0.1 * (bend - 0.5) * torch.sin(6 * along)).abs()
        hit = distance < (0.002 + 0.012 * thick**2)
        mask = torch.where(hit & (number < count), 1.0, mask)
    colour = torch.where(_draw(x, 0, 1) < 0.7, _draw(x, 0.7, 1), _draw(x, 0, 0.2)) + 0.03 * torch.randn_like(x[:, :1])
    lost = mask[:, None]
    return x * (1 - lost) + colour * lost, lost


FILL_ROUNDS = 32
"""So many pixels from its edge the middle of a lost part is reached."""


def fill(pictures: Tensor, masks: Tensor) -> Tensor:
    """Lost pixels get the mean of their known neighbours, from the edge inwards; the engine does the same.

    Args:
        pictures: (B, 3, H, W).
        masks: (B, 1, H, W), 1 where a pixel is lost.
    """
    known = 1 - masks
    for _ in range(FILL_ROUNDS):
        if bool(known.all()):
            break
        near, sums = _neighbours(known), _neighbours(pictures * known)
        reached = (known == 0) & (near > 0)
        pictures = torch.where(reached, sums / near.clamp_min(1e-6), pictures)
        known = known + reached
    return pictures


def _neighbours(x: Tensor) -> Tensor:
    """Sums over 3x3 pixels, nearer ones counted more."""
    side = torch.tensor([1.0, 2.0, 1.0], device=x.device)
    kernel = (side[:, None] * side).expand(x.shape[1], 1, 3, 3)
    return functional.conv2d(x, kernel, padding=1, groups=x.shape[1])
