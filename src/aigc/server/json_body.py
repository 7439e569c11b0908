"""Reads a JSON body strictly: what gets through holds nothing that an engine, a log or a database would stumble over.

Knows: JSON and its limits. Does not know: any endpoint.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from aigc.server import trace
from aigc.server.errors import InvalidJson, InvalidValue

MAX_DEPTH = 64
"""Deepest nesting of a body; a schema of 5,000 levels takes a native library hundreds of megabytes."""
MAX_KEYS = 20_000
"""Most keys of all objects of a body together."""
MAX_CONTAINERS = 100_000
"""Most arrays and objects together; millions take seconds to build. The largest embedding request has some 2,050."""
MAX_VALUES = 300_000
"""Most values, where those of arrays of integers alone don't count: 2,048 inputs of 512 token ids are a million."""
_THREAD_BYTES = 256 * 2**10
"""Longer bodies are read in a thread: the event loop has others to serve."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
"""A JSON string, or the rest of the body where one has no end: no byte is looked at twice."""
_INT64 = 2**63


class JsonRoute(APIRoute):
    """A route whose body is read by `parse`, and which notes its own path for log and metrics."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            trace.of(request.scope).route = self.path_format
            if raw := await request.body():
                value = parse(raw) if len(raw) <= _THREAD_BYTES else await asyncio.to_thread(parse, raw)
                request = ParsedRequest(request, raw, value)
            return await handler(request)

        return handle


class ParsedRequest(Request):
    """A request whose body has been read and parsed."""

    def __init__(self, request: Request, raw: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._body = raw
        self._parsed = value

    async def json(self) -> Any:
        """What was parsed."""
        return self._parsed


def parse(raw: bytes) -> Any:
    """The JSON value in ``raw``.

    Raises:
        InvalidJson: not JSON (RFC 8259, no NaN), not UTF-8, half of a surrogate pair, nested too deeply, or too many
            values.
        InvalidValue: an integer beyond 64 bits, or a NUL character; ``param`` says where.
    """
    if _openings(raw) > MAX_CONTAINERS and _openings(_STRING.sub(b"", raw)) > MAX_CONTAINERS:
        raise InvalidJson(f"the body has more than {MAX_CONTAINERS} arrays and objects")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidJson("the body is not valid JSON in UTF-8") from error
    except RecursionError as error:
        raise InvalidJson(f"the body is nested too deeply; accepted: {MAX_DEPTH} levels") from error
    _Check().value(value, ())
    return value


def _openings(raw: bytes) -> int:
    return raw.count(b"[") + raw.count(b"{")


class _Check:
    """Walks a parsed value once."""

    def __init__(self) -> None:
        self.keys = 0
        self.values = 0

    def value(self, value: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(value, str):
            if "\0" in value:
                raise InvalidValue("a NUL character is not accepted", param=_name(path))
        elif isinstance(value, int):
            if not -_INT64 <= value < _INT64:
                raise InvalidValue("an integer beyond 64 bits is not accepted", param=_name(path))
        elif isinstance(value, (dict, list)):
            if len(path) >= MAX_DEPTH:
                raise InvalidJson(f"the body is nested too deeply; accepted: {MAX_DEPTH} levels")
            self._object(value, path) if isinstance(value, dict) else self._array(value, path)

    def _object(self, value: dict[str, Any], path: tuple[str | int, ...]) -> None:
        self.keys += len(value)
        if self.keys > MAX_KEYS:
            raise InvalidJson(f"the body has more than {MAX_KEYS} keys")
        self._count(len(value))
        for key, inner in value.items():
            if "\0" in key:
                raise InvalidValue("a NUL character is not accepted in a key", param=_name(path))
            self.value(inner, (*path, key))

    def _count(self, more: int) -> None:
        self.values += more
        if self.values > MAX_VALUES:
            raise InvalidJson(f"the body has more than {MAX_VALUES} values, arrays of integers aside")

    def _array(self, value: list[Any], path: tuple[str | int, ...]) -> None:
        if value and set(map(type, value)) == {int}:
            # Arrays of token ids are long: let C look at them.
            if min(value) < -_INT64 or max(value) >= _INT64:
                raise InvalidValue("an integer beyond 64 bits is not accepted", param=_name(path))
            return
        self._count(len(value))
        for index, inner in enumerate(value):
            self.value(inner, (*path, index))


def _name(path: tuple[str | int, ...]) -> str | None:
    return ".".join(str(part) for part in path)[:80] or None
