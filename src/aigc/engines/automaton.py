"""Finite automata of nodes without rules: matched against a text, or written again so that nothing is ambiguous.

An engine's grammar compiler looks at every token for every place of a grammar, and at every way to get there. Where
two ways read the same characters it takes seconds to hours: forty times ``.?`` in a row took xgrammar 50 s. Written
from a deterministic automaton, each place has one way only, and their number is known before.

Sources: Thompson, "Regular expression search algorithm", CACM 11(6), 1968; Rabin and Scott, "Finite automata and their
decision problems", 1959 (subset construction).
Knows: nodes and automata. Does not know: JSON, engines.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

from aigc.engines.grammar import Chars, Either, Node, Ranges, Repeat, Row, Rule, Text, either, merged, row

_Edges = dict[int, Ranges]


class TooMuchWorkError(ValueError):
    """Making the automaton deterministic takes more work than allowed."""


class Automaton:
    """What a node accepts.

    Args:
        node: without rules; counted repetitions take a state for each count.
    """

    def __init__(self, node: Node) -> None:
        self._ranges: list[Ranges] = []
        self._next: list[tuple[int, ...]] = []
        self.work = 0
        """States looked at by `rules` so far."""
        self._sets = 0
        self._final = self._state(())
        self._first = self._build(node, self._final)

    def matches(self, text: str) -> bool:
        """Whether the whole text is accepted, in time proportional to its length."""
        current = self._closure([self._first])
        for letter in text:
            code = ord(letter)
            current = self._closure(
                target
                for state in current
                if any(low <= code <= high for low, high in self._ranges[state])
                for target in self._next[state]
            )
            if not current:
                return False
        return self._final in current

    @property
    def ways(self) -> float:
        """In how many states the reading of a text is at once, on average over the sets that `rules` met."""
        return max(1.0, self.work / max(self._sets, 1))

    def rules(self, prefix: str, allowed: int) -> tuple[Node, dict[str, Node]]:
        """The same language with one way to read each text.

        Args:
            prefix: of the rules' names.
            allowed: states to look at; 100,000 take about a second.
        Returns: the beginning, and the rules that it needs.

        Raises:
            TooMuchWorkError: more than ``allowed``.
        """
        edges, final = self._determined(allowed)
        into = Counter(target for state in edges for target in state)

        def begins(state: int) -> bool:
            """Whether it becomes a rule: the others are written where they are reached, once."""
            return final[state] or len(edges[state]) != 1 or into[state] != 1 or state == 0

        def after(state: int) -> Node:
            pieces: list[Node] = []
            while not begins(state):
                ((state, ranges),) = edges[state].items()
                pieces.append(_one(ranges))
            return row(*pieces, Rule(f"{prefix}{state}") if edges[state] else "")

        names = [state for state in range(len(edges)) if begins(state) and (edges[state] or not state)]
        rules: dict[str, Node] = {}
        for state in names:
            ways: list[Node] = [row(_one(ranges), after(target)) for target, ranges in edges[state].items()]
            rules[f"{prefix}{state}"] = either([*ways, *([Text("")] if final[state] else [])])
        return Rule(f"{prefix}0"), rules

    # ------------------------------------------------------------ building

    def _state(self, ranges: Ranges, *targets: int) -> int:
        """A state that reads a character of ``ranges``, or one that reads nothing where there are none."""
        self._ranges.append(ranges)
        self._next.append(targets)
        return len(self._next) - 1

    def _build(self, node: Node, after: int) -> int:
        if isinstance(node, Chars):
            return self._state(node.ranges, after)
        if isinstance(node, Text):
            for letter in reversed(node.text):
                after = self._state(((ord(letter), ord(letter)),), after)
            return after
        if isinstance(node, Row):
            for part in reversed(node.parts):
                after = self._build(part, after)
            return after
        if isinstance(node, Either):
            return self._state((), *(self._build(part, after) for part in node.parts))
        assert isinstance(node, Repeat), node
        if node.most is None:
            loop = self._state((), after)
            self._next[loop] = (after, self._build(node.part, loop))
            after = loop
        else:
            end = after
            for _ in range(node.most - node.least):
                after = self._state((), end, self._build(node.part, after))
        for _ in range(node.least):
            after = self._build(node.part, after)
        return after

    def _closure(self, states: Iterable[int]) -> frozenset[int]:
        """The states that read something, or are the end, and can be reached without reading."""
        seen: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state not in seen:
                seen.add(state)
                if not self._ranges[state]:
                    waiting.extend(self._next[state])
        return frozenset(state for state in seen if self._ranges[state] or state == self._final)

    def _determined(self, allowed: int) -> tuple[list[_Edges], list[bool]]:
        """Per state of the deterministic automaton, the first of them 0: its edges, and whether a text may end."""
        sets = [self._closure([self._first])]
        numbers = {sets[0]: 0}
        edges: list[_Edges] = []
        for current in sets:  # grows meanwhile
            self._sets += 1
            self.work += len(current)
            if self.work > allowed:
                raise TooMuchWorkError(f"more than {allowed} states")
            found: dict[int, list[tuple[int, int]]] = {}
            for span, targets in self._spans(current):
                reached = self._closure(targets)
                if reached not in numbers:
                    numbers[reached] = len(sets)
                    sets.append(reached)
                found.setdefault(numbers[reached], []).append(span)
            edges.append({target: merged(spans) for target, spans in found.items()})
        return edges, [self._final in current for current in sets]

    def _spans(self, states: frozenset[int]) -> list[tuple[tuple[int, int], tuple[int, ...]]]:
        """Disjoint ranges of characters, and where each leads."""
        reading = [(low, high, self._next[s]) for s in sorted(states) for low, high in self._ranges[s]]
        cuts = sorted({low for low, _, _ in reading} | {high + 1 for _, high, _ in reading})
        found = []
        for low, beyond in itertools.pairwise(cuts):
            targets = tuple(t for a, b, after in reading if a <= low <= b for t in after)
            if targets:
                found.append(((low, beyond - 1), targets))
        return found


def _one(ranges: Ranges) -> Node:
    """A character of a set; a text where it is the only one, so that neighbours can join."""
    single = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
    return Text(chr(ranges[0][0])) if single else Chars(ranges)
