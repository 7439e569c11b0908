"""How fast a run is, and how much of what the device can do it uses.

Knows: times and counts. Does not know: networks.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from aigc.training import devices

_WARM = 10
"""Steps that tell nothing about the speed: compilation, first allocations."""


class Speed:
    """Counts steps and samples; `take` gives the figures since the last one."""

    def __init__(self, clock: Callable[[], float], device: torch.device, dtype: torch.dtype) -> None:
        self._clock, self._device = clock, device
        self._peak = devices.peak_flops(device, dtype)
        self.flops: float | None = None
        """Operations of one step in this and all other processes; set by who knows."""
        self._steps = self._samples = self._all_steps = 0
        self._start = self._clock()
        self._warm_at: float | None = None

    def tick(self, samples: int) -> None:
        """A step is done."""
        self._steps += 1
        self._samples += samples
        self._all_steps += 1
        if self._all_steps == _WARM:
            devices.synchronise(self._device)
            self._warm_at = self._clock()

    def take(self) -> dict[str, float]:
        """Samples a second, the share of `devices.peak_flops`, and the seconds they were measured over."""
        devices.synchronise(self._device)
        now = self._clock()
        interval = max(now - self._start, 1e-9)
        share = (self.flops or 0.0) * self._steps / interval / self._peak
        rate = self._samples / interval
        self._start, self._steps, self._samples = now, 0, 0
        return {"samples_per_second": round(rate, 3), "peak_share": round(share, 4), "interval": interval}

    def steps_per_second(self) -> float:
        """Since the steps that tell nothing."""
        devices.synchronise(self._device)
        began = self._start if self._warm_at is None else self._warm_at
        return max(1, self._all_steps - _WARM) / max(self._clock() - began, 1e-9)
