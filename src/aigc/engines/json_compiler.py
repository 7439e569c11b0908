"""Writes a JSON schema in the small common language that every engine enforces while it decodes.

What the engines really do was found by trial (llguidance 1.9; xgrammar inside of OpenVINO 2026.4.1): each rule below
that looks needlessly strict stands for a keyword that one of them passes over, or for one that lets wrong answers pass.

Sources: JSON Schema draft 2020-12 (core and validation); RFC 8259 section 6 (range of numbers).
Knows: schemas. Does not know: engines, tokens, HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote

from aigc.engines.json_check import escaped, validator
from aigc.engines.json_compare import SAFE_INTEGER, TYPES, disjoint, portable
from aigc.engines.json_formats import FORMATS
from aigc.engines.pattern import PLAIN_CHARACTER, Pattern, PatternError
from aigc.errors import InvalidSchema
from aigc.types import JSON

MAX_DEPTH = 32
MAX_NODES = 2000
MAX_VALUES = 1000
"""Values of one ``enum``, and numbers in one integer range."""
MAX_COUNT = 10_000
"""Largest sum of ``minItems`` and ``maxItems``."""
MAX_LENGTH = 256
"""Largest ``minLength`` and ``maxLength``, and number of places in a ``pattern`` where nearly any character may stand.

Measured with OpenVINO 2026.4.1 on two busy cores: 80 take 0.8 s to compile and 0.02 s a token, 300 take 2.5 s and
0.14 s a token, in which nobody else is served; its own ``maxLength`` takes 0.6 s a token at any size.
"""
MAX_LENGTHS = 1000
"""Largest sum of those."""
MAX_OPTIONAL = 100_000
"""Largest sum, over all objects, of the square of the number of optional properties.

OpenVINO 2026.4.1 compiles 1,000 of them in one object for 20 s, 300 for 2 s.
"""
_ANNOTATIONS = frozenset(
    "$schema $id $comment $defs definitions title description default examples example deprecated readOnly writeOnly"
    " discriminator contentMediaType contentEncoding".split()
)
_ANY_TYPE = frozenset(("type", "enum", "const"))
_BOUNDS = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
_FAMILIES = {
    "string": frozenset(("minLength", "maxLength", "pattern", "format")),
    "number": _BOUNDS,
    "array": frozenset(("items", "prefixItems", "minItems", "maxItems")),
    "object": frozenset(("properties", "required", "additionalProperties")),
}
_BESIDE_VALUES = _ANY_TYPE | _BOUNDS | {"minLength", "maxLength", "pattern"}
_COMBINERS = ("$ref", "allOf", "anyOf", "oneOf")
_KNOWN = _ANY_TYPE.union(*_FAMILIES.values(), _COMBINERS)


class RefusedError(Exception):
    """A keyword that doesn't fit, and where it stands."""

    def __init__(self, pointer: str, keyword: str, why: str) -> None:
        super().__init__(f"the JSON schema can't be enforced: {keyword!r} at {pointer or '/'}: {why}")
        self.pointer = pointer
        self.keyword = keyword


def _refuse(pointer: str, keyword: str, why: str) -> NoReturn:
    raise RefusedError(pointer, keyword, why)


class Compiler:
    """One schema on its way into the common language; `run` once."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.nodes = 0
        self.counted = 0
        self.lengths = 0
        self.optional = 0
        self.names: dict[str, str] = {}
        self.definitions: dict[str, Any] = {}

    def run(self) -> JSON:
        """The compiled schema. Raises: RefusedError, InvalidSchema, RecursionError."""
        compiled = self.node(self.root, "", 0)
        if self.definitions:
            compiled = {**compiled, "$defs": self.definitions}
        return compiled

    def node(self, node: Any, pointer: str, depth: int) -> JSON:
        """One schema, whatever it is. Raises: see `run`."""
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise InvalidSchema(
                f"the JSON schema is too large at {pointer or '/'}: accepted are {MAX_NODES} nodes, {MAX_DEPTH} deep"
            )
        if node is True:
            return {}
        if not isinstance(node, dict):
            _refuse(pointer, str(node)[:40], "a schema is an object or true")
        for keyword in node:
            if keyword not in _KNOWN and keyword not in _ANNOTATIONS and not keyword.startswith("x-"):
                _refuse(pointer, keyword, "not among the keywords that can be enforced while decoding")
        given = {key: value for key, value in node.items() if key in _KNOWN}
        for combiner in _COMBINERS:
            if combiner in given:
                if "$id" in node and pointer:
                    _refuse(pointer, "$id", "allowed at the top only")
                if len(given) > 1:
                    other = next(key for key in given if key != combiner)
                    _refuse(pointer, other, f"can't be enforced beside {combiner!r}")
                return self.combined(combiner, given[combiner], pointer, depth)
        if "enum" in given or "const" in given:
            return {"enum": self.values(given, pointer)}
        return self.typed(given, pointer, depth)

    def combined(self, keyword: str, value: Any, pointer: str, depth: int) -> JSON:
        """A schema that is made of others."""
        if keyword == "$ref":
            return {"$ref": self.reference(value, pointer, depth)}
        if not isinstance(value, list) or not value:
            _refuse(pointer, keyword, "expected a list of schemas")
        if keyword == "allOf" and len(value) > 1:
            _refuse(pointer, keyword, "only a single schema can be enforced; merge them")
        branches = [self.node(part, f"{pointer}/{keyword}/{i}", depth + 1) for i, part in enumerate(value)]
        if keyword == "oneOf" and not self.exclusive(branches):
            _refuse(
                pointer, keyword, "the branches may overlap; use anyOf, or a required property with different const"
            )
        return branches[0] if len(branches) == 1 else {"anyOf": branches}

    def reference(self, target: Any, pointer: str, depth: int) -> str:
        """A reference as one into our own definitions."""
        if not isinstance(target, str) or not (target == "#" or target.startswith("#/")):
            _refuse(pointer, "$ref", f"only references into the schema itself are followed, got {str(target)[:80]!r}")
        if target not in self.names:
            name = self.names[target] = f"d{len(self.names)}"
            compiled = self.node(self.resolve(target, pointer), target[1:], depth + 1)
            self.definitions[name] = compiled
            self.unloop(name)
        return f"#/$defs/{self.names[target]}"

    def resolve(self, target: str, pointer: str) -> Any:
        """What a JSON pointer of the form ``#/a/b`` points to."""
        found = self.root
        for step in unquote(target[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isascii() and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                _refuse(pointer, "$ref", f"{target[:80]!r} doesn't exist")
        return found

    def unloop(self, name: str) -> None:
        """Refuse references that lead back to themselves without a value between."""
        seen, waiting = set(), [name]
        while waiting:
            node = self.definitions.get(waiting.pop())
            for part in [node, *node.get("anyOf", ())] if isinstance(node, dict) else ():
                if "$ref" in part:
                    following = part["$ref"].rsplit("/", 1)[1]
                    if following == name:
                        raise InvalidSchema("the JSON schema can't be enforced: a '$ref' refers to itself")
                    if following not in seen:
                        seen.add(following)
                        waiting.append(following)

    def exclusive(self, branches: list[JSON]) -> bool:
        """Whether no value can match two of the branches."""
        resolved = [self.definitions.get(b["$ref"].rsplit("/", 1)[1]) if "$ref" in b else b for b in branches]
        if any(b is None or "anyOf" in b for b in resolved):
            return False
        nodes = [b for b in resolved if b is not None]
        return all(disjoint(a, b) for i, a in enumerate(nodes) for b in nodes[:i])

    def values(self, given: JSON, pointer: str) -> list[Any]:
        """The values of ``enum`` or ``const`` that the other keywords accept."""
        values = given.get("enum", [given.get("const")])
        if not isinstance(values, list) or not 0 < len(values) <= MAX_VALUES:
            _refuse(pointer, "enum", f"expected a list of 1 to {MAX_VALUES} values")
        for keyword in given:
            if keyword not in _BESIDE_VALUES:
                _refuse(pointer, keyword, "can't be enforced beside 'enum' or 'const'")
        if "pattern" in given:
            self.pattern(given["pattern"], pointer)
        if not all(portable(value) for value in values):
            _refuse(
                pointer, "enum", f"numbers are finite and integers within {SAFE_INTEGER}, strings without surrogates"
            )
        problem = validator(given)
        found = [value for value in values if problem(value) is None]
        if not found:
            _refuse(pointer, "enum" if "enum" in given else "const", "no value satisfies the other keywords")
        return found

    def typed(self, given: JSON, pointer: str, depth: int) -> JSON:
        """A schema of one or more types."""
        types = given.get("type")
        if types is None:
            families = [name for name, keywords in _FAMILIES.items() if keywords & given.keys()]
            if not families:
                return {}
            if len(families) > 1:
                _refuse(pointer, "type", f"missing, while the keywords are about {' and '.join(families)}")
            types = families[0]
        names = [types] if isinstance(types, str) else types
        if not isinstance(names, list) or not names or any(name not in TYPES for name in names):
            _refuse(pointer, "type", f"expected one or some of {', '.join(TYPES)}")
        if "number" in names and "integer" in names:
            names = [name for name in names if name != "integer"]
        branches = []
        for name in dict.fromkeys(names):
            family = _FAMILIES.get("number" if name == "integer" else name, frozenset())
            build: Callable[[JSON, str, int], JSON] = getattr(self, f"_{name}", lambda *_, name=name: {"type": name})
            branches.append(build({k: v for k, v in given.items() if k in family}, pointer, depth))
        return branches[0] if len(branches) == 1 else {"anyOf": branches}

    def count(self, given: JSON, keyword: str, pointer: str) -> int | None:
        """One length or number of items, checked and added up."""
        value = given.get(keyword)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1 or value < 0:
            _refuse(pointer, keyword, f"expected a whole number, got {str(value)[:40]}")
        if keyword.endswith("Length"):
            return int(value)
        self.counted += int(value)
        if self.counted > MAX_COUNT:
            _refuse(pointer, keyword, f"the numbers of items of the schema sum up to more than {MAX_COUNT}")
        return int(value)

    def counts(self, given: JSON, low: str, high: str, pointer: str) -> JSON:
        """A lower and an upper count that fit each other."""
        least, most = self.count(given, low, pointer), self.count(given, high, pointer)
        if least is not None and most is not None and least > most:
            _refuse(pointer, low, f"{least} is more than {high!r}, {most}")
        return {key: value for key, value in ((low, least), (high, most)) if value is not None}

    def spend_length(self, length: int, pointer: str, keyword: str) -> None:
        """Account for a string with so many places for nearly any character."""
        self.lengths += length
        if length > MAX_LENGTH or self.lengths > MAX_LENGTHS:
            _refuse(
                pointer,
                keyword,
                f"a length of {length} here and {self.lengths} so far; accepted are {MAX_LENGTH} and {MAX_LENGTHS}",
            )

    def pattern(self, value: Any, pointer: str) -> Pattern:
        """A pattern that can be enforced."""
        if not isinstance(value, str) or len(value) > 1000:
            _refuse(pointer, "pattern", "expected a string of at most 1000 characters")
        try:
            return Pattern(value)
        except PatternError as error:
            _refuse(pointer, "pattern", str(error))

    def _string(self, given: JSON, pointer: str, _: int) -> JSON:
        limits = self.counts(given, "minLength", "maxLength", pointer)
        shaped = [key for key in ("pattern", "format") if key in given]
        if not shaped and not limits:
            return {"type": "string"}
        if not shaped:  # xgrammar lets control characters into a string with limits, and breaks the JSON with them
            self.spend_length(max(limits.values()), pointer, next(iter(limits)))
            least, most = limits.get("minLength", 0), limits.get("maxLength", "")
            return {"type": "string", "pattern": f"^{PLAIN_CHARACTER}{{{least},{most}}}$"}
        if len(shaped) > 1 or limits:
            _refuse(pointer, shaped[-1], f"can't be enforced beside {[*limits, shaped[0]][0]!r}")
        if shaped == ["format"]:
            if given["format"] not in FORMATS:
                _refuse(
                    pointer, "format", f"{str(given['format'])[:40]!r} is unknown; known: {', '.join(sorted(FORMATS))}"
                )
            pattern = Pattern(FORMATS[given["format"]])
        else:
            pattern = self.pattern(given["pattern"], pointer)
        self.spend_length(pattern.wide_places(), pointer, shaped[0])
        try:
            return {"type": "string", "pattern": pattern.written()}
        except PatternError as error:
            _refuse(pointer, shaped[0], str(error))

    def _number(self, given: JSON, pointer: str, _: int) -> JSON:
        for keyword in given:
            _refuse(pointer, keyword, "bounds can be enforced for integers only")
        return {"type": "number"}

    def _integer(self, given: JSON, pointer: str, _: int) -> JSON:
        for keyword, value in given.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                _refuse(pointer, keyword, f"expected a number, got {str(value)[:40]}")
        if not given:
            return {"type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}
        lows = [math.ceil(given["minimum"])] if "minimum" in given else []
        lows += [math.floor(given["exclusiveMinimum"]) + 1] if "exclusiveMinimum" in given else []
        highs = [math.floor(given["maximum"])] if "maximum" in given else []
        highs += [math.ceil(given["exclusiveMaximum"]) - 1] if "exclusiveMaximum" in given else []
        step = given.get("multipleOf", 1)
        if step != step // 1 or step < 1:
            _refuse(pointer, "multipleOf", "expected a whole number of at least 1")
        if (not lows or not highs) and step == 1:
            least, most = max(lows, default=-SAFE_INTEGER), min(highs, default=SAFE_INTEGER)
            if least not in (0, 1) and most not in (0, -1):  # xgrammar's other ranges leak on some digits
                _refuse(pointer, next(iter(given)), "on one side an integer can be bounded only at 0, 1 or -1")
            return {"type": "integer", "minimum": least, "maximum": most}
        if not lows or not highs:
            _refuse(pointer, "multipleOf", "can't be enforced without a minimum and a maximum")
        numbers = range(-(-max(lows) // int(step)) * int(step), min(highs) + 1, int(step))
        count = max(0, (numbers.stop - numbers.start + numbers.step - 1) // numbers.step)  # len() ends at 2**63
        if not 0 < count <= MAX_VALUES:
            shown = count if count < SAFE_INTEGER else "too many"
            _refuse(pointer, next(iter(given)), f"the range holds {shown} numbers, accepted are 1 to {MAX_VALUES}")
        return {"enum": list(numbers)}

    def _array(self, given: JSON, pointer: str, depth: int) -> JSON:
        limits = self.counts(given, "minItems", "maxItems", pointer)
        compiled: JSON = {"type": "array", **limits}
        if "prefixItems" in given:
            first = given["prefixItems"]
            if not isinstance(first, list) or not first:
                _refuse(pointer, "prefixItems", "expected a list of schemas")
            compiled["prefixItems"] = [
                self.node(part, f"{pointer}/prefixItems/{i}", depth + 1) for i, part in enumerate(first)
            ]
        items, fixed = given.get("items", True), len(compiled.get("prefixItems", ()))
        if limits.get("maxItems", fixed) < fixed:
            _refuse(pointer, "maxItems", f"{limits['maxItems']} is less than the {fixed} of 'prefixItems'")
        if items is False:
            if limits.get("minItems", 0) > fixed:
                _refuse(pointer, "minItems", f"{limits['minItems']} items can't be had from {fixed}")
            compiled["items"] = False
        else:
            compiled["items"] = self.node(items, f"{pointer}/items", depth + 1)
        return compiled

    def _object(self, given: JSON, pointer: str, depth: int) -> JSON:
        properties, required = given.get("properties", {}), given.get("required", [])
        if not isinstance(properties, dict):
            _refuse(pointer, "properties", "expected an object of schemas")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            _refuse(pointer, "required", "expected a list of names")
        others = given.get("additionalProperties", not (properties or required))
        if not isinstance(others, (bool, dict)):
            _refuse(pointer, "additionalProperties", "expected a schema, true or false")
        if isinstance(others, dict) and properties:
            _refuse(pointer, "additionalProperties", "a schema for further names can't be enforced beside 'properties'")
        missing = [name for name in dict.fromkeys(required) if name not in properties]
        if missing and others is False and "additionalProperties" in given:
            _refuse(pointer, "required", f"{missing[0]!r} is required and forbidden")
        if not properties and not missing:
            if others is True:
                return {"type": "object"}
            further = others and self.node(others, f"{pointer}/additionalProperties", depth + 1)
            return {"type": "object", "additionalProperties": further}
        named = {name: (part, f"properties/{escaped(name)}") for name, part in properties.items()}
        named |= dict.fromkeys(missing, (others or True, "additionalProperties"))
        for name in named:
            _check_name(name, pointer)
        self.optional += (len(named) - len(set(required))) ** 2
        if self.optional > MAX_OPTIONAL:
            _refuse(pointer, "properties", f"too many optional ones: the sum of squares is over {MAX_OPTIONAL}")
        return {
            "type": "object",
            "properties": {n: self.node(part, f"{pointer}/{at}", depth + 1) for n, (part, at) in named.items()},
            "required": list(dict.fromkeys(required)),
            "additionalProperties": False,
        }


def _check_name(name: str, pointer: str) -> None:
    # xgrammar writes names into a grammar without escaping them; the rest of the batch would fail with this request.
    if any(letter in '"\\' or ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in name):
        _refuse(pointer, "properties", f"the name {name!r} holds a quote, a backslash or a control character")
