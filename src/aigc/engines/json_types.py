"""Writes what a JSON schema says about each type: strings, numbers, arrays, objects.

Sources: JSON Schema draft 2020-12 (validation); RFC 8259.
Knows: the keywords of one type at a time. Does not know: references, combiners, values of ``enum``
(`aigc.engines.json_compiler`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any, NoReturn

from aigc.engines import json_text
from aigc.engines.grammar import Node, Repeat, Rule, Text, either, maybe, row, shared, span
from aigc.engines.json_formats import FORMATS
from aigc.engines.json_merge import both
from aigc.engines.json_numbers import LARGEST, LARGEST_DECIMAL, decimals, integers
from aigc.engines.pattern import Pattern, PatternError
from aigc.types import JSON

MAX_VALUES = 1000
"""Values of one ``enum``, and numbers of one integer range with ``multipleOf``."""
MAX_COUNT = 10_000
"""Largest length of a string and number of items or members."""
MAX_UNIQUE = 6
"""Values of an array's ``enum`` for which ``uniqueItems`` is part of the grammar."""
_LARGE = 8
"""Characters from which on a repeated part of a format is compiled once, as a rule."""
SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader takes exactly (RFC 8259 section 6)."""
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
FAMILIES = {
    "string": frozenset(("minLength", "maxLength", "pattern", "format")),
    "number": frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
    "array": frozenset(("items", "prefixItems", "minItems", "maxItems", "uniqueItems")),
    "object": frozenset(
        "properties required additionalProperties patternProperties propertyNames minProperties maxProperties".split()
    ),
}
"""The keywords that are about one type."""


class RefusedError(Exception):
    """A keyword that can't be enforced, and where it stands."""

    def __init__(self, place: str, keyword: str, why: str) -> None:
        super().__init__(f"{place}: {keyword!r}: {why}")
        self.place = place
        self.keyword = keyword


def refuse(place: str, keyword: str, why: str) -> NoReturn:
    """Raise RefusedError."""
    raise RefusedError(place, keyword, why)


class TypeCompiler(ABC):
    """The part of the compiler that looks at one schema without references and combiners."""

    def __init__(self) -> None:
        self.counted = 0
        self.rules: dict[str, Node] = {}

    @abstractmethod
    def node(self, schema: Any, place: str, depth: int) -> Node:
        """One schema, whatever it is. Raises: RefusedError."""

    @abstractmethod
    def rule(self, node: Node, *, always: bool = False) -> Node:
        """A reference to the node, where it is large enough, or ``always``."""

    def typed(self, given: JSON, place: str, depth: int) -> Node:
        """A schema of one or more types; without ``type``, of those that its keywords are about."""
        types = given.get("type", [name for name, keywords in FAMILIES.items() if keywords & given.keys()])
        names = [types] if isinstance(types, str) else types
        if not isinstance(names, list) or any(name not in TYPES for name in names):
            refuse(place, "type", f"expected one or some of {', '.join(TYPES)}")
        if not names:
            if "type" in given:
                refuse(place, "type", "no type satisfies all that is said about it")
            return json_text.free(json_text.MAX_FREE_DEPTH, self.rules)
        if "number" in names:
            names = [name for name in names if name != "integer"]
        ways = []
        for name in dict.fromkeys(names):
            family = FAMILIES.get("number" if name == "integer" else name, frozenset())
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
                refuse(place, keyword, f"expected a whole number, got {str(value)[:40]}")
            if value > MAX_COUNT:
                refuse(place, keyword, f"expected at most {MAX_COUNT}, got {str(value)[:40]}")
            self.counted += int(value)
            if self.counted > 2 * MAX_COUNT:
                refuse(place, keyword, f"all lengths and counts of the schema sum up to more than {2 * MAX_COUNT}")
            found.append(int(value))
        least, most = found[0] or 0, found[1]
        if most is not None and least > most:
            refuse(place, f"min{what}", f"{least} is more than 'max{what}', {most}")
        return least, most

    def pattern(self, value: Any, place: str, keyword: str) -> Pattern:
        """A pattern that can be enforced."""
        if not isinstance(value, str) or len(value) > 1000:
            refuse(place, keyword, "expected a string of at most 1000 characters")
        try:
            return Pattern(value)
        except PatternError as error:
            refuse(place, keyword, str(error))

    def _string(self, given: JSON, place: str, _: int) -> Node:
        least, most = self.counts(given, "Length", place)
        if "format" in given:
            name = given["format"]
            if name not in FORMATS:
                refuse(place, "format", f"{str(name)[:40]!r} is unknown; known: {', '.join(sorted(FORMATS))}")
            return row(
                '"',
                shared(json_text.in_string(Pattern(FORMATS[name]).node), _LARGE, partial(self.rule, always=True)),
                '"',
            )
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
                refuse(place, keyword, f"expected a number, got {str(value)[:40]}")
        lows = [(Decimal(str(given[k])), k != "minimum") for k in ("minimum", "exclusiveMinimum") if k in given]
        highs = [(Decimal(str(given[k])), k != "maximum") for k in ("maximum", "exclusiveMaximum") if k in given]
        return sorted(lows), sorted(highs, key=lambda bound: (-bound[0], bound[1]))

    def _number(self, given: JSON, place: str, depth: int) -> Node:
        lows, highs = self.bounds(given, place)
        step = given.get("multipleOf")
        if step is not None:
            if step != step // 1:
                refuse(place, "multipleOf", f"expected a whole number, got {step}: decimals can't be divided exactly")
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
            refuse(place, next(iter(given)), str(error))
        if found is None:
            refuse(place, next(iter(given)), f"no number lies between {low} and {high}")
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
            refuse(place, "multipleOf", "expected a whole number of at least 1")
        numbers = range(-(-low // int(step)) * int(step), high + 1, int(step))
        if not numbers:
            refuse(place, next(iter(given)), "no whole number is within the bounds")
        if step == 1:
            return integers(low, high)
        if numbers[-1] - numbers[0] >= step * MAX_VALUES:
            refuse(place, "multipleOf", f"needs bounds that at most {MAX_VALUES} multiples lie between")
        return either([Text(str(number)) for number in numbers])

    # ------------------------------------------------------------ arrays and objects

    def _array(self, given: JSON, place: str, depth: int) -> Node:
        least, most = self.counts(given, "Items", place)
        first, others = given.get("prefixItems", []), given.get("items", True)
        if not isinstance(first, list):
            refuse(place, "prefixItems", "expected a list of schemas")
        fixed = [self.node(part, f"{place}.prefixItems[{i}]", depth + 1) for i, part in enumerate(first)]
        if others is False or most == len(first):
            if least > len(first):
                refuse(place, "minItems", f"{least} items can't be had from {len(first)}")
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
            refuse(place, "minItems", f"{least} different items can't be had from {len(choices)} values")
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
                refuse(place, keyword, "expected an object of schemas")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            refuse(place, "required", "expected a list of names")
        others = given.get("additionalProperties", not (properties or required or patterns))
        if not isinstance(others, (bool, dict)):
            refuse(place, "additionalProperties", "expected a schema, true or false")
        if not given.keys() - {"additionalProperties"} and others is True:
            return json_text.free_object(json_text.MAX_FREE_DEPTH, self.rules)
        known = {name: self.pattern(name, f"{place}.patternProperties", name[:40]) for name in patterns}
        members = []
        for name in dict.fromkeys([*properties, *required]):
            schema = self._schema_of(name, given, known, place)
            if schema is False and name not in required:
                continue
            if any(0xD800 <= ord(letter) < 0xE000 for letter in name):
                refuse(place, "properties", f"the name {name!r} holds half of a surrogate pair")
            value = self.rule(self.node(schema, f"{place}.properties.{name}", depth + 1))
            members.append((name, value, name in required))
        further = self._others(given, known, others, place, depth)
        least, most = self.counts(given, "Properties", place)
        if members or (least, most) == (0, None):
            return json_text.members(members, further, self.rule)
        if further is None:
            if least:
                refuse(place, "minProperties", f"{least} members can't be had where none are allowed")
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
            refuse(place, "required", f"{name!r} is required and forbidden")
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
