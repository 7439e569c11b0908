"""How far a drawing is.

Knows: shares of work. Does not know: what is drawn, who asks.
"""

from __future__ import annotations

from collections.abc import Callable

OnStep = Callable[[float], None]
"""Hears, several times a second, which share of the work is done (0 to 1). It may raise, which ends the drawing."""


def ignored(share: float) -> None:
    """For drawings that nobody watches."""


def part(on_step: OnStep, low: float, high: float) -> OnStep:
    """What a part of the work tells, from 0 to 1, is from ``low`` to ``high`` of the whole."""
    return lambda share: on_step(low + (high - low) * min(share, 1.0))
