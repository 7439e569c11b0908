"""Two JSON schemas as one that accepts what both accept.

Keywords that can't be joined (two patterns) keep one side: the answer is checked against the client's own schema too.

Source: JSON Schema draft 2020-12, validation, sections 6 and 10.
Knows: keywords. Does not know: grammars, places in a document.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from aigc.engines.json_check import equal
from aigc.types import JSON

COMBINERS = ("$ref", "allOf", "anyOf", "oneOf")


def _types(a: Any, b: Any) -> Any:
    first, second = ([kind] if isinstance(kind, str) else kind for kind in (a, b))
    found = [kind for kind in first if kind in second or (kind == "integer" and "number" in second)]
    return found + [kind for kind in second if kind == "integer" and "number" in first and kind not in found]


def _least_common(a: Any, b: Any) -> Any:
    if all(isinstance(n, int) and n > 0 for n in (a, b)):
        return math.lcm(a, b)
    return max(a, b)


_JOINED: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "enum": lambda a, b: [value for value in a if any(equal(value, other) for other in b)],
    "multipleOf": _least_common,
    "required": lambda a, b: [*a, *b],
    "uniqueItems": lambda a, b: a or b,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}
_OBJECTS = ("properties", "additionalProperties", "patternProperties")
_ARRAYS = ("items", "prefixItems")


def merge(a: JSON, b: JSON) -> JSON:
    """What both accept; combiners of either side are kept under ``allOf``.

    Raises: TypeError: a keyword's value has a type that it must not have.
    """
    a, b = ({**s, "enum": [s["const"]]} if "const" in s else s for s in (a, b))
    a, b = ({key: value for key, value in s.items() if key != "const"} for s in (a, b))
    joined: JSON = {}
    for key in [*a, *(key for key in b if key not in a)]:
        if key in COMBINERS or key in _OBJECTS or key in _ARRAYS:
            continue
        if key in a and key in b and key in _JOINED:
            joined[key] = _JOINED[key](a[key], b[key])
        else:
            joined[key] = a[key] if key in a else b[key]
    joined |= _objects(a, b) | _arrays(a, b)
    apart = [{key: s[key]} for s in (a, b) for key in COMBINERS if key in s and key != "allOf"]
    apart += [part for s in (a, b) for part in s.get("allOf", ())]
    return {**joined, "allOf": apart} if apart else joined


def both(*schemas: Any) -> Any:
    """The schemas as one, joined later."""
    kept = [schema for schema in schemas if schema is not True]
    return kept[0] if len(kept) == 1 else {"allOf": kept} if kept else True


def _objects(a: JSON, b: JSON) -> JSON:
    if not any(key in s for s in (a, b) for key in _OBJECTS):
        return {}
    found: JSON = {}
    for name in dict.fromkeys([*a.get("properties", {}), *b.get("properties", {})]):
        sides = [
            s["properties"][name] if name in s.get("properties", {}) else s.get("additionalProperties", True)
            for s in (a, b)
        ]
        if False not in sides:
            found[name] = both(*sides)
    joined: JSON = {"properties": found} if found or "properties" in a or "properties" in b else {}
    others = [s["additionalProperties"] for s in (a, b) if "additionalProperties" in s]
    if others:
        joined["additionalProperties"] = False if False in others else both(*others)
    patterns = [s.get("patternProperties", {}) for s in (a, b)]
    if any(patterns):
        joined["patternProperties"] = {
            name: both(*(s[name] for s in patterns if name in s)) for name in [*patterns[0], *patterns[1]]
        }
    return joined


def _arrays(a: JSON, b: JSON) -> JSON:
    joined: JSON = {}
    first = [s.get("prefixItems", []) for s in (a, b)]
    if any(first):
        joined["prefixItems"] = []
        for index in range(max(map(len, first))):
            sides = [p[index] if index < len(p) else s.get("items", True) for s, p in zip((a, b), first, strict=True)]
            if False in sides:  # no item here, and none after it
                return joined | {"items": False}
            joined["prefixItems"].append(both(*sides))
    rest = [s["items"] for s in (a, b) if "items" in s]
    if rest:
        joined["items"] = False if False in rest else both(*rest)
    return joined
