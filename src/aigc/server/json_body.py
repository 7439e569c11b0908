"""Reads a JSON body strictly: what gets through holds nothing that an engine, a log or a database would stumble over.

Knows: JSON and its limits. Does not know: any endpoint.
"""

from __future__ import annotations

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
_INT64 = 2**63


class JsonRoute(APIRoute):
    """A route whose body is read by `parse`, and which notes its own path for log and metrics."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            trace.of(request.scope).route = self.path_format
            if raw := await request.body():
                request = _Parsed(request, raw)
            return await handler(request)

        return handle


class _Parsed(Request):
    """A request whose body has been read and parsed."""

    def __init__(self, request: Request, raw: bytes) -> None:
        super().__init__(request.scope, request.receive)
        self._body = raw
        self._parsed = parse(raw)

    async def json(self) -> Any:
        return self._parsed


def parse(raw: bytes) -> Any:
    """The JSON value in ``raw``.

    Raises:
        InvalidJson: not JSON (RFC 8259, no NaN), not UTF-8, half of a surrogate pair, or nested too deeply.
        InvalidValue: an integer beyond 64 bits, or a NUL character; ``param`` says where.
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidJson("the body is not valid JSON in UTF-8") from error
    except RecursionError as error:
        raise InvalidJson(f"the body is nested too deeply; accepted: {MAX_DEPTH} levels") from error
    _Check().value(value, ())
    return value


class _Check:
    """Walks a parsed value once."""

    def __init__(self) -> None:
        self.keys = 0

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
        for key, inner in value.items():
            if "\0" in key:
                raise InvalidValue("a NUL character is not accepted in a key", param=_name(path))
            self.value(inner, (*path, key))

    def _array(self, value: list[Any], path: tuple[str | int, ...]) -> None:
        if value and set(map(type, value)) == {int}:
            # Arrays of token ids are long: let C look at them.
            if min(value) < -_INT64 or max(value) >= _INT64:
                raise InvalidValue("an integer beyond 64 bits is not accepted", param=_name(path))
            return
        for index, inner in enumerate(value):
            self.value(inner, (*path, index))


def _name(path: tuple[str | int, ...]) -> str | None:
    return ".".join(str(part) for part in path)[:80] or None
