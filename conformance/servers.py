"""Starts the two servers: aigc as a user would, and llama.cpp's own server from its wheel, with the same model file.

Both get the same context and the same number of threads. llama.cpp serves one model; for the suites that ask for
embeddings, its server is started in the mode that makes them.

Knows: processes, ports, model files. Does not know: suites.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from suite import HERE, Target

KEY = "sk-conformance-0123456789"
CONTEXT_TOKENS = 1024
START_SECONDS = 120
ALIASES = {
    "gpt-6-astra": "default",
    "gpt-6-sol": "default",
    "gpt-4o": "default",
    "gpt-4o-mini": "default",
    "gpt-3.5-turbo-instruct": "default",
    "string": "default",
    "text-embedding-3-small": "embedding",
    "text-embedding-ada-002": "embedding",
}
"""Names that the suites ask for; llama.cpp's server takes any name for its one model."""


class ServerError(Exception):
    """A server did not start."""


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def aigc(home: Path, folder: Path, model: str) -> Iterator[Target]:
    """Our server over the models of ``home``. ``folder`` takes its settings and its log."""
    settings = folder / "aigc.toml"
    names = ALIASES | {"gpt-3.5-turbo-instruct": model}
    lines = [f'default_model = "{model}"', f"context_tokens = {CONTEXT_TOKENS}", "[aliases]"]
    settings.write_text("\n".join([*lines, *(f'"{old}" = "{new}"' for old, new in names.items())]) + "\n", "utf-8")
    port = free_port()
    environment = os.environ | {"AIGC_HOME": str(home), "AIGC_CONFIG": str(settings), "AIGC_API_KEY": KEY}
    command = [sys.executable, "-m", "aigc", "serve", "--no-pull", "--json", "--port", str(port)]
    with _running(command, environment, folder / "aigc.log"):
        yield _answering(Target(name="aigc", url=f"http://127.0.0.1:{port}/v1", key=KEY, model=model))


@contextlib.contextmanager
def llama_cpp(home: Path, folder: Path, model: str, *, embeds: bool = False) -> Iterator[Target]:
    """llama.cpp's own server over the same file."""
    file = next((home / "models" / model).glob("*.gguf"))
    port = free_port()
    command = [sys.executable, str(HERE / "llama_server.py"), str(file), str(port), KEY, model, str(CONTEXT_TOKENS)]
    command += ["--embeds"] if embeds else []
    with _running(command, dict(os.environ), folder / f"llama.cpp{'-embeds' if embeds else ''}.log"):
        yield _answering(Target(name="llama.cpp", url=f"http://127.0.0.1:{port}/v1", key=KEY, model=model))


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=HERE)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(target: Target) -> bool:
    """Whether the server lists its models."""
    request = urllib.request.Request(f"{target.url}/models", headers={"Authorization": f"Bearer {target.key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return bool(json.load(response)["data"])
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _answering(target: Target) -> Target:
    end = time.monotonic() + START_SECONDS
    while not answers(target):
        if time.monotonic() > end:
            raise ServerError(f"{target.name} did not answer at {target.url} within {START_SECONDS} s")
        time.sleep(0.5)
    return target
