"""Reads a ``multipart/form-data`` body into the same fields that a JSON body has.

A file becomes an `Upload`. The text of a field stays text where text is expected, and is read as a number or a truth
value where one is (`typed`), so that a form and a JSON body are checked by the same rules.

Knows: forms and their limits. Does not know: any endpoint.
Source: RFC 7578, RFC 2046 section 5.1.
"""

from __future__ import annotations

import asyncio
import email.message
import mmap
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BeforeValidator, WithJsonSchema
from starlette.datastructures import Headers
from starlette.responses import Response

from aigc.errors import UserError
from aigc.server import trace
from aigc.server.errors import InvalidValue
from aigc.server.json_body import JsonRoute, ParsedRequest
from aigc.server.spool import Spool

MEDIA_TYPE = "multipart/form-data"
_MAX_PARTS = 64
_MAX_HEAD_BYTES = 4096
_MAX_TEXT_BYTES = 2**20
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_SCALAR = re.compile(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?|true|false")


class InvalidForm(UserError):
    """The body is not a form that can be used."""

    code = "invalid_form"


class FormText(str):
    """A text that came in a form, where numbers look like texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request."""

    data: bytes

    def __str__(self) -> str:
        return f"a file of {len(self.data)} bytes"


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A file that lies in the middle of a form on the disk."""

    path: Path
    start: int
    size: int

    def __str__(self) -> str:
        return f"a file of {self.size} bytes"


def _typed(value: Any) -> Any:
    if isinstance(value, FormText) and _SCALAR.fullmatch(value):
        return msgspec.json.decode(str(value)) if not re.match(r"-?0[0-9]", value) else value
    return value


typed = BeforeValidator(_typed)
"""For fields that are no text: what a form says in digits is a number."""

File = Annotated[Upload, WithJsonSchema({"type": "string", "format": "binary"})]
LongFile = Annotated[SpooledFile, WithJsonSchema({"type": "string", "format": "binary"})]
Bytes = bytes | mmap.mmap


class FormRoute(JsonRoute):
    """A route whose body is a form or JSON; what it is given to handle looks the same."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handler = APIRoute.get_route_handler(self)
        of_json = super().get_route_handler()

        async def handle(request: Request) -> Response:
            kind = request.headers.get("content-type", "")
            if kind.partition(";")[0].strip().lower() != MEDIA_TYPE:
                return await of_json(request)
            trace.of(request.scope).route = self.path_format
            raw = await request.body()
            spool: Spool | None = request.scope["state"].get("spool")
            fields = parse(raw, kind) if spool is None else await asyncio.to_thread(parse_spooled, spool, kind)
            # From here on it is JSON that somebody has parsed already.
            headers = Headers(request.headers).mutablecopy()
            headers["content-type"] = "application/json"
            scope = {**request.scope, "headers": headers.raw}
            return await handler(ParsedRequest(Request(scope, request.receive), raw or b"{}", fields))

        return handle


def parse(raw: Bytes, content_type: str, file: Callable[[int, int], Any] | None = None) -> dict[str, Any]:
    """Field name to `FormText`, file, or a list of them for a name with ``[]`` or one that comes again.

    Args:
        raw: the body.
        content_type: the header, with the boundary.
        file: makes something of a file's place in the body, (start, end); None: an `Upload`.
    Raises:
        InvalidForm: not a form, too many parts, or one without a name.
        InvalidValue: a text that isn't UTF-8, or holds a NUL character.
    """
    header = email.message.Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not _BOUNDARY.fullmatch(boundary):
        raise InvalidForm("Content-Type names no boundary of 1 to 70 characters")
    fields: dict[str, Any] = {}
    for start, end in _parts(raw, b"--" + boundary.encode()):
        name, content, is_file = _head(raw, start, end)
        if not is_file:
            _add(fields, name, _text(name, raw[content:end]))
        else:
            _add(fields, name, Upload(raw[content:end]) if file is None else file(content, end))
    return fields


def parse_spooled(spool: Spool, content_type: str) -> dict[str, Any]:
    """The same for a body on the disk, of which no file is read. Raises: as `parse`."""
    if spool.size == 0:
        raise InvalidForm("the form is not complete: its last boundary is missing")
    with spool.path.open("rb") as body, mmap.mmap(body.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        return parse(raw, content_type, lambda start, end: SpooledFile(spool.path, start, end - start))


def _parts(raw: Bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts lie: behind one delimiter, before the next."""
    between = b"\r\n" + delimiter
    place = -2 if raw[: len(delimiter)] == delimiter else raw.find(between)
    found = 0
    while place != -1:
        start = place + len(between)
        if raw[start : start + 2] == b"--":
            return
        if found == _MAX_PARTS:
            raise InvalidForm(f"the form has more than {_MAX_PARTS} parts")
        place = raw.find(between, start)
        if place != -1:
            found += 1
            yield start, place
    raise InvalidForm("the form is not complete: its last boundary is missing")


def _head(raw: Bytes, start: int, end: int) -> tuple[str, int, bool]:
    """Name of a part, where its content begins, and whether it is a file."""
    line = raw.find(b"\r\n", start, end)
    if line >= 0 and raw[line + 2 : line + 4] == b"\r\n":
        head, content = b"", line + 4
    else:
        ends = raw.find(b"\r\n\r\n", start, min(end, start + _MAX_HEAD_BYTES + 4))
        head, content = raw[line + 2 : max(ends, 0)], ends + 4
        line = -1 if ends < 0 else line
    if line < 0 or raw[start:line].strip(b" \t"):
        raise InvalidForm("a part of the form has no usable header")
    header = email.message.Message()
    for one in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = one.partition(":")
        if key.strip().lower() == "content-disposition":
            header["content-disposition"] = value.strip()
    name = header.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise InvalidForm("a part of the form has no name of 1 to 64 characters")
    return name, content, header.get_param("filename", header="content-disposition") is not None


def _text(name: str, content: bytes) -> FormText:
    if len(content) > _MAX_TEXT_BYTES:
        raise InvalidValue(f"{name} has {len(content)} bytes; accepted: {_MAX_TEXT_BYTES}", param=name)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{name} is not UTF-8", param=name, hint="a file needs a filename in its part") from error
    if "\0" in text:
        raise InvalidValue("a NUL character is not accepted", param=name)
    return FormText(text)


def _add(fields: dict[str, Any], name: str, value: Any) -> None:
    several = name.endswith("[]")
    name = name.removesuffix("[]")
    if name in fields or several:
        before = fields.get(name, [])
        fields[name] = [*(before if isinstance(before, list) else [before]), value]
    else:
        fields[name] = value
