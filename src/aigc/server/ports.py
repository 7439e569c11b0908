"""What the server needs from the runtime.

Knows: the calls. Does not know: who answers them; `aigc.runtime` does, tests bring a scripted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aigc.runtime.status import RuntimeStatus
from aigc.types import Capability, Deliver, Event, ModelSpec, Request


class Runtime(Protocol):
    """Answers requests with the installed models."""

    async def start(self) -> None:
        """Called once, before the first request."""
        ...

    async def close(self) -> None:
        """End every process and connection; a second call does nothing."""
        ...

    def models(self) -> Sequence[ModelSpec]:
        """What can be asked."""
        ...

    @property
    def aliases(self) -> dict[str, str]:
        """Every other name, to what it stands for."""
        ...

    def resolve(self, name: str, capability: Capability) -> str:
        """Id of the model that ``name`` stands for. Raises: UnknownModel, UserError."""
        ...

    async def answer(self, model: str, request: Request, deliver: Deliver) -> None:
        """Deliver the events of an answer, until it is complete; cancelling the task cancels it.

        Raises: AigcError, before the first event or later.
        """
        ...

    async def ask(self, model: str, request: Request) -> Event:
        """The final event of an answer. Raises: AigcError."""
        ...

    async def ready(self) -> bool:
        """Whether a generation works."""
        ...

    def status(self) -> RuntimeStatus:
        """Models in memory, queues, the memory budget."""
        ...
