r"""The part of regular expressions that every engine enforces alike, matched in linear time.

A JSON schema's ``pattern`` is a stranger's program: Python's ``re`` can be made to run for years by twenty letters, and
the engines' grammars differ in what they read into ``\d``, ``\s`` or a missing anchor. So a pattern is parsed here into
sets of characters, sequences, alternatives and repetitions; what else there is in ECMA 262 (look-around,
back-references, word boundaries, Unicode classes, flags) is refused by name.

Source: ECMA-262 section 22.2 (syntax, and ``\d``, ``\w``, ``\s`` as it defines them).
Knows: the notation of patterns. Does not know: JSON, schemas, engines.
"""

from __future__ import annotations

from aigc.engines.automaton import Automaton
from aigc.engines.grammar import LAST, Chars, Either, Node, Ranges, Repeat, Row, inverted, merged, parts

MAX_STATES = 1000
"""Largest automaton; counted repetitions multiply: ``(a{30}){30}`` has 900 states."""

_MAX_NESTING = 50
_DIGITS: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = (
    (9, 13), (32, 32), (160, 160), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
_SPECIAL = frozenset("\\^$.|?*+()[]{}/-")


class PatternError(ValueError):
    """The pattern is malformed, too large, or uses what can't be enforced; the text says what and where."""


_EVERYTHING = Repeat(Chars(((0, LAST),)), 0, None)


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def fail(self, what: str) -> PatternError:
        return PatternError(f"{what} at position {self.at} of {self.source!r}")

    def peek(self, text: str) -> bool:
        return self.source.startswith(text, self.at)

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += len(text)
            return True
        return False

    def next(self) -> str:
        if self.at >= len(self.source):
            raise self.fail("the pattern ends too early")
        self.at += 1
        return self.source[self.at - 1]

    def whole(self) -> Node:
        """The pattern as one that covers the whole string: a missing anchor becomes "anything"."""
        branches: list[Node] = []
        while True:
            left = self.take("^")
            body = self.sequence(0)
            right = self.take("$")
            branches.append(Row((*(() if left else (_EVERYTHING,)), body, *(() if right else (_EVERYTHING,)))))
            if self.at == len(self.source):
                return Either(tuple(branches))
            if not self.take("|"):
                raise self.fail("an unmatched )" if self.peek(")") else "an anchor inside the pattern")

    def sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)^$":
            parts.append(self.quantified(self.atom(depth)))
        return Row(tuple(parts))

    def group(self, depth: int) -> Node:
        if depth > _MAX_NESTING:
            raise self.fail(f"more than {_MAX_NESTING} groups inside each other")
        if self.peek("?") and not self.take("?:"):
            raise self.fail("a look-around, named group or flag")
        branches = [self.sequence(depth)]
        while self.take("|"):
            branches.append(self.sequence(depth))
        if self.peek("^") or self.peek("$"):
            raise self.fail("an anchor inside a group")
        if not self.take(")"):
            raise self.fail("a group without its )")
        return Either(tuple(branches))

    def atom(self, depth: int) -> Node:
        letter = self.next()
        if letter == "(":
            return self.group(depth + 1)
        if letter == "[":
            return Chars(self.character_class())
        if letter == ".":
            return Chars(inverted(((10, 10), (13, 13), (0x2028, 0x2029))))
        if letter == "\\":
            return Chars(self.escape())
        if letter in "*+?{}]":
            self.at -= 1
            raise self.fail(f"a bare {letter}")
        return Chars(((ord(letter), ord(letter)),))

    def escape(self) -> Ranges:
        letter = self.next()
        for name, ranges in (("d", _DIGITS), ("w", _WORD), ("s", _SPACE)):
            if letter == name:
                return ranges
            if letter == name.upper():
                return inverted(ranges)
        if letter in _CONTROLS:
            code = _CONTROLS[letter]
        elif letter in "xu":
            digits = self.source[self.at : self.at + (2 if letter == "x" else 4)]
            if len(digits) != (2 if letter == "x" else 4) or any(d not in "0123456789abcdefABCDEF" for d in digits):
                raise self.fail(f"an incomplete \\{letter}")
            self.at += len(digits)
            code = int(digits, 16)
        elif letter in _SPECIAL or (letter.isascii() and not letter.isalnum()):
            code = ord(letter)
        else:
            raise self.fail(f"\\{letter} (a back-reference, word boundary or Unicode class)")
        return ((code, code),)

    def character_class(self) -> Ranges:
        negative = self.take("^")
        found: list[tuple[int, int]] = []
        while not self.take("]"):
            low = self.class_member()
            single = len(low) == 1 and low[0][0] == low[0][1]
            if single and self.peek("-") and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.class_member()
                if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
                    raise self.fail("a character range that is out of order")
                low = ((low[0][0], high[0][1]),)
            found.extend(low)
        ranges = inverted(tuple(found)) if negative else merged(found)
        if not ranges:
            raise self.fail("a character class that nothing matches")
        return ranges

    def class_member(self) -> Ranges:
        letter = self.next()
        if letter == "\\":
            return self.escape()
        return ((ord(letter), ord(letter)),)

    def quantified(self, node: Node) -> Node:
        if self.take("*"):
            least, most = 0, None
        elif self.take("+"):
            least, most = 1, None
        elif self.take("?"):
            least, most = 0, 1
        elif self.take("{"):
            least, most = self.counts()
        else:
            return node
        self.take("?")  # lazy or greedy: the same strings match
        if self.at < len(self.source) and self.source[self.at] in "*+?{":
            raise self.fail("two quantifiers in a row")
        return Repeat(node, least, most)

    def counts(self) -> tuple[int, int | None]:
        end = self.source.find("}", self.at)
        first, comma, second = self.source[self.at : max(end, self.at)].partition(",")
        numbers = [first, *([second] if second else [])]
        if end < 0 or not all(n.isascii() and n.isdigit() and len(n) <= 6 for n in numbers):
            raise self.fail("a malformed {m,n}")
        self.at = end + 1
        least = int(first)
        most = int(second) if second else None if comma else least
        if most is not None and most < least:
            raise self.fail("a {m,n} that is out of order")
        return least, most


def _size(node: Node) -> int:
    if isinstance(node, Repeat):
        return 1 + _size(node.part) * (max(node.least, 1) if node.most is None else max(node.most, 1))
    return 1 + sum(_size(part) for part in parts(node))


class Pattern:
    """A compiled pattern.

    Args:
        source: the pattern as a JSON schema holds it; without anchors it may match anywhere in a string.

    Raises:
        PatternError: it is malformed, too large, or not among what can be enforced.
    """

    def __init__(self, source: str) -> None:
        self._node = _Parser(source).whole()
        if (size := _size(self._node)) > 2 * MAX_STATES:
            raise PatternError(f"{source!r} needs about {size} states, accepted are {2 * MAX_STATES}")
        self._automaton = Automaton(self._node)

    @property
    def node(self) -> Node:
        """The strings that match, as a grammar: anchors and sets spelled out."""
        return self._node

    def matches(self, text: str) -> bool:
        """Whether the pattern is found in the text, in time proportional to its length."""
        return self._automaton.matches(text)
