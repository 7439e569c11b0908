"""Reads a ``multipart/form-data`` body into the same fields that a JSON body has.

A file becomes an `Upload`. The text of a field stays text where text is expected, and is read as a number or a truth
value where one is (`typed`), so that a form and a JSON body are checked by the same rules.

Knows: forms and their limits. Does not know: any endpoint.
Source: RFC 7578, RFC 2046 section 5.1.
"""

from __future__ import annotations

import email.message
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
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


def _typed(value: Any) -> Any:
    if isinstance(value, FormText) and _SCALAR.fullmatch(value):
        return msgspec.json.decode(str(value)) if not re.match(r"-?0[0-9]", value) else value
    return value


typed = BeforeValidator(_typed)
"""For fields that are no text: what a form says in digits is a number."""

File = Annotated[Upload, WithJsonSchema({"type": "string", "format": "binary"})]


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
            # From here on it is JSON that somebody has parsed already.
            headers = Headers(request.headers).mutablecopy()
            headers["content-type"] = "application/json"
            scope = {**request.scope, "headers": headers.raw}
            return await handler(ParsedRequest(Request(scope, request.receive), raw, parse(raw, kind)))

        return handle


def parse(raw: bytes, content_type: str) -> dict[str, Any]:
    """Field name to `FormText`, `Upload`, or a list of them for a name with ``[]`` or one that comes again.

    Args:
        raw: the body.
        content_type: the header, with the boundary.
    Raises:
        InvalidForm: not a form, too many parts, or one without a name.
        InvalidValue: a text that isn't UTF-8, or holds a NUL character.
    """
    header = email.message.Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not _BOUNDARY.fullmatch(boundary):
        raise InvalidForm("Content-Type names no boundary of 1 to 70 characters")
    delimiter = b"--" + boundary.encode()
    fields: dict[str, Any] = {}
    parts = (b"\r\n" + raw).split(b"\r\n" + delimiter, _MAX_PARTS + 2)
    if len(parts) > _MAX_PARTS + 2:
        raise InvalidForm(f"the form has more than {_MAX_PARTS} parts")
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise InvalidForm("the form is not complete: its last boundary is missing")
    for part in parts[1:-1]:
        name, value = _field(part)
        _add(fields, name, value)
    return fields


def _field(part: bytes) -> tuple[str, FormText | Upload]:
    padding, found, rest = part.partition(b"\r\n")
    if rest.startswith(b"\r\n"):
        head, content = b"", rest[2:]
    else:
        head, ends, content = rest.partition(b"\r\n\r\n")
        found = found and ends
    if padding.strip(b" \t") or not found or len(head) > _MAX_HEAD_BYTES:
        raise InvalidForm("a part of the form has no usable header")
    header = email.message.Message()
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            header["content-disposition"] = value.strip()
    name = header.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise InvalidForm("a part of the form has no name of 1 to 64 characters")
    if header.get_param("filename", header="content-disposition") is not None:
        return name, Upload(content)
    if len(content) > _MAX_TEXT_BYTES:
        raise InvalidValue(f"{name} has {len(content)} bytes; accepted: {_MAX_TEXT_BYTES}", param=name)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{name} is not UTF-8", param=name, hint="a file needs a filename in its part") from error
    if "\0" in text:
        raise InvalidValue("a NUL character is not accepted", param=name)
    return name, FormText(text)


def _add(fields: dict[str, Any], name: str, value: FormText | Upload) -> None:
    several = name.endswith("[]")
    name = name.removesuffix("[]")
    if name in fields or several:
        before = fields.get(name, [])
        fields[name] = [*(before if isinstance(before, list) else [before]), value]
    else:
        fields[name] = value
