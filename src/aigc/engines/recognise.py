"""Whether a text belongs to the language of a grammar, whatever its recursion.

The last look at what an engine wrote under a grammar, as `aigc.engines.json_check` is for JSON.

Source: Earley, "An efficient context-free parsing algorithm", CACM 13(2), 1970; Aycock and Horspool, "Practical Earley
parsing", 2002 (rules that may be empty).
Knows: characters and nodes. Does not know: engines, JSON.
"""

from __future__ import annotations

from aigc.engines.grammar import Chars, Either, Grammar, Node, Repeat, Row, Rule, Text

MAX_STEPS = 2_000_000
"""Items looked at; a text of some thousand characters under an ordinary grammar takes a tenth of it."""

_Item = tuple[int, int, int]
"""(alternative, how far it is read, where it began)"""


class TooManyStepsError(ValueError):
    """To find out takes more than `MAX_STEPS` steps."""


class Recogniser:
    """A grammar as productions. Args: grammar: without rules that begin with themselves."""

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self._alternatives: list[tuple[int, tuple[Node, ...]]] = []  # (symbol, parts)
        self._of: list[list[int]] = []  # the alternatives of a symbol
        self._symbols: dict[Node, int] = {}
        self._root = self._symbol(grammar.root)

    def accepts(self, text: str) -> bool:
        """Whether the whole text is of the language. Raises: TooManyStepsError."""
        rows: list[dict[int, list[_Item]]] = []  # per place: the items that wait for a symbol
        items: list[_Item] = [(alternative, 0, 0) for alternative in self._of[self._root]]
        steps = 0
        for at in range(len(text) + 1):
            waiting: dict[int, list[_Item]] = {}
            rows.append(waiting)
            seen = set(items)
            finished: set[int] = set()  # symbols that read nothing here
            following: list[_Item] = []
            found = False
            while items:
                item = items.pop()
                steps += 1
                if steps > MAX_STEPS:
                    raise TooManyStepsError(f"more than {MAX_STEPS} steps")
                alternative, read, began = item
                symbol, pieces = self._alternatives[alternative]
                fresh: list[_Item] = []
                if read == len(pieces):
                    found = found or (symbol == self._root and began == 0)
                    if began == at:
                        finished.add(symbol)
                    fresh = [(a, r + 1, b) for a, r, b in rows[began].get(symbol, ())]
                elif isinstance(piece := pieces[read], Chars):
                    if at < len(text) and any(low <= ord(text[at]) <= high for low, high in piece.ranges):
                        following.append((alternative, read + 1, began))
                else:
                    wanted = self._symbol(piece)
                    fresh = [(a, 0, at) for a in self._of[wanted]] if wanted not in waiting else []
                    waiting.setdefault(wanted, []).append(item)
                    if wanted in finished:
                        fresh.append((alternative, read + 1, began))
                for new in fresh:
                    if new not in seen:
                        seen.add(new)
                        items.append(new)
            items = list(dict.fromkeys(following))
        return found

    def _symbol(self, node: Node) -> int:
        if node not in self._symbols:
            symbol = self._symbols[node] = len(self._of)
            self._of.append([])
            for pieces in self._ways(node):
                self._of[symbol].append(len(self._alternatives))
                self._alternatives.append((symbol, pieces))
        return self._symbols[node]

    def _ways(self, node: Node) -> list[tuple[Node, ...]]:
        """What a node may be replaced with."""
        if isinstance(node, Rule):
            return [(self._rules[node.name],)]
        if isinstance(node, Text):
            return [tuple(Chars(((ord(letter), ord(letter)),)) for letter in node.text)]
        if isinstance(node, Row):
            return [node.parts]
        if isinstance(node, Either):
            return [(part,) for part in node.parts]
        if isinstance(node, Chars):
            return [(node,)]
        if node.least:
            return [(node.part, Repeat(node.part, node.least - 1, None if node.most is None else node.most - 1))]
        if node.most == 0:
            return [()]
        return [(), (node.part, Repeat(node.part, 0, None if node.most is None else node.most - 1))]
