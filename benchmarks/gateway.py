"""What the server costs per token: processor time of gateway, worker and client, with an engine that computes nothing.

The echo engine gives one token to each stream every 45 ms, as the tiny model does at 32 streams on two cores, so the
figures are those of the code around an engine. They hold on a busy machine too: processor time is counted, not time::

    python benchmarks/gateway.py --streams 1 8 32 128

Prints one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import httpx
import psutil

import client
import machine
from aigc.types import EngineFile, ModelSpec
from prompts import words
from served import KEY, free_port

MODEL = ModelSpec(
    id="echo",
    capabilities=("chat", "completion"),
    engines=(EngineFile(engine="echo", path="echo:?delay=0.045", memory_bytes=0),),
    context_tokens=8192,
    created=0,
    digest="00000000",
    licence="Apache-2.0",
)


class OneModel:
    """A store in which only the echo model is installed."""

    def list(self) -> list[ModelSpec]:
        """Every installed model."""
        return [MODEL]

    def default_id(self) -> str:
        """The model that is loaded at the start."""
        return MODEL.id


def serve() -> None:
    """Run the server with the settings of the environment, in this process."""
    from aigc.runtime.runtime import Runtime
    from aigc.server.run import serve
    from aigc.settings import load

    settings = load()
    serve(settings, on_ready=lambda info: None, runtime=Runtime(settings, OneModel()))


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process so far."""
    times = process.cpu_times()
    return times.user + times.system


def measure(url: str, pid: int, streams: int, tokens: int) -> dict[str, float]:
    """Microseconds of processor time per token, by process."""
    bodies = [
        {"model": MODEL.id, "prompt": words(40, i), "max_tokens": tokens, "ignore_eos": True, "stream": True}
        for i in range(streams)
    ]
    gateway = psutil.Process(pid)
    parts = [gateway, *gateway.children(recursive=True)]
    before = [cpu_seconds(part) for part in parts]
    switches = gateway.num_ctx_switches().voluntary
    load = client.run(url, [client.post(url, "/v1/completions", body, KEY) for body in bodies])
    spent = [cpu_seconds(part) - earlier for part, earlier in zip(parts, before, strict=True)]
    count = sum(reply.tokens for reply in load.replies)
    return {
        "tokens_per_second": round(count / load.seconds, 1),
        "gateway_us": round(1e6 * spent[0] / count, 1),
        "worker_us": round(1e6 * sum(spent[1:]) / count, 1),
        "client_us": round(1e6 * load.cpu_seconds / count, 1),
        "gateway_switches_per_step": round((gateway.num_ctx_switches().voluntary - switches) * streams / count, 2),
    }


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    result: dict[str, Any] = {"benchmark": "gateway", "streams": {}}
    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        given = {"AIGC_HOME": home, "AIGC_PORT": str(port), "AIGC_API_KEY": KEY, "AIGC_MAX_SEQUENCES": "128"}
        command = [sys.executable, __file__, "--serve"]
        server = subprocess.Popen(command, env=os.environ | given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            while True:
                try:
                    httpx.get(f"{url}/health", timeout=1).raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.05)
            measure(url, server.pid, 2, 8)
            for streams in arguments.streams:
                result["streams"][str(streams)] = measure(url, server.pid, streams, arguments.tokens)
                print(streams, result["streams"][str(streams)], file=sys.stderr)
        finally:
            server.terminate()
            server.wait(30)
    print(json.dumps(result | {"machine": machine.describe()}))


if __name__ == "__main__":
    main()
