"""Facts about this machine that decide what it can run. Read, never judged: `aigc.cli.doctor` judges.

Knows: /proc, libraries, pip's configuration. Does not know: models, words for people.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ENGINES = {"openvino": ("openvino-genai", "openvino_genai"), "llama_cpp": ("xllamacpp", "xllamacpp")}
"""Engine to (distribution, module)."""
_FEATURES = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
    "i8mm",
)
_IMPORT_SECONDS = 60
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """Whether an engine's library can be used."""

    version: str | None
    """``None``: not installed."""
    problem: str
    """What importing it said last; empty: it works."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found."""

    python: str
    system: str
    cpu: str
    cpu_features: tuple[str, ...]
    threads: int
    cores: int
    memory_total_bytes: int
    memory_free_bytes: int
    """What a model may take: the machine's free memory, or less where a container limits it."""
    memory_limited: bool
    """A control group leaves less than the machine has."""
    disk_free_bytes: int
    libgomp: bool
    engines: dict[str, EngineFacts]
    pip_settings: dict[str, str]
    proxies: dict[str, str]


def look(home: Path) -> Machine:
    """Read everything; takes about two seconds, most of it for importing the engines in processes of their own."""
    import urllib.request

    import psutil

    from aigc.store.memory import available_memory_bytes

    memory = psutil.virtual_memory()
    free = available_memory_bytes()
    name, features = _cpu()
    with ThreadPoolExecutor(2) as pool:
        engines = dict(zip(ENGINES, pool.map(_engine, ENGINES), strict=True))
    return Machine(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=name,
        cpu_features=features,
        threads=_usable_threads(),
        cores=psutil.cpu_count(logical=False) or _usable_threads(),
        memory_total_bytes=memory.total,
        memory_free_bytes=free,
        memory_limited=free < 0.95 * memory.available,
        disk_free_bytes=shutil.disk_usage(_existing(home)).free,
        libgomp=_loads("libgomp.so.1"),
        engines=engines,
        pip_settings=_pip_settings(),
        proxies={kind: _SECRET.sub("", url) for kind, url in urllib.request.getproxies().items()},
    )


def read_bandwidth(bytes_read: int = 2**28, repeats: int = 3) -> float:
    """Bytes a second that all threads together read from memory: the ceiling of a model's speed."""
    import numpy as np

    count = _usable_threads()
    part = bytes_read // count // 8
    arrays = [np.ones(part) for _ in range(count)]
    best = 0.0
    with ThreadPoolExecutor(count) as pool:
        for _ in range(repeats):
            start = time.perf_counter()
            list(pool.map(np.sum, arrays))
            best = max(best, part * 8 * count / (time.perf_counter() - start))
    return best


def _usable_threads() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _existing(path: Path) -> Path:
    return next((p for p in (path, *path.parents) if p.exists()), Path("/"))


def _cpu() -> tuple[str, tuple[str, ...]]:
    name, flags = platform.processor() or platform.machine(), set[str]()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            elif key.strip() in ("flags", "Features"):
                flags = set(value.split())
                break
    except OSError:
        return name, ()
    return name, tuple(f for f in _FEATURES if f in flags)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _engine(name: str) -> EngineFacts:
    distribution, module = ENGINES[name]
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return EngineFacts(None, "")
    # In a process of its own: a library that was built for another CPU kills the one that imports it.
    command = [sys.executable, "-c", f"import aigc.engines, {module}"]  # aigc.engines keeps it from phoning home
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return EngineFacts(version, f"importing it takes longer than {_IMPORT_SECONDS} s")
    if found.returncode == 0:
        return EngineFacts(version, "")
    last = (found.stderr.strip().splitlines() or [""])[-1]
    return EngineFacts(version, last or f"importing it ended with signal {-found.returncode}")


def _pip_settings() -> dict[str, str]:
    """What decides where pip looks, without user names and passwords."""
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {}
    settings = {}
    for line in found.stdout.splitlines():
        key, _, value = line.partition("=")
        if key.rpartition(".")[2] in ("index-url", "extra-index-url", "find-links", "no-index", "proxy"):
            settings[key] = _SECRET.sub("", value.strip("'\""))
    return settings
