"""Ranges of numbers as grammars of their digits.

An integer may lie anywhere within 64 bits, and is exact. A decimal has at most 15 digits before its point and no
exponent; next to a bound it has so few digits that no reader rounds it to the bound.

Knows: digits. Does not know: JSON, schemas.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from aigc.engines.grammar import Either, Node, Repeat, Row, Text, either, row, span

LARGEST = 2**63 - 1
"""Largest integer of a range, and with a minus the smallest."""
_PRECISION = 15
LARGEST_DECIMAL = Decimal(10**_PRECISION - 1)
"""Largest decimal of a range."""

_DIGIT = span("0", "9")


def _digits(least: int, most: int) -> Node:
    if least == most == 1:
        return _DIGIT
    return Repeat(_DIGIT, least, most) if most else Text("")


def integers(low: int, high: int) -> Node:
    """Every integer from ``low`` to ``high``, which is not less."""
    ways = []
    if low < 0:
        ways.append(row("-", _naturals(max(1, -high), -low)))
    if high >= 0:
        ways.append(_naturals(max(0, low), high))
    return either(ways)


def _naturals(low: int, high: int) -> Node:
    ways: list[Node] = []
    first, last = len(str(low)), len(str(high))
    whole = range(
        first + (low > 10 ** (first - 1) or low == 0), last + (high == 10**last - 1)
    )  # lengths without limits
    for length in range(first, last + 1):
        if length not in whole:
            a, b = max(low, 10 ** (length - 1) if length > 1 else 0), min(high, 10**length - 1)
            ways.append(_same_length(str(a), str(b)))
    if whole:
        ways.append(row(span("1", "9"), _digits(whole[0] - 1, whole[-1] - 1)))
    return either(ways)


def _same_length(low: str, high: str) -> Node:
    if not low:
        return Text("")
    if low == high:
        return Text(low)
    if set(low) == {"0"} and set(high) == {"9"}:
        return _digits(len(low), len(low))
    if low[0] == high[0]:
        return row(low[0], _same_length(low[1:], high[1:]))
    ways: list[Node] = []
    rest = len(low) - 1
    first, last = int(low[0]), int(high[0])
    if set(low[1:]) - {"0"}:
        ways.append(row(low[0], _same_length(low[1:], "9" * rest)))
        first += 1
    if set(high[1:]) - {"9"}:
        ways.append(row(high[0], _same_length("0" * rest, high[1:])))
        last -= 1
    if first <= last:
        ways.append(row(span(str(first), str(last)), _digits(rest, rest)))
    return either(ways)


def decimals(low: Decimal, high: Decimal, *, above: bool, below: bool) -> Node | None:
    """Every decimal from ``low`` to ``high``, without them where ``above`` or ``below``; None: there is none.

    Raises: ValueError: the bounds have too many digits for this.
    """
    spans = [_split(abs(bound)) for bound in (low, high)]
    room = _PRECISION - max(len(whole) + len(fraction) for whole, fraction in spans)
    if room < 0:
        raise ValueError(f"the bounds have more than {_PRECISION} digits")
    ways = []
    if low < 0:
        zero = high >= 0
        found = _magnitudes(Decimal(0) if zero else -high, zero or below, -low, above, room)
        ways += [row("-", found)] if found else []
    if high >= 0 and (high > 0 or not below):
        found = _magnitudes(max(low, Decimal(0)), low >= 0 and above, high, below, room)
        ways += [found] if found else []
    return either(ways) if ways else None


def _split(number: Decimal) -> tuple[str, str]:
    whole, _, fraction = f"{number:f}".partition(".")
    return whole, fraction.rstrip("0")


def _magnitudes(low: Decimal, above: bool, high: Decimal, below: bool, room: int) -> Node | None:
    (first, f), (last, g) = _split(low), _split(high)
    if low > high:
        return None
    if first == last:
        return _with_fraction(first, _between(f, above, g, below, room))
    ways = [_with_fraction(first, _at_least(f, above, room)), _with_fraction(last, _at_most(g, below, room))]
    if int(last) - int(first) > 1:
        ways.append(_with_fraction(integers(int(first) + 1, int(last) - 1), _digits(0, room)))
    found = [way for way in ways if way is not None]
    return either(found) if found else None


def _with_fraction(whole: Node | str, digits: Node | None) -> Node | None:
    """A number with a point only if digits follow."""
    if digits is None:
        return None
    some = _nonempty(digits)
    ways = [row(whole)] if _may_be_empty(digits) else []
    ways += [row(whole, ".", some)] if some is not None else []
    return either(ways)


def _may_be_empty(node: Node) -> bool:
    if isinstance(node, Either):
        return any(_may_be_empty(part) for part in node.parts)
    return node == Text("") or (isinstance(node, Repeat) and node.least == 0)


def _nonempty(node: Node) -> Node | None:
    if isinstance(node, Either):
        found = [part for part in map(_nonempty, node.parts) if part is not None]
        return either(found) if found else None
    if isinstance(node, Repeat):
        return Repeat(node.part, 1, node.most) if node.most else None
    return None if node == Text("") else node


# Digits after the point: each function gives the strings d (the empty one included, where it counts) for which 0.d
# fulfils a condition.


def _some(ways: Sequence[Node | None]) -> Node | None:
    found = [way for way in ways if way is not None]
    return either(found) if found else None


def _then(digit: str, rest: Node | None) -> Node | None:
    return None if rest is None else row(digit, rest)


def _middle(first: int, last: int, room: int) -> Node | None:
    return Row((span(str(first), str(last)), _digits(0, room))) if first <= last else None


def _positive(room: int) -> Node | None:
    if room < 1:
        return None
    return Row((Repeat(Text("0"), 0, room - 1), span("1", "9"), _digits(0, room - 1)))


def _at_least(bound: str, above: bool, room: int) -> Node | None:
    bound = bound.rstrip("0")
    if not bound:
        return _positive(room) if above else _digits(0, room)
    return _some([_middle(int(bound[0]) + 1, 9, room), _then(bound[0], _at_least(bound[1:], above, room))])


def _at_most(bound: str, below: bool, room: int) -> Node | None:
    bound = bound.rstrip("0")
    if not bound:
        return None if below else Repeat(Text("0"), 0, room)
    return _some([Text(""), _middle(0, int(bound[0]) - 1, room), _then(bound[0], _at_most(bound[1:], below, room))])


def _between(low: str, above: bool, high: str, below: bool, room: int) -> Node | None:
    low, high = low.rstrip("0"), high.rstrip("0")
    if not low and not above:
        return _at_most(high, below, room)
    if not high:  # equal
        return None if above or below else Repeat(Text("0"), 0, room)
    first, last = low[:1] or "0", high[0]
    if first == last:
        return _then(first, _between(low[1:], above, high[1:], below, room))
    return _some(
        [
            _then(first, _at_least(low[1:], above, room)),
            _middle(int(first) + 1, int(last) - 1, room),
            _then(last, _at_most(high[1:], below, room)),
        ]
    )
