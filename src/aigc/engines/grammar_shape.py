"""The shape of a grammar that engines read fast, and what it costs them.

xgrammar computes, for each place of a grammar, which tokens of the vocabulary may stand there, along every way to read
their characters; a repetition ``{0,n}`` is to it a chain of ways that all may end at once. llama.cpp follows all ways
side by side, for each token that it considers: forty parts that may be missing took it minutes. So what is regular and
has several ways is written from its deterministic automaton; for xgrammar also what is counted, together with the quote
that ends a string, where that is cheaper. Measured in docs/lab/LOG.md.

Knows: what is dear to the two engines. Does not know: their notation, requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from aigc.engines.automaton import Automaton, TooMuchWorkError
from aigc.engines.grammar import Chars, Either, Grammar, Node, Ranges, Repeat, Row, Rule, Text, parts, places, row
from aigc.errors import InvalidSchema

_WORK = 50_000
"""States looked at while the automata of one grammar are made deterministic: about half a second."""
_MOST_WAYS = 30
"""Ways to read the same text that llama.cpp may follow at once."""
_LARGEST = 10_000
"""Places beyond which a part stays as it is: an array of many numbers, never a text."""
_CHAINED = 1.5
"""What a place costs in a rule of its own, by one in a row."""
_MAX_UNROLLED = 128
"""Repetitions that xgrammar writes out one after the other; beyond, it counts."""
_PER_PLACE = 0.004
"""What each place costs besides, as a share of the vocabulary; a place for one character costs nothing else."""


class Vocabulary:
    """How many tokens begin with which byte: what a place costs. Args: pieces: the bytes of every token."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        first = Counter(piece[0] for piece in pieces if piece)
        self._ascii = [first[code] for code in range(128)]
        self._others = sum(count for code, count in first.items() if code > 127)
        self.size = sum(self._ascii) + self._others
        self._place = int(_PER_PLACE * self.size)

    def tokens(self, ranges: Ranges) -> int:
        """Tokens that xgrammar reads at a place for one of these characters."""
        inside = sum(sum(self._ascii[low : min(high, 127) + 1]) for low, high in ranges if low < 128)
        return self._place + inside + (self._others if ranges and ranges[-1][1] > 127 else 0)

    def cost(self, node: Node) -> int:
        """Tokens read for all places of a node; those of rules that it refers to don't count."""
        if isinstance(node, Chars):
            return self.tokens(node.ranges)
        if isinstance(node, Text):
            return self._place * len(node.text)
        if isinstance(node, Rule):
            return self._place
        if isinstance(node, Repeat):
            times = max(node.least if node.most is None else node.most, 1)
            return self.cost(node.part) * min(times, _MAX_UNROLLED)
        return sum(map(self.cost, node.parts))


def shaped(grammar: Grammar, vocabulary: Vocabulary) -> tuple[Grammar, int]:
    """The same language as xgrammar likes it, and how many tokens it reads to compile it."""
    shaper = _Shaper(vocabulary)
    root = shaper.again(grammar.root)
    rules = {name: shaper.again(node) for name, node in grammar.rules.items()}
    found = Grammar(root, rules | shaper.rules)
    return found, shaper.tangled + sum(map(vocabulary.cost, {found.root, *found.rules.values()}))


def untangled(grammar: Grammar) -> Grammar:
    """The same language as llama.cpp likes it. Raises: InvalidSchema: it has too many ways to read the same text."""
    shaper = _Shaper(None)
    root = shaper.again(grammar.root)
    rules = {name: shaper.again(node) for name, node in grammar.rules.items()}
    return Grammar(root, rules | shaper.rules)


class _Shaper:
    """Args: vocabulary: xgrammar's; None: for an engine to which only ways are dear, and counts are not."""

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        self.rules: dict[str, Node] = {}
        self.tangled = 0
        """What the ways beside the first cost xgrammar, in parts that stayed as they were."""
        self._vocabulary = vocabulary
        self._work = _WORK
        self._known: dict[Node, Node] = {}

    def again(self, node: Node) -> Node:
        if _regular(node):
            counts = self._vocabulary is not None
            return self._untangled(node) if _tangled(node, counts=counts) else node
        if isinstance(node, Repeat):
            return Repeat(self.again(node.part), node.least, node.most)
        if isinstance(node, Either):
            return Either(tuple(self.again(part) for part in node.parts))
        return self._row(node.parts) if isinstance(node, Row) else node

    def _row(self, pieces: Sequence[Node]) -> Node:
        """Neighbours that are regular go together: so a counted text learns what ends it."""
        found: list[Node] = []
        run: list[Node] = []
        for piece in pieces:
            if _regular(piece):
                run.append(piece)
            else:
                found += [self.again(row(*run)), self.again(piece)]
                run = []
        return row(*found, self.again(row(*run)))

    def _untangled(self, node: Node) -> Node:
        if node not in self._known:
            self._known[node] = self._cheaper(node)
        return self._known[node]

    def _cheaper(self, node: Node) -> Node:
        if places(node) > _LARGEST:
            return node
        automaton = Automaton(node)
        try:
            found, rules = automaton.rules(f"a{len(self._known)}s", self._work)
        except TooMuchWorkError:
            found, rules = node, {}
        self._work -= automaton.work
        if self._vocabulary is None:
            if not rules and automaton.ways > _MOST_WAYS:
                raise InvalidSchema(
                    f"a pattern can be read in more than {_MOST_WAYS} ways at once",
                    hint="write it with fewer `?` and `{}`",
                )
        else:
            cost = self._vocabulary.cost(node)
            if not rules or _CHAINED * sum(map(self._vocabulary.cost, rules.values())) > cost * automaton.ways:
                self.tangled += int(cost * (automaton.ways - 1))
                return node
        self.rules |= rules
        return found


def _regular(node: Node) -> bool:
    return not isinstance(node, Rule) and all(map(_regular, parts(node)))


def _tangled(node: Node, *, counts: bool) -> bool:
    """Whether there may be two ways to read it, or it ``counts``."""
    if isinstance(node, Repeat) and (_repeats(node.part) or (counts and max(node.least, node.most or 0) > 1)):
        return True
    several = isinstance(node, Row) and sum(map(_repeats, node.parts)) > 1
    return several or any(_tangled(part, counts=counts) for part in parts(node))


def _repeats(node: Node) -> bool:
    return isinstance(node, Repeat) or any(map(_repeats, parts(node)))
