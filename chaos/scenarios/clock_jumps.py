"""The wall clock jumps: an hour, ten years, to 1970, past 2106 and to 2261, as far as a kernel lets it.

Every duration is measured with a clock that never jumps; the wall clock only labels what is made. So answers, streams,
keys, stored chats, the log and time-outs go on as if nothing had happened.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from serving import Server, serving
from stage import Stage

YEAR = 31_557_600
_NOW = int(time.time())
JUMPS = (3600, -3600, 10 * YEAR, -10 * YEAR, 1 - _NOW, 2**32 + 1 - _NOW, 291 * YEAR - _NOW, 0)
"""Linux keeps its wall clock between 1970 and 2262 (64 bits of nanoseconds)."""
CHAT = {"model": "default", "max_tokens": 3, "messages": [{"role": "user", "content": "a b c"}]}


def _answers(server: Server) -> list[httpx.Response]:
    """One of everything."""
    http = server.http
    kept = http.post("/v1/chat/completions", json={**CHAT, "store": True})
    return [
        kept,
        http.get(f"/v1/chat/completions/{kept.json().get('id')}"),
        http.get("/v1/chat/completions"),
        http.post("/v1/chat/completions", json={**CHAT, "stream": True}),
        server.ask(),
        http.get("/v1/models"),
        http.get("/ready"),
        http.get("/metrics"),
        http.get("/"),
    ]


def _set(clock: Path, seconds: int) -> None:
    """In one step: the server reads the file at any moment."""
    half = clock.with_suffix(".half")
    half.write_text(str(seconds))
    half.replace(clock)


def play(stage: Stage) -> None:
    """Jump, ask for everything, jump on."""
    clock = stage.scratch / "clock"
    _set(clock, 0)
    found: list[tuple[int, int, str]] = []
    with serving(stage, echo="delay=0", environment={"CHAOS_CLOCK": str(clock)}) as server:
        for jump in JUMPS:
            _set(clock, jump)
            found += [(jump, answer.status_code, str(answer.url)[-40:]) for answer in _answers(server)]
        workers = server.status()
        alive = server.alive
    stage.count("jumps in seconds", ", ".join(str(jump) for jump in JUMPS))
    stage.none("answers that were not 200", [one for one in found if one[1] != 200])
    stage.none("workers that were replaced", [worker for worker in workers if worker["restarts"]])
    stage.none("deaths of the server", [] if alive else ["it died"])
    errors = [line for line in server.log.read_text(errors="replace").splitlines() if "Traceback" in line]
    stage.none("tracebacks in the log", errors)
