"""`aigc serve` and the bare engine as processes that a benchmark starts, asks and ends.

Knows: command lines, health, memory and processor time of processes. Does not know: what is measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

import client
from aigc.runtime import naming
from aigc.settings import load as load_settings
from aigc.store import Store

KEY = "sk-benchmark-0123456789"
_MIB = 2**20
Prompt = str | Sequence[int]
"""Text, or token ids."""


class Server:
    """`aigc serve` on a free port. Args: settings: more ``AIGC_...`` variables."""

    def __init__(self, **settings: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        given = {"AIGC_PORT": self.url.rpartition(":")[2], "AIGC_API_KEY": KEY, "AIGC_QUEUE_SIZE": "512", **settings}
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "aigc", "serve", "--no-pull"],
            env=os.environ | given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> float:
        """Seconds from the start until /health answers."""
        while True:
            try:
                httpx.get(f"{self.url}/health", timeout=1).raise_for_status()
                return time.perf_counter() - self.began
            except httpx.HTTPError:
                if self._process.poll() is not None:
                    raise RuntimeError("the server ended; is the model installed in AIGC_HOME?") from None
                time.sleep(0.02)

    def stream(self, model: str, prompts: Sequence[Prompt], tokens: int, *, seconds: float = 300.0) -> client.Load:
        """Streamed, greedy completions of exactly so many tokens, all at once."""
        return self.streams([(model, prompt) for prompt in prompts], tokens, seconds=seconds)

    def streams(self, asked: Sequence[tuple[str, Prompt]], tokens: int, *, seconds: float = 300.0) -> client.Load:
        """The same with a model for each prompt."""
        bodies = [
            {
                "model": model,
                "prompt": prompt,
                "max_tokens": tokens,
                "temperature": 0,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            for model, prompt in asked
        ]
        requests = [client.post(self.url, "/v1/completions", body, KEY) for body in bodies]
        return client.run(self.url, requests, seconds=seconds)

    def memory(self) -> dict[str, int]:
        """Resident MiB of the gateway and of its workers."""
        gateway = psutil.Process(self._process.pid)
        workers = sum(child.memory_info().rss for child in gateway.children(recursive=True))
        return {"gateway_mib": round(gateway.memory_info().rss / _MIB), "workers_mib": round(workers / _MIB)}

    def cpu_seconds(self) -> float:
        """Processor time of the gateway so far, its workers not counted."""
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def stop(self) -> None:
        """End it as a service manager would."""
        self._process.terminate()
        self._process.wait(60)


class Engine:
    """`bare.py` in a process of its own. Args: model: id or alias; environment: beside what there is."""

    def __init__(self, model: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "bare.py"), model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self._line()

    def run(self, prompts: Sequence[str], tokens: int) -> dict[str, float]:
        """See `bare.Bare.run`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"prompts": list(prompts), "tokens": tokens}) + "\n")
        self._process.stdin.flush()
        return self._line()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # native libraries print lines of their own
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise RuntimeError("the bare engine ended")


def installed() -> list[str]:
    """Ids of the models in AIGC_HOME."""
    return [spec.id for spec in Store(load_settings()).list()]


def model_id(name: str) -> str:
    """The id of the installed model that ``name`` stands for."""
    settings = load_settings()
    store = Store(settings)
    return naming.resolve(name, "completion", naming.aliases(settings), store.list(), store.default_id()).id


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Server]:
    """A server that answers; ended at the end."""
    server = Server(**settings)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
