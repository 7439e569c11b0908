"""A worker that hangs (SIGSTOP) is noticed within 10 s and replaced within 30 s."""

from __future__ import annotations

import asyncio
import signal
import time

import talk
from serving import Server, serving, wait_until
from stage import Stage

BODY = {"model": "default", "prompt": "Once upon a time", "max_tokens": 4000, "ignore_eos": True}


async def _stop_under(server: Server) -> tuple[float, talk.Ended]:
    """Stop the worker under a stream. Returns: seconds until the stream was told, and what it was told."""
    begun: list[int] = []
    async with talk.client(server.url, 2) as http:
        running = asyncio.create_task(talk.stream(http, BODY, begun.append))
        await talk.until(lambda: len(begun) > 2, 60)
        for worker in server.workers():
            worker.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        ended = await running
        return time.monotonic() - stopped, ended


def play(stage: Stage) -> None:
    """With a stream that runs, and with nobody asking."""
    noticed, replaced, codes = [], [], []
    with serving(stage) as server:
        server.ask()
        for _ in range(stage.times(5)):
            began = time.monotonic()
            seconds, ended = asyncio.run(_stop_under(server))
            noticed.append(seconds)
            codes.append(ended.code)
            status = server.ask().status_code
            replaced.append(time.monotonic() - began if status == 200 else 1e9)
        (idle,) = server.workers()
        idle.send_signal(signal.SIGSTOP)
        gone = wait_until(lambda: not idle.is_running(), 30)
    stage.none("streams that ended otherwise than with `worker_died`", [c for c in codes if c != "worker_died"])
    stage.at_most("noticed after", max(noticed), 10, " s")
    stage.at_most("replaced, with an answer, after", max(replaced), 30, " s")
    stage.at_most("noticed while nobody asks, after", 1e9 if gone is None else gone, 10, " s")
