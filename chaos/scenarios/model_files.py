"""1,000 damaged model files: GGUF, the converted OpenVINO folder, the e5 file. Refused or loaded; nothing hangs.

Most are decided by the header check in Python. What passes it is loaded as a worker would load it, in a process apart:
our error, a working model, or the death of that process, which a user sees as a typed error.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from aigc.engines import e5_file
from aigc.errors import InvalidModelFile
from aigc.store.gguf_check import read_header
from aigc.store.gguf_facts import read_facts
from mutants import overwrite
from stage import Stage

_PATIENCE_SECONDS = 120.0


class _Loader:
    """`loading.py`, started again whenever it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def load(self, engine: str, path: Path) -> str:
        """What became of it: ``loaded``, the name of an error, ``died``, or ``hung``."""
        if self._process is None:
            self._begin()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"engine": engine, "path": str(path)}) + "\n")
        self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=_PATIENCE_SECONDS)
        except queue.Empty:
            self.end()
            return "hung"
        if not line:
            self.end()
            return "died"
        answer = json.loads(line)
        return "loaded" if "ok" in answer else str(answer["error"])

    def _begin(self) -> None:
        program = Path(__file__).parents[1] / "loading.py"
        process = self._process = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        lines = self._lines = queue.Queue()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("{"):
                    lines.put(line)
            lines.put("")

        threading.Thread(target=read, daemon=True).start()

    def end(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None


def _gguf(stage: Stage, loader: _Loader) -> tuple[Counter[str], list[str]]:
    source = stage.models / "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
    path = stage.scratch / "mutant.gguf"
    shutil.copyfile(source, path)
    header = read_header(path)
    content = source.read_bytes()
    tensors_at = content.index(b"token_embd.weight") - 8
    template = content.index(b"tokenizer.chat_template")
    regions = {
        "preamble": (0, 24, 150),
        "keys": (24, 2048, 150),
        "tokenizer": (2048, template, 40),
        "template": (template, template + 600, 30),
        "tensors": (tensors_at, header.data_offset, 400),
        "weights": (header.data_offset, len(content), 20),
        "cut": (0, len(content), 110),
    }
    found: Counter[str] = Counter()
    faults: list[str] = []
    for name, (begin, end, full) in regions.items():
        for _ in range(stage.times(full)):
            at = stage.draw.randrange(begin, end)
            if name == "cut":
                os.truncate(path, at)
                words = f"cut at {at}"
            else:
                window = content[begin:end] if end - begin < 2**20 else content[at : at + 64]
                offset = begin if end - begin < 2**20 else at
                changed, words = overwrite(window, stage.draw, stage.draw.choice((1, 1, 3)))
                _patch(path, offset, changed)
            outcome = _decide(path, loader, faults, f"{name}: {words}")
            found[outcome] += 1
            if name == "cut":
                path.write_bytes(content)
            else:
                _patch(path, offset, window)
    return found, faults


def _decide(path: Path, loader: _Loader, faults: list[str], words: str) -> str:
    began = time.monotonic()
    try:
        read_facts(read_header(path))
    except InvalidModelFile:
        return "refused by the header check"
    except Exception as error:
        faults.append(f"{words}: {type(error).__name__} in the header check")
        return "fault"
    if time.monotonic() - began > 10:
        faults.append(f"{words}: the header check took {time.monotonic() - began:.0f} s")
    return _loaded("llama_cpp", path, loader, faults, words)


def _loaded(engine: str, path: Path, loader: _Loader, faults: list[str], words: str) -> str:
    outcome = loader.load(engine, path)
    if outcome == "hung":
        faults.append(f"{engine}, {words}: hung")
    return outcome if outcome in ("loaded", "died", "hung") else f"refused by the worker ({outcome})"


def _patch(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _damage(file: Path, stage: Stage) -> str:
    """Overwrite or cut a file."""
    size = file.stat().st_size
    at = stage.draw.randrange(size)
    if stage.draw.random() < 0.3:
        os.truncate(file, at)
        return f"{file.name} cut at {at}"
    begin = stage.draw.choice((0, at))
    with file.open("rb") as original:
        original.seek(begin)
        changed, words = overwrite(original.read(256), stage.draw, 2)
    _patch(file, begin, changed)
    return f"{file.name} from {begin}: {words}"


def _openvino(stage: Stage, loader: _Loader) -> tuple[Counter[str], list[str]]:
    source = stage.models / "models/smollm2-135m-instruct/openvino"
    found: Counter[str] = Counter()
    faults: list[str] = []
    for _ in range(stage.times(60)):
        folder = stage.scratch / "openvino"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        words = _damage(stage.draw.choice(files), stage)
        found[_loaded("openvino", folder, loader, faults, words)] += 1
    return found, faults


def _e5(stage: Stage, loader: _Loader) -> tuple[Counter[str], list[str]]:
    source = stage.models / "models/multilingual-e5-small"
    found: Counter[str] = Counter()
    faults: list[str] = []
    for number in range(stage.times(40)):
        if number % 4:
            file = stage.scratch / "e5.bin"
            shutil.copyfile(source / "e5-small-q4.bin", file)
            words = _damage(file, stage)
            try:
                e5_file.read(file)
                found["read whole"] += 1
            except InvalidModelFile:
                found["refused by the header check"] += 1
            except Exception as error:
                faults.append(f"e5, {words}: {type(error).__name__}")
            continue
        folder = stage.scratch / "e5"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source / "e5", folder)
        words = _damage(stage.draw.choice(sorted(f for f in folder.rglob("*") if f.is_file())), stage)
        found[_loaded("e5", folder, loader, faults, words)] += 1
    return found, faults


def play(stage: Stage) -> None:
    """All three kinds, then what became of them."""
    loader = _Loader()
    total = 0
    try:
        for name, kind in (("GGUF", _gguf), ("OpenVINO folder", _openvino), ("e5", _e5)):
            found, faults = kind(stage, loader)
            total += found.total()
            stage.count(f"{name}: {found.total()} mutants", ", ".join(f"{what} {n}" for what, n in found.most_common()))
            stage.none(f"{name}: hangs and errors that are not ours", faults + [w for w in found if "foreign" in w])
    finally:
        loader.end()
    stage.count("mutants in all", total)
