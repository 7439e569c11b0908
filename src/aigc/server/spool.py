"""Long uploads go to the disk instead of the memory: one private file each, gone when its answer has ended.

A server that is killed leaves its files behind; the next one that needs the folder deletes them, and those of every
other server that does not run any more.

Knows: files, whose process still lives. Does not know: HTTP, what is in a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil

from aigc.store.sources.base import storage_errors

_GATHERED = 2**20
"""Bytes that are written at once, in a thread."""
_FOLDER = "uploads"


@dataclass
class Spool:
    """One upload, while it comes and while it is worked on."""

    path: Path
    file: BinaryIO
    size: int = 0
    _waiting: bytearray = field(default_factory=bytearray)
    _sum: hashlib._Hash = field(default_factory=hashlib.sha256)

    async def write(self, data: bytes) -> None:
        """More of it. Raises: StorageFull."""
        self.size += len(data)
        self._waiting += data
        if len(self._waiting) >= _GATHERED:
            await self._flush()

    async def end(self) -> None:
        """All of it is there. Raises: StorageFull."""
        await self._flush()
        self.file.close()

    @property
    def digest(self) -> bytes:
        """sha256 of all of it."""
        return self._sum.digest()

    def close(self) -> None:
        """Delete it."""
        self.file.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def _flush(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        await asyncio.to_thread(self._store, data)

    def _store(self, data: bytes) -> None:
        with storage_errors("the upload can't be stored"):
            self._sum.update(data)
            self.file.write(data)
            self.file.flush()


class Spooler:
    """Makes spools in a folder of its own.

    Args:
        home: where the folder is made when the first upload comes.
    """

    def __init__(self, home: Path) -> None:
        self._all = home / "run" / _FOLDER
        self._own: Path | None = None

    def open(self) -> Spool:
        """A new file that only this user can read. Raises: StorageFull, StoreError."""
        with storage_errors("the upload can't be stored"):
            if self._own is None or not self._own.is_dir():
                self._own = self._prepare()
            path = self._own / secrets.token_hex(16)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            return Spool(path, os.fdopen(descriptor, "w+b"))

    def close(self) -> None:
        """Delete what is left."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None

    def _prepare(self) -> Path:
        self._all.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._all.iterdir():
            if not _lives(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        own = self._all / f"{os.getpid()}-{int(psutil.Process().create_time())}-{secrets.token_hex(4)}"
        own.mkdir(mode=0o700)
        return own


def _lives(name: str) -> bool:
    """Whether the process that a folder is named for still runs."""
    number, _, rest = name.partition("-")
    began = rest.partition("-")[0]
    if not (number.isdigit() and began.isdigit()):
        return False
    try:
        return abs(psutil.Process(int(number)).create_time() - int(began)) < 2
    except psutil.Error:
        return False
