"""A real `aigc serve` with the real tiny model, in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

KEY = "sk-test-0123456789abcdef"


@dataclass(frozen=True)
class Serving:
    url: str
    base_url: str
    key: str
    home: Path
    process: subprocess.Popen[str]

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="session")
def serving(models_home: Path) -> Iterator[Serving]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_")}
    environment |= {"AIGC_HOME": str(models_home), "AIGC_API_KEY": KEY, "AIGC_DEFAULT_MODEL": "smollm2-135m-instruct"}
    process = subprocess.Popen(
        [sys.executable, "-m", "aigc", "serve", "--no-pull", "--port", "0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        start = json.loads(process.stdout.readline())
        yield Serving(start["url"], start["base_url"], KEY, models_home, process)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
