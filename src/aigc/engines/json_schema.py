"""JSON schemas: which ones can be promised, and the grammar that every engine is given for them.

A schema becomes a grammar (`aigc.engines.json_compiler`) that all engines read, so that they enforce the same language.
What was written is checked again at the end, by `aigc.engines.json_check`, against the schema as the client sent it.

The grammar's language is a part of the schema's, in these documented ways: an object that names its properties and is
silent about others has no others; members come in the schema's order; a node without ``type`` has the types that its
keywords are about; an unbounded integer has at most 15 digits, a number 16 before and after its point; a ``format`` is
a pattern; where the schema leaves a value open, it nests at most `aigc.engines.json_text.MAX_FREE_DEPTH` deep.

These keywords are left to the check at the end, and an answer that breaks one is an error and never sent: ``oneOf``
beyond ``anyOf``, ``uniqueItems`` (but for few values), lengths beside ``pattern`` or ``format``, a second pattern, the
number of members beside named ones, names that two patterns match. Whatever else is not enforced is refused, with the
place and the keyword.

Knows: schemas and their size. Does not know: engines, tokens, HTTP.
"""

from __future__ import annotations

import json
from typing import Any

from aigc.engines.grammar import Grammar
from aigc.engines.json_compiler import MAX_DEPTH, Compiler
from aigc.engines.json_types import RefusedError
from aigc.errors import InvalidSchema

MAX_BYTES = 64 * 1024
_OBJECT = {"type": "object"}
_SILENT = {"type", "properties", "title", "description", "$schema"}
"""Keywords that say nothing of members without names."""


def compile_schema(schema: Any, place: str = "schema", *, arguments: bool = False, lenient: bool = False) -> Grammar:
    """The texts that the schema accepts.

    Args:
        schema: the client's.
        place: what it is called in messages, for instance ``response_format.json_schema.schema``.
        arguments: accept objects only, and none with members where ``properties`` is there and empty: models that must
            call a function without parameters make some up otherwise.
        lenient: leave out what can't be enforced, for tools that aren't ``strict``.

    Raises: InvalidSchema: malformed, too large, contradictory, or with a keyword that can't be enforced; the message
        begins with the place.
    """
    deep = f"{place}: the schema is nested too deeply: accepted is a depth of {MAX_DEPTH}"
    try:
        size = len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except RecursionError:
        raise InvalidSchema(deep) from None
    if size > MAX_BYTES:
        raise InvalidSchema(f"{place}: the schema has {size} bytes, accepted are {MAX_BYTES}")
    try:
        if arguments and isinstance(schema, dict) and schema.get("properties") == {} and not schema.keys() - _SILENT:
            schema = {"additionalProperties": False, **schema}
        return Compiler(schema, place, lenient=lenient).run(_OBJECT if arguments else None)
    except RefusedError as error:
        raise InvalidSchema(str(error), hint="leave the keyword out and check the answer yourself") from None
    except RecursionError:
        raise InvalidSchema(deep) from None
