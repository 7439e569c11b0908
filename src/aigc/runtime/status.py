"""What the runtime tells about itself, as frozen values.

Knows: field names and units. Does not know: where the numbers come from.
"""

from __future__ import annotations

from typing import Literal

import msgspec

WorkerState = Literal["loading", "ready", "dead"]


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One model in memory, or on another server."""

    model: str
    engine: str
    state: WorkerState
    pid: int | None
    """Process id; None for a model on another server."""
    rss_bytes: int
    """Resident memory at the last health check."""
    reserved_bytes: int
    """What the memory budget holds for it."""
    running: int
    """Answers that are being computed."""
    waiting: int
    """Requests that wait for a place."""
    idle_seconds: float
    """Since the last answer ended; 0 while one is running."""
    restarts: int
    """How often this model's process ended by itself since the server started."""


class RuntimeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime as a whole."""

    workers: tuple[WorkerStatus, ...]
    memory_budget_bytes: int
    memory_reserved_bytes: int
