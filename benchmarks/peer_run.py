"""One server, measured from its start to its end.

Knows: processes, ports, loads. Does not know: which server it is; a `peers.base.Peer` does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import psutil

import client
from peers.base import Peer, Site
from prompts import words
from served import free_port

__all__ = ["free_port", "httpx", "measure"]

START_SECONDS = 180
LOAD_SECONDS = 60
"""A server that takes longer for one load isn't measured with more streams."""
LONG_WORDS = 400
_MIB = 2**20


def measure(peer: Peer, site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures. Raises: RuntimeError: it ended or refused; TimeoutError: it took too long to start."""
    log = site.folder / "server.log"
    with log.open("wb") as words_of_it:
        began = time.perf_counter()
        process = subprocess.Popen(
            list(peer.command(site)),
            env=os.environ | peer.environment(site),
            stdout=words_of_it,
            stderr=words_of_it,
            cwd=site.folder,
            start_new_session=True,
        )
    try:
        asked = _Asked(peer, site)
        _wait_for_port(process, site.port, log)
        if peer.after_start is not None:
            peer.after_start(site)
        asked.first(began + START_SECONDS)
        figures: dict[str, Any] = {
            "version": _version(peer, site),
            "start_to_first_token_s": round(time.perf_counter() - began, 2),
            "resident_mib": _resident(process.pid),
        }
        figures |= asked.long_prompts()
        figures["tokens_per_second"] = asked.rates(arguments.streams, arguments.tokens)
        figures["resident_mib_after_load"] = _resident(process.pid)
        figures["installed_mib"] = _installed(peer, site)
        return figures
    finally:
        _end(process)


class _Asked:
    """Requests to one server, each with a prompt that it has not seen."""

    def __init__(self, peer: Peer, site: Site) -> None:
        self._peer = peer
        self._url = f"http://127.0.0.1:{site.port}"
        self._model = peer.model_name(site)
        self._seed = 0

    def load(self, prompts: Sequence[str], tokens: int, seconds: float = LOAD_SECONDS) -> client.Load:
        peer = self._peer
        bodies = [peer.body(self._model, prompt, tokens) for prompt in prompts]
        requests = [client.post(self._url, peer.path, body, peer.key) for body in bodies]
        return client.run(self._url, requests, seconds=seconds)

    def words(self, count: int) -> str:
        self._seed += 1
        return words(count, self._seed)

    def first(self, deadline: float) -> None:
        """Ask until it answers: many open their port before the model is loaded."""
        while True:
            try:
                self.load([self.words(8)], 1)
                return
            except (RuntimeError, OSError):
                if time.perf_counter() > deadline:
                    raise
                time.sleep(0.1)

    def long_prompts(self) -> dict[str, float]:
        """Time to the first token: new prompts, then prompts of which all but the end was there before."""
        prefix = self.words(LONG_WORDS)
        new = [self._first_ms(self.words(LONG_WORDS)) for _ in range(2)] + [self._first_ms(prefix)]
        again = [self._first_ms(f"{prefix} {self.words(8)}") for _ in range(3)]
        return {
            "first_token_ms_400_words": round(statistics.median(new), 1),
            "first_token_ms_repeated_prefix": round(statistics.median(again), 1),
        }

    def _first_ms(self, prompt: str) -> float:
        return self.load([prompt], 2, START_SECONDS).figures()["first_token_ms"]

    def rates(self, streams: Sequence[int], tokens: int) -> dict[str, float | str]:
        """Tokens/s of all streams together: the median of three loads, of one where a load takes long."""
        found: dict[str, float | str] = {}
        for number in streams:
            runs: list[float] = []
            try:
                while len(runs) < 3:
                    load = self.load([self.words(40) for _ in range(number)], tokens)
                    runs.append(load.figures()["tokens_per_second"])
                    if load.seconds > LOAD_SECONDS / 4:
                        break
            except (TimeoutError, RuntimeError, OSError) as error:
                found[str(number)] = f"{type(error).__name__}: {error}"[:200]
                break
            found[str(number)] = round(statistics.median(runs), 1)
        return found


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.perf_counter() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"it ended at its start: {' '.join(last)}")
        if time.perf_counter() > deadline:
            raise TimeoutError(f"no port after {START_SECONDS} s")
        time.sleep(0.05)


def _version(peer: Peer, site: Site) -> str:
    if not peer.requirements:
        return version(peer.package)
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    return subprocess.run(
        [site.python, "-c", code, peer.package], capture_output=True, text=True, check=True
    ).stdout.strip()


def _resident(pid: int) -> int:
    """Resident MiB of a process and all that it started."""
    root = psutil.Process(pid)
    return round(sum(process.memory_info().rss for process in [root, *root.children(recursive=True)]) / _MIB)


_SIZE = """
import importlib.metadata as metadata, re, sys
todo, seen, size = [sys.argv[1]], set(), 0
while todo:
    name = re.sub("[-_.]+", "-", todo.pop()).lower()
    try:
        found = metadata.distribution(name) if name not in seen else None
    except metadata.PackageNotFoundError:
        continue
    seen.add(name)
    if found is not None:
        paths = [file.locate() for file in found.files or ()]
        size += sum(path.stat().st_size for path in paths if path.is_file())
        todo += [re.match("[A-Za-z0-9._-]+", need)[0] for need in found.requires or () if "extra ==" not in need]
print(size)
"""


def _installed(peer: Peer, site: Site) -> int:
    """MiB of the packages: all that its environment holds, or (ours, which holds tools as well) all that it needs."""
    if not peer.requirements:
        done = subprocess.run([site.python, "-c", _SIZE, peer.package], capture_output=True, text=True, check=True)
        return round(int(done.stdout) / _MIB)
    files = (path.lstat() for path in (site.folder / "venv").rglob("*") if path.is_file())
    return round(sum({file.st_ino: file.st_size for file in files}.values()) / _MIB)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and everything it started."""
    parts = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    for part in [*parts, *([psutil.Process(process.pid)] if process.poll() is None else [])]:
        with contextlib.suppress(psutil.NoSuchProcess):
            part.kill()
    process.wait(10)
