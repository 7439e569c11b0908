"""What the endpoints of stored completions accept, and the pages that they answer with.

Knows: query parameters, OpenAI's lists. Does not know: where completions are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from pydantic import BeforeValidator, Field, ValidationError
from starlette.datastructures import QueryParams

from aigc.db.completions import ID, Completion
from aigc.server import validation
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, Metadata, invalid

MOST = 100
"""Entries of a page."""
_LABEL = re.compile(r"metadata\[(.*)\]", re.DOTALL)
_encode = msgspec.json.encode


def _whole(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}", value):
        invalid(f"a whole number from 1 to {MOST}")
    return int(value)


class MessagesQuery(Body):
    """Which messages of a completion."""

    after: Annotated[str, Field(max_length=64)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST), BeforeValidator(_whole)] = 20
    order: Literal["asc", "desc"] = "asc"


class ListQuery(MessagesQuery):
    """Which completions."""

    after: Annotated[str, Field(pattern=f"^{ID.pattern}$")] | None = None
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    metadata: Metadata | None = None


class Change(Body):
    """What may be changed of a completion."""

    metadata: Metadata | None


Query = TypeVar("Query", bound=MessagesQuery)


def read_query(kind: type[Query], given: QueryParams) -> Query:
    """The query as a ``kind``. Raises: UserError: a parameter that is unknown, given twice, or has another form."""
    fields: dict[str, Any] = {}
    for name, value in given.multi_items():
        where, key = fields, name
        if (label := _LABEL.fullmatch(name)) is not None:
            where, key = fields.setdefault("metadata", {}), label[1]
        if not isinstance(where, dict) or key in where:
            raise InvalidValue(f"{name[:80]} is given twice; accepted: once", param=name[:80])
        if "\0" in key + value:
            raise InvalidValue("a NUL character is not accepted", param=name[:80].replace("\0", ""))
        where[key] = value
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        found = [{**one, "loc": ("query", *one["loc"])} for one in error.errors(include_url=False)]
        raise validation.in_words(found, fields) from error


def parameters(kind: type[MessagesQuery]) -> list[dict[str, Any]]:
    """The query's parameters as OpenAPI has them."""
    shapes: dict[str, dict[str, Any]] = {
        "after": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 20},
        "order": {"type": "string", "enum": ["asc", "desc"], "default": "asc"},
        "model": {"type": "string", "minLength": 1, "maxLength": 256},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    found: list[dict[str, Any]] = []
    for name in kind.model_fields:
        style = {"style": "deepObject", "explode": True} if name == "metadata" else {}
        found.append({"in": "query", "name": name, "required": False, "schema": shapes[name]} | style)
    return found


def completion_json(completion: Completion) -> bytes:
    """A stored completion."""
    return completion.body[:-1] + b',"metadata":' + _encode(completion.metadata) + b"}"


def completions_json(page: Sequence[Completion], *, more: bool) -> bytes:
    """A page of them."""
    return _page([one.id for one in page], b",".join(completion_json(one) for one in page), more=more)


def messages_json(completion: Completion, query: MessagesQuery) -> bytes:
    """A page of the messages of a completion. Raises: InvalidValue: ``after`` is none of them."""
    messages: list[dict[str, Any]] = msgspec.json.decode(completion.messages)
    if query.order == "desc":
        messages.reverse()
    ids = [message["id"] for message in messages]
    if query.after is not None and query.after not in ids:
        raise InvalidValue(f"after is {query.after!r}, which is no message of {completion.id}", param="after")
    start = 0 if query.after is None else ids.index(query.after) + 1
    chosen = messages[start : start + query.limit]
    data = _encode(chosen)[1:-1]
    return _page([message["id"] for message in chosen], data, more=start + query.limit < len(messages))


def _page(ids: Sequence[str], data: bytes, *, more: bool) -> bytes:
    # OpenAI's document wants strings for both ids, also where there is no entry.
    ends = {"first_id": ids[0] if ids else "", "last_id": ids[-1] if ids else "", "has_more": more}
    return b'{"object":"list","data":[' + data + b"]," + _encode(ends)[1:]
