"""Everything that can be said, as one tree of words: the captions' own ways, the kinds' words and ``synonyms.toml``.

Words are cut small: letters, digits, or one Chinese character; articles are left out. So "hot-air balloon" and "hot air
balloon", "3-D" and "3D" are the same, and Chinese needs no spaces.

Knows: phrases and the concepts they stand for. Does not know: sentences.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from aigc.scenes.concepts import NUMBERS, slot
from aigc.scenes.kinds import named, pictured
from aigc.scenes.words import Ways, Words, words

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ARTICLES = {"a": "a", "an": "a", "the": "the"}
BREAKS = frozenset(',.;:!?()[]{}"|，。；：！？、（）【】《》“”…\n')
_TOKEN = re.compile(r"[㐀-鿿]|[^\W\d_㐀-鿿]+|\d+|[^\s]|\n")
_SHADES = (("dark", "light", "deep", "pale", "bright", "vivid"), ("深", "浅", "淡", "暗", "亮"))
_TAGGED = re.compile(r"^(at|by|in|during|under|with|on|while it|full of|before) ")
"""Beginnings that captions made of tags leave out."""


class Entry(NamedTuple):
    """What a phrase stands for.

    Attributes:
        role: The slot of its concept; or ``between``, ``under``, ``after``, ``has``, ``side`` (relations, see
            ``synonyms.toml``), ``hint`` (all of it is implied), ``not``, ``passing``, ``function``, ``trap``.
        concepts: The first is meant; others are implied.
        plural: An English plural, which means more than one.
        counted: The kind it names where a number or a colour stands before it: "two birds" and "birds" in the sky.
    """

    role: str
    concepts: tuple[str, ...] = ()
    plural: bool = False
    counted: str = ""


class Token(NamedTuple):
    """A word: its normal form, where it is, and the article before it as (normal form, start, end)."""

    text: str
    start: int
    end: int
    article: tuple[str, int, int] | None = None


class Node:
    """A place in the tree of phrases."""

    __slots__ = ("entry", "next")

    def __init__(self) -> None:
        self.next: dict[str, Node] = {}
        self.entry: Entry | None = None


class Synonyms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of ``synonyms.toml``."""

    kind: Ways
    colour: Ways
    count: Ways
    place: Ways
    season: Ways
    time: Ways
    weather: Ways
    extra: Ways
    style: Ways
    projection: Ways
    backdrop: Ways
    both: Ways
    hint: Ways
    between: Ways
    under: Ways
    after: Ways
    side: Ways
    other: Ways
    traditional: str


def tokens(text: str) -> list[Token]:
    """The words of a text, with punctuation, without articles."""
    found: list[Token] = []
    article: tuple[str, int, int] | None = None
    for match in _TOKEN.finditer(_normal(text)):
        word = match.group()
        if word in ARTICLES:
            article = (ARTICLES[word], match.start(), match.end())
        elif word.isalnum() or word in BREAKS or (word > "\u2000" and unicodedata.category(word[0]) == "So"):
            found.append(Token(word, match.start(), match.end(), article))
            article = None
    return found


@lru_cache(maxsize=1)
def tree() -> Node:
    """The root of all phrases."""
    root = Node()
    for phrase, entry in _phrases():
        node = root
        for token in tokens(phrase):
            node = node.next.setdefault(token.text, Node())
        node.entry = _joined(node.entry, entry)
    return root


def _joined(old: Entry | None, new: Entry) -> Entry:
    """Of two meanings the first; an English plural that also names a view keeps both."""
    if old is not None and new.role == "kind" and new.plural and old.role in ("extra", "place", "time"):
        return old._replace(counted=new.concepts[0])
    return old or new


def _phrases() -> Iterator[tuple[str, Entry]]:
    """All phrases; where two are alike, the earlier one counts."""
    known = synonyms()
    for phrase, concepts in known.both.items():
        yield phrase, Entry(slot(concepts[0]), tuple(concepts))
    for phrase, concepts in known.hint.items():
        yield phrase, Entry("hint", tuple(concepts))
    for trap in known.other["traps"]:
        yield trap, Entry("trap")
    for language in ("english", "chinese"):
        yield from _captioned(words(language))
    for name in ("place", "season", "time", "weather", "extra", "style", "projection", "backdrop"):
        yield from _slot(name, getattr(known, name))
    yield from _kinds(known.kind)
    yield from _colours(known.colour)
    yield from _counts(known.count)
    yield from _relations(known)
    for role in ("not", "passing", "function"):
        for phrase in known.other[role]:
            yield phrase, Entry(role)


def _captioned(w: Words) -> Iterator[tuple[str, Entry]]:
    """What captions say of a view."""
    for ways in (w.place, w.where):
        yield from _slot("place", ways)
    for ways in (w.style_of, w.style):
        yield from _slot("style", ways)
    for ways in (w.season, w.season_adjective):
        yield from _slot("season", ways)
    for name in ("time", "weather", "extra"):
        yield from _slot(name, getattr(w, name))
    yield from _slot("projection", {"panorama": w.panorama, "sticker": w.sticker})
    for backdrop, ways_ in w.backdrop.items():
        yield from _slot("backdrop", {backdrop: [way.rpartition("{colour}")[2] for way in ways_]})


def _slot(name: str, ways: Ways) -> Iterator[tuple[str, Entry]]:
    for word, phrases in ways.items():
        entry = _entry(name, word)
        for phrase in phrases:
            yield phrase, entry
            if name not in ("place", "style", "projection"):
                yield _TAGGED.sub("", phrase), entry


def _entry(name: str, word: str) -> Entry:
    concept = f"{name}:{word}"
    if concept not in NUMBERS:
        raise ValueError(f"{concept!r} is no concept; see concepts.py")
    return Entry(name, (concept,))


def _kinds(more: Ways) -> Iterator[tuple[str, Entry]]:
    more = {**more, **{name: list(each.words) for name, each in pictured().items()}}
    for name, kind in named().items():
        entry = _entry("kind", name)
        yield kind.chinese, entry
        yield name, entry
        if kind.many() != name:
            yield kind.many(), entry._replace(plural=True)
        for phrase in more.get(name, []):
            yield phrase, entry
            if phrase.isascii():
                yield plural(phrase), entry._replace(plural=True)


def plural(noun: str) -> str:
    """The English plural of a regular noun."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def _colours(more: Ways) -> Iterator[tuple[str, Entry]]:
    english, chinese = words("english").colour, words("chinese").colour
    for name in english:
        entry = _entry("colour", name)
        for phrase in (*english[name], *chinese[name], *more[name]):
            yield phrase, entry
            for shade in _SHADES[0] if phrase.isascii() else _SHADES[1]:
                yield f"{shade} {phrase}", entry


def _counts(more: Ways) -> Iterator[tuple[str, Entry]]:
    measures = {kind.measure for kind in named().values()} | {"位", "名", "幢", "栋", "株", "匹", "间"}
    for number, phrases in more.items():
        entry = _entry("count", number)
        for phrase in phrases:
            yield phrase, entry
            if not phrase.isascii() or phrase.isdigit():
                yield from ((f"{phrase}{measure}", entry) for measure in measures)


def _relations(known: Synonyms) -> Iterator[tuple[str, Entry]]:
    chinese = {word: [way.partition("{b}")[2] for way in ways] for word, ways in words("chinese").relation.items()}
    sets: Iterable[tuple[str, Ways]] = (
        ("between", words("english").relation),
        ("between", known.between),
        ("under", known.under),
        ("after", chinese),
        ("after", known.after),
        ("side", known.side),
    )
    for role, ways in sets:
        for word, phrases in ways.items():
            entry = _entry("relation", word)._replace(role=role)
            for phrase in phrases:
                yield phrase, entry
                if role == "after":
                    yield from ((f"{phrase}{is_}", entry._replace(role="has")) for is_ in "有是")


@lru_cache(maxsize=1)
def synonyms() -> Synonyms:
    """What ``synonyms.toml`` holds."""
    text = files("aigc.scenes").joinpath("synonyms.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Synonyms)


@lru_cache(maxsize=1)
def _simplified() -> dict[str, str]:
    pairs = synonyms().traditional
    return dict(zip(pairs[0::2], pairs[1::2], strict=True))


def _normal(text: str) -> str:
    """Lower case, half width, simplified characters; as long as the text, so that places stay true."""
    simplified = _simplified()
    return "".join(simplified.get(c) or _narrow(c) for c in text)


def _narrow(character: str) -> str:
    found = character if character == "\n" else unicodedata.normalize("NFKC", character).lower()
    return found if len(found) == 1 else character
