"""Models on other OpenAI-compatible servers: least loaded healthy address, failover, the same events as local ones.

Knows: addresses, their health and load, HTTP as a client. Does not know: how requests are worded there
(`aigc.engines.openai`), local processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator

import httpx

from aigc.engines import openai as wording
from aigc.errors import AigcError, Busy, Unreachable, UnsupportedParameter, WorkerDied
from aigc.settings import Remote
from aigc.types import FINAL, Deliver, EmbedRequest, EngineFile, Event, ModelSpec, Request, TextRequest

log = logging.getLogger(__name__)

_SICK_SECONDS = 10.0
_LIST_SECONDS = 30.0
_LIST_TIMEOUT_SECONDS = 5.0
_CONTEXT_UNKNOWN = 1_048_576
"""A remote server checks its own context; it doesn't tell us how long it is."""


class _Address:
    """One base URL with its load and health."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self.running = 0
        self.sick_until = 0.0
        self.base_url = base_url.rstrip("/")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        timeout = httpx.Timeout(None, connect=5.0, pool=5.0)
        self.client = httpx.AsyncClient(headers=headers, timeout=timeout, follow_redirects=False, trust_env=False)


class RemoteServer:
    """All addresses of one `aigc.settings.Remote`."""

    def __init__(self, remote: Remote) -> None:
        self.name = remote.name
        self.models: tuple[ModelSpec, ...] = tuple(_spec(remote.name, model) for model in remote.models)
        """What it serves, as far as known; `refresh` asks again."""
        self.reachable = True
        """Whether it answered when it was asked last."""
        self._asks = not remote.models
        self._asked = float("-inf")
        self._addresses = [_Address(url, remote.api_key) for url in remote.base_urls]

    async def refresh(self) -> None:
        """List the models anew, at most twice a minute; a server that can't be reached keeps its list."""
        if not self._asks or time.monotonic() - self._asked < _LIST_SECONDS:
            return
        self._asked = time.monotonic()
        for address in self._addresses:
            try:
                answer = await asyncio.wait_for(address.client.get(f"{address.base_url}/models"), _LIST_TIMEOUT_SECONDS)
                _check(answer.status_code, answer.content)
                self.models = tuple(_spec(self.name, model) for model in wording.model_names(answer.content))
                self.reachable = True
                return
            except (httpx.HTTPError, httpx.InvalidURL, asyncio.TimeoutError, TimeoutError, AigcError) as error:
                log.warning("models of %s can't be listed: %s", self.name, type(error).__name__)
        self.reachable = False

    @property
    def running(self) -> int:
        """Answers under way on all addresses."""
        return sum(address.running for address in self._addresses)

    async def answer(self, model: str, request: Request, deliver: Deliver) -> None:
        """Ask the least loaded healthy address; the next one if it can't be reached. Raises: AigcError."""
        tried: list[_Address] = []
        busy: Busy | None = None
        while (address := self._pick(tried)) is not None:
            tried.append(address)
            begun = False
            address.running += 1
            try:
                async with contextlib.aclosing(self._ask(address, model, request)) as events:
                    async for event in events:
                        begun = self.reachable = True
                        deliver(event)
                return
            except (httpx.HTTPError, httpx.InvalidURL, Busy) as error:
                if begun:
                    raise WorkerDied(f"{self.name} broke off in the middle of the answer") from error
                if isinstance(error, Busy):
                    busy = error
                else:
                    address.sick_until = time.monotonic() + _SICK_SECONDS
                log.warning("%s: an address of %s failed, trying the next", type(error).__name__, self.name)
            finally:
                address.running -= 1
        if busy is not None:
            raise busy
        self.reachable = False
        raise Unreachable(
            f"no address of {self.name} answers; {len(self._addresses)} tried",
            hint="is that server running?",
            retry_after_seconds=_SICK_SECONDS,
        )

    async def close(self) -> None:
        """Close all connections."""
        for address in self._addresses:
            await address.client.aclose()

    def _pick(self, tried: list[_Address]) -> _Address | None:
        left = [address for address in self._addresses if address not in tried]
        now = time.monotonic()
        return min(left, key=lambda address: (address.sick_until > now, address.running), default=None)

    async def _ask(self, address: _Address, model: str, request: Request) -> AsyncGenerator[Event, None]:
        fingerprint = f"openai-{self.name}"
        if isinstance(request, EmbedRequest):
            answer = await address.client.post(
                f"{address.base_url}/embeddings", json=wording.embed_body(model, request)
            )
            _check(answer.status_code, answer.content)
            yield wording.embeddings(answer.content, fingerprint)
            return
        if not isinstance(request, TextRequest):
            raise UnsupportedParameter(f"{model} runs on {self.name}, whose API has no tokenizer", param="model")
        path, body = wording.text_body(model, request)
        async with address.client.stream("POST", f"{address.base_url}/{path}", json=body) as answer:
            if answer.status_code != httpx.codes.OK:
                _check(answer.status_code, await answer.aread())
            parser = wording.StreamParser(fingerprint)
            last: Event | None = None
            async for line in answer.aiter_lines():
                for event in parser.feed(line):
                    last = event
                    yield event
            if not isinstance(last, FINAL):
                raise httpx.ReadError("the stream ended early")


def _spec(server: str, model: str) -> ModelSpec:
    return ModelSpec(
        id=model,
        capabilities=("chat", "completion", "embedding"),
        engines=(EngineFile(engine="openai", path=server, memory_bytes=0),),
        context_tokens=_CONTEXT_UNKNOWN,
        created=0,
        digest="",
        licence="unknown: served by another server",
    )


def _check(status: int, body: bytes) -> None:
    if status != httpx.codes.OK:
        raise wording.error(status, body)
