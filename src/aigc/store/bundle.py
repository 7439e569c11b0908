"""Writes one archive with everything that a machine without a network needs: the wheels of aigc and its dependencies
for this Python and platform, and models with what was prepared for their engines.

Knows: what goes in and in which order. Does not know: how it is read again.
"""

from __future__ import annotations

import io
import platform
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import msgspec

from aigc.errors import Conflict, StoreError
from aigc.settings import Settings
from aigc.store.archive import INDEX, INSTALL, Index, Member, add
from aigc.store.layout import Layout
from aigc.store.manifest import MANIFEST, Manifest, sha256_of
from aigc.store.pip import run_pip
from aigc.store.progress import OnProgress, Progress
from aigc.store.sources.base import refuse_offline, storage_errors

DISTRIBUTION = "aigc-studio"

_INSTALL = """\
This archive installs aigc {version} on a machine without a network.
It holds: {contents}.

{commands}
"""
_WITH_WHEELS = """\
On that machine, with Python {python} on {platform}:

    tar -xf {name} wheels && python3 -m pip install --no-index --find-links wheels {distribution}
    aigc unbundle {name}
"""
_MODELS_ONLY = """\
On that machine, where aigc is installed already:

    aigc unbundle {name}
"""


@dataclass(frozen=True, slots=True)
class Bundled:
    """What was written."""

    path: Path
    size_bytes: int
    models: tuple[str, ...]
    wheels: int
    """Number of wheels in it."""


def write_bundle(
    path: Path, manifests: Sequence[Manifest], layout: Layout, wheels: Settings | None, on_progress: OnProgress
) -> Bundled:
    """Write a bundle.

    Args:
        path: the archive; must not exist.
        manifests: models to put in.
        layout: where they lie.
        wheels: the settings, if the wheels of aigc and its dependencies go in; None: models only.
        on_progress: hears about ``downloading`` (wheels) and ``packing``.

    Raises:
        Conflict: the path exists.
        StoreError: the wheels can't be had; ChecksumMismatch if an installed model is damaged.
        StorageFull: no room. Nothing is left at the path.
    """
    if path.exists():
        raise Conflict(f"{path} exists already", hint="delete it or choose another name")
    with storage_errors(f"{path} can't be written"):
        scratch = Path(tempfile.mkdtemp(prefix=".aigc-bundle-", dir=path.absolute().parent))
        try:
            gathered = _gather_wheels(scratch, wheels, on_progress) if wheels is not None else []
            files = [(f"wheels/{w.name}", w, sha256_of(w)) for w in gathered]
            for manifest in manifests:
                files += _model_files(manifest, layout.model(manifest.id))
            _write(scratch / "bundle", path.name, files, tuple(m.id for m in manifests), bool(gathered), on_progress)
            # Not by hard link, which would refuse a file that appeared meanwhile: memory sticks have no links.
            (scratch / "bundle").rename(path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return Bundled(path, path.stat().st_size, tuple(m.id for m in manifests), len(gathered))


def _model_files(manifest: Manifest, folder: Path) -> list[tuple[str, Path, str]]:
    listed = [(f"models/{manifest.id}/{f.path}", folder / f.path, f.sha256) for f in manifest.files]
    # The manifest comes first: whoever unpacks knows at once what is coming.
    return [(f"models/{manifest.id}/{MANIFEST}", folder / MANIFEST, sha256_of(folder / MANIFEST)), *listed]


def _write(
    target: Path,
    name: str,
    files: Sequence[tuple[str, Path, str]],
    models: tuple[str, ...],
    has_wheels: bool,
    on_progress: OnProgress,
) -> None:
    text = _instructions(name, models, has_wheels).encode()
    note = Member(name=INSTALL, size_bytes=len(text), sha256=_sha256(text))
    members = [Member(name=n, size_bytes=p.stat().st_size, sha256=digest) for n, p, digest in files]
    index = Index(
        aigc_bundle=1,
        aigc=metadata.version(DISTRIBUTION),
        python=_python() if has_wheels else "",
        platform=_platform() if has_wheels else "",
        models=models,
        members=(note, *members),
    )
    content = msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n"
    total = sum(m.size_bytes for m in members)
    report = counter(on_progress, "packing", total)
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        first = Member(name=INDEX, size_bytes=len(content), sha256=_sha256(content))
        for member, data in ((first, content), (note, text)):
            add(archive, member, io.BytesIO(data), lambda count: None)
        for member, (_, path, _) in zip(members, files, strict=True):
            with path.open("rb") as source:
                add(archive, member, source, report(member.name))


def counter(on_progress: OnProgress, stage: str, total: int) -> Callable[[str], Callable[[int], None]]:
    """A running sum over many files: give it a file's name, get a function that hears about more bytes."""
    done = 0

    def of(name: str) -> Callable[[int], None]:
        def more(count: int) -> None:
            nonlocal done
            done += count
            on_progress(Progress(stage, name, done, total))  # type: ignore[arg-type]

        return more

    return of


def _instructions(name: str, models: Sequence[str], has_wheels: bool) -> str:
    fields = {"name": name, "python": _python(), "platform": _platform(), "distribution": DISTRIBUTION}
    return _INSTALL.format(
        version=metadata.version(DISTRIBUTION),
        contents=" and ".join(
            part
            for part in (
                "aigc with everything it depends on" if has_wheels else "",
                f"the models {', '.join(models)}" if models else "",
            )
            if part
        ),
        commands=(_WITH_WHEELS if has_wheels else _MODELS_ONLY).format(**fields),
    )


def _gather_wheels(scratch: Path, settings: Settings, on_progress: OnProgress) -> list[Path]:
    """Wheels of the aigc that is running and of everything it needs, for this Python and platform."""
    refuse_offline(settings, "the wheels of aigc and its dependencies")
    folder, work = scratch / "wheels", scratch / "tmp"
    folder.mkdir()
    work.mkdir()
    arguments = ["wheel", "--wheel-dir", str(folder), "--prefer-binary", "--progress-bar", "raw", _requirement()]

    def report(done: int, total: int) -> None:
        on_progress(Progress("downloading", f"wheel {len(list(folder.iterdir())) + 1}", done, total))

    run_pip(arguments, work, report, what="the wheels of aigc and its dependencies can't be gathered")
    return sorted(folder.glob("*.whl"))


def _requirement() -> str:
    """What pip has to be asked for to get the aigc that is running.

    Installed from a folder or file, it is built from there: what an index serves under this version may be other code.
    """
    installed = metadata.distribution(DISTRIBUTION)
    origin = installed.read_text("direct_url.json")
    if origin is None:
        return f"{DISTRIBUTION}=={installed.version}"
    address = urlsplit(str(msgspec.json.decode(origin, type=dict[str, object]).get("url", "")))
    path = Path(url2pathname(unquote(address.path)))
    if address.scheme != "file" or not path.exists():
        raise StoreError(
            f"aigc was installed from {address.geturl()}, which is not there any more, so its wheel can't be built",
            hint="install aigc from an index or from an existing folder, or write a bundle with models only",
        )
    return str(path)


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _platform() -> str:
    return f"{sys.platform}-{platform.machine()}"


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
