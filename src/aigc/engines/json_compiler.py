"""Writes a JSON schema as a grammar of the JSON texts that it accepts.

Sources: JSON Schema draft 2020-12 (core and validation); RFC 8259.
Knows: schemas and grammars. Does not know: engines, tokens, HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any, NoReturn
from urllib.parse import unquote

from aigc.engines import json_text
from aigc.engines.grammar import Grammar, Node, Repeat, Rule, Text, beginnings, either, maybe, row, shortest, size, span
from aigc.engines.json_check import validator
from aigc.engines.json_formats import FORMATS
from aigc.engines.json_merge import COMBINERS, both, merge
from aigc.engines.json_numbers import LARGEST, LARGEST_DECIMAL, decimals, integers
from aigc.engines.pattern import Pattern, PatternError
from aigc.errors import InvalidSchema
from aigc.types import JSON

MAX_DEPTH = 32
MAX_NODES = 2000
"""Schemas inside the schema, those counted again that are merged with others."""
MAX_SIZE = 50_000
"""Nodes of the grammar."""
MAX_VALUES = 1000
"""Values of one ``enum``, and numbers of one integer range with ``multipleOf``."""
MAX_COUNT = 10_000
"""Largest length of a string and number of items or members."""
MAX_UNIQUE = 6
"""Values of an array's ``enum`` for which ``uniqueItems`` is part of the grammar."""
SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader takes exactly (RFC 8259 section 6)."""
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_ANNOTATIONS = frozenset(
    "$schema $id $comment $defs definitions title description default examples example deprecated readOnly writeOnly"
    " discriminator contentMediaType contentEncoding nullable".split()
)
_FAMILIES = {
    "string": frozenset(("minLength", "maxLength", "pattern", "format")),
    "number": frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
    "array": frozenset(("items", "prefixItems", "minItems", "maxItems", "uniqueItems")),
    "object": frozenset(
        "properties required additionalProperties patternProperties propertyNames minProperties maxProperties".split()
    ),
}
_KNOWN = frozenset(("type", "enum", "const")).union(*_FAMILIES.values(), COMBINERS)
_SHARED = 8
"""A node larger than this becomes a rule, so that using it twice costs little."""


class RefusedError(Exception):
    """A keyword that can't be enforced, and where it stands."""

    def __init__(self, place: str, keyword: str, why: str) -> None:
        super().__init__(f"{place}: {keyword!r}: {why}")
        self.place = place
        self.keyword = keyword


def _refuse(place: str, keyword: str, why: str) -> NoReturn:
    raise RefusedError(place, keyword, why)


class Compiler:
    """One schema on its way to a grammar; `run` once.

    Args:
        root: the schema.
        place: what it is called in messages.
        lenient: leave out what can't be enforced instead of refusing it.
    """

    def __init__(self, root: Any, place: str, *, lenient: bool) -> None:
        self.root = root
        self.place = place
        self.lenient = lenient
        self.visited = 0
        self.size = 0
        self.counted = 0
        self.names: dict[str, str] = {}
        self.shared: dict[Node, str] = {}
        self.rules: dict[str, Node] = {}

    def run(self, also: JSON | None = None) -> Grammar:
        """The grammar of what ``root`` and ``also`` accept. Raises: RefusedError, InvalidSchema, RecursionError."""
        schema = self.root if also is None else self.joined(also, [self.root], self.place)
        grammar = Grammar(self.node(schema, self.place, 0), self.rules)
        self._unloop()
        if shortest(grammar) is None:
            raise InvalidSchema(f"{self.place}: no finite value satisfies the schema: a part of it requires itself")
        return grammar

    def rule(self, node: Node) -> Node:
        """A reference to the node, where it is large enough."""
        if size(node) <= _SHARED:
            return node
        if node in self.shared:
            return Rule(self.shared[node])
        name = self.shared[node] = f"r{len(self.rules)}"
        self.rules[name] = node
        self.size += size(node)
        if self.size > MAX_SIZE:
            raise InvalidSchema(f"{self.place}: the schema needs a grammar of more than {MAX_SIZE} nodes")
        return Rule(name)

    def node(self, schema: Any, place: str, depth: int) -> Node:
        """One schema, whatever it is."""
        self._count(place, depth)
        if schema is True:
            return json_text.free(json_text.MAX_FREE_DEPTH, self.rules)
        if not isinstance(schema, dict):
            _refuse(place, str(schema)[:40], "a schema is an object or true")
        if not self.lenient:
            return self.rule(self.checked(schema, place, depth))
        while True:
            try:
                return self.rule(self.checked(schema, place, depth))
            except RefusedError as error:
                if error.place != place or error.keyword not in schema:
                    kept = {"type": schema["type"]} if schema.get("type") in TYPES else True
                    return self.node(kept, place, depth + 1)
                schema = {key: value for key, value in schema.items() if key != error.keyword}

    def _count(self, place: str, depth: int) -> None:
        self.visited += 1
        if self.visited > MAX_NODES or depth > MAX_DEPTH:
            raise InvalidSchema(f"{place}: the schema is too large: accepted are {MAX_NODES} nodes, {MAX_DEPTH} deep")

    def checked(self, schema: JSON, place: str, depth: int) -> Node:
        """One schema, an object; combiners first."""
        given = {key: value for key, value in schema.items() if key in _KNOWN}
        self._keywords(schema, place)
        if "$id" in schema and schema is not self.root and given.keys() & set(COMBINERS):
            _refuse(place, "$id", "allowed at the top only")
        if given.keys() == {"$ref"}:
            return self.reference(given["$ref"], place, depth)
        for keyword in ("$ref", "allOf"):
            if keyword in given:
                others = {key: value for key, value in given.items() if key != keyword}
                beside = given["allOf"] if keyword == "allOf" else [self.resolve(given["$ref"], place)]
                return self.node(self.joined(others, beside, place), place, depth + 1)
        for keyword in ("anyOf", "oneOf"):
            if keyword in given:
                others = {key: value for key, value in given.items() if key != keyword}
                return self.branches(keyword, given[keyword], others, place, depth)
        if "enum" in given or "const" in given:
            return self.values(given, place)
        return self.typed(given, place, depth)

    def _keywords(self, schema: JSON, place: str) -> None:
        for keyword in schema:
            known = keyword in _KNOWN or keyword in _ANNOTATIONS or keyword.startswith("x-")
            if not known and not self.lenient:
                _refuse(place, keyword, "not among the keywords that can be enforced while decoding")

    def joined(self, schema: JSON, parts: Any, place: str) -> Any:
        """A schema and those beside it under ``allOf`` as one."""
        if not isinstance(parts, list) or not parts:
            _refuse(place, "allOf", "expected a list of schemas")
        found: Any = schema
        for index, part in enumerate(parts):
            while isinstance(part, dict) and part.keys() & _KNOWN == {"$ref"} and (len(parts) > 1 or schema):
                self._count(place, 0)
                part = self.resolve(part["$ref"], place)
            if part is True:
                continue
            if not isinstance(part, dict):
                _refuse(f"{place}.allOf[{index}]", str(part)[:40], "a schema is an object or true")
            self._keywords(part, f"{place}.allOf[{index}]")
            if not found.keys() & _KNOWN:
                found = part
                continue
            try:
                found = merge(found, {k: v for k, v in part.items() if k not in _ANNOTATIONS})
            except (TypeError, AttributeError, KeyError, IndexError, ValueError):
                _refuse(f"{place}.allOf[{index}]", "allOf", "can't be merged with what stands beside it")
        return found

    def branches(self, keyword: str, parts: Any, others: JSON, place: str, depth: int) -> Node:
        """Alternatives, each together with what stands beside them. Those that nothing satisfies are left out."""
        if not isinstance(parts, list) or not parts:
            _refuse(place, keyword, "expected a list of schemas")
        found, refused = [], None
        for index, part in enumerate(parts):
            try:
                found.append(self.node(both(part, others or True), f"{place}.{keyword}[{index}]", depth + 1))
            except RefusedError as error:
                if not others:
                    raise
                refused = error
        if not found and refused is not None:
            raise refused
        return either(found)

    def reference(self, target: Any, place: str, depth: int) -> Node:
        """What a reference leads to, as a rule."""
        schema = self.resolve(target, place)
        if target not in self.names:
            name = self.names[target] = f"d{len(self.names)}"
            at = self.place + "".join(f".{step}" for step in target.split("/")[1:])
            self.rules[name] = Text("")  # its place
            self.rules[name] = self.node(schema, at, depth + 1)
        return Rule(self.names[target])

    def resolve(self, target: Any, place: str) -> Any:
        """What a JSON pointer of the form ``#/a/b`` points to."""
        if not isinstance(target, str) or not (target == "#" or target.startswith("#/")):
            _refuse(place, "$ref", f"only references into the schema itself are followed, got {str(target)[:80]!r}")
        found = self.root
        for step in unquote(target[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isascii() and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                _refuse(place, "$ref", f"{target[:80]!r} doesn't exist")
        return found

    def _unloop(self) -> None:
        """Refuse references that lead back to themselves without a character between: no engine reads such rules."""
        follows = {name: beginnings(node) for name, node in self.rules.items()}
        for name in self.rules:
            seen, waiting = set[str](), list(follows[name])
            while waiting:
                here = waiting.pop()
                if here == name:
                    raise InvalidSchema(f"{self.place}: a '$ref' refers to itself")
                if here not in seen:
                    seen.add(here)
                    waiting.extend(follows[here])

    # ------------------------------------------------------------ values

    def values(self, given: JSON, place: str) -> Node:
        """The values of ``enum`` and ``const`` that the other keywords accept."""
        values = given.get("enum", [given.get("const")])
        if not isinstance(values, list) or not 0 < len(values) <= MAX_VALUES:
            _refuse(place, "enum", f"expected a list of 1 to {MAX_VALUES} values")
        if not all(_portable(value) for value in values):
            _refuse(place, "enum", "numbers are finite and within 64 bits, strings without half surrogate pairs")
        beside = {key: value for key, value in given.items() if key != ("enum" if "enum" in given else "const")}
        problem = validator(self.root, beside) if beside else lambda _: None
        found = [value for value in values if problem(value) is None]
        if not found:
            _refuse(place, "enum" if "enum" in given else "const", "no value satisfies the other keywords")
        return either([json_text.literal(value) for value in found])

    def typed(self, given: JSON, place: str, depth: int) -> Node:
        """A schema of one or more types; without ``type``, of those that its keywords are about."""
        types = given.get("type", [name for name, keywords in _FAMILIES.items() if keywords & given.keys()])
        names = [types] if isinstance(types, str) else types
        if not isinstance(names, list) or any(name not in TYPES for name in names):
            _refuse(place, "type", f"expected one or some of {', '.join(TYPES)}")
        if not names:
            if "type" in given:
                _refuse(place, "type", "no type satisfies all that is said about it")
            return json_text.free(json_text.MAX_FREE_DEPTH, self.rules)
        if "number" in names:
            names = [name for name in names if name != "integer"]
        ways = []
        for name in dict.fromkeys(names):
            family = _FAMILIES.get("number" if name == "integer" else name, frozenset())
            build: Callable[[JSON, str, int], Node] = getattr(self, f"_{name}")
            ways.append(build({k: v for k, v in given.items() if k in family}, place, depth))
        return either(ways)

    def _null(self, _: JSON, __: str, ___: int) -> Node:
        return Text("null")

    def _boolean(self, _: JSON, __: str, ___: int) -> Node:
        return either([Text("true"), Text("false")])

    def counts(self, given: JSON, what: str, place: str) -> tuple[int, int | None]:
        """The lower and upper count of ``Length``, ``Items`` or ``Properties``."""
        found: list[int | None] = []
        for keyword in (f"min{what}", f"max{what}"):
            value = given.get(keyword)
            if value is None:
                found.append(None)
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1 or value < 0:
                _refuse(place, keyword, f"expected a whole number, got {str(value)[:40]}")
            if value > MAX_COUNT:
                _refuse(place, keyword, f"expected at most {MAX_COUNT}, got {str(value)[:40]}")
            self.counted += int(value)
            if self.counted > 2 * MAX_COUNT:
                _refuse(place, keyword, f"all lengths and counts of the schema sum up to more than {2 * MAX_COUNT}")
            found.append(int(value))
        least, most = found[0] or 0, found[1]
        if most is not None and least > most:
            _refuse(place, f"min{what}", f"{least} is more than 'max{what}', {most}")
        return least, most

    def pattern(self, value: Any, place: str, keyword: str) -> Pattern:
        """A pattern that can be enforced."""
        if not isinstance(value, str) or len(value) > 1000:
            _refuse(place, keyword, "expected a string of at most 1000 characters")
        try:
            return Pattern(value)
        except PatternError as error:
            _refuse(place, keyword, str(error))

    def _string(self, given: JSON, place: str, _: int) -> Node:
        least, most = self.counts(given, "Length", place)
        if "format" in given:
            name = given["format"]
            if name not in FORMATS:
                _refuse(place, "format", f"{str(name)[:40]!r} is unknown; known: {', '.join(sorted(FORMATS))}")
            return row('"', json_text.in_string(Pattern(FORMATS[name]).node), '"')
        if "pattern" in given:
            return row('"', json_text.in_string(self.pattern(given["pattern"], place, "pattern").node), '"')
        if (least, most) == (0, None):
            self.rules["string"] = json_text.STRING
            return Rule("string")
        return json_text.counted(least, most)

    # ------------------------------------------------------------ numbers

    def bounds(self, given: JSON, place: str) -> tuple[list[tuple[Decimal, bool]], list[tuple[Decimal, bool]]]:
        """Lower and upper bounds as (value, whether it is itself left out), the tightest last."""
        for keyword, value in given.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                _refuse(place, keyword, f"expected a number, got {str(value)[:40]}")
        lows = [(Decimal(str(given[k])), k != "minimum") for k in ("minimum", "exclusiveMinimum") if k in given]
        highs = [(Decimal(str(given[k])), k != "maximum") for k in ("maximum", "exclusiveMaximum") if k in given]
        return sorted(lows), sorted(highs, key=lambda bound: (-bound[0], bound[1]))

    def _number(self, given: JSON, place: str, depth: int) -> Node:
        lows, highs = self.bounds(given, place)
        step = given.get("multipleOf")
        if step is not None:
            if step != step // 1:
                _refuse(place, "multipleOf", f"expected a whole number, got {step}: decimals can't be divided exactly")
            return self._integer(given, place, depth)
        if not lows and not highs:
            self.rules["number"] = json_text.NUMBER
            return Rule("number")
        low, above = lows[-1] if lows else (-LARGEST_DECIMAL, False)
        high, below = highs[-1] if highs else (LARGEST_DECIMAL, False)
        low, high = max(low, -LARGEST_DECIMAL), min(high, LARGEST_DECIMAL)
        try:
            found = decimals(low, high, above=above, below=below) if low <= high else None
        except ValueError as error:
            _refuse(place, next(iter(given)), str(error))
        if found is None:
            _refuse(place, next(iter(given)), f"no number lies between {low} and {high}")
        return found

    def _integer(self, given: JSON, place: str, _: int) -> Node:
        lows, highs = self.bounds(given, place)
        if not given:
            return either([Text("0"), row(maybe(Text("-")), span("1", "9"), Repeat(span("0", "9"), 0, 14))])
        least = max(math.floor(v) + 1 if out else math.ceil(v) for v, out in lows) if lows else None
        most = min(math.ceil(v) - 1 if out else math.floor(v) for v, out in highs) if highs else None
        low = max(-LARGEST, least if least is not None else -SAFE_INTEGER)
        high = min(LARGEST, most if most is not None else SAFE_INTEGER)
        if lows and not highs and low > SAFE_INTEGER:
            high = LARGEST
        if highs and not lows and high < -SAFE_INTEGER:
            low = -LARGEST
        step = given.get("multipleOf", 1)
        if step != step // 1 or step < 1:
            _refuse(place, "multipleOf", "expected a whole number of at least 1")
        numbers = range(-(-low // int(step)) * int(step), high + 1, int(step))
        if not numbers:
            _refuse(place, next(iter(given)), "no whole number is within the bounds")
        if step == 1:
            return integers(low, high)
        if numbers[-1] - numbers[0] >= step * MAX_VALUES:
            _refuse(place, "multipleOf", f"needs bounds that at most {MAX_VALUES} multiples lie between")
        return either([Text(str(number)) for number in numbers])

    # ------------------------------------------------------------ arrays and objects

    def _array(self, given: JSON, place: str, depth: int) -> Node:
        least, most = self.counts(given, "Items", place)
        first, others = given.get("prefixItems", []), given.get("items", True)
        if not isinstance(first, list):
            _refuse(place, "prefixItems", "expected a list of schemas")
        fixed = [self.node(part, f"{place}.prefixItems[{i}]", depth + 1) for i, part in enumerate(first)]
        if others is False or most == len(first):
            if least > len(first):
                _refuse(place, "minItems", f"{least} items can't be had from {len(first)}")
            return json_text.items(fixed, None, least, most)
        values = others.get("enum") if isinstance(others, dict) else None
        further = self.node(others, f"{place}.items", depth + 1)
        if given.get("uniqueItems") is True and not first and values and len(values) <= MAX_UNIQUE:
            return self._unique(further, least, most, place)
        if not first and not given.keys() - {"items"} and others is True:
            return json_text.free_array(json_text.MAX_FREE_DEPTH, self.rules)
        return json_text.items(fixed, further, least, most)

    def _unique(self, values: Node, least: int, most: int | None, place: str) -> Node:
        """An array of different values out of few."""
        choices = frozenset(getattr(values if not isinstance(values, Rule) else self.rules[values.name], "parts", ()))
        choices = choices or frozenset([values])
        if least > len(choices):
            _refuse(place, "minItems", f"{least} different items can't be had from {len(choices)} values")
        known: dict[frozenset[Node], Node] = {}

        def after(left: frozenset[Node]) -> Node:
            if left not in known:
                taken = len(choices) - len(left)
                ways = (
                    []
                    if most is not None and taken >= most
                    else [
                        row(json_text.COMMA if taken else "", value, after(left - {value}))
                        for value in sorted(left, key=repr)
                    ]
                )
                ways += [Text("")] if taken >= least else []
                known[left] = self.rule(either(ways))
            return known[left]

        return row("[", after(choices), "]")

    def _object(self, given: JSON, place: str, depth: int) -> Node:
        properties, required = given.get("properties", {}), given.get("required", [])
        patterns = given.get("patternProperties", {})
        for keyword, value in (("properties", properties), ("patternProperties", patterns)):
            if not isinstance(value, dict):
                _refuse(place, keyword, "expected an object of schemas")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            _refuse(place, "required", "expected a list of names")
        others = given.get("additionalProperties", not (properties or required or patterns))
        if not isinstance(others, (bool, dict)):
            _refuse(place, "additionalProperties", "expected a schema, true or false")
        if not given.keys() - {"additionalProperties"} and others is True:
            return json_text.free_object(json_text.MAX_FREE_DEPTH, self.rules)
        known = {name: self.pattern(name, f"{place}.patternProperties", name[:40]) for name in patterns}
        members = []
        for name in dict.fromkeys([*properties, *required]):
            schema = self._schema_of(name, given, known, place)
            if schema is False and name not in required:
                continue
            if any(0xD800 <= ord(letter) < 0xE000 for letter in name):
                _refuse(place, "properties", f"the name {name!r} holds half of a surrogate pair")
            value = self.rule(self.node(schema, f"{place}.properties.{name}", depth + 1))
            members.append((name, value, name in required))
        further = self._others(given, known, others, place, depth)
        least, most = self.counts(given, "Properties", place)
        if members or (least, most) == (0, None):
            return json_text.members(members, further, self.rule)
        if further is None:
            if least:
                _refuse(place, "minProperties", f"{least} members can't be had where none are allowed")
            return Text("{}")
        return row("{", json_text.repeated(further, least, most), "}")

    def _schema_of(self, name: str, given: JSON, known: Mapping[str, Pattern], place: str) -> Any:
        """What the value of a named member must be."""
        schemas = [given["properties"][name]] if name in given.get("properties", {}) else []
        schemas += [given["patternProperties"][key] for key, pattern in known.items() if pattern.matches(name)]
        if schemas:
            return False if False in schemas else both(*schemas)
        others = given.get("additionalProperties", True)
        if others is False:
            _refuse(place, "required", f"{name!r} is required and forbidden")
        return others

    def _others(self, given: JSON, known: Mapping[str, Pattern], others: Any, place: str, depth: int) -> Node | None:
        """A member whose name the schema doesn't give."""
        ways = []
        for key, pattern in known.items():
            if given["patternProperties"][key] is not False:
                value = self.node(given["patternProperties"][key], f"{place}.patternProperties.{key}", depth + 1)
                ways.append(row('"', json_text.in_string(pattern.node), '"', json_text.COLON, self.rule(value)))
        if not known and others is not False:
            value = self.node(others, f"{place}.additionalProperties", depth + 1)
            taken = list(chain(given.get("properties", ()), given.get("required", ())))
            if "propertyNames" in given:
                names = self.node(both({"type": "string"}, given["propertyNames"]), f"{place}.propertyNames", depth + 1)
            elif taken:
                names = self.rule(json_text.unlike(taken))
            else:
                names = self._string({}, place, depth)
            ways.append(row(names, json_text.COLON, self.rule(value)))
        return self.rule(either(ways)) if ways else None


def _portable(value: Any) -> bool:
    """Whether the value can be written so that every reader takes it as equal."""
    if isinstance(value, dict):
        return all(_portable(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return all(_portable(part) for part in value)
    if isinstance(value, str):
        return not any(0xD800 <= ord(letter) < 0xE000 for letter in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool) or abs(value) <= LARGEST
