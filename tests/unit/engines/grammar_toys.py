"""Two ways to look at a grammar that share nothing with the engines: draw texts from it, and ask whether it has one."""

from __future__ import annotations

import json
import random
from typing import Any

from aigc.engines.grammar import Chars, Either, Grammar, Node, Repeat, Row, Rule, Text, shortest

_ODD = 'aZ09 ~é中😀\x7f"\\/\n\t\x01,:{}[]'


def sample(grammar: Grammar, rng: random.Random, depth: int = 60) -> str:
    """A text of the language; beyond ``depth`` rules the shortest way out is taken."""

    def draw(node: Node, left: int) -> str:
        if left < 0:
            return shortest(Grammar(node, grammar.rules)) or ""
        if isinstance(node, Text):
            return node.text
        if isinstance(node, Rule):
            return draw(grammar.rules[node.name], left - 1)
        if isinstance(node, Chars):
            odd = [c for c in _ODD if any(a <= ord(c) <= b for a, b in node.ranges)]
            low, high = rng.choice(node.ranges)
            code = rng.randint(low, min(high, low + 300))
            return rng.choice(odd) if odd and rng.random() < 0.5 else chr(code if not 0xD800 <= code < 0xE000 else 63)
        if isinstance(node, Repeat):
            most = node.least + rng.choice((0, 1, 2, 5)) if node.most is None else node.most
            count = rng.choice((node.least, most, rng.randint(node.least, most)))
            return "".join(draw(node.part, left - 1) for _ in range(min(count, max(node.least, 20))))
        if isinstance(node, Either):
            return draw(rng.choice(node.parts), left - 1)
        return "".join(draw(part, left - 1) for part in node.parts)

    return draw(grammar.root, depth)


def accepts(grammar: Grammar, text: str) -> bool:
    """Whether the text belongs to the language."""
    known: dict[tuple[int, int], frozenset[int]] = {}

    def ends(node: Node, at: int) -> frozenset[int]:
        key = (id(node), at)
        if key not in known:
            known[key] = frozenset()
            known[key] = frozenset(find(node, at))
        return known[key]

    def find(node: Node, at: int) -> set[int]:
        if isinstance(node, Text):
            return {at + len(node.text)} if text.startswith(node.text, at) else set()
        if isinstance(node, Rule):
            return set(ends(grammar.rules[node.name], at))
        if isinstance(node, Chars):
            inside = at < len(text) and any(a <= ord(text[at]) <= b for a, b in node.ranges)
            return {at + 1} if inside else set()
        if isinstance(node, Either):
            return set().union(*(ends(part, at) for part in node.parts))
        if isinstance(node, Row):
            here = {at}
            for part in node.parts:
                here = set().union(*(ends(part, place) for place in here)) if here else here
            return here
        here, found, seen, count = {at}, set(), set[int](), 0
        while here and (node.most is None or count <= node.most):
            if count >= node.least:
                found |= here
            if node.most is None and here <= seen and count >= node.least:
                break
            seen |= here
            here = set().union(*(ends(node.part, place) for place in here))
            count += 1
        return found

    return len(text) in ends(grammar.root, 0)


def spelled(value: Any) -> str:
    """A value as the grammars spell it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
