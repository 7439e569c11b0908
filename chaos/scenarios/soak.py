"""A soak of 30 minutes at low load on the tiny model: memory grows less than 5 %.

Every second one request: chat, completion, stream, JSON, log-probabilities (the other engine), embeddings, a client
that leaves, a bad request. Memory after the first tenth is compared with memory in the last tenth.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter

import httpx
import psutil

from serving import Server, serving
from stage import Stage

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
CHAT = {"model": "default", "max_tokens": 8, "messages": [{"role": "user", "content": "Say something."}]}


def _one(server: Server, number: int) -> int:
    http = server.http
    kind = number % 8
    if kind == 0:
        return http.post("/v1/chat/completions", json=CHAT).status_code
    if kind == 1:
        return server.ask(max_tokens=8, temperature=1).status_code
    if kind == 2:
        return http.post("/v1/chat/completions", json={**CHAT, "stream": True}).status_code
    if kind == 3:
        return http.post("/v1/chat/completions", json={**CHAT, "max_tokens": 30, "response_format": FORMAT}).status_code
    if kind == 4:
        return http.post("/v1/chat/completions", json={**CHAT, "logprobs": True, "top_logprobs": 2}).status_code
    if kind == 5:
        return http.post("/v1/embeddings", json={"model": "embedding", "input": f"text {number}"}).status_code
    if kind == 6:
        try:
            return http.post("/v1/completions", json={"model": "default", "max_tokens": 500}, timeout=0.3).status_code
        except httpx.TimeoutException:
            return 499
    return http.post("/v1/chat/completions", json={**CHAT, "n": 10**6}).status_code


def play(stage: Stage) -> None:
    """Ask, sleep, weigh."""
    seconds = 1800 * stage.scale
    statuses: Counter[int] = Counter()
    memory: list[tuple[float, float]] = []
    alone: list[float] = []
    # A small cache is soon full: what grows after that is no cache.
    with serving(stage, context_tokens=2048, max_sequences=4) as server:
        began = time.monotonic()
        number = 0
        while (elapsed := time.monotonic() - began) < seconds:
            statuses[_one(server, number)] += 1
            memory.append((elapsed, server.rss() / 2**20))
            alone.append(psutil.Process(server.pid).memory_info().rss / 2**20)
            number += 1
            time.sleep(max(0.0, 1 - (time.monotonic() - began - elapsed)))
        restarts = sum(worker["restarts"] for worker in server.status())
    early = statistics.median(rss for at, rss in memory if 0.1 * seconds <= at <= 0.2 * seconds)
    late = statistics.median(rss for at, rss in memory if at >= 0.9 * seconds)
    stage.count("lasted", f"{seconds / 60:.1f} minutes, {number} requests")
    stage.count("by status (499: the client left)", dict(sorted(statuses.items())))
    stage.none("answers of 5xx", [status for status in statuses if status >= 500])
    stage.count("memory of server and workers, early and late", f"{early:.0f} MiB, {late:.0f} MiB")
    stage.count("of these the server alone", f"{alone[len(alone) // 10]:.0f} MiB, {alone[-1]:.0f} MiB")
    stage.at_most("growth", 100 * (late / early - 1), 5, " %")
    stage.at_most("workers that were replaced", restarts, 0)
