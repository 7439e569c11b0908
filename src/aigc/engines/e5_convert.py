"""Turns the packed 4-bit file of multilingual-e5 into the folder that `aigc.engines.e5` opens.

The folder holds ``encoder.xml`` and ``encoder.bin`` (OpenVINO), ``tokenizer.model``, ``characters.json`` and
``config.json``. It appears whole or not at all.

Knows: the order of the work and the folder. Does not know: what is in the parts, where models come from.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from aigc.engines import e5_file, e5_tokenizer
from aigc.errors import EngineError, StorageFull
from aigc.types import EngineFile

ENCODER, CONFIG = "encoder.xml", "config.json"
_BASE_BYTES = 175 * 2**20
"""Python, the libraries, and the working memory of two batches; all three measured in benchmarks/."""
_PER_PIECE_BYTES = 180
"""SentencePiece's tables, for one piece."""


def convert(weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
    """Convert once, after the download.

    Args:
        weights: the packed file.
        folder: where the result goes; what is there is replaced.
        on_progress: hears shares of the work from 0 to 1.

    Raises:
        InvalidModelFile: the file is not what it should be; nothing is written.
        StorageFull: the disk is full or failed; nothing stays.
        EngineError: OpenVINO can't run the result; nothing stays.
    """
    file = e5_file.read(weights)
    on_progress(0.1)
    needed, free = weights.stat().st_size * 5 // 4, shutil.disk_usage(_existing(folder)).free
    if free < needed:
        raise StorageFull(f"converting {weights.name} takes {needed} bytes, {free} are free")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as name:
            work = Path(name) / "new"
            work.mkdir()
            _write(file, work, on_progress)
            _prove(work)
            on_progress(0.95)
            if folder.exists():
                folder.rename(Path(name) / "old")
            work.rename(folder)
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
        raise StorageFull(f"{folder.name} can't be written: {reason}") from error
    on_progress(1.0)
    table = (folder / ENCODER).with_suffix(".bin").stat().st_size
    memory = _BASE_BYTES + 2 * table + _PER_PIECE_BYTES * len(file.vocabulary.pieces)
    return EngineFile(engine="e5", path=str(folder.absolute()), memory_bytes=memory)


def _existing(path: Path) -> Path:
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())


def _write(file: e5_file.E5File, work: Path, on_progress: Callable[[float], None]) -> None:
    import openvino

    from aigc.engines import e5_graph

    e5_tokenizer.write(file, work)
    config = {"width": file.sizes.width, "positions": file.sizes.positions, "pad": file.vocabulary.pad}
    (work / CONFIG).write_text(json.dumps(config), "utf-8")
    on_progress(0.3)
    try:
        model = e5_graph.encoder(file)
        on_progress(0.6)
        openvino.save_model(model, work / ENCODER, compress_to_fp16=False)
    except RuntimeError as error:
        raise EngineError("OpenVINO can't write the encoder") from error
    for path in work.iterdir():
        with path.open("rb") as written:
            os.fsync(written.fileno())
    on_progress(0.85)


def _prove(work: Path) -> None:
    """Load the folder and compute one vector: a short write or an operation that this CPU lacks shows here."""
    import numpy as np

    from aigc.engines.e5 import E5Encoder

    encoder = E5Encoder(work, threads=1)
    length = float(np.linalg.norm(encoder.embed([encoder.tokenizer.encode("a")])))
    if not abs(length - 1) < 1e-3:
        raise EngineError(f"the converted encoder makes vectors of length {length}; 1 is right")
