"""The real server and runtime with the echo engine instead of a model: ``echo_server.py 'echo:?delay=0.02'``.

For scenarios in which the words don't matter. Where CHAOS_CLOCK names a file, the wall clock goes wrong by as many
seconds as that file says at the moment.

Knows: `aigc.server.run`. Does not know: scenarios.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aigc.runtime.runtime import Runtime
from aigc.server.run import StartInfo, serve
from aigc.settings import load
from aigc.types import EngineFile, ModelSpec


class EchoModels:
    """A store that holds one echo model."""

    def __init__(self, path: str) -> None:
        self._path = path

    def list(self) -> Sequence[ModelSpec]:
        """It."""
        return [
            ModelSpec(
                id="smollm2-135m-instruct",
                capabilities=("chat", "completion"),
                engines=(EngineFile(engine="echo", path=self._path, memory_bytes=1),),
                context_tokens=8192,
                created=0,
                digest="echo",
                licence="Apache-2.0",
            )
        ]

    def default_id(self) -> str:
        """Its name."""
        return "smollm2-135m-instruct"


def step_the_clock(file: Path) -> None:
    """Let `time.time` and `time.time_ns` jump by what ``file`` says."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + float(file.read_text())
    time.time_ns = lambda: real_ns() + int(float(file.read_text())) * 10**9


def tell(info: StartInfo) -> None:
    """The same line as ``aigc serve --json``."""
    print(json.dumps({**asdict(info), "run_file": str(info.run_file)}), flush=True)


if __name__ == "__main__":
    if clock := os.environ.get("CHAOS_CLOCK"):
        step_the_clock(Path(clock))
    settings = load(port=0)
    serve(settings, on_ready=tell, runtime=Runtime(settings, EchoModels(sys.argv[1])))
