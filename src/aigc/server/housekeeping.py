"""Removes what has outlived its time, now and every hour.

Knows: when. Does not know: what; each table's owner knows that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aigc.errors import AigcError

log = logging.getLogger(__name__)

_EVERY_SECONDS = 3600.0


@contextlib.asynccontextmanager
async def regularly(*jobs: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """While inside, run ``jobs`` at once and every hour. One that the database refuses is tried again next time."""

    async def work() -> None:
        while True:
            for job in jobs:
                try:
                    await job()
                except AigcError as error:
                    log.warning("what has expired could not be removed: %s", error.message)
            await asyncio.sleep(_EVERY_SECONDS)

    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
