"""Many clients at once, and what becomes of each: asyncio and httpx.

Knows: requests, streams, how an answer ended. Does not know: scenarios, processes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from serving import HEADERS


@dataclass
class Ended:
    """How one request ended."""

    status: int
    """0: no answer at all."""
    complete: bool
    """The whole answer came, with its end."""
    code: str | None = None
    """Of the error, also of one in the middle of a stream."""
    first_seconds: float = 0.0
    seconds: float = 0.0
    trouble: str = ""
    """What broke the connection."""

    def __str__(self) -> str:
        return f"{self.status} {self.code or ''} {self.trouble}".strip()


def client(url: str, connections: int) -> httpx.AsyncClient:
    """A client that may hold so many connections."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=300, limits=limits, trust_env=False)


async def stream(
    http: httpx.AsyncClient, body: dict[str, Any], on_event: Callable[[int], None] = lambda seen: None
) -> Ended:
    """Send a completion with ``stream`` and follow it to its end; ``on_event`` hears the number of each event."""
    began = time.monotonic()
    ended = Ended(0, complete=False)
    try:
        async with http.stream("POST", "/v1/completions", json={**body, "stream": True}) as answer:
            ended.status = answer.status_code
            if answer.status_code != 200:
                ended.code = json.loads(await answer.aread())["error"]["code"]
                return ended
            seen = 0
            async for line in answer.aiter_lines():
                if not line.startswith("data: "):
                    continue
                seen += 1
                ended.first_seconds = ended.first_seconds or time.monotonic() - began
                on_event(seen)
                if line == "data: [DONE]":
                    ended.complete = True
                elif "error" in (event := json.loads(line[6:])):
                    ended.code = event["error"]["code"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        ended.trouble = f"{type(error).__name__}: {error}"
    ended.seconds = time.monotonic() - began
    return ended


async def whole(http: httpx.AsyncClient, body: dict[str, Any], path: str = "/v1/completions") -> Ended:
    """Send a request without ``stream``."""
    began = time.monotonic()
    ended = Ended(0, complete=False)
    try:
        answer = await http.post(path, json=body)
        ended.status, ended.complete = answer.status_code, answer.status_code == 200
        ended.code = None if ended.complete else answer.json()["error"]["code"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        ended.trouble = f"{type(error).__name__}: {error}"
    ended.seconds = time.monotonic() - began
    return ended


def share(values: list[float], part: float) -> float:
    """The value below which this part of the values lies; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for it, at most so long."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.01)
