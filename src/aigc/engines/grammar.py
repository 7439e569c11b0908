"""Context-free grammars over characters: the one form in which a constraint reaches an engine.

OpenVINO's xgrammar and llama.cpp read nearly the same notation, so a grammar is written once, here, with the part of
it that both read alike: plain literals, sets of characters, groups, bounded repetition, rules by name.

Sources: W3C XML 1.0 section 6 (EBNF, which xgrammar follows); grammars/README.md of llama.cpp (GBNF).
Knows: characters. Does not know: JSON, tokens, engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

Ranges = tuple[tuple[int, int], ...]
"""Sorted, disjoint (first, last) code points."""

LAST = 0x10FFFF


@dataclass(frozen=True)
class Chars:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True)
class Text:
    """These characters."""

    text: str


@dataclass(frozen=True)
class Row:
    """One part after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """One of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """A part, ``least`` to ``most`` times; None: any number."""

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True)
class Rule:
    """What the rule of this name says."""

    name: str


Node = Chars | Text | Row | Either | Repeat | Rule


@dataclass(frozen=True)
class Grammar:
    """A language: what ``root`` matches.

    Args:
        root: the whole.
        rules: the rules that it and they refer to; names are letters and digits.
    """

    root: Node
    rules: Mapping[str, Node] = field(default_factory=dict)


def row(*pieces: Node | str) -> Node:
    """Pieces in sequence; neighbouring texts become one."""
    found: list[Node] = []
    for part in pieces:
        node = Text(part) if isinstance(part, str) else part
        for piece in node.parts if isinstance(node, Row) else (node,):
            if isinstance(piece, Text) and found and isinstance(found[-1], Text):
                found[-1] = Text(found[-1].text + piece.text)
            elif piece != Text(""):
                found.append(piece)
    return found[0] if len(found) == 1 else Row(tuple(found)) if found else Text("")


def either(choices: Sequence[Node]) -> Node:
    """One of the choices, each once."""
    unique = tuple(dict.fromkeys(choices))
    return unique[0] if len(unique) == 1 else Either(unique)


def maybe(node: Node) -> Node:
    """The node or nothing."""
    return Repeat(node, 0, 1)


def span(first: str, last: str) -> Chars:
    """One character from the first to the last."""
    return Chars(((ord(first), ord(last)),))


def one_of(letters: str) -> Chars:
    """One of these characters."""
    return Chars(merged([(ord(letter), ord(letter)) for letter in letters]))


def merged(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """Ranges in order, without overlaps."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def inverted(ranges: Ranges) -> Ranges:
    """All other characters."""
    found, start = [], 0
    for low, high in merged(ranges):
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    return (*found, (start, LAST)) if start <= LAST else tuple(found)


def common(a: Ranges, b: Ranges) -> Ranges:
    """What both hold."""
    return merged([(max(p, r), min(q, s)) for p, q in a for r, s in b if max(p, r) <= min(q, s)])


def renamed(grammar: Grammar, prefix: str) -> Grammar:
    """The same language, the names of its rules behind a prefix."""

    def again(node: Node) -> Node:
        if isinstance(node, Rule):
            return Rule(prefix + node.name)
        if isinstance(node, Repeat):
            return Repeat(again(node.part), node.least, node.most)
        if isinstance(node, (Row, Either)):
            return type(node)(tuple(again(part) for part in node.parts))
        return node

    return Grammar(again(grammar.root), {prefix + name: again(node) for name, node in grammar.rules.items()})


# ------------------------------------------------------------ writing


def written(grammar: Grammar) -> str:
    """The grammar in the notation of both engines; the first rule is ``root``."""
    lines = [f"root ::= {_inner(grammar.root)}"]
    lines += [f"{name} ::= {_inner(node)}" for name, node in grammar.rules.items()]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A literal in that notation."""
    return '"' + "".join(_escaped(letter, '"\\') for letter in text) + '"'


def _escaped(letter: str, special: str) -> str:
    code = ord(letter)
    if letter in special and letter in '"\\]':
        return "\\" + letter
    if letter in special or code < 32 or 127 <= code < 160:
        return f"\\x{code:02x}"
    return letter if code < 127 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_HYPHEN = "\\x2d"
"""Stands last in a set: xgrammar takes it for a range elsewhere."""


def _set(ranges: Ranges) -> str:
    # Where all beyond ASCII belongs to a set, what doesn't is named: xgrammar then needs no automaton for UTF-8.
    sign = ""
    if ranges and ranges[-1][0] <= 128 and ranges[-1][1] == LAST:
        sign, ranges = "^", inverted(ranges)
    special = "\\]^["
    hyphen = any(a <= 45 <= b for a, b in ranges)
    ranges = common(ranges, ((0, 44), (46, LAST)))
    shown = [_escaped(chr(a), special) + (f"-{_escaped(chr(b), special)}" if b > a else "") for a, b in ranges]
    return f"[{sign}{''.join(shown)}{_HYPHEN if hyphen else ''}]"


def _inner(node: Node) -> str:
    """A node where it stands alone: needs no brackets."""
    if isinstance(node, Either):
        return " | ".join(_inner(part) for part in node.parts)
    if isinstance(node, Row):
        return " ".join(_atom(part) for part in node.parts)
    return _atom(node)


def _atom(node: Node) -> str:
    if isinstance(node, Chars):
        return _set(node.ranges)
    if isinstance(node, Text):
        return quoted(node.text)
    if isinstance(node, Rule):
        return node.name
    if isinstance(node, Repeat):
        least, most = node.least, node.most
        sign = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
        count = f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"
        single = isinstance(node.part, (Chars, Rule)) or (isinstance(node.part, Text) and len(node.part.text) == 1)
        return (_atom(node.part) if single else f"({_inner(node.part)})") + (sign or count)
    return f"({_inner(node)})"


# ------------------------------------------------------------ looking at


def size(node: Node) -> int:
    """Number of nodes."""
    return 1 + sum(size(part) for part in parts(node))


def parts(node: Node) -> tuple[Node, ...]:
    """What a node is made of."""
    if isinstance(node, Repeat):
        return (node.part,)
    return node.parts if isinstance(node, (Row, Either)) else ()


def loop(rules: Mapping[str, Node]) -> str | None:
    """A rule that may ask for itself before any character is read: no engine reads such rules. None: there is none."""
    empty: set[str] = set()
    while more := {name for name, node in rules.items() if name not in empty and _may_be_empty(node, empty)}:
        empty |= more
    follows = {name: _beginnings(node, empty) for name, node in rules.items()}
    for name in rules:
        seen, waiting = set[str](), list(follows[name])
        while waiting:
            here = waiting.pop()
            if here == name:
                return name
            if here not in seen:
                seen.add(here)
                waiting.extend(follows.get(here, ()))
    return None


def _may_be_empty(node: Node, empty: Collection[str]) -> bool:
    if isinstance(node, Rule):
        return node.name in empty
    if isinstance(node, Repeat):
        return node.least == 0 or _may_be_empty(node.part, empty)
    if isinstance(node, Row):
        return all(_may_be_empty(part, empty) for part in node.parts)
    return (isinstance(node, Either) and any(_may_be_empty(part, empty) for part in node.parts)) or node == Text("")


def _beginnings(node: Node, empty: Collection[str]) -> set[str]:
    if isinstance(node, Rule):
        return {node.name}
    found: set[str] = set()
    for part in parts(node):
        found |= _beginnings(part, empty)
        if isinstance(node, Row) and not _may_be_empty(part, empty):
            break
    return found


def shortest(grammar: Grammar) -> str | None:
    """The shortest text of the language, the same every time; None for a language without any."""
    known: dict[str, str] = {}
    changed = True
    while changed:
        changed = False
        for name, node in grammar.rules.items():
            text = _shortest(node, known)
            if text is not None and (name not in known or len(text) < len(known[name])):
                known[name] = text
                changed = True
    return _shortest(grammar.root, known)


def _shortest(node: Node, known: Mapping[str, str]) -> str | None:
    if isinstance(node, Text):
        return node.text
    if isinstance(node, Rule):
        return known.get(node.name)
    if isinstance(node, Chars):
        wanted = (letter for letter in "a0A1-_. " if any(a <= ord(letter) <= b for a, b in node.ranges))
        return next(wanted, chr(node.ranges[0][0]))
    if isinstance(node, Repeat):
        text = _shortest(node.part, known) if node.least else ""
        return None if text is None else text * node.least
    texts = [_shortest(part, known) for part in node.parts]
    if isinstance(node, Either):
        return min((text for text in texts if text is not None), key=len, default=None)
    return None if None in texts else "".join(text for text in texts if text is not None)


def shared(node: Node, least: int, rule: Callable[[Node], Node]) -> Node:
    """The node with each repetition that it holds several times, and that is not small, as one rule.

    Args:
        node: without rules.
        least: places, repetitions counted, from which on a repetition isn't small.
        rule: makes a rule of a node and returns a reference to it.
    """
    seen: Counter[Node] = Counter()

    def count(part: Node, times: int) -> None:
        if isinstance(part, Repeat):
            seen[part] += times
            times *= max(part.most or 1, 1)
        for piece in parts(part):
            count(piece, times)

    def again(part: Node) -> Node:
        if isinstance(part, Repeat):
            if seen[part] > 1 and places(part) >= least:
                return rule(part)
            return Repeat(again(part.part), part.least, part.most)
        return type(part)(tuple(map(again, part.parts))) if isinstance(part, (Row, Either)) else part

    count(node, 1)
    return again(node)


def places(node: Node) -> int:
    """Characters that the node reads at most, each repetition without end counted once."""
    if isinstance(node, Text):
        return len(node.text)
    if isinstance(node, Repeat):
        return places(node.part) * max(node.least if node.most is None else node.most, 1)
    return isinstance(node, Chars) + sum(map(places, parts(node)))


# ------------------------------------------------------------ counting less


def loosened(grammar: Grammar, budget: int) -> Grammar:
    """The grammar with every repetition counted only as far as ``budget`` places for nearly any character go.

    Args:
        grammar: any.
        budget: places in one repetition; beyond, the upper bound is dropped, and the lower one lowered.
    """

    def loose(node: Node) -> Node:
        if isinstance(node, Repeat):
            part = loose(node.part)
            places = wide_places(part)
            most = node.least if node.most is None else node.most
            if most <= 1 or places * most <= budget:
                return Repeat(part, node.least, node.most)
            return Repeat(part, min(node.least, budget // places), None)
        if isinstance(node, (Row, Either)):
            return type(node)(tuple(loose(part) for part in node.parts))
        return node

    return Grammar(loose(grammar.root), {name: loose(node) for name, node in grammar.rules.items()})


def wide_places(node: Node) -> int:
    """Places, repetitions counted, where both ASCII and other characters may stand: these are dear to compile."""
    if isinstance(node, Chars):
        return int(node.ranges[0][0] < 128 <= node.ranges[-1][1])
    if isinstance(node, Repeat):
        return wide_places(node.part) * max(node.least if node.most is None else node.most, 1)
    return sum(wide_places(part) for part in parts(node))
