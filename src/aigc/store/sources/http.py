"""One downloader for everything that has an address.

Streams into ``NAME.part`` beside a small ``NAME.part.json`` that says which version of the file it is. An interrupted
download goes on where it stopped if the server still has that version, and starts over if not.

Knows: GET, ranges, entity tags, redirects, retries. Does not know: hubs, models.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from aigc.errors import ChecksumMismatch, StoreError
from aigc.store.progress import OnProgress, Progress
from aigc.store.sources.base import storage_errors

if TYPE_CHECKING:
    import httpx

_CHUNK = 2**20
_TRIES = 6
_REDIRECTS = 10
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class _State(msgspec.Struct, frozen=True):
    """Which version of which file a part file holds the beginning of."""

    url: str
    tag: str | None
    total: int | None


class _TryAgain(Exception):
    """A passing fault; the message says which."""


@dataclass(frozen=True, slots=True)
class Download:
    """What to fetch, and where it counts in the whole."""

    url: str
    file: str
    """Name for messages and progress."""
    headers: dict[str, str]
    """Sent to the first host only; never to where it redirects."""
    before_bytes: int = 0
    """Bytes of earlier files, for the progress."""
    total_bytes: int = 0
    """Bytes of all files; 0: taken from the server."""
    sha256: str | None = None


class Downloader:
    """Fetches files; in a ``with`` block, its connections are closed at the end.

    Args:
        client: used as it is (proxies, certificates, timeouts); redirects must be off.
        sleep: waits between tries; seconds.
    """

    def __init__(self, client: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep

    def __enter__(self) -> Downloader:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def download(self, wanted: Download, part: Path, on_progress: OnProgress) -> str:
        """Fetch into ``part`` until it is complete.

        Returns: the sha256 of the file, computed while it was written.

        Raises:
            StoreError: refused, not there, or not reachable after several tries. ``part`` stays for the next time.
            ChecksumMismatch: complete, but not what was promised; ``part`` is gone.
            StorageFull: no room; ``part`` stays.
        """
        for attempt in range(_TRIES):
            try:
                with storage_errors(f"{wanted.file} can't be stored"):
                    digest = self._attempt(wanted, part, on_progress)
                break
            except _TryAgain as error:
                if attempt == _TRIES - 1:
                    raise StoreError(
                        f"{wanted.file} could not be fetched in {_TRIES} tries: {error}",
                        hint="repeat the command when the network is back: it goes on where it stopped",
                    ) from error.__cause__
                self._sleep(min(2.0**attempt, 30.0))
        _state_path(part).unlink(missing_ok=True)
        if wanted.sha256 is not None and digest != wanted.sha256:
            part.unlink()
            raise ChecksumMismatch(
                f"{wanted.file} has the sha256 {digest}, expected {wanted.sha256}",
                hint="the file was changed at its source or damaged on the way: nothing was kept",
            )
        return digest

    def head(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """The answer to HEAD, redirects not followed. Raises: StoreError."""
        import httpx

        try:
            return self._client.head(url, headers=headers)
        except httpx.HTTPError as error:
            raise StoreError(f"{_host(url)} can't be reached: {_said(error)}") from error

    def get_json(self, url: str, headers: dict[str, str]) -> object:
        """The JSON at an address. Raises: StoreError."""
        import httpx

        try:
            answer = self._client.get(url, headers=headers)
            return answer.raise_for_status().json()
        except httpx.HTTPStatusError as error:
            raise status_error(url, error.response.status_code, _reason(error.response)) from error
        except (httpx.HTTPError, ValueError) as error:
            raise StoreError(f"{_host(url)} can't be reached: {_said(error)}") from error

    def _attempt(self, wanted: Download, part: Path, on_progress: OnProgress) -> str:
        import httpx

        state = _read_state(part, wanted.url)
        have = part.stat().st_size if state is not None else 0
        headers = {**wanted.headers, "Accept-Encoding": "identity"}
        if state is not None and state.tag is not None and have:
            headers |= {"Range": f"bytes={have}-", "If-Range": state.tag}
        try:
            answer = self._send(wanted.url, headers)
            try:
                return self._receive(answer, wanted, part, have, state, on_progress)
            finally:
                answer.close()
        except httpx.TransportError as error:
            raise _TryAgain(_said(error)) from error

    def _send(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """Follow redirects by hand: the client drops credentials for another host, and we refuse a fall to http."""
        request = self._client.build_request("GET", url, headers=headers)
        for _ in range(_REDIRECTS):
            answer = self._client.send(request, stream=True)
            if answer.next_request is None:
                return answer
            answer.close()
            if request.url.scheme == "https" and answer.next_request.url.scheme != "https":
                raise StoreError(f"{request.url.host} redirects to an address without encryption: refused")
            request = answer.next_request
        raise StoreError(f"{_host(url)} redirects more than {_REDIRECTS} times")

    def _receive(
        self,
        answer: httpx.Response,
        wanted: Download,
        part: Path,
        have: int,
        state: _State | None,
        on_progress: OnProgress,
    ) -> str:
        status = answer.status_code
        if status == 416 and state is not None and state.total == have:
            return _hashed(part).hexdigest()  # it was complete already
        if status in _RETRIED or status == 416:
            if status == 416:
                _state_path(part).unlink(missing_ok=True)
            raise _TryAgain(f"{answer.url.host} answered {status}")
        if status not in (200, 206):
            raise status_error(wanted.url, status, _reason(answer))
        start = _range_start(answer) if status == 206 else 0
        if start != (have if status == 206 else 0):
            _state_path(part).unlink(missing_ok=True)
            raise _TryAgain(f"{answer.url.host} answered with bytes from {start}, {have} was asked for")
        length = answer.headers.get("content-length")
        total = start + int(length) if length is not None and length.isdigit() else None
        _write_state(part, _State(wanted.url, _strong_tag(answer), total))
        digest = _hashed(part) if start else hashlib.sha256()
        done = self._write(answer, wanted, part, start, total, digest, on_progress)
        if total is not None and done != total:
            raise _TryAgain(f"the connection ended after {done} of {total} bytes")
        return digest.hexdigest()

    def _write(
        self,
        answer: httpx.Response,
        wanted: Download,
        part: Path,
        start: int,
        total: int | None,
        digest: hashlib._Hash,
        on_progress: OnProgress,
    ) -> int:
        done = start
        whole = wanted.total_bytes or (total or 0)
        on_progress(Progress("downloading", wanted.file, wanted.before_bytes + done, whole))
        with part.open("ab" if start else "wb") as out:
            for chunk in answer.iter_bytes(_CHUNK):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                on_progress(Progress("downloading", wanted.file, wanted.before_bytes + done, whole))
        return done


def status_error(url: str, status: int, reason: str = "") -> StoreError:
    """Our error for an HTTP status that won't get better by itself.

    Args:
        url: that was asked for.
        status: of the answer.
        reason: Hugging Face's word for it, from the header ``X-Error-Code``.
    """
    host = _host(url)
    if reason == "RepoNotFound":
        hint = "check the spelling; a private one needs AIGC_HF_TOKEN"
        return StoreError(f"{host} has no such repository, or a private one ({status})", hint=hint)
    if reason == "RevisionNotFound":
        return StoreError(f"{host} has no such revision of it ({status})", hint="leave @revision out for the newest")
    if status in (401, 403):
        return StoreError(
            f"{host} answered {status}: this file needs an account that accepted its licence",
            hint="set AIGC_HF_TOKEN to a token of that account",
        )
    if status == 404:
        return StoreError(f"{host} has no such file (404): {url.partition('?')[0]}", hint="check the spelling")
    return StoreError(f"{host} answered {status}")


def _reason(answer: httpx.Response) -> str:
    return str(answer.headers.get("x-error-code", ""))


def _host(url: str) -> str:
    return url.split("/")[2].rpartition("@")[2] if url.count("/") >= 2 else url


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _strong_tag(answer: httpx.Response) -> str | None:
    """An entity tag that names exactly these bytes; a weak one can't be used for ranges."""
    tag: str | None = answer.headers.get("etag")
    return tag if tag and not tag.startswith("W/") else None


def _range_start(answer: httpx.Response) -> int:
    text = answer.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(text) if text.isdigit() else -1


def _hashed(part: Path) -> hashlib._Hash:
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest


def _state_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_state(part: Path, url: str) -> _State | None:
    try:
        state = msgspec.json.decode(_state_path(part).read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError):
        return None
    return state if state.url == url and part.exists() else None


def _write_state(part: Path, state: _State) -> None:
    _state_path(part).write_bytes(msgspec.json.encode(state))
