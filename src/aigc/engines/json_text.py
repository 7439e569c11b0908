r"""JSON text as grammars: strings, values, objects and arrays, spelled in one way each.

White space is at most one space after a comma or a colon: a weak model that may write more of it writes nothing else.
A character is written as it is, or by its short escape, or as ``\u00XX`` where JSON demands one; so a string has one
spelling only, and never half of a surrogate pair.

Source: RFC 8259.
Knows: JSON's spelling. Does not know: schemas, engines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aigc.engines.grammar import (
    LAST,
    Chars,
    Either,
    Node,
    Ranges,
    Repeat,
    Row,
    Rule,
    Text,
    common,
    either,
    inverted,
    maybe,
    merged,
    one_of,
    row,
    span,
)

MAX_FREE_DEPTH = 10
"""Objects and arrays inside each other where a schema leaves the value open."""

MAX_ORDERED = 16
"""Members that may be missing and still keep the schema's order."""

_PLAIN: Ranges = ((32, 33), (35, 91), (93, LAST))
_SHORT = {8: r"\b", 9: r"\t", 10: r"\n", 12: r"\f", 13: r"\r", 34: r"\"", 92: r"\\"}
SPACE = maybe(Text(" "))
COMMA = row(",", SPACE)
COLON = row(":", SPACE)
DIGIT = span("0", "9")
NUMBER = row(
    maybe(Text("-")),
    either([Text("0"), row(span("1", "9"), Repeat(DIGIT, 0, 15))]),
    maybe(row(".", Repeat(DIGIT, 1, 16))),
    maybe(row(one_of("eE"), maybe(one_of("+-")), Repeat(DIGIT, 1, 2))),
)
"""Any number that every reader takes as a finite one."""


def in_string(node: Node) -> Node:
    """The same characters as they stand between the quotes of a JSON string; rules stay, to be treated likewise."""
    if isinstance(node, Rule):
        return node
    if isinstance(node, Chars):
        return _spelled(node.ranges)
    if isinstance(node, Text):
        return Text(json.dumps(node.text, ensure_ascii=False)[1:-1])
    if isinstance(node, Repeat):
        return Repeat(in_string(node.part), node.least, node.most)
    if isinstance(node, Row):
        return row(*(in_string(part) for part in node.parts))
    assert isinstance(node, Either), node
    return either([in_string(part) for part in node.parts])


def _spelled(ranges: Ranges) -> Node:
    ways: list[Node] = []
    if plain := common(ranges, _PLAIN):
        ways.append(Chars(plain))
    if short := [text[1] for code, text in _SHORT.items() if common(ranges, ((code, code),))]:
        ways.append(row("\\", one_of("".join(short))))
    for high in (0, 1):
        low = [
            f"{code & 15:x}"
            for code in range(16 * high, 16 * high + 16)
            if code not in _SHORT and common(ranges, ((code, code),))
        ]
        if low:
            ways.append(row(f"\\u00{high}", one_of("".join(low))))
    return either(ways)


_ANY = _spelled(((0, LAST),))
STRING = row('"', Repeat(_ANY, 0, None), '"')


def counted(least: int, most: int | None) -> Node:
    """A string of so many characters."""
    return row('"', Repeat(_ANY, least, most), '"')


def unlike(names: Iterable[str]) -> Node:
    """A string that is none of the names."""

    def rest(endings: Sequence[str]) -> Node:
        if not endings:
            return Repeat(_ANY, 0, None)
        first = sorted({ending[0] for ending in endings if ending})
        ways = [row(in_string(Text(a)), rest([e[1:] for e in endings if e[:1] == a])) for a in first]
        others = inverted(merged([(ord(a), ord(a)) for a in first])) if first else ((0, LAST),)
        ways.append(row(_spelled(others), Repeat(_ANY, 0, None)))
        if "" not in endings:
            ways.append(Text(""))
        return either(ways)

    return row('"', rest(list(names)), '"')


def literal(value: Any) -> Node:
    """A value as it is."""
    if isinstance(value, dict):
        pairs = [row(literal(key), COLON, literal(part)) for key, part in value.items()]
        return row("{", *_joined(pairs), "}")
    if isinstance(value, list):
        return row("[", *_joined([literal(part) for part in value]), "]")
    return Text(json.dumps(value, ensure_ascii=False))


def _joined(parts: Sequence[Node]) -> list[Node]:
    return [piece for part in parts for piece in (COMMA, part)][1:]


def repeated(part: Node, least: int, most: int | None) -> Node:
    """``least`` to ``most`` parts with commas between them."""
    if most == 0:
        return Text("")
    more = row(part, Repeat(row(COMMA, part), max(least - 1, 0), None if most is None else most - 1))
    return more if least else maybe(more)


def items(first: Sequence[Node], further: Node | None, least: int, most: int | None) -> Node:
    """An array that begins with ``first`` (as many of them as ``least`` and ``most`` say) and goes on with ``further``.

    Args:
        first: the nodes of the first items.
        further: the node of every other item; None: there are no others.
        least: smallest number of items.
        most: largest number; None: any.
    """
    count = len(first) if most is None else min(len(first), most)
    if most is not None and count == most:
        further = None
    if not count:
        return row("[", repeated(further, least, most) if further else "", "]")
    after: Node = Text("")
    if further:
        after = Repeat(row(COMMA, further), max(0, least - count), None if most is None else most - count)
    for index in range(count - 1, -1, -1):
        here = row(COMMA if index else "", first[index], after)
        after = here if index < least else maybe(here)
    return row("[", after, "]")


def members(pairs: Sequence[tuple[str, Node, bool]], others: Node | None, rule: Callable[[Node], Node]) -> Node:
    """An object: members in the order given, of which some may be missing, then any number of ``others``.

    Beyond `MAX_ORDERED` members that may be missing, these come in any order after the rest, and even twice: to keep
    their order would need a state for each pair of them.

    Args:
        pairs: (name, value, whether it must be there).
        others: a further member; None: there are none.
        rule: makes a rule of a node and returns a reference to it.
    """
    optional: dict[Node, list[Node]] = {}  # the names by value: xgrammar reads a plain choice of texts fast
    for name, value, required in pairs:
        if not required:
            optional.setdefault(value, []).append(literal(name))
    if sum(map(len, optional.values())) > MAX_ORDERED:
        pairs = [pair for pair in pairs if pair[2]]
        ways = [row(rule(either(names)), COLON, value) for value, names in optional.items()]
        others = rule(either([*ways, *([others] if others else [])]))
    named = [(row(literal(name), COLON, value), required) for name, value, required in pairs]
    further = Repeat(row(COMMA, others), 0, None) if others else Text("")
    first = next((index for index, (_, required) in enumerate(named) if required), None)
    if first is not None:
        before = [maybe(row(member, COMMA)) for member, _ in named[:first]]
        after = [
            row(COMMA, member) if required else maybe(row(COMMA, member)) for member, required in named[first + 1 :]
        ]
        return row("{", *before, named[first][0], *after, further, "}")
    starts = [row(others, further)] if others else []
    tail: Node = further
    for member, _ in reversed(named):
        starts.insert(0, row(member, tail))
        tail = rule(row(maybe(row(COMMA, member)), tail))
    return row("{", maybe(either(starts)) if starts else "", "}")


def free(depth: int, rules: dict[str, Node]) -> Node:
    """Any value that nests at most so deep; adds the rules that it needs."""
    name = f"any{depth}"
    if name not in rules:
        scalars: list[Node] = [Rule("string"), Rule("number"), Text("true"), Text("false"), Text("null")]
        rules["string"], rules["number"] = STRING, NUMBER
        rules[name] = Text("")  # its place; filled below
        nested = [free_object(depth, rules), free_array(depth, rules)] if depth else []
        rules[name] = either([*nested, *scalars])
    return Rule(name)


def free_object(depth: int, rules: dict[str, Node]) -> Node:
    """Any object that nests at most so deep."""
    name = f"object{depth}"
    if name not in rules:
        rules["string"] = STRING
        pair = row(Rule("string"), COLON, free(depth - 1, rules))
        rules[name] = row("{", repeated(pair, 0, None), "}")
    return Rule(name)


def free_array(depth: int, rules: dict[str, Node]) -> Node:
    """Any array that nests at most so deep."""
    name = f"array{depth}"
    if name not in rules:
        rules[name] = row("[", repeated(free(depth - 1, rules), 0, None), "]")
    return Rule(name)
