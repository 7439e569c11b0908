"""What both clients are: an address, a key, limits, and requests that are ready to be sent.

Knows: httpx's requests and exceptions, our error tree. Does not know: whether anyone waits with ``await``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import httpx

from aigc.client import wire
from aigc.client.address import Address, locate
from aigc.errors import AigcError, EngineError, Unreachable, UserError

if TYPE_CHECKING:
    from aigc.client.app_thread import AppThread
    from aigc.settings import Settings

CONNECT_SECONDS = 5.0
SEND_SECONDS = 30.0
LOCAL_URL = "http://localhost/v1"
"""What the application in the process is called by; nothing listens there."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class BaseClient:
    """See `aigc.Client`."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int = 2,
        settings: Settings | None = None,
    ) -> None:
        if not 0 <= max_retries <= 10:
            raise UserError(f"max_retries is {max_retries}; accepted: 0 to 10")
        if timeout is not None and not timeout > 0:
            raise UserError(f"timeout is {timeout}; accepted: seconds above 0, or None for no limit")
        if settings is None:
            from aigc import settings as reader

            settings = reader.load()
        self._settings = settings
        self._max_retries = max_retries
        self._timeout = timeout
        self._local: AppThread | None = None
        self._url = LOCAL_URL
        self._key: str | None = None
        self.address: Address = locate(base_url, api_key, settings)
        """Where this client's requests go, and why there."""

    def _http_options(self) -> dict[str, Any]:
        """Arguments for httpx's client, the transport left out."""
        if self.address.base_url is None:
            from aigc.client import local

            self._local, self._key = local.acquire(self._settings)
        else:
            self._url, self._key = self.address.base_url, self.address.api_key
        headers = {"user-agent": "aigc-python", "accept": "application/json"}
        if self._key:
            if not self._key.isascii() or not self._key.isprintable():
                raise UserError("the API key has characters that no key has; accepted: printable ASCII")
            headers["authorization"] = f"Bearer {self._key}"
        with _bad_address(self._url):
            host = httpx.URL(self._url).host
        return {
            "headers": headers,
            "timeout": httpx.Timeout(self._timeout, connect=CONNECT_SECONDS, write=SEND_SECONDS, pool=None),
            # A proxy has no business between a program and its own machine.
            "trust_env": host not in _LOOPBACK,
        }

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        files: Mapping[str, bytes | BinaryIO] | None = None,
    ) -> dict[str, Any]:
        """Arguments for httpx's ``build_request``; with files, the body is a form of several parts."""
        found: dict[str, Any] = {"method": method, "url": f"{self._url}/{path.lstrip('/')}"}
        if files:
            found |= {
                "data": wire.form_fields(body or {}),
                "files": {name: (name, file) for name, file in files.items()},
            }
        elif body is not None:
            try:
                content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError) as error:
                raise UserError(f"the request can't be written as JSON: {error}") from error
            found |= {"content": content, "headers": {"content-type": "application/json"}}
        return found

    def _error(self, response: httpx.Response) -> AigcError:
        """The error in an answer whose body has been read."""
        return wire.error_from(response.status_code, response.content, response.headers, self._url)

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise EngineError(f"the server at {self._url} answered with something that is not JSON") from error

    def _wait(self, error: AigcError, attempt: int) -> float:
        """Seconds until the next attempt. Raises: the error itself when there is to be none."""
        wait = wire.retry_wait(error, attempt, self._max_retries)
        if wait is None:
            raise error
        return wait

    def _release(self) -> None:
        if self._local is not None:
            from aigc.client import local

            self._local = None
            local.release(self._settings)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Exceptions of httpx as ours; the original stays as ``__cause__``."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(
                f"no server answers at {self._url}",
                hint="`aigc serve` starts one; without a base URL the model runs in this process",
                retry_after_seconds=0.5,
            ) from error
        except httpx.TimeoutException as error:
            raise Unreachable(f"the server at {self._url} was silent for longer than {self._timeout} s") from error
        except httpx.HTTPError as error:
            raise Unreachable(f"the connection to {self._url} broke: {error}", hint="ask again") from error


@contextlib.contextmanager
def _bad_address(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.InvalidURL as error:
        raise UserError(f"the base URL {url!r} is not an address: {error}") from error


def read(build: Any, found: Any) -> Any:
    """``build(found)``. Raises: EngineError where an answer lacks what the API promises."""
    try:
        return build(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(f"the server's answer is not what the API promises: {str(found)[:120]}") from error
