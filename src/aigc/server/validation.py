"""From pydantic's findings to our words: which field, the value seen, what is accepted.

Knows: pydantic's kinds of error. Does not know: any request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aigc.errors import UnsupportedParameter, UserError
from aigc.server.errors import InvalidType, InvalidValue, MissingParameter, UnknownParameter

_SHOWN = 80
"""Longest part of a client's value that comes back in a message."""

_TYPES = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing_size": "an integer of 64 bits",
    "float_type": "a number",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "none_required": "null",
}
_RANGES = {
    "greater_than": ("gt", "a number above {}"),
    "greater_than_equal": ("ge", "a number of at least {}"),
    "less_than": ("lt", "a number below {}"),
    "less_than_equal": ("le", "a number of at most {}"),
    "string_too_short": ("min_length", "at least {} characters"),
    "string_too_long": ("max_length", "at most {} characters"),
    "too_short": ("min_length", "at least {} entries"),
    "too_long": ("max_length", "at most {} entries"),
    "string_pattern_mismatch": ("pattern", "text of the form {}"),
    "literal_error": ("expected", "{}"),
    "enum": ("expected", "{}"),
}


def in_words(findings: Sequence[Mapping[str, Any]], body: Any) -> UserError:
    """The first finding as an error whose ``param`` is a path like ``messages.0.content``."""
    if not findings:
        return InvalidValue("the request is not valid")
    finding = findings[0]
    kind: str = finding["type"]
    context: Mapping[str, Any] = finding.get("ctx") or {}
    path = _path(finding["loc"], body, kind)
    if kind.startswith("union_tag"):
        name = str(context.get("discriminator", "")).strip("'")
        path += [name] if name.isidentifier() else []
    param = ".".join(path) or None
    where = param or "the body"
    if kind == "missing":
        return MissingParameter(f"{where} is required" if param else "a JSON body is required", param=param)
    if kind == "extra_forbidden":
        return UnknownParameter(f"there is no parameter {where[:_SHOWN]}", param=where[:_SHOWN])
    if kind == "unsupported_parameter":
        return UnsupportedParameter(f"{where} is not supported: {context['reason']}", param=param)
    seen = show(_at(path, body))
    if kind in ("union_tag_invalid", "union_tag_not_found") and "expected_tags" in context:
        return InvalidValue(f"{where} is {seen}; accepted: {context['expected_tags']}", param=param)
    if kind == "union_tag_not_found" and path and _at(path, body) is None:
        return MissingParameter(f"{where} is required", param=param)
    if kind in _TYPES:
        return InvalidType(f"{where} is {seen}; accepted: {_TYPES[kind]}", param=param)
    if kind in _RANGES:
        key, words = _RANGES[kind]
        return InvalidValue(f"{where} is {seen}; accepted: {words.format(_plain(context.get(key)))}", param=param)
    if kind == "finite_number":
        return InvalidValue(f"{where} is {seen}; accepted: a finite number", param=param)
    # Our own checks say it themselves.
    accepted = finding["msg"] if kind == "invalid_form" else context.get("accepted")
    return InvalidValue(f"{where} is {seen}; accepted: {accepted or 'another form'}", param=param)


def _plain(limit: object) -> object:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def show(value: Any) -> str:
    """A short picture of a client's value: JSON for small ones, its kind and size for large ones."""
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, str):
        value = str(value)  # text of a form is a kind of its own, which the encoder doesn't know
    text = msgspec.json.encode(value).decode() if isinstance(value, (str, float, bool, type(None))) else str(value)
    count = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({count} characters)"


def _path(location: Sequence[int | str], body: Any, kind: str) -> list[str]:
    """Drop what pydantic puts between: the names of union members and validators are no part of the request."""
    path: list[str] = []
    here = body
    for part in location[1:]:  # the first one says "body"
        in_object = isinstance(here, dict) and part in here
        if in_object or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            here = here[part]
            path.append(str(part))
    if kind == "missing" and len(location) > 1:
        path.append(str(location[-1]))
    return path


def _at(path: Sequence[str], body: Any) -> Any:
    for part in path:
        if isinstance(body, list):
            body = body[int(part)]
        elif isinstance(body, dict):
            body = body.get(part)
    return body
