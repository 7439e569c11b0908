"""Overload: ten times the clients that the server has room for, for two minutes.

The tiny model answers 4 side by side and lets 8 wait; 120 clients ask again and again. Only 200 and 429 may be seen,
every accepted request finishes, and memory stays flat.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import talk
from serving import Server, serving
from stage import Stage

CLIENTS = 120
BODY = {"model": "default", "prompt": "Once upon a time", "max_tokens": 16, "ignore_eos": True}


async def _press(server: Server, seconds: float) -> tuple[list[talk.Ended], list[int]]:
    end = time.monotonic() + seconds
    found: list[talk.Ended] = []
    memory: list[int] = []

    async def one(http: talk.httpx.AsyncClient, number: int) -> None:
        while time.monotonic() < end:
            ended = await (talk.stream(http, BODY) if number % 2 else talk.whole(http, BODY))
            found.append(ended)
            await asyncio.sleep(0.2 if ended.status == 429 else 0)

    async def watch() -> None:
        while time.monotonic() < end:
            memory.append(server.rss())
            await asyncio.sleep(1)

    async with talk.client(server.url, CLIENTS) as http:
        await asyncio.gather(watch(), *(one(http, number) for number in range(CLIENTS)))
    return found, memory


def play(stage: Stage) -> None:
    """Press, then look at what came back."""
    with serving(stage, max_sequences=4, queue_size=8, context_tokens=512) as server:  # a cache that is soon full
        asyncio.run(_press(server, 45 * stage.scale))  # caches and buffers fill
        found, memory = asyncio.run(_press(server, 120 * stage.scale))
        after = server.ask().status_code
    statuses = Counter(ended.status for ended in found)
    stage.count("requests by status", dict(sorted(statuses.items())))
    stage.none("answers other than 200 and 429", [ended for ended in found if ended.status not in (200, 429)])
    stage.all("accepted requests that finished", sum(e.complete for e in found), statuses[200])
    fifth = max(1, len(memory) // 5)
    growth = sum(memory[-fifth:]) / sum(memory[:fifth]) - 1
    stage.at_most("growth of resident memory, first to last fifth", 100 * growth, 5, " %")
    stage.none("status of a request afterwards that is not 200", [] if after == 200 else [after])
