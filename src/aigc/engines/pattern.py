r"""The part of regular expressions that every engine enforces alike, matched in linear time.

A JSON schema's ``pattern`` is a stranger's program: Python's ``re`` can be made to run for years by twenty letters, and
the engines' grammars differ in what they read into ``\d``, ``\s`` or a missing anchor. So a pattern is parsed here into
sets of characters, sequences, alternatives and repetitions; what else there is in ECMA 262 (look-around,
back-references, word boundaries, Unicode classes, flags) is refused by name.

Sources: ECMA-262 section 22.2 (syntax, and ``\d``, ``\w``, ``\s`` as it defines them); Thompson, "Regular expression
search algorithm", CACM 11(6), 1968.

Knows: characters and automata. Does not know: JSON, schemas, engines.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_STATES = 1000
"""Largest automaton; counted repetitions multiply: ``(a{30}){30}`` has 900 states."""

_LAST = 0x10FFFF
_MAX_NESTING = 50
_Ranges = tuple[tuple[int, int], ...]
_DIGITS: _Ranges = ((48, 57),)
_WORD: _Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: _Ranges = (
    (9, 13), (32, 32), (160, 160), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
_PLAIN: _Ranges = ((32, 33), (35, 91), (93, 126), (160, 0xD7FF), (0xE000, _LAST))
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
_SPECIAL = frozenset("\\^$.|?*+()[]{}/-")


class PatternError(ValueError):
    """The pattern is malformed, too large, or uses what can't be enforced; the text says what and where."""


@dataclass(frozen=True)
class _Chars:
    ranges: _Ranges


@dataclass(frozen=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True)
class _Either:
    parts: tuple[_Node, ...]


@dataclass(frozen=True)
class _Repeat:
    part: _Node
    least: int
    most: int | None


_Node = _Chars | _Sequence | _Either | _Repeat
_EVERYTHING = _Repeat(_Chars(((0, _LAST),)), 0, None)


def _merged(ranges: list[tuple[int, int]]) -> _Ranges:
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def _inverted(ranges: _Ranges) -> _Ranges:
    found, start = [], 0
    for low, high in _merged(list(ranges)):
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)


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

    def whole(self) -> _Node:
        """The pattern as one that covers the whole string: a missing anchor becomes "anything"."""
        branches: list[_Node] = []
        while True:
            left = self.take("^")
            body = self.sequence(0)
            right = self.take("$")
            branches.append(_Sequence((*(() if left else (_EVERYTHING,)), body, *(() if right else (_EVERYTHING,)))))
            if self.at == len(self.source):
                return _Either(tuple(branches))
            if not self.take("|"):
                raise self.fail("an unmatched )" if self.peek(")") else "an anchor inside the pattern")

    def sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)^$":
            parts.append(self.quantified(self.atom(depth)))
        return _Sequence(tuple(parts))

    def group(self, depth: int) -> _Node:
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
        return _Either(tuple(branches))

    def atom(self, depth: int) -> _Node:
        letter = self.next()
        if letter == "(":
            return self.group(depth + 1)
        if letter == "[":
            return _Chars(self.character_class())
        if letter == ".":
            return _Chars(_inverted(((10, 10), (13, 13), (0x2028, 0x2029))))
        if letter == "\\":
            return _Chars(self.escape())
        if letter in "*+?{}]":
            self.at -= 1
            raise self.fail(f"a bare {letter}")
        return _Chars(((ord(letter), ord(letter)),))

    def escape(self) -> _Ranges:
        letter = self.next()
        for name, ranges in (("d", _DIGITS), ("w", _WORD), ("s", _SPACE)):
            if letter == name:
                return ranges
            if letter == name.upper():
                return _inverted(ranges)
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

    def character_class(self) -> _Ranges:
        inverted = self.take("^")
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
        ranges = _inverted(tuple(found)) if inverted else _merged(found)
        if not ranges:
            raise self.fail("a character class that nothing matches")
        return ranges

    def class_member(self) -> _Ranges:
        letter = self.next()
        if letter == "\\":
            return self.escape()
        return ((ord(letter), ord(letter)),)

    def quantified(self, node: _Node) -> _Node:
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
        return _Repeat(node, least, most)

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


def _size(node: _Node) -> int:
    if isinstance(node, _Chars):
        return 1
    if isinstance(node, _Repeat):
        return 1 + _size(node.part) * (max(node.least, 1) if node.most is None else max(node.most, 1))
    return 1 + sum(_size(part) for part in node.parts)


def _wide_places(node: _Node) -> int:
    if isinstance(node, _Chars):
        return int(node.ranges[0][0] < 128 <= node.ranges[-1][1])
    if isinstance(node, _Repeat):
        return _wide_places(node.part) * max(node.least if node.most is None else node.most, 1)
    return sum(_wide_places(part) for part in node.parts)


def _letter(code: int) -> str:
    return ("\\" if chr(code) in _SPECIAL else "") + chr(code)


def _plain(ranges: _Ranges) -> _Ranges:
    """What of a set may stand in a JSON string as it is: xgrammar does not escape what a pattern lets through."""
    found = []
    for low, high in ranges:
        for first, last in _PLAIN:
            if max(low, first) <= min(high, last):
                found.append((max(low, first), min(high, last)))
    return tuple(found)


def _written(node: _Node) -> str:
    if isinstance(node, _Chars):
        ranges = _plain(node.ranges)
        if not ranges:
            raise PatternError("a quote, backslash or control character is needed, which can't be enforced")
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return _letter(ranges[0][0])
        return "[" + "".join(_letter(a) + (f"-{_letter(b)}" if b > a else "") for a, b in ranges) + "]"
    if isinstance(node, _Repeat):
        most = "" if node.most is None else str(node.most)
        return f"(?:{_written(node.part)}){{{node.least},{most}}}"
    if isinstance(node, _Either):
        return "(?:" + "|".join(_written(part) for part in node.parts) + ")"
    return "".join(_written(part) for part in node.parts)


def _example(node: _Node) -> str:
    if isinstance(node, _Chars):
        for wanted in "a0A1-_. ":
            if any(low <= ord(wanted) <= high for low, high in node.ranges):
                return wanted
        return chr(node.ranges[0][0])
    if isinstance(node, _Repeat):
        return _example(node.part) * node.least
    if isinstance(node, _Either):
        return min((_example(part) for part in node.parts), key=len)
    return "".join(_example(part) for part in node.parts)


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
        self._ranges: list[_Ranges] = []
        self._next: list[list[int]] = []
        self._final = self._state(())
        self._first = self._build(self._node, self._final)

    def written(self) -> str:
        """The same pattern with anchors and sets spelled out, so that every engine reads the same into it.

        Without the characters that JSON escapes: a subset of what `matches` accepts.

        Raises: PatternError: nothing is left without them.
        """
        return f"^{_written(self._node)}$"

    def wide_places(self) -> int:
        """Places, with repetitions counted, where both ASCII and other characters may stand: dear to compile."""
        return _wide_places(self._node)

    def matches(self, text: str) -> bool:
        """Whether the pattern is found in the text, in time proportional to its length."""
        current = self._closure([self._first])
        for letter in text:
            code = ord(letter)
            reached = [
                target
                for state in current
                if any(low <= code <= high for low, high in self._ranges[state])
                for target in self._next[state]
            ]
            current = self._closure(reached)
            if not current:
                return False
        return self._final in current

    def _state(self, ranges: _Ranges, *targets: int) -> int:
        """A state that reads a character of ``ranges``, or one that reads nothing where there are none."""
        self._ranges.append(ranges)
        self._next.append(list(targets))
        return len(self._next) - 1

    def _build(self, node: _Node, after: int) -> int:
        if isinstance(node, _Chars):
            return self._state(node.ranges, after)
        if isinstance(node, _Sequence):
            for part in reversed(node.parts):
                after = self._build(part, after)
            return after
        if isinstance(node, _Either):
            return self._state((), *(self._build(part, after) for part in node.parts))
        if node.most is None:
            loop = self._state((), after)
            self._next[loop].append(self._build(node.part, loop))
            after = loop
        else:
            end = after
            for _ in range(node.most - node.least):
                after = self._state((), end, self._build(node.part, after))
        for _ in range(node.least):
            after = self._build(node.part, after)
        return after

    def _closure(self, states: list[int]) -> set[int]:
        seen: set[int] = set()
        waiting = states
        while waiting:
            state = waiting.pop()
            if state not in seen:
                seen.add(state)
                if not self._ranges[state]:
                    waiting.extend(self._next[state])
        return seen


PLAIN_CHARACTER = _written(_Chars(_PLAIN))
"""The set of the characters that stand in JSON text as they are, as a pattern."""


def example_of(source: str) -> str:
    """A short string that matches; the same every time. For patterns of any size.

    Raises: PatternError: as `Pattern`.
    """
    return _example(_Parser(source).whole())
