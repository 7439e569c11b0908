"""Automata: the language is that of Python's ``re``, and each text is read in one way."""

import random
import re

import pytest
from grammar_toys import accepts

from aigc.engines.automaton import Automaton, TooMuchWorkError
from aigc.engines.grammar import Either, Grammar, Node, Row, common
from aigc.engines.pattern import Pattern

PATTERNS = [
    r"a?b?c?d?",
    r"[ab]{0,5}c",
    r"(ab|a|abc){2,3}",
    r"(a|b)*a(a|b){3}",
    r"a{2,4}b{0,2}|c",
    r"(?:a.?){0,3}",
    r"[a-c](?:[a-c-]{0,3}[a-c])?(?:\.[a-c]{1,2}){0,2}",
    r"",
    r"abc|abd|xbd",
    r"(a*b*)*c",
]


def grammar(source: str, allowed: int = 10_000) -> Grammar:
    root, rules = Automaton(Pattern(f"^(?:{source})$").node).rules("s", allowed)
    return Grammar(root, rules)


@pytest.mark.parametrize("source", PATTERNS)
def test_an_automatons_rules_accept_what_re_does(source: str) -> None:
    rng = random.Random(7)
    written = grammar(source)
    texts = {"".join(rng.choices("abcdx.-", k=rng.randint(0, 8))) for _ in range(400)}
    assert {t for t in texts if accepts(written, t)} == {t for t in texts if re.fullmatch(source, t)}


@pytest.mark.parametrize("source", PATTERNS)
def test_each_text_is_read_in_one_way(source: str) -> None:
    def first(node: Node) -> tuple[tuple[int, int], ...]:
        if isinstance(node, Row):
            return first(node.parts[0])
        ranges = getattr(node, "ranges", None)
        text = getattr(node, "text", "")
        return ranges or (((ord(text[0]), ord(text[0])),) if text else ())

    for node in grammar(source).rules.values():
        ways = [first(part) for part in (node.parts if isinstance(node, Either) else (node,))]
        assert not any(common(a, b) for i, a in enumerate(ways) for b in ways[:i])


def test_what_is_counted_takes_a_rule_for_each_count() -> None:
    written = grammar("[ab]{0,100}c")
    assert len(written.rules) == 100  # the end itself needs none


def test_a_literal_takes_one_rule() -> None:
    assert len(grammar("abcdefgh").rules) == 1


def test_an_automaton_that_explodes_is_given_up() -> None:
    with pytest.raises(TooMuchWorkError):
        grammar("(a|b)*a(a|b){14}")
