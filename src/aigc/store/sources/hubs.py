"""Hugging Face, ModelScope and plain addresses: what differs between them is how a file is named and who vouches.

Knows: the addresses of files on each hub and where each states a file's sha256. Does not know: how bytes travel.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec

from aigc.errors import ChecksumMismatch, StoreError
from aigc.settings import Settings
from aigc.store.entry import HuggingFace, ModelScope, Url
from aigc.store.manifest import sha256_of
from aigc.store.progress import OnProgress, Progress
from aigc.store.sources import repository
from aigc.store.sources.base import Delivery, Fetched, Remote, refuse_offline, storage_errors
from aigc.store.sources.http import Download, Downloader, status_error
from aigc.store.sources.repository import Check, Listing, decoded

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"(?!.*\.\.)\w[\w.+-]*(/\w[\w.+-]*)*", re.ASCII)
"""What else a hub may list is never fetched."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HuggingFaceFetcher:
    """Files of a repository on Hugging Face or a mirror (`hf_endpoint`), with the account's token if there is one."""

    def __init__(
        self, source: HuggingFace, settings: Settings, downloader: Downloader, check_engine: Check | None = None
    ) -> None:
        self._source = source
        self._check_engine = check_engine or (lambda engine: None)
        self._settings = settings
        self._downloader = downloader
        self._headers = {"Authorization": f"Bearer {settings.hf_token}"} if settings.hf_token else {}

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`."""
        refuse_offline(self._settings, f"{self._source.repo} on Hugging Face")
        if not self._source.files:
            return self._fetch_all(target, work, on_progress)
        commit = self._source.revision
        remotes = []
        for index, file in enumerate(self._source.files):
            remote, commit = self._describe(file, commit, _pinned(self._source.sha256, index))
            remotes.append(remote)
        files = _download_all(self._downloader, self._headers, target, work, remotes, on_progress)
        return Delivery(files, f"{self._settings.hf_endpoint} {self._source.repo} at {commit}")

    def _fetch_all(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        listing = self._listing()
        bring = partial(_download_all, self._downloader, self._headers, target, work)
        job = repository.Job(self._source.variant, target, work, bring, self._check_engine)
        files = repository.fetch(listing, job, on_progress)
        return Delivery(files, f"{self._settings.hf_endpoint} {self._source.repo} at {listing.revision}")

    def _listing(self) -> Listing:
        """Every file with its size and sum at the commit that the revision means now."""
        base = self._settings.hf_endpoint.rstrip("/")
        url = f"{base}/api/models/{self._source.repo}/revision/{self._source.revision}?blobs=true"
        told = decoded(self._downloader.get_json(url, self._headers), _HuggingFaceModel, "the hub's list of files")
        files = {}
        for one in filter(lambda one: _PATH.fullmatch(one.rfilename), told.siblings):
            stated = one.lfs.sha256 if one.lfs else ""
            remote = _remote(self._url(one.rfilename, told.sha), one.rfilename, one.size or 0, stated, None)
            files[one.rfilename] = remote if one.lfs else replace(remote, vouched="hub", git=one.blobId)
        licence = (told.cardData or {}).get("license", "")
        return Listing(self._source.repo, told.sha, files, licence if isinstance(licence, str) else "")

    def _describe(self, file: str, revision: str, pinned: str | None) -> tuple[Remote, str]:
        """Ask for the headers of the file: they carry its sha256, its size and the commit that the revision means."""
        url = self._url(file, revision)
        answer = self._downloader.head(url, self._headers)
        if answer.status_code >= 400:
            raise status_error(url, answer.status_code, answer.headers.get("x-error-code", ""))
        commit = answer.headers.get("x-repo-commit", "")
        revision = commit if _COMMIT.fullmatch(commit) else revision
        size = answer.headers.get("x-linked-size") or answer.headers.get("content-length") or "0"
        stated = answer.headers.get("x-linked-etag", "").strip('"')
        url = self._url(file, revision)
        return _remote(url, Path(file).name, int(size) if size.isdigit() else 0, stated, pinned), revision

    def _url(self, file: str, revision: str) -> str:
        return f"{self._settings.hf_endpoint.rstrip('/')}/{self._source.repo}/resolve/{revision}/{quote(file)}"


class ModelScopeFetcher:
    """Files of a repository on ModelScope."""

    def __init__(
        self, source: ModelScope, settings: Settings, downloader: Downloader, check_engine: Check | None = None
    ) -> None:
        self._source = source
        self._check_engine = check_engine or (lambda engine: None)
        self._settings = settings
        self._downloader = downloader
        self._base = settings.modelscope_endpoint.rstrip("/")

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`."""
        refuse_offline(self._settings, f"{self._source.repo} on ModelScope")
        listing = self._listing()
        bring = partial(_download_all, self._downloader, {}, target, work)
        if self._source.files:
            files = bring([self._named(listing, index) for index in range(len(self._source.files))], on_progress)
        else:
            job = repository.Job(self._source.variant, target, work, bring, self._check_engine)
            files = repository.fetch(listing, job, on_progress)
        return Delivery(files, f"{self._base} {self._source.repo} at {self._source.revision}")

    def _named(self, listing: Listing, index: int) -> Remote:
        file = self._source.files[index]
        if file not in listing.files:
            raise StoreError(f"{self._source.repo} on ModelScope has no file {file!r}", hint="check the spelling")
        found = listing.files[file]
        return _remote(
            found.url, Path(file).name, found.size_bytes, found.sha256 or "", _pinned(self._source.sha256, index)
        )

    def _listing(self) -> Listing:
        """Every file with its size and sum. ModelScope tells no commit: the revision stays the name that was given."""
        url = f"{self._base}/api/v1/models/{self._source.repo}/repo/files"
        answer = self._downloader.get_json(f"{url}?Revision={self._source.revision}&Recursive=true", {})
        told = decoded(answer, _ModelScopeModel, f"ModelScope's list of files of {self._source.repo}")
        raw = f"{self._base}/models/{self._source.repo}/resolve/{self._source.revision}"
        files = {
            one.Path: _remote(f"{raw}/{quote(one.Path)}", one.Path, one.Size, one.Sha256 or "", None)
            for one in told.Data.Files
            if one.Type != "tree" and _PATH.fullmatch(one.Path)
        }
        return Listing(self._source.repo, self._source.revision, files)


class UrlFetcher:
    """One file at an https address; ``#sha256=...`` at its end pins it."""

    def __init__(self, source: Url, settings: Settings, downloader: Downloader) -> None:
        self._source = source
        self._settings = settings
        self._downloader = downloader

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`."""
        refuse_offline(self._settings, self._source.url)
        parts = urlsplit(self._source.url)
        pinned = _pinned(self._source.sha256, 0)
        url = self._source.url.partition("#")[0]
        remote = Remote(url, self._source.file, 0, pinned, "given" if pinned else "none")
        files = _download_all(self._downloader, {}, target, work, [remote], on_progress)
        return Delivery(files, f"{parts.scheme}://{parts.hostname}{parts.path}")


class _Lfs(msgspec.Struct):
    sha256: str


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    blobId: str | None = None  # noqa: N815 (the hub's names)
    lfs: _Lfs | None = None


class _HuggingFaceModel(msgspec.Struct):
    sha: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")]
    siblings: list[_Sibling]
    cardData: dict[str, Any] | None = None  # noqa: N815


class _ModelScopeFile(msgspec.Struct):
    Path: str
    Size: int
    Sha256: str | None = None
    Type: str = "blob"


class _ModelScopeFiles(msgspec.Struct):
    Files: list[_ModelScopeFile]


class _ModelScopeModel(msgspec.Struct):
    Data: _ModelScopeFiles


def _remote(url: str, name: str, size: int, stated: str, pinned: str | None) -> Remote:
    if pinned is not None:
        return Remote(url, name, size, pinned, "catalogue")
    if _SHA256.fullmatch(stated):
        return Remote(url, name, size, stated, "hub")
    return Remote(url, name, size, None, "none")


def _pinned(sums: Sequence[str], index: int) -> str | None:
    return sums[index] if sums else None


def _download_all(
    downloader: Downloader,
    headers: dict[str, str],
    target: Path,
    work: Path,
    remotes: Sequence[Remote],
    on_progress: OnProgress,
) -> tuple[Fetched, ...]:
    total = sum(r.size_bytes for r in remotes)
    before = 0
    fetched = []
    for remote in remotes:
        final, part = target / remote.name, work / f"{remote.name}.part"
        digest = _there(final, remote)
        if digest is None:
            with storage_errors(f"{remote.name} can't be stored"):
                for path in (final, part):
                    path.parent.mkdir(parents=True, exist_ok=True)
            digest = downloader.download(
                Download(remote.url, remote.name, headers, before, total, remote.sha256), part, on_progress
            )
            _check_git(part, remote)
            part.replace(final)
        before += final.stat().st_size
        on_progress(Progress("downloading", remote.name, before, total or before))
        fetched.append(Fetched(final, digest, remote.vouched))
    return tuple(fetched)


def _there(final: Path, remote: Remote) -> str | None:
    """The sha256 of a file that an earlier try has brought; None: it isn't there, or can't be told from another one."""
    if not final.exists():
        return None
    if remote.sha256 is not None:
        return remote.sha256 if sha256_of(final) == remote.sha256 else None
    return sha256_of(final) if remote.git is not None and _git_name(final) == remote.git else None


def _check_git(part: Path, remote: Remote) -> None:
    if remote.git is not None and (found := _git_name(part)) != remote.git:
        part.unlink()
        raise ChecksumMismatch(
            f"{remote.name} is {found} in git's names, expected {remote.git}",
            hint="the file was changed at its source or damaged on the way: nothing was kept",
        )


def _git_name(path: Path) -> str:
    """SHA-1 as git names a file; it is small, otherwise it had a sha256."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
