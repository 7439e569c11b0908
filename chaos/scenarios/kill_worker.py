"""100 times kill -9 of the worker under 16 streams.

Every stream ends with the typed error `worker_died`; the next request is answered within 3 s.
"""

from __future__ import annotations

import asyncio
import time

import psutil

import talk
from serving import Server, serving
from stage import Stage

STREAMS = 16
BODY = {"model": "default", "prompt": "Once upon a time", "max_tokens": 4000, "ignore_eos": True}


async def _kill_under(server: Server, http: talk.httpx.AsyncClient, delay: float) -> list[talk.Ended]:
    begun: set[int] = set()
    streams = [
        asyncio.create_task(talk.stream(http, BODY, lambda seen, n=number: begun.add(n)))  # type: ignore[misc]
        for number in range(STREAMS)
    ]
    await talk.until(lambda: len(begun) == STREAMS, 60)
    await asyncio.sleep(delay)
    for worker in server.workers():
        worker.kill()
    return await asyncio.gather(*streams)


async def _rounds(stage: Stage, server: Server) -> tuple[list[talk.Ended], list[talk.Ended], list[float]]:
    ended: list[talk.Ended] = []
    nexts: list[talk.Ended] = []
    seconds: list[float] = []
    async with talk.client(server.url, STREAMS + 1) as http:
        for _ in range(stage.times(100)):
            ended += await _kill_under(server, http, stage.draw.uniform(0, 0.5))
            began = time.monotonic()
            nexts.append(await talk.whole(http, {**BODY, "max_tokens": 2}))
            seconds.append(time.monotonic() - began)
    return ended, nexts, seconds


def play(stage: Stage) -> None:
    """Kill, ask, and look whether anything is left over."""
    with serving(stage) as server:
        server.ask()
        ended, nexts, seconds = asyncio.run(_rounds(stage, server))
        stage.all("streams that ended with `worker_died`", sum(e.code == "worker_died" for e in ended), len(ended))
        stage.all("next requests answered 200", sum(e.status == 200 for e in nexts), len(nexts))
        stage.count("next answer, median", f"{talk.share(seconds, 0.5):.2f} s")
        stage.at_most("next answer, slowest", max(seconds), 3, " s")
        server_process = psutil.Process(server.pid)
        stage.at_most("worker processes at the end", len(server.workers()), 1)
        stage.at_most("open files of the server at the end", server_process.num_fds(), 100)
