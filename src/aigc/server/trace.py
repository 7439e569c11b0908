"""What is known about one request while it runs: the notes from which its log line and its metrics are made.

Knows: numbers and names. Does not know: prompts, keys, answers.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from starlette.types import Scope

from aigc.types import Usage


@dataclass(slots=True)
class Trace:
    """Notes on one request."""

    id: str
    method: str
    started: float = field(default_factory=time.perf_counter)
    route: str = "unmatched"
    """Path as declared, ``/v1/models/{model}``: never what the client wrote."""
    model: str | None = None
    owner: str | None = None
    stream: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    first_token_seconds: float | None = None
    error: str | None = None
    """Code of the error that was answered."""

    def seconds(self) -> float:
        """Since the request came."""
        return time.perf_counter() - self.started

    def add(self, usage: Usage) -> None:
        """Count what an answer cost."""
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.cached_tokens += usage.cached_tokens


def new_id() -> str:
    """A request id."""
    return f"req_{secrets.token_hex(12)}"


def of(scope: Scope) -> Trace:
    """The notes on the request of ``scope``."""
    trace: Trace = scope["state"]["trace"]
    return trace
