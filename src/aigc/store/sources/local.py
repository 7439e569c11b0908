"""A GGUF file or a model folder that is already on this machine.

Knows: hard links, copies, which files a model folder may hold. Does not know: what is in them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from aigc.engines import whisper_folder
from aigc.errors import InvalidModelFile, StoreError
from aigc.store.entry import Local
from aigc.store.manifest import sha256_of
from aigc.store.progress import OnProgress, Progress
from aigc.store.sources.base import Delivery, Fetched, storage_errors

_CHUNK = 2**20
_MAX_FILES = 1000
_PLAIN = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*", re.ASCII)
_DATA = frozenset({".safetensors", ".json", ".jinja", ".txt", ".model", ".md", ".gguf", ".xml", ".onnx", ".png"})
_CODE = frozenset({".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".py", ".so", ".dll", ".h5"})


class LocalFetcher:
    """Takes a file by hard link, or by copy where that is impossible."""

    def __init__(self, source: Local) -> None:
        self._path = Path(source.path)

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`. Works without a network, so `offline` doesn't matter."""
        with storage_errors(f"{self._path} can't be taken over"):
            path = self._path.expanduser().absolute()
            if path.is_dir():
                wanted = {file: file.relative_to(path).as_posix() for file in folder_files(path)}
            elif path.is_file():
                wanted = _plain_names([path, *_other_parts(path)])
            else:
                raise StoreError(f"{path} is neither a file nor a folder")
            total = sum(f.stat().st_size for f in wanted)
            done = 0
            fetched = []
            for file, name in wanted.items():
                final = target / name
                final.parent.mkdir(parents=True, exist_ok=True)
                _take(file, final, work / "copy.part", done, total, on_progress)
                fetched.append(Fetched(final, _hash(final, done, total, on_progress), "none"))
                done += final.stat().st_size
        return Delivery(tuple(fetched), f"local: {path}")


def folder_files(folder: Path) -> list[Path]:
    """The files of a model folder in a fixed order, if all of them are plain data.

    Raises:
        InvalidModelFile: a file that can run code when it is opened, or of a kind that no engine here reads; a link
            that leaves the folder; too many files.
    """
    files = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    if not 0 < len(files) <= _MAX_FILES:
        raise InvalidModelFile(f"{folder} holds {len(files)} files; accepted: 1 to {_MAX_FILES}")
    found = []
    for path in files:
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue  # .git, .cache and the like are no part of a model
        if not path.resolve().is_file():
            raise InvalidModelFile(f"{name} in {folder} is no regular file")
        suffix = path.suffix.lower()
        if suffix in _CODE or _is_torch(path):
            raise InvalidModelFile(
                f"{name} can run code when it is opened (pickle or a program): refused",
                hint="use the same model as safetensors or GGUF",
            )
        if suffix not in _DATA and suffix != ".bin" and path.name not in ("LICENSE", "LICENCE", "NOTICE"):
            raise InvalidModelFile(
                f"{name} is of a kind that no engine here reads; accepted: {', '.join(sorted(_DATA))}"
            )
        if not _PLAIN.fullmatch(name.as_posix()):
            raise InvalidModelFile(f"the name {name.as_posix()!r} has characters other than A-Z a-z 0-9 . _ + -")
        found.append(path)
    return found


def _plain_names(files: Sequence[Path]) -> dict[Path, str]:
    """Names of our own for GGUF files: what somebody called them is data, and may be anything."""
    if len(files) == 1:
        return {files[0]: "model.gguf"}
    # Engines find the parts of a split model by this pattern.
    return {file: f"model-{n:05d}-of-{len(files):05d}.gguf" for n, file in enumerate(files, 1)}


def _is_torch(path: Path) -> bool:
    """Whether a ``.bin`` may be a checkpoint of torch. OpenVINO's and CTranslate2's are raw numbers."""
    if path.suffix.lower() != ".bin" or path.with_suffix(".xml").exists():
        return False
    return path.name != whisper_folder.MODEL or not whisper_folder.is_whisper(path.parent)


def _other_parts(path: Path) -> Sequence[Path]:
    """The rest of a model in several files, when the first one is named."""
    head, mark, tail = path.name.rpartition("-00001-of-")
    count = tail.removesuffix(".gguf")
    if not mark or not count.isdigit():
        return []
    return [path.with_name(f"{head}-{n:05d}-of-{tail}") for n in range(2, int(count) + 1)]


def _take(source: Path, final: Path, part: Path, done: int, total: int, on_progress: OnProgress) -> None:
    final.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), final)
        return
    except OSError:
        pass  # another disk, or a file system without links: copy
    with source.open("rb") as reader, part.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)
            done += len(chunk)
            on_progress(Progress("joining", source.name, done, total))
    part.replace(final)


def _hash(path: Path, done: int, total: int, on_progress: OnProgress) -> str:
    count = done

    def more(size: int) -> None:
        nonlocal count
        count += size
        on_progress(Progress("checking", path.name, count, total))

    return sha256_of(path, more)
