"""JSON schemas: which ones can be promised, what the engines are given for them, and the check of what they wrote.

An engine enforces a schema while it decodes, but no two engines know the same keywords, and some pass over what they
don't know (xgrammar: ``not``, ``if``, ``uniqueItems``, bounds of decimals). So a schema is compiled into the common
language that both enforce (`aigc.engines.json_compiler`), and what doesn't fit into it is refused by JSON pointer and
keyword before anything is computed. What was written is checked again at the end, by `aigc.engines.json_check`.

The compiled schema accepts a subset of what the client's accepts, in these documented ways: an object that names its
properties and is silent about others has no others; a node without ``type`` has the type that its keywords are about;
an unbounded integer stays within 53 bits, so that no weak model writes digits for ever; a string with a length or a
``pattern`` holds no characters that JSON escapes; a ``format`` is a pattern. A ``number`` may still have any number of
digits.

Knows: schemas and their size. Does not know: engines, tokens, HTTP.
"""

from __future__ import annotations

import json

from aigc.engines.json_compiler import MAX_DEPTH, Compiler, RefusedError
from aigc.errors import InvalidSchema
from aigc.types import JSON

MAX_BYTES = 64 * 1024
_MAX_RELAXATIONS = 200


def compile_schema(schema: JSON) -> JSON:
    """The schema in the common language of the engines.

    Raises: InvalidSchema: malformed, too large, contradictory, or with a keyword that can't be enforced; the message
        names the JSON pointer and the keyword.
    """
    _check_size(schema)
    try:
        return Compiler(schema).run()
    except RefusedError as error:
        raise InvalidSchema(str(error), hint="leave the keyword out and check the answer yourself") from None
    except RecursionError:
        raise InvalidSchema(f"the JSON schema is nested too deeply: accepted is a depth of {MAX_DEPTH}") from None


def relax_schema(schema: JSON) -> JSON:
    """The schema without the keywords that can't be enforced: for tools that aren't ``strict``.

    Raises: InvalidSchema: too large, or not a schema even then.
    """
    _check_size(schema)
    schema = json.loads(json.dumps(schema))
    for _ in range(_MAX_RELAXATIONS):
        compiler = Compiler(schema)
        try:
            return compiler.run()
        except RefusedError as error:
            node = compiler.resolve(f"#{error.pointer}", "")
            if not isinstance(node, dict) or node.pop(error.keyword, error) is error:
                raise InvalidSchema(str(error)) from None
    raise InvalidSchema(f"the JSON schema has more than {_MAX_RELAXATIONS} keywords that can't be enforced")


def _check_size(schema: JSON) -> None:
    try:
        size = len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except RecursionError:
        raise InvalidSchema(f"the JSON schema is nested too deeply: accepted is a depth of {MAX_DEPTH}") from None
    if size > MAX_BYTES:
        raise InvalidSchema(f"the JSON schema has {size} bytes, accepted are {MAX_BYTES}")
