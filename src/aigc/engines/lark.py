"""Writes a Lark grammar as one regular expression, where it is regular.

Engines enforce a pattern inside of a JSON string, not a grammar. Rules are put in place of their names; a rule that
calls itself as the first or the last part of its alternatives is a repetition; any other recursion is no regular
language, and is refused by name, and so is what would need a lexer (``%ignore``, priorities that matter, templates).

Source: Lark's grammar reference; Arden, "Delayed-logic and finite-state machines", 1961 (recursion as repetition).
Knows: grammars as text. Does not know: JSON, schemas, engines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
_MAX_PATTERN = 100_000


class GrammarError(ValueError):
    """The grammar is malformed, or can't be written as a regular expression; the text says what and where."""


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass(frozen=True)
class _Either:
    branches: tuple[tuple[_Part, ...], ...]
    """Alternatives, each a sequence of parts."""
    quantifier: str = ""


_Part = str | _Name | _Either
"""A finished pattern, the name of a rule, or a group."""


def to_pattern(grammar: str) -> str:
    """The pattern, without anchors, of what the rule ``start`` accepts.

    Raises: GrammarError: it is malformed, needs recursion or a lexer, or grows too large.
    """
    rules = _Parser(grammar).rules()
    if "start" not in rules:
        raise GrammarError("it has no rule 'start'")
    return _Writer(rules).rule("start")


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

    def rules(self) -> dict[str, _Either | str]:
        """Every rule and terminal by name."""
        found: dict[str, _Either | str] = {}
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

    def _directive(self, directive: str) -> dict[str, _Either | str]:
        if directive != "%import":
            raise GrammarError(f"{directive} can't be written as a regular expression")
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

    def _common(self, name: str) -> str:
        if name not in _COMMON:
            raise GrammarError(f"common.{name} is unknown; known: {', '.join(sorted(_COMMON))}")
        return _COMMON[name]

    def _either(self, depth: int) -> _Either:
        if depth > 50:
            raise GrammarError("more than 50 groups inside each other")
        branches = []
        while True:
            self._take("line")
            self._take("mark", "|")
            branch: list[_Part] = []
            while (part := self._item(depth)) is not None:
                branch.append(part)
            branches.append(tuple(branch))
            if self._take("arrow"):
                self._need("name")
            following = self._tokens[self._at + 1] if self._peek("line") else self._tokens[self._at]
            if following != ("mark", "|") and not (depth and self._take("line")):
                return _Either(tuple(branches))

    def _item(self, depth: int) -> _Part | None:
        if depth:
            self._take("line")
        if name := self._take("name"):
            part: _Part = _Name(name.lstrip("!?"))
        elif text := self._take("string"):
            part = self._range(text) if self._take("range") else _literal(text)
        elif regex := self._take("regex"):
            body, _, flags = regex[1:].rpartition("/")
            if flags:
                raise GrammarError(f"the flags {flags!r} of /{body[:40]}/")
            part = f"(?:{body})"
        elif self._take("mark", "("):
            part = self._either(depth + 1)
            self._need("mark", ")")
        elif self._take("mark", "["):
            part = _Either(self._either(depth + 1).branches, "?")
            self._need("mark", "]")
        else:
            return None
        for mark in "?*+":
            if self._take("mark", mark):
                return _Either(((part,),), mark)
        if count := self._take("count"):
            least, _, most = re.sub(r"[~{}\s]", "", count).replace("..", ",").partition(",")
            open_ended = count.endswith(",}")
            return _Either(((part,),), f"{{{least}{',' if open_ended or most else ''}{most}}}")
        return part

    def _range(self, low: str) -> str:
        high = self._need("string")
        letters = [_unquoted(low), _unquoted(high)]
        if any(len(letter) != 1 for letter in letters):
            raise GrammarError(f"the range {low}..{high} has ends that are not one character")
        return f"[{_escape(letters[0])}-{_escape(letters[1])}]"


def _unquoted(text: str) -> str:
    body = text[1 : text.rindex('"')]
    controls = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}

    def letter(match: re.Match[str]) -> str:
        return chr(int(match[1][1:], 16)) if match[1][0] in "xu" else controls.get(match[1], match[1])

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", letter, body)


def _literal(text: str) -> str:
    fold = text.endswith("i")
    parts = []
    for letter in _unquoted(text):
        cases = sorted({letter.lower(), letter.upper()}) if fold else [letter]
        single = all(len(case) == 1 for case in cases)
        parts.append(f"[{''.join(map(_escape, cases))}]" if len(cases) > 1 and single else _escape(letter))
    return "".join(parts)


def _escape(letter: str) -> str:
    if letter in "\n\t\r\f":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f"}[letter]
    return f"\\{letter}" if letter in "\\^$.|?*+()[]{}/-" else letter


class _Writer:
    """Puts rules in place of their names."""

    def __init__(self, rules: dict[str, _Either | str]) -> None:
        self._rules = rules
        self._written: dict[str, str] = {}
        self._open: list[str] = []

    def rule(self, name: str) -> str:
        if name in self._written:
            return self._written[name]
        if name in self._open:
            raise GrammarError(f"the rule {name!r} is recursive ({' > '.join([*self._open, name])})")
        if name not in self._rules:
            raise GrammarError(f"{name!r} is not defined")
        if len(self._open) > 100:
            raise GrammarError("its rules are nested more than 100 deep")
        body = self._rules[name]
        self._open.append(name)
        found = body if isinstance(body, str) else self._unrolled(_Name(name), body)
        self._open.pop()
        self._written[name] = self._limited(found)
        return found

    def _unrolled(self, name: _Name, body: _Either) -> str:
        """``a: a x | y`` is ``y x*``, ``a: x a | y`` is ``x* y``; anything else as it stands."""
        left = tuple(b[1:] for b in body.branches if len(b) > 1 and b[0] == name)
        right = tuple(b[:-1] for b in body.branches if len(b) > 1 and b[-1] == name)
        ends = tuple(b for b in body.branches if name not in (b[:1] + b[-1:]))
        if bool(left) == bool(right) or not ends:
            return self._either(body)
        again = self._either(_Either(left or right, "*"))
        end = f"(?:{self._either(_Either(ends))})"
        return end + again if left else again + end

    def _either(self, node: _Either) -> str:
        text = "|".join(dict.fromkeys(self._sequence(branch) for branch in node.branches))
        if node.quantifier:
            return f"(?:{text}){node.quantifier}"
        return self._limited(text)

    def _sequence(self, branch: tuple[_Part, ...]) -> str:
        return self._limited("".join(self._part(part) for part in branch))

    def _part(self, part: _Part) -> str:
        if isinstance(part, str):
            return part
        text = self.rule(part.name) if isinstance(part, _Name) else self._either(part)
        plain = "|" not in text or (isinstance(part, _Either) and part.quantifier)
        return text if plain else f"(?:{text})"

    def _limited(self, text: str) -> str:
        if len(text) > _MAX_PATTERN:
            raise GrammarError(f"as a regular expression it has more than {_MAX_PATTERN} characters")
        return text
