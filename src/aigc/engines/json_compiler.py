"""Writes a JSON schema as a grammar of the JSON texts that it accepts.

Sources: JSON Schema draft 2020-12 (core and validation); RFC 8259.
Knows: schemas and grammars. Does not know: engines, tokens, HTTP.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import unquote

from aigc.engines import json_text
from aigc.engines.grammar import Grammar, Node, Rule, Text, either, loop, shortest, size
from aigc.engines.json_check import validator
from aigc.engines.json_merge import COMBINERS, both, merge
from aigc.engines.json_numbers import LARGEST
from aigc.engines.json_types import FAMILIES, MAX_VALUES, TYPES, RefusedError, TypeCompiler, refuse
from aigc.errors import InvalidSchema
from aigc.types import JSON

MAX_DEPTH = 32
MAX_NODES = 2000
"""Schemas inside the schema, those counted again that are merged with others."""
MAX_SIZE = 50_000
"""Nodes of the grammar."""
_ANNOTATIONS = frozenset(
    "$schema $id $comment $defs definitions title description default examples example deprecated readOnly writeOnly"
    " discriminator contentMediaType contentEncoding nullable".split()
)
_KNOWN = frozenset(("type", "enum", "const")).union(*FAMILIES.values(), COMBINERS)
_SHARED = 8
"""A node larger than this becomes a rule, so that using it twice costs little."""


class Compiler(TypeCompiler):
    """One schema on its way to a grammar; `run` once.

    Args:
        root: the schema.
        place: what it is called in messages.
        lenient: leave out what can't be enforced instead of refusing it.
    """

    def __init__(self, root: Any, place: str, *, lenient: bool) -> None:
        super().__init__()
        self.root = root
        self.place = place
        self.lenient = lenient
        self.visited = 0
        self.size = 0
        self.names: dict[str, str] = {}
        self.shared: dict[Node, str] = {}

    def run(self, also: JSON | None = None) -> Grammar:
        """The grammar of what ``root`` and ``also`` accept. Raises: RefusedError, InvalidSchema, RecursionError."""
        schema = self.root if also is None else self.joined(also, [self.root], self.place)
        grammar = Grammar(self.node(schema, self.place, 0), self.rules)
        if loop(self.rules) is not None:
            raise InvalidSchema(f"{self.place}: a '$ref' refers to itself")
        if shortest(grammar) is None:
            raise InvalidSchema(f"{self.place}: no finite value satisfies the schema: a part of it requires itself")
        return grammar

    def rule(self, node: Node, *, always: bool = False) -> Node:
        """A reference to the node, where it is large enough, or ``always``."""
        if size(node) <= _SHARED and not always:
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
            refuse(place, str(schema)[:40], "a schema is an object or true")
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
            refuse(place, "$id", "allowed at the top only")
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
                refuse(place, keyword, "not among the keywords that can be enforced while decoding")

    def joined(self, schema: JSON, parts: Any, place: str) -> Any:
        """A schema and those beside it under ``allOf`` as one."""
        if not isinstance(parts, list) or not parts:
            refuse(place, "allOf", "expected a list of schemas")
        found: Any = schema
        for index, part in enumerate(parts):
            while isinstance(part, dict) and part.keys() & _KNOWN == {"$ref"} and (len(parts) > 1 or schema):
                self._count(place, 0)
                part = self.resolve(part["$ref"], place)
            if part is True:
                continue
            if not isinstance(part, dict):
                refuse(f"{place}.allOf[{index}]", str(part)[:40], "a schema is an object or true")
            self._keywords(part, f"{place}.allOf[{index}]")
            if not found.keys() & _KNOWN:
                found = part
                continue
            try:
                found = merge(found, {k: v for k, v in part.items() if k not in _ANNOTATIONS})
            except (TypeError, AttributeError, KeyError, IndexError, ValueError):
                refuse(f"{place}.allOf[{index}]", "allOf", "can't be merged with what stands beside it")
        return found

    def branches(self, keyword: str, parts: Any, others: JSON, place: str, depth: int) -> Node:
        """Alternatives, each together with what stands beside them. Those that nothing satisfies are left out."""
        if not isinstance(parts, list) or not parts:
            refuse(place, keyword, "expected a list of schemas")
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
            refuse(place, "$ref", f"only references into the schema itself are followed, got {str(target)[:80]!r}")
        found = self.root
        for step in unquote(target[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isascii() and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                refuse(place, "$ref", f"{target[:80]!r} doesn't exist")
        return found

    # ------------------------------------------------------------ values

    def values(self, given: JSON, place: str) -> Node:
        """The values of ``enum`` and ``const`` that the other keywords accept."""
        values = given.get("enum", [given.get("const")])
        if not isinstance(values, list) or not 0 < len(values) <= MAX_VALUES:
            refuse(place, "enum", f"expected a list of 1 to {MAX_VALUES} values")
        if not all(_portable(value) for value in values):
            refuse(place, "enum", "numbers are finite and within 64 bits, strings without half surrogate pairs")
        beside = {key: value for key, value in given.items() if key != ("enum" if "enum" in given else "const")}
        problem = validator(self.root, beside) if beside else lambda _: None
        found = [value for value in values if problem(value) is None]
        if not found:
            refuse(place, "enum" if "enum" in given else "const", "no value satisfies the other keywords")
        return either([json_text.literal(value) for value in found])


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
