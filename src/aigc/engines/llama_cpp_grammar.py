"""Constraints for llama.cpp.

Where the whole answer is constrained, the grammar is one of llguidance's, which takes JSON schemas as they are. Where
tools may but need not be called, the grammar must wait for the opening tag; llama.cpp can do that with its own GBNF
only, so a call's form and name are enforced and its arguments are some JSON object, which the caller checks.

Source: docs/syntax.md of llguidance; grammars/README.md of llama.cpp.
Knows: the two grammar languages. Does not know: requests, the server.
"""

from __future__ import annotations

import json
from typing import Any

from aigc.engines.base import Constraint, JsonConstraint, ToolConstraint
from aigc.errors import InvalidSchema
from aigc.types import JSON

_HEADER = "%llguidance {}\n"
_MARK = "@~@~@~@~"
"""Text that no model writes by itself."""
_ON_WORD = 1
"""``COMMON_GRAMMAR_TRIGGER_TYPE_WORD``."""

_GBNF_JSON = r"""
object ::= "{" space (pair ("," space pair)*)? "}" space
pair ::= string ":" space value
array ::= "[" space (value ("," space value)*)? "]" space
value ::= object | array | string | number | ("true" | "false" | "null") space
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" space
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})? space
space ::= | " " | "\n"{1,2} [ \t]{0,20}
"""


def trial(constraint: Constraint) -> tuple[str, str] | None:
    """A grammar that compiles only if the constraint's does, and the text that it forces; None if it can't fail."""
    if isinstance(constraint, JsonConstraint):
        schemas = [constraint.schema]
    elif constraint.required:
        schemas = [schema for _, schema in constraint.schemas]
    else:
        return None
    rules = "".join(f"s{number}: %json {_schema(schema)}\n" for number, schema in enumerate(schemas))
    choice = " | ".join(f"s{number}" for number in range(len(schemas)))
    return f"{_HEADER}start: {_quoted(_MARK)} all\nall: {choice}\n{rules}", _MARK


def parameters(constraint: Constraint) -> JSON:
    """The fields of llama.cpp's request that enforce a constraint. Raises: InvalidSchema."""
    if isinstance(constraint, JsonConstraint):
        return {"grammar": f"{_HEADER}start: %json {_schema(constraint.schema)}\n"}
    if constraint.required:
        return {"grammar": _required(constraint)}
    return {
        "grammar": _optional(constraint),
        "grammar_lazy": True,
        "grammar_triggers": [{"type": _ON_WORD, "value": constraint.begin.rstrip()}],
    }


def _required(constraint: ToolConstraint) -> str:
    more = ' ("\\n" call)*' if constraint.parallel else ""
    rules = [f"start: call{more}", "call: " + " | ".join(f"call_{i}" for i in range(len(constraint.schemas)))]
    for number, (name, schema) in enumerate(constraint.schemas):
        before = _quoted(f'{constraint.begin}{{"name": {json.dumps(name)}, "arguments": ')
        after = _quoted(f"}}{constraint.end}")
        rules += [f"call_{number}: {before} args_{number} {after}", f"args_{number}: %json {_schema(schema)}"]
    return _HEADER + "\n".join(rules) + "\n"


def _optional(constraint: ToolConstraint) -> str:
    names = " | ".join(_quoted(json.dumps(name)) for name, _ in constraint.schemas)
    begin, trigger = constraint.begin, constraint.begin.rstrip()
    # The grammar sees the answer from the trigger on.
    more = ' ("\\n"? call)*' if constraint.parallel else ""
    return (
        f"root ::= call{more}\n"
        f'call ::= {_quoted(trigger + begin[len(trigger) :])} "{{\\"name\\": " name ", \\"arguments\\": " object '
        f"{_quoted('}' + constraint.end)}\n"
        f"name ::= {names}\n{_GBNF_JSON.strip()}\n"
    )


def _schema(schema: Any) -> str:
    if not isinstance(schema, dict):
        raise InvalidSchema(f"the schema is {schema!r}; expected a JSON object")
    return json.dumps(schema)


def _quoted(text: str) -> str:
    # Both languages write strings as JSON does.
    return json.dumps(text)
