"""Hugging Face, ModelScope and plain addresses: what differs between them is how a file is named and who vouches.

Knows: the addresses of files on each hub and where each states a file's sha256. Does not know: how bytes travel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from aigc.errors import StoreError
from aigc.settings import Settings
from aigc.store.entry import HuggingFace, ModelScope, Url
from aigc.store.manifest import sha256_of
from aigc.store.progress import OnProgress, Progress
from aigc.store.sources.base import Delivery, Fetched, refuse_offline
from aigc.store.sources.http import Download, Downloader, status_error

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Remote:
    """One file as its hub describes it."""

    url: str
    file: str
    size_bytes: int
    """0: not stated."""
    sha256: str | None
    vouched: Literal["catalogue", "hub", "given", "none"]


class HuggingFaceFetcher:
    """Files of a repository on Hugging Face or a mirror (`hf_endpoint`), with the account's token if there is one."""

    def __init__(self, source: HuggingFace, settings: Settings, downloader: Downloader) -> None:
        self._source = source
        self._settings = settings
        self._downloader = downloader
        self._headers = {"Authorization": f"Bearer {settings.hf_token}"} if settings.hf_token else {}

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`."""
        refuse_offline(self._settings, f"{self._source.repo} on Hugging Face")
        commit = self._source.revision
        remotes = []
        for index, file in enumerate(self._source.files):
            remote, commit = self._describe(file, commit, _pinned(self._source.sha256, index))
            remotes.append(remote)
        files = _download_all(self._downloader, remotes, self._headers, target, work, on_progress)
        return Delivery(files, f"{self._settings.hf_endpoint} {self._source.repo} at {commit}")

    def _describe(self, file: str, revision: str, pinned: str | None) -> tuple[Remote, str]:
        """Ask for the headers of the file: they carry its sha256, its size and the commit that the revision means."""
        url = self._url(file, revision)
        answer = self._downloader.head(url, self._headers)
        if answer.status_code >= 400:
            raise status_error(url, answer.status_code)
        commit = answer.headers.get("x-repo-commit", "")
        revision = commit if _COMMIT.fullmatch(commit) else revision
        size = answer.headers.get("x-linked-size") or answer.headers.get("content-length") or "0"
        stated = answer.headers.get("x-linked-etag", "").strip('"')
        url = self._url(file, revision)
        return _remote(url, file, int(size) if size.isdigit() else 0, stated, pinned), revision

    def _url(self, file: str, revision: str) -> str:
        return f"{self._settings.hf_endpoint.rstrip('/')}/{self._source.repo}/resolve/{revision}/{quote(file)}"


class ModelScopeFetcher:
    """Files of a repository on ModelScope."""

    def __init__(self, source: ModelScope, settings: Settings, downloader: Downloader) -> None:
        self._source = source
        self._settings = settings
        self._downloader = downloader
        self._base = settings.modelscope_endpoint.rstrip("/")

    def fetch(self, target: Path, work: Path, on_progress: OnProgress) -> Delivery:
        """See `Fetcher.fetch`."""
        refuse_offline(self._settings, f"{self._source.repo} on ModelScope")
        listing = self._listing()
        remotes = []
        for index, file in enumerate(self._source.files):
            if file not in listing:
                raise StoreError(f"{self._source.repo} on ModelScope has no file {file!r}", hint="check the spelling")
            size, stated = listing[file]
            url = f"{self._base}/models/{self._source.repo}/resolve/{self._source.revision}/{quote(file)}"
            remotes.append(_remote(url, file, size, stated, _pinned(self._source.sha256, index)))
        files = _download_all(self._downloader, remotes, {}, target, work, on_progress)
        return Delivery(files, f"{self._base} {self._source.repo} at {self._source.revision}")

    def _listing(self) -> dict[str, tuple[int, str]]:
        """Path to (size, sha256) of every file in the repository."""
        url = f"{self._base}/api/v1/models/{self._source.repo}/repo/files"
        answer = self._downloader.get_json(f"{url}?Revision={self._source.revision}&Recursive=true", {})
        try:
            files = answer["Data"]["Files"]  # type: ignore[index]
            return {str(f["Path"]): (int(f["Size"]), str(f.get("Sha256") or "")) for f in files}
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"ModelScope's list of files of {self._source.repo} has an unknown form") from error


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
        files = _download_all(self._downloader, [remote], {}, target, work, on_progress)
        return Delivery(files, f"{parts.scheme}://{parts.hostname}{parts.path}")


def _remote(url: str, file: str, size: int, stated: str, pinned: str | None) -> Remote:
    if pinned is not None:
        return Remote(url, file, size, pinned, "catalogue")
    if _SHA256.fullmatch(stated):
        return Remote(url, file, size, stated, "hub")
    return Remote(url, file, size, None, "none")


def _pinned(sums: Sequence[str], index: int) -> str | None:
    return sums[index] if sums else None


def _download_all(
    downloader: Downloader,
    remotes: Sequence[Remote],
    headers: dict[str, str],
    target: Path,
    work: Path,
    on_progress: OnProgress,
) -> tuple[Fetched, ...]:
    total = sum(r.size_bytes for r in remotes)
    before = 0
    fetched = []
    for remote in remotes:
        # Folders inside a repository say nothing here: files land side by side, as engines expect split models.
        name = Path(remote.file).name
        final = target / name
        if final.exists() and remote.sha256 is not None and sha256_of(final) == remote.sha256:
            digest = remote.sha256
        else:
            part = work / f"{name}.part"
            digest = downloader.download(
                Download(remote.url, name, headers, before, total, remote.sha256), part, on_progress
            )
            part.replace(final)
        before += final.stat().st_size
        on_progress(Progress("downloading", name, before, total or before))
        fetched.append(Fetched(final, digest, remote.vouched))
    return tuple(fetched)
