"""What an answer is bound to, and the one grammar that this comes to, the same for every engine.

Knows: the form of JSON answers and tool calls. Does not know: engines' notations, schemas.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from aigc.engines.grammar import Grammar, Node, Repeat, either, renamed, row

BETWEEN_CALLS = "\n"


class JsonConstraint(msgspec.Struct, frozen=True):
    """The whole answer is a text of the grammar."""

    grammar: Grammar


class ToolConstraint(msgspec.Struct, frozen=True):
    """Calls look like ``begin + '{"name": "f", "arguments": {...}}' + end``, with arguments of the tool's grammar.

    ``required``: the answer consists of calls; otherwise free text is allowed and only what follows ``begin`` is
    constrained. ``parallel``: more than one call may be made.
    """

    grammars: tuple[tuple[str, Grammar], ...]
    """(name, grammar of the arguments) of every tool that may be called."""
    begin: str
    end: str
    required: bool
    parallel: bool
    otherwise: Grammar | None = None
    """Where nothing is called, the whole answer is a text of this grammar; None: it is free."""

    @property
    def trigger(self) -> str:
        """The text from which on an answer that may be free is a call."""
        return self.begin.rstrip()

    @property
    def waits(self) -> bool:
        """Whether the answer is free up to the trigger."""
        return not self.required and self.otherwise is None


Constraint = JsonConstraint | ToolConstraint


def call_body(constraint: ToolConstraint) -> Grammar:
    """What stands between ``begin`` and ``end``: one call of any of the tools."""
    calls, rules = _joined([grammar for _, grammar in constraint.grammars])
    ways = [
        row(f'{{"name": {json.dumps(name)}, "arguments": ', arguments, "}")
        for (name, _), arguments in zip(constraint.grammars, calls, strict=True)
    ]
    return Grammar(either(ways), rules)


def whole(constraint: Constraint) -> Grammar:
    """The whole answer; where it may begin with free text, what follows from the trigger on."""
    if isinstance(constraint, JsonConstraint):
        return constraint.grammar
    body = call_body(constraint)
    call = row(constraint.begin, body.root, constraint.end)
    calls = row(call, Repeat(row(BETWEEN_CALLS, call), 0, None if constraint.parallel else 0))
    if constraint.required or constraint.otherwise is None:
        return Grammar(calls, body.rules)
    (calls, answer), rules = _joined([Grammar(calls, body.rules), constraint.otherwise])
    return Grammar(either([calls, answer]), rules)


def _joined(grammars: Sequence[Grammar]) -> tuple[list[Node], dict[str, Node]]:
    """The roots of several grammars, and all their rules under names that don't collide."""
    if len(grammars) == 1:
        return [grammars[0].root], dict(grammars[0].rules)
    roots: list[Node] = []
    rules: dict[str, Node] = {}
    for number, grammar in enumerate(grammars):
        apart = renamed(grammar, f"g{number}")
        roots.append(apart.root)
        rules |= apart.rules
    return roots, rules
