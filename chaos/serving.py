"""A real server in a process of its own: started, asked, watched, killed, started again.

Knows: `aigc serve`, `echo_server.py`, /v1/status, process ids. Does not know: scenarios.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from stage import Stage

KEY = "sk-chaos-0123456789abcdef"
HEADERS = {"Authorization": f"Bearer {KEY}"}
LLAMA_CPP = {"logit_bias": {"100": -1}}
"""A request with this goes to llama.cpp: OpenVINO can't bias tokens."""


class Server:
    """`aigc serve` with the tiny model, or, given ``echo``, the same server and runtime with the echo engine.

    Args:
        stage: for models and scratch; the home is ``scratch/home`` and outlives restarts.
        echo: options of the echo engine, e.g. ``delay=0.02``.
        environment: more variables for the server.
        before: words before the command, e.g. ``unshare ...``.
        settings: AIGC settings in lower case.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        echo: str | None = None,
        environment: dict[str, str] | None = None,
        before: Sequence[str] = (),
        **settings: object,
    ) -> None:
        self.home = stage.scratch / "home"
        self.home.mkdir(exist_ok=True)
        if not (self.home / "models").exists():
            (self.home / "models").symlink_to(stage.models / "models")
        self.log = stage.scratch / "server.log"
        program = ["-m", "aigc", "serve", "--no-pull", "--port", "0", "--json"]
        if echo is not None:
            program = [str(Path(__file__).with_name("echo_server.py")), f"echo:?{echo}"]
        self._command = [*before, sys.executable, *program]
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("AIGC_")} | (environment or {})
        chosen = {"home": self.home, "api_key": KEY, "default_model": "smollm2-135m-instruct", **settings}
        self._environment |= {f"AIGC_{name.upper()}": str(value) for name, value in chosen.items()}
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it and wait until it accepts requests."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=subprocess.PIPE, stderr=log, cwd="/"
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")
        self.url = json.loads(line)["url"]
        self.pid = self.process.pid
        self.http = httpx.Client(base_url=self.url, headers=HEADERS, timeout=120, trust_env=False)

    @property
    def alive(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    def kill(self) -> list[psutil.Process]:
        """SIGKILL. Returns: the workers it had."""
        workers = self.workers()
        self.process.send_signal(signal.SIGKILL)
        self._forget()
        return workers

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self.process.terminate()
        self._forget()

    def _forget(self) -> None:
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.http.close()

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child for child in psutil.Process(self.pid).children(recursive=True) if _is_worker(child)]
        return []

    def rss(self) -> int:
        """Resident bytes of the server and its workers."""
        total = 0
        for process in [psutil.Process(self.pid), *self.workers()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def status(self) -> list[dict[str, Any]]:
        """The workers as /v1/status tells them."""
        workers: list[dict[str, Any]] = self.http.get("/v1/status").json()["workers"]
        return workers

    def occupied(self) -> int:
        """Places taken and requests waiting, of all models."""
        return sum(worker["running"] + worker["waiting"] for worker in self.status())

    def ask(self, **fields: object) -> httpx.Response:
        """A short completion, or the chat that ``fields`` describe."""
        body = {"model": "default", "prompt": "Once", "max_tokens": 2, "temperature": 0, **fields}
        return self.http.post("/v1/completions", json=body)


@contextlib.contextmanager
def serving(stage: Stage, **options: Any) -> Iterator[Server]:
    """A server that is ended at the end."""
    server = Server(stage, **options)
    try:
        yield server
    finally:
        if server.alive:
            server.stop()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "aigc.runtime.worker" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def wait_until(condition: Any, seconds: float) -> float | None:
    """Seconds until ``condition()`` is true; None if it doesn't become so."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(0.01)
    return time.monotonic() - began
