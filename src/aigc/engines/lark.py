"""Reads a Lark grammar as one of ours, recursion included.

A rule that calls itself as the first part of its alternatives is written as a repetition, since llama.cpp reads no left
recursion; one that comes back to its own beginning by way of others is refused by name. So is what would need a lexer
(``%ignore``, templates, imports beside ``common``); priorities change no language, and are skipped.

Sources: Lark's grammar reference; Arden, "Delayed-logic and finite-state machines", 1961 (recursion as repetition).
Knows: grammars as text. Does not know: JSON, schemas, engines.
"""

from __future__ import annotations

import re

from aigc.engines.grammar import (
    Chars,
    Either,
    Grammar,
    Node,
    Repeat,
    Row,
    Rule,
    Text,
    either,
    loop,
    maybe,
    merged,
    parts,
    row,
    shortest,
    size,
)
from aigc.engines.pattern import Pattern, PatternError

_COMMON = {
    "DIGIT": "[0-9]",
    "HEXDIGIT": "[0-9a-fA-F]",
    "INT": "[0-9]+",
    "SIGNED_INT": "[+-]?[0-9]+",
    "DECIMAL": r"(?:[0-9]+\.[0-9]*|\.[0-9]+)",
    "FLOAT": r"(?:[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)",
    "LCASE_LETTER": "[a-z]",
    "UCASE_LETTER": "[A-Z]",
    "LETTER": "[a-zA-Z]",
    "WORD": "[a-zA-Z]+",
    "CNAME": "[a-zA-Z_][a-zA-Z0-9_]*",
    "WS_INLINE": r"[ \t]+",
    "WS": r"[ \t\f\r\n]+",
    "CR": r"\r",
    "LF": r"\n",
    "NEWLINE": r"(?:\r?\n)+",
}
_COMMON["SIGNED_FLOAT"] = f"[+-]?{_COMMON['FLOAT']}"
_COMMON["NUMBER"] = f"(?:{_COMMON['FLOAT']}|[0-9]+)"
_COMMON["SIGNED_NUMBER"] = f"[+-]?{_COMMON['NUMBER']}"

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\f]+|(?://|\#)[^\n]*)
    |(?P<line>\r?\n[\s]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"i?)
    |(?P<regex>/(?!/)(?:\\.|[^/\\\n])+/[imslux]*)
    |(?P<count>~\s*[0-9]+(?:\s*\.\.\s*[0-9]+)?|\{[0-9]+(?:,[0-9]*)?\})
    |(?P<directive>%[a-z_]+)
    |(?P<arrow>->)|(?P<range>\.\.)
    |(?P<name>[!?]?[A-Za-z_][A-Za-z0-9_]*)(?P<priority>\.-?[0-9]+)?
    |(?P<mark>[:|()\[\]?*+.,])""",
    re.VERBOSE,
)
_MAX_TOKENS = 5000
_MAX_COUNT = 1000
_INLINE = 100
"""A rule of at most so many nodes stands where it is named: tokens that cross the end of a rule are dear to judge."""
_MAX_SIZE = 10_000


class GrammarError(ValueError):
    """The grammar is malformed, or can't be enforced; the text says what and where."""


def to_grammar(grammar: str) -> Grammar:
    """What the rule ``start`` accepts.

    Raises: GrammarError: it is malformed, recurs at its beginning, needs a lexer, is too large, or accepts nothing.
    """
    rules = _Parser(grammar).rules()
    if "start" not in rules:
        raise GrammarError("it has no rule 'start'")
    for name, node in rules.items():
        rules[name] = _unrolled(Rule(name), node)
    if (looping := loop(rules)) is not None:
        raise GrammarError(f"the rule {looping!r} begins with itself, by way of others")
    found = _inlined(rules)
    if sum(map(size, found.rules.values())) > _MAX_SIZE:
        raise GrammarError(f"it has more than {_MAX_SIZE} parts")
    if shortest(found) is None:
        raise GrammarError("no finite text satisfies it: a part of it requires itself")
    return found


def _unrolled(name: Rule, body: Node) -> Node:
    """``a: a x | y`` is ``y x*``; anything else as it stands."""
    branches = body.parts if isinstance(body, Either) else (body,)
    tails = [row(*b.parts[1:]) for b in branches if isinstance(b, Row) and b.parts[0] == name]
    ends = [b for b in branches if b != name and not (isinstance(b, Row) and b.parts[0] == name)]
    if not tails or not ends:
        return body
    return row(either(ends), Repeat(either(tails), 0, None))


def _inlined(rules: dict[str, Node]) -> Grammar:
    """The rules that ``start`` needs, under names that every engine reads; small ones in place of their names."""
    done: dict[str, Node] = {}
    names: dict[str, str] = {}
    opened: list[str] = []

    def again(node: Node) -> Node:
        if isinstance(node, Rule):
            return visit(node.name)
        if isinstance(node, Repeat):
            return Repeat(again(node.part), node.least, node.most)
        if isinstance(node, Row):
            return row(*map(again, node.parts))
        return _factored([again(part) for part in node.parts]) if isinstance(node, Either) else node

    def visit(name: str) -> Node:
        if name not in rules:
            raise GrammarError(f"{name!r} is not defined")
        if name not in names:
            names[name] = f"l{len(names)}"
            opened.append(name)
            if len(opened) > 100:
                raise GrammarError("its rules are nested more than 100 deep")
            done[name] = again(rules[name])
            opened.pop()
        if name in opened or size(done[name]) > _INLINE or _names(done[name]):
            return Rule(names[name])
        return done[name]

    visit("start")
    kept = {names[name]: node for name, node in done.items()}
    return Grammar(Rule(names["start"]), kept)


def _factored(ways: list[Node]) -> Node:
    """One of the ways, what several begin with written once.

    llama.cpp would follow each from there, and double them with every round of a recursion.
    """
    begins: dict[Node, list[Node]] = {}
    for way in ways:
        first, *rest = way.parts if isinstance(way, Row) else (way,)
        begins.setdefault(first, []).append(row(*rest))
    return either([row(first, _factored(rests) if len(rests) > 1 else rests[0]) for first, rests in begins.items()])


def _names(node: Node) -> bool:
    return isinstance(node, Rule) or any(map(_names, parts(node)))


class _Parser:
    def __init__(self, grammar: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(grammar):
            match = _TOKEN.match(grammar, at)
            if match is None:
                raise GrammarError(f"{grammar[at : at + 20]!r} at position {at} is not understood")
            kind = "name" if match["name"] else str(match.lastgroup)
            if kind != "skip":
                self._tokens.append((kind, match["name"] or match[0]))
            at = match.end()
            if len(self._tokens) > _MAX_TOKENS:
                raise GrammarError(f"it has more than {_MAX_TOKENS} tokens")
        self._tokens.append(("end", "the end"))
        self._at = 0

    def rules(self) -> dict[str, Node]:
        """Every rule and terminal by name."""
        found: dict[str, Node] = {}
        while not self._peek("end"):
            if self._take("line"):
                continue
            if directive := self._take("directive"):
                found |= self._directive(directive)
            else:
                name = self._need("name").lstrip("!?")
                if name in found:
                    raise GrammarError(f"{name!r} is defined twice")
                self._need("mark", ":")
                found[name] = self._either(0)
            if not self._peek("end"):
                self._need("line")
        return found

    def _peek(self, kind: str, text: str | None = None) -> bool:
        token = self._tokens[self._at]
        return token[0] == kind and text in (None, token[1])

    def _take(self, kind: str, text: str | None = None) -> str | None:
        if not self._peek(kind, text):
            return None
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _need(self, kind: str, text: str | None = None) -> str:
        found = self._take(kind, text)
        if found is None:
            raise GrammarError(f"expected {text or kind} instead of {self._tokens[self._at][1].strip()[:20]!r}")
        return found

    def _directive(self, directive: str) -> dict[str, Node]:
        if directive != "%import":
            raise GrammarError(f"{directive} can't be enforced: tokens and characters are one here")
        if self._need("name") != "common" or not self._take("mark", "."):
            if not self._peek("mark", "("):
                raise GrammarError("only 'common' can be imported")
            self._at += 1
            names = [self._need("name")]
            while self._take("mark", ","):
                names.append(self._need("name"))
            self._need("mark", ")")
            return {name: self._common(name) for name in names}
        name = self._need("name")
        alias = self._need("name") if self._take("arrow") else name
        return {alias: self._common(name)}

    def _common(self, name: str) -> Node:
        if name not in _COMMON:
            raise GrammarError(f"common.{name} is unknown; known: {', '.join(sorted(_COMMON))}")
        return _regular(_COMMON[name])

    def _either(self, depth: int) -> Node:
        if depth > 50:
            raise GrammarError("more than 50 groups inside each other")
        branches = []
        while True:
            self._take("line")
            self._take("mark", "|")
            branch: list[Node] = []
            while (part := self._item(depth)) is not None:
                branch.append(part)
            branches.append(row(*branch))
            if self._take("arrow"):
                self._need("name")
            following = self._tokens[self._at + 1] if self._peek("line") else self._tokens[self._at]
            if following != ("mark", "|") and not (depth and self._take("line")):
                return either(branches)

    def _item(self, depth: int) -> Node | None:
        if depth:
            self._take("line")
        if name := self._take("name"):
            part: Node = Rule(name.lstrip("!?"))
        elif text := self._take("string"):
            part = self._range(text) if self._take("range") else _literal(text)
        elif regex := self._take("regex"):
            body, _, flags = regex[1:].rpartition("/")
            if flags:
                raise GrammarError(f"the flags {flags!r} of /{body[:40]}/")
            part = _regular(body)
        elif self._take("mark", "("):
            part = self._either(depth + 1)
            self._need("mark", ")")
        elif self._take("mark", "["):
            part = maybe(self._either(depth + 1))
            self._need("mark", "]")
        else:
            return None
        return self._repeated(part)

    def _repeated(self, part: Node) -> Node:
        for mark, least, most in (("?", 0, 1), ("*", 0, None), ("+", 1, None)):
            if self._take("mark", mark):
                return Repeat(part, least, most)
        if not (count := self._take("count")):
            return part
        first, comma, second = re.sub(r"[~{}\s]", "", count).replace("..", ",").partition(",")
        if max(len(first), len(second)) > 6 or max(int(first), int(second or 0)) > _MAX_COUNT:
            raise GrammarError(f"the count {count.strip()[:20]} is above {_MAX_COUNT}")
        if second and int(second) < int(first):
            raise GrammarError(f"the count {count.strip()} is out of order")
        return Repeat(part, int(first), int(second) if second else None if comma else int(first))

    def _range(self, low: str) -> Node:
        high = self._need("string")
        letters = [_unquoted(low), _unquoted(high)]
        if any(len(letter) != 1 for letter in letters) or letters[0] > letters[1]:
            raise GrammarError(f"the range {low}..{high} has ends that are not one character, or out of order")
        return Chars(((ord(letters[0]), ord(letters[1])),))


def _regular(source: str) -> Node:
    try:
        return Pattern(f"^(?:{source})$").node
    except PatternError as error:
        raise GrammarError(str(error)) from None


def _unquoted(text: str) -> str:
    body = text[1 : text.rindex('"')]
    controls = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}

    def letter(match: re.Match[str]) -> str:
        return chr(int(match[1][1:], 16)) if match[1][0] in "xu" else controls.get(match[1], match[1])

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", letter, body)


def _literal(text: str) -> Node:
    pieces: list[Node] = []
    for letter in _unquoted(text):
        cases = {letter.lower(), letter.upper()} if text.endswith("i") else {letter}
        folds = len(cases) > 1 and all(len(case) == 1 for case in cases)
        pieces.append(Chars(merged([(ord(case), ord(case)) for case in cases])) if folds else Text(letter))
    return row(*pieces)
