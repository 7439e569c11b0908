"""A real server on a free port of this machine, in a thread, with the scripted runtime behind it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from aigc.db.keys import Keys
from aigc.server.app import create_app
from aigc.server.uvicorn_server import Server
from aigc.settings import Settings
from scripted_runtime import ScriptedRuntime

KEY = "sk-test-0123456789abcdef"
HEADERS = {"Authorization": f"Bearer {KEY}"}


@dataclass
class Live:
    url: str
    app: FastAPI
    keys: Keys
    runtime: ScriptedRuntime
    server: Server
    http: httpx.Client

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx.Client]:
        yield self.http  # one for all: making one takes longer than a request

    def connect(self) -> socket.socket:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return socket.create_connection((host, int(port)), timeout=20)


@contextlib.contextmanager
def live(home: Path, **settings: Any) -> Iterator[Live]:
    home.mkdir(parents=True, exist_ok=True)
    chosen = Settings(home=home, api_key=KEY, **settings)
    runtime = ScriptedRuntime(chosen)
    keys = Keys(chosen.database)
    app = create_app(chosen, runtime, keys)
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    server = Server(app, grace_seconds=5, on_ready=ready.set)
    thread = threading.Thread(target=server.run_on, args=(listener,), daemon=True)
    thread.start()
    assert ready.wait(20)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, headers=HEADERS, trust_env=False, timeout=20) as http:
            yield Live(url, app, keys, runtime, server, http)
    finally:
        server.stop()
        thread.join(20)
        keys.close()
        listener.close()
