"""100 times kill -9 of the server, with streams running and writes under way.

No worker outlives it, it starts again, and what was acknowledged is there: stored chats, and keys that another process
wrote, which is killed too.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import psutil

from aigc.db.keys import Keys
from serving import Server, serving, wait_until
from stage import Stage

CHAT = {"model": "default", "store": True, "max_tokens": 3, "messages": [{"role": "user", "content": "a b c"}]}
STREAM = {"model": "default", "prompt": "x", "max_tokens": 4000, "ignore_eos": True, "stream": True}


def _store(server: Server, acknowledged: list[str]) -> None:
    """Keep chats until the server is gone."""
    with contextlib.suppress(httpx.HTTPError), httpx.Client(base_url=server.url, headers=server.http.headers) as http:
        while True:
            answer = http.post("/v1/chat/completions", json=CHAT)
            if answer.status_code == 200:
                acknowledged.append(answer.json()["id"])


def _read(server: Server) -> None:
    """Follow a stream until the server is gone."""
    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.stream("POST", f"{server.url}/v1/completions", json=STREAM, headers=server.http.headers) as answer,
    ):
        for _ in answer.iter_lines():
            pass


def _kill_once(server: Server, delay: float, stored: list[str]) -> list[psutil.Process]:
    """Returns: workers that outlived the server by more than 5 s."""
    clients = [threading.Thread(target=_read, args=(server,)) for _ in range(4)]
    clients.append(threading.Thread(target=_store, args=(server, stored)))
    before = len(stored)
    for client in clients:
        client.start()
    wait_until(lambda: len(stored) > before, 10)  # at least one acknowledged write in every life
    threading.Event().wait(delay)
    workers = server.kill()
    for client in clients:
        client.join(30)
    wait_until(lambda: not any(map(_lives, workers)), 5)
    return [worker for worker in workers if _lives(worker)]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _kill_writer(url: str, delay: float) -> list[str]:
    """Kill a process that makes keys. Returns: the keys that it had acknowledged."""
    program = Path(__file__).parents[1] / "writing_keys.py"
    with subprocess.Popen([sys.executable, str(program), url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline().strip()
        threading.Event().wait(delay)
        writer.kill()
        return [first, *writer.stdout.read().split()]


def play(stage: Stage) -> None:
    """Kill and start again, then count what is missing."""
    orphans: list[psutil.Process] = []
    silent: list[int] = []
    stored: list[str] = []
    acknowledged: list[str] = []
    rounds = stage.times(100)
    with serving(stage, echo="delay=0.01") as server:
        url = f"sqlite:///{server.home / 'aigc.db'}"
        for number in range(rounds):
            silent += [status for status in [server.ask().status_code] if status != 200]
            orphans += _kill_once(server, stage.draw.uniform(0, 0.3), stored)
            if number % 5 == 0:
                acknowledged += _kill_writer(url, stage.draw.uniform(0.05, 0.3))
            server.start()
        missing = [one for one in stored if server.http.get(f"/v1/chat/completions/{one}").status_code != 200]
        keys = Keys(url)
        known = {record.id for record in keys.list()}
        keys.close()
    stage.count("kills of the server", rounds)
    stage.none("workers alive 5 s after their server", orphans)
    stage.none("first requests after a start that were not answered 200", silent)
    stage.count("acknowledged stored chats", len(stored))
    stage.none("of these, lost", missing)
    stage.count("acknowledged keys", len(acknowledged))
    stage.none("of these, lost", [key for key in acknowledged if key not in known])
