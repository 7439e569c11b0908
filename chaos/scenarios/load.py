"""Load held: 64 streams at once for a minute on the tiny model, then 500 at once on echo.

Every stream comes to its end, none is cut off, none is refused while the queue has room.
"""

from __future__ import annotations

import asyncio
import time

import talk
from serving import Server, serving
from stage import Stage

BODY = {"model": "default", "prompt": "Once upon a time", "max_tokens": 32, "ignore_eos": True}


async def _hold(server: Server, streams: int, seconds: float) -> list[talk.Ended]:
    """So many clients, each asking again as soon as it has its answer."""
    end = time.monotonic() + seconds

    async def one(http: talk.httpx.AsyncClient) -> list[talk.Ended]:
        found = [await talk.stream(http, BODY)]
        while time.monotonic() < end:
            found.append(await talk.stream(http, BODY))
        return found

    async with talk.client(server.url, streams) as http:
        return [ended for part in await asyncio.gather(*(one(http) for _ in range(streams))) for ended in part]


def play(stage: Stage) -> None:
    """Tiny for a minute, then a burst on echo."""
    seconds = 60 * stage.scale
    with serving(stage) as server:
        server.ask()
        began = time.monotonic()
        found = asyncio.run(_hold(server, 64, seconds))
        took = time.monotonic() - began
    stage.all("tiny, 64 clients: answers complete", sum(one.complete for one in found), len(found))
    stage.count("tiny: tokens/s over all", f"{32 * len(found) / took:.0f}")
    waits = [one.first_seconds for one in found]
    stage.count(
        "tiny: first token, median and slowest", f"{talk.share(waits, 0.5):.2f} s, {talk.share(waits, 1.0):.2f} s"
    )
    with serving(stage, echo="delay=0.005", max_sequences=512) as server:
        found = asyncio.run(_hold(server, stage.times(500), 0))
    stage.all("echo, 500 at once: answers complete", sum(one.complete for one in found), len(found))
