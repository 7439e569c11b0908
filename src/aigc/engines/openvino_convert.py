"""Converts a GGUF model, once, into the folder that `aigc.engines.openvino` opens.

OpenVINO reads GGUF by itself, but takes 15 s for 1.5 billion weights each time; from its own format it takes 3 s. The
conversion runs in a process of its own (`openvino_convert_worker`): it takes three times the file's size in memory,
which only the end of a process gives back, and native code may crash.

Knows: what OpenVINO's reader can read, the order of the work. Does not know: where models come from, OpenVINO's API.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aigc.engines import gguf_header, openvino_folder
from aigc.engines.gguf_requantise import requantise
from aigc.errors import EngineError, StorageFull
from aigc.types import EngineFile

_log = logging.getLogger(__name__)

_ARCHITECTURES = ("llama", "qwen2", "qwen3")
_SPLITTERS = ("smollm", "qwen2", "llama-bpe")
"""``tokenizer.ggml.pre``: the ways to split text that OpenVINO's reader knows; with others it would guess, silently."""
_READABLE_TYPES = frozenset({0, 1, 2, 3, 8, 12})
"""F32, F16, Q4_0, Q4_1, Q8_0, Q4_K. Others are rewritten as Q8_0 first.

OpenVINO would read Q6_K too, as 8 bits in groups of 16. Its fast kernels want groups of 32: with 16 it computes in
floats, at a third of the speed, and reads more bytes than with Q8_0 (docs/lab/LOG.md).
"""
_KNOWN_TYPES = frozenset({6, 7, 10, 11, 13, 14, 20, 30, *_READABLE_TYPES})
"""What `gguf_requantise` can rewrite: also Q5_0, Q5_1, Q2_K, Q3_K, Q5_K, Q6_K, IQ4_NL, BF16."""

_BASE_BYTES = 220 * 2**20
_RESIDENT_SHARE = 1.25 if sys.platform == "linux" else 2.25
"""OpenVINO keeps a rearranged copy with wider scales: 1.2 times the file. The file's own pages are given back where
that is possible (`aigc.engines.mapped`)."""
_BYTES_PER_SECOND = 50e6
"""About how fast one core converts; only the progress bar believes it."""


def unreadable(header: gguf_header.Header) -> str | None:
    """Why OpenVINO's reader can't run such a file faithfully; None if it can."""
    meta = header.metadata
    kinds = {t.type for t in header.tensors}
    reasons = {
        f"its architecture is {header.architecture!r}; OpenVINO reads {', '.join(_ARCHITECTURES)}": (
            header.architecture not in _ARCHITECTURES
        ),
        "it is split into several files": int(meta.get("split.count", 1)) > 1,
        "it is a mixture of experts": bool(header.of_model("expert_count", 0)),
        # OpenVINO's reader ignores these: answers would be wrong without a word.
        "its positions are scaled": (
            header.of_model("rope.scaling.type", "none") not in ("none", "")
            or any(t.name.startswith("rope_freqs") for t in header.tensors)
        ),
        f"its tokenizer is {meta.get('tokenizer.ggml.model')}/{meta.get('tokenizer.ggml.pre')}": (
            meta.get("tokenizer.ggml.model") != "gpt2" or meta.get("tokenizer.ggml.pre") not in _SPLITTERS
        ),
        f"it holds tensors of types {sorted(kinds - _KNOWN_TYPES)}": bool(kinds - _KNOWN_TYPES),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def convert(weights: Path, folder: Path, on_progress: Callable[[float], None] | None = None) -> EngineFile:
    """Convert once, after the download.

    Args:
        weights: a GGUF file.
        folder: where the result goes, whole or not at all; what is there is replaced.
        on_progress: hears shares of the work from 0 to 1; estimated by size, the library tells nothing.

    Raises:
        InvalidModelFile: no GGUF file.
        StorageFull: the disk is full or failed; nothing stays.
        EngineError: OpenVINO can't read or run the model; nothing stays.
    """
    report = on_progress or (lambda share: None)
    report(0.0)
    header = gguf_header.read(weights)
    if reason := unreadable(header):
        raise EngineError(f"OpenVINO can't run {weights.name}: {reason}")
    rewrite = any(t.type not in _READABLE_TYPES for t in header.tensors)
    _check_room(weights, folder, rewrite)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as name:
            work = Path(name) / "new"
            work.mkdir()
            source = work / "source.gguf"  # OpenVINO saves beside the file it reads
            if rewrite:
                requantise(weights, source, header, _READABLE_TYPES, lambda share: report(0.4 * share))
            else:
                source.symlink_to(weights.absolute())
            _run(source, lambda share: report((0.4 + 0.6 * share) if rewrite else share))
            source.unlink()
            if folder.exists():
                folder.rename(Path(name) / "old")
            work.rename(folder)
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
        raise StorageFull(f"{folder.name} can't be written: {reason}") from error
    report(1.0)
    return engine_file(folder)


def engine_file(folder: Path) -> EngineFile:
    """What the runtime needs to know about a converted folder. Raises: InvalidModelFile."""
    weights = (folder / openvino_folder.MODEL).stat().st_size
    return EngineFile(
        engine="openvino",
        path=str(folder.absolute()),
        memory_bytes=_BASE_BYTES + int(_RESIDENT_SHARE * weights),
        cache_bytes_per_token=openvino_folder.description(folder).cache_bytes_per_token,
    )


def _check_room(weights: Path, folder: Path, rewrite: bool) -> None:
    needed = int(weights.stat().st_size * (3.6 if rewrite else 2.4))  # network and simplified network; rewritten file
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise StorageFull(f"converting {weights.name} takes {needed} bytes, {free} are free")


def _run(source: Path, report: Callable[[float], None]) -> None:
    expected = 3 + source.stat().st_size / _BYTES_PER_SECOND
    began = time.monotonic()
    command = [sys.executable, "-m", "aigc.engines.openvino_convert_worker", str(source.absolute())]
    root = os.path.abspath(os.sep)  # `python -m` imports from the current folder first: not from the user's
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=root) as child:
        try:
            while child.poll() is None:
                report(min(0.97, (time.monotonic() - began) / expected))
                time.sleep(0.2)
        finally:
            child.kill()  # does nothing to one that has ended; Ctrl-C must not leave it behind
        if child.returncode:
            log.seek(0)
            _raise(source, child.returncode, log.read().decode(errors="replace")[-4000:])


def _raise(source: Path, code: int, output: str) -> None:
    _log.warning("converting ended with %d: %s", code, output)
    if shutil.disk_usage(source.parent).free < 2**20:
        raise StorageFull("the disk is full")
    how = f"its process was ended by signal {-code}" if code < 0 else "it failed"
    if -code == 9:
        how += ", most likely because the memory was full"
    raise EngineError(f"OpenVINO can't convert this model: {how}") from RuntimeError(output)
