"""An I/O error on the k-th write: to the database, to the log, while a model is pulled.

A library in front of libc lets a chosen write fail. Answers are 200, 503 or 507, nothing acknowledged is lost, no half
model is ever visible, and all works again as soon as writes do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from faulty import Faults
from scenarios.header_check import small_model
from serving import Server, serving
from stage import Stage

CHAT = {"model": "default", "max_tokens": 3, "store": True, "messages": [{"role": "user", "content": "a b c"}]}


def _requests(stage: Stage, server: Server, faults: Faults) -> tuple[list[int], list[str], int]:
    statuses: list[int] = []
    kept: list[str] = []
    failed = 0
    for k in range(stage.times(150)):
        faults.strike(k % 25, stage.draw.choice((1, 1, 3, 20)))
        try:
            answer = server.http.post("/v1/chat/completions", json=CHAT)
            statuses.append(answer.status_code)
            kept += [answer.json()["id"]] if answer.status_code == 200 else []
        except httpx.HTTPError:
            statuses.append(0)
        failed += faults.stop()
    return statuses, kept, failed


def _pulls(stage: Stage, faults: Faults, home: Path) -> tuple[list[dict[str, object]], int]:
    """One process pulls a model under a new name each time, while its k-th write fails."""
    file = stage.scratch / "small.gguf"
    small_model(file)
    program = Path(__file__).parents[1] / "pulling.py"
    found = []
    failed = 0
    with subprocess.Popen(
        [sys.executable, str(program), str(home), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **faults.environment},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for k in range(stage.times(60)):
            for attempt in ("with the fault", "again"):
                if attempt == "with the fault":
                    faults.strike(k // 2, stage.draw.choice((1, 2, 50)))
                process.stdin.write(f"model-{k}\n")
                process.stdin.flush()
                found.append({**json.loads(process.stdout.readline()), "k": k, "attempt": attempt})
                failed += faults.stop()
        process.stdin.close()
    return found, failed


def play(stage: Stage) -> None:
    """Requests that write, then pulls."""
    faults = Faults(stage.scratch, stage.scratch)
    with serving(stage, echo="delay=0", environment=faults.environment) as server:
        server.ask()
        statuses, kept, failed = _requests(stage, server, faults)
        after = server.http.post("/v1/chat/completions", json=CHAT).status_code
        missing = [one for one in kept if server.http.get(f"/v1/chat/completions/{one}").status_code != 200]
        alive = server.alive
    stage.count("writes of the server that failed", failed)
    stage.none("answers other than 200, 503 and 507", [s for s in statuses if s not in (200, 503, 507)])
    stage.none("acknowledged stored chats that were lost", missing)
    stage.all("stored after the last error: 200, and the server lives", int(after == 200 and alive), 1)
    pulls, failed = _pulls(stage, faults, stage.scratch / "store")
    stage.count("writes of a pull that failed", failed)
    stage.none("errors that are not ours", [one for one in pulls if "foreign" in one])
    stage.none(
        "half models that were listed",
        [one for one in pulls if "error" in one and f"model-{one['k']}" in one["listed"]],  # type: ignore[operator]
    )
    again = [one for one in pulls if one["attempt"] == "again"]
    stage.all("pulls that worked as soon as writes did", sum("ok" in one for one in again), len(again))
