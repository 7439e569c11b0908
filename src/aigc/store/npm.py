"""Archives of packages of the npm index, fetched without npm: one address for each, checked by sha256.

Whose index it is decides npm's own configuration, as pip's does for wheels: the setting ``npm_index`` (or
``NPM_CONFIG_REGISTRY``), else ``registry`` in ``~/.npmrc``; no index is taken for granted. A token that the file has
for that index goes along.

Source: docs.npmjs.com/cli/configuring-npm/npmrc; registry API, "GET /{package}/{version}".
Knows: the index's addresses, npm's configuration file. Does not know: what is in the archives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from filelock import FileLock

from aigc.errors import StoreError, UserError
from aigc.settings import Settings
from aigc.store.progress import OnProgress
from aigc.store.sources.base import storage_errors
from aigc.store.sources.http import Download, Downloader

_OTHER_WAYS = "AIGC_NPM_INDEX names another index; with AIGC_OFFLINE=1 the command lists what to fetch by hand"
_HOW = "set AIGC_NPM_INDEX to its address, or registry in ~/.npmrc"
_LINE = re.compile(r"\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*")


class Archive(Protocol):
    """What to fetch."""

    @property
    def name(self) -> str:
        """Of the package, with its scope."""
        ...

    @property
    def version(self) -> str:
        """Exactly."""
        ...

    @property
    def sha256(self) -> str:
        """Of the archive."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of the archive."""
        ...

    @property
    def file(self) -> str:
        """Its name in the folder."""
        ...


def fetch(
    archives: Sequence[Archive],
    folder: Path,
    settings: Settings,
    downloader: Downloader,
    on_progress: OnProgress,
    npmrc: Path | None = None,
) -> None:
    """Put archives into a folder; each appears there complete and checked, or not at all.

    Args:
        archives: what is missing there.
        folder: made if it isn't there; what was fetched in part waits in it as ``.part``.
        settings: whether the network may be used, and whose index.
        downloader: goes on where it was interrupted, if the index supports it.
        on_progress: hears about every step.
        npmrc: npm's configuration file; None: the user's.

    Raises:
        StoreError: offline, not there, or not reachable.
        ChecksumMismatch: the index has other bytes than those that were promised.
        StorageFull: no room.
    """
    if settings.offline:
        raise StoreError(
            f"{len(archives)} archives would have to be fetched, but the setting `offline` (AIGC_OFFLINE) is on",
            hint=_by_hand(archives, folder),
        )
    base, headers = index(settings, npmrc or Path.home() / ".npmrc")
    total, before = sum(archive.size_bytes for archive in archives), 0
    with storage_errors(f"{folder} can't be written"):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            for archive in archives:
                final, part = folder / archive.file, folder / f"{archive.file}.part"
                # Another process may have been faster.
                if not final.exists():
                    url = _address(base, archive, headers, downloader)
                    # A token is for the index, not for wherever it keeps archives.
                    own = headers if urlsplit(url).netloc == urlsplit(base).netloc else {}
                    wanted = Download(url, archive.file, own, before, total, archive.sha256)
                    downloader.download(wanted, part, on_progress)
                    part.replace(final)
                before += archive.size_bytes


def _by_hand(archives: Sequence[Archive], folder: Path) -> str:
    """How to do without a network."""
    wanted = ", ".join(f"{archive.name}@{archive.version} as {archive.file}" for archive in archives)
    return f"switch it off for this command (AIGC_OFFLINE=0), or put these npm archives into {folder}: {wanted}"


def index(settings: Settings, npmrc: Path) -> tuple[str, dict[str, str]]:
    """Address of the index without a slash at its end, and headers that open it.

    Raises:
        UserError: none is named, it isn't an address, or the file names a variable where the address should be.
    """
    lines = npmrc.read_text("utf-8", "replace").splitlines() if npmrc.is_file() else []
    found = {m[1]: m[2].strip("\"'") for line in lines if (m := _LINE.fullmatch(line))}
    base = (settings.npm_index or found.get("registry") or "").rstrip("/")
    if not base:
        raise UserError("nothing names an index of npm packages", hint=_HOW)
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or "${" in base:
        raise UserError(
            f"the index of npm packages is {base!r}; accepted: an address that begins with https://",
            hint=_HOW,
        )
    token = found.get(f"//{base.split('://', 1)[1]}/:_authToken", "")
    return base, {"Authorization": f"Bearer {token}"} if token and "${" not in token else {}


def _address(base: str, archive: Archive, headers: dict[str, str], downloader: Downloader) -> str:
    """Where the archive lies: the index says it, mirrors keep archives elsewhere."""
    url = f"{base}/{quote(archive.name, safe='@')}/{archive.version}"
    try:
        answer = downloader.get_json(url, headers)
    except StoreError as error:
        raise StoreError(f"{archive.name} can't be fetched: {error.message}", hint=_OTHER_WAYS) from error
    try:
        address = answer["dist"]["tarball"]  # type: ignore[index]
    except (KeyError, TypeError) as error:
        raise StoreError(f"{urlsplit(base).hostname} says of {archive.name} what npm packages don't say") from error
    parts = urlsplit(str(address))
    if parts.scheme != "https" and parts.hostname != urlsplit(base).hostname:
        raise StoreError(f"{archive.name} lies at {parts.hostname} without encryption: refused")
    return str(address)
