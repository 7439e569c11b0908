import json
import random
import re

import pytest
from grammar_toys import sample
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc.engines.grammar import Grammar, shortest
from aigc.engines.json_formats import FORMATS
from aigc.engines.json_text import in_string
from aigc.engines.pattern import Pattern, PatternError

SUPPORTED = [
    r"^[a-z]{2,3}-\d{4}$",
    "b",
    "^a",
    "a$",
    "^foo$|^bar$",
    "^(foo|bar)+$",
    "^a.c$",
    "^[^ab]{2}$",
    r"^\w+\s\w+$",
    "^a{0,3}$",
    "^$",
    "",
    r"^\.\-\/$",
    "^(?:ab)?c$",
    "^(a|b)*?c$",
    r"^[\w.-]+@[a-z]+$",
    r"^\x41\u0042$",
    "^a{2,}$",
]


@pytest.mark.parametrize("source", SUPPORTED)
@settings(max_examples=50)
@given(text=st.text(alphabet="abcfor0123-. @A\n_B/", max_size=8))
def test_it_matches_what_pythons_re_matches(source, text):
    assert Pattern(source).matches(text) == (re.search(source.replace("$", r"\Z"), text, re.ASCII) is not None)


@pytest.mark.parametrize("source", [*SUPPORTED, *FORMATS.values(), '^["\\n]$', r"^\x01\\$", "^.{3}$"])
@pytest.mark.parametrize("seed", range(5))
def test_what_its_grammar_yields_inside_of_a_json_string_matches(source, seed):
    pattern = Pattern(source)
    drawn = sample(Grammar(in_string(pattern.node)), random.Random(seed))
    assert pattern.matches(json.loads(f'"{drawn}"'))
    assert pattern.matches(shortest(Grammar(pattern.node)))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"^(?!x).*$", "look-around"),
        (r"^(?=a)$", "look-around"),
        (r"(?<n>a)", "named group"),
        (r"(a)\1", "back-reference"),
        (r"\bword\b", "word boundary"),
        (r"\p{L}", "Unicode class"),
        ("a**", "two quantifiers"),
        ("(a", "without its )"),
        ("a)", "unmatched )"),
        ("[z-a]", "out of order"),
        ("a{3,2}", "out of order"),
        ("a{x}", "malformed"),
        ("[a", "too early"),
        ("(^a)", "anchor inside a group"),
        ("a^b", "anchor inside"),
        ("*a", "bare *"),
        ("((a{99}){99}){99}", "states"),
        ("(" * 99 + ")" * 99, "groups inside each other"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_name(source, words):
    with pytest.raises(PatternError, match=re.escape(words)):
        Pattern(source)


@pytest.mark.timeout(5)
def test_patterns_that_ruin_a_backtracking_engine_take_no_time():
    assert not Pattern("^(a+)+$").matches("a" * 2000 + "b")
    assert not Pattern("^(?:a*a*a*a*a*a*a*c)$").matches("a" * 1000)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2024-02-29", "2023-02-29"),
        ("date", "1999-12-31", "1999-11-31"),
        ("date", "2024-01-01", "2024-1-1"),
        ("time", "23:59:59.5+01:00", "24:00:00Z"),
        ("date-time", "2024-05-06T07:08:09Z", "2024-05-06 07:08:09Z"),
        ("duration", "P1DT2H", "P"),
        ("duration", "PT5M", "P5H"),
        ("email", "a.b@c.org", "a@b@c.org"),
        ("email", "a@b.cn", "a"),
        ("hostname", "a-1.example", "-a"),
        ("ipv4", "255.0.10.9", "256.0.0.1"),
        ("ipv4", "1.2.3.4", "01.2.3.4"),
        ("ipv6", "::1", ":::"),
        ("ipv6", "2001:db8::ff:0", "2001:db8::ff::1"),
        ("ipv6", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
        ("uri", "https://a.example:80/b/c", "no uri"),
    ],
)
def test_formats_follow_their_rfc(name, good, bad):
    pattern = Pattern(FORMATS[name])
    assert pattern.matches(good)
    assert not pattern.matches(bad)
