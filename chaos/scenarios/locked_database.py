"""Another program locks the database for 20 s: nothing is lost, nobody gets a 5xx, chats go on."""

from __future__ import annotations

import sqlite3
import threading
import time

import httpx

from serving import HEADERS, serving
from stage import Stage

CHAT = {"model": "default", "max_tokens": 3, "messages": [{"role": "user", "content": "a b c"}]}


def play(stage: Stage) -> None:
    """Lock, ask and store meanwhile, unlock, look for what was stored."""
    seconds = 20 * max(stage.scale, 0.1)
    chats: list[tuple[int, float]] = []
    stored: list[httpx.Response] = []
    with serving(stage, echo="delay=0") as server:
        server.ask()
        lock = sqlite3.connect(server.home / "aigc.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")

        def store() -> None:
            body = {**CHAT, "store": True}
            stored.append(httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=HEADERS, timeout=120))

        writers = [threading.Thread(target=store) for _ in range(stage.times(20))]
        for writer in writers:
            writer.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            chats.append((server.http.post("/v1/chat/completions", json=CHAT).status_code, time.monotonic() - began))
            time.sleep(0.1)
        lock.execute("COMMIT")
        lock.close()
        for writer in writers:
            writer.join(120)
        ids = [answer.json()["id"] for answer in stored if answer.status_code == 200]
        missing = [one for one in ids if server.http.get(f"/v1/chat/completions/{one}").status_code != 200]
    stage.count("locked for", f"{seconds:g} s")
    stage.all("chats answered 200 meanwhile", sum(status == 200 for status, _ in chats), len(chats))
    stage.all("chats to be stored, answered 200", len(ids), len(writers))
    stage.none("of these, lost", missing)
