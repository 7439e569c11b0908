"""How the server describes itself.

Knows: the shapes. Does not know: where the numbers come from.
"""

from __future__ import annotations

from pydantic import BaseModel


class Health(BaseModel):
    """The process lives, or: a generation works."""

    status: str = "ok"


class Worker(BaseModel):
    """A model in memory; fields as in `aigc.runtime.status.WorkerStatus`."""

    model: str
    engine: str
    state: str
    pid: int | None
    rss_bytes: int
    reserved_bytes: int
    running: int
    waiting: int
    idle_seconds: float
    restarts: int


class Status(BaseModel):
    """The server as a whole."""

    object: str = "status"
    version: str
    workers: list[Worker]
    memory_budget_bytes: int
    memory_reserved_bytes: int
