"""A text cut into what is spoken at one go: sentences or less, each with its language and the pause after it.

Nothing is lost: the pieces together are the text. Emoji, marks of layout and punctuation alone are not spoken; letters
of a script that nobody speaks are refused by name.

Knows: scripts, where sentences end. Does not know: voices, phonemes, sound.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aigc.errors import UserError

Language = Literal["en", "zh"]

_SENTENCE_PAUSE, _LINE_PAUSE, _CLAUSE_PAUSE = 0.32, 0.55, 0.1
"""Seconds of silence at speed 1."""
_MOST = {"en": 240, "zh": 20}
"""Characters of a piece; each Chinese one takes the model 50 MB more, and long pieces take longer than their parts."""
_FIRST = {"en": 100, "zh": 16}
"""The same for the first piece: somebody waits for it."""
_NO_END = frozenset(
    "mr mrs ms dr prof st rev hon sen rep gov gen col capt lt sgt jr sr vs etc eg ie inc ltd co corp no vol".split()
)
"""Words whose full stop ends no sentence."""
_END = re.compile(r"""[.!?…]+["”’')\]]*(?=\s)|[。！？；…]+["”’」』）》]*|\n+""")
_CLAUSE = re.compile(r"[,;:，、；：—]+[”’」』）》]*\s*|\s+")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")


@dataclass(frozen=True)
class Part:
    """What is spoken at one go."""

    text: str
    """As it was given."""
    language: Language
    pause: float
    """Seconds of silence after it, at speed 1."""


def parts(text: str) -> list[Part]:
    """The parts of a text; their texts together are the text.

    Raises:
        UserError: nothing in it can be spoken, or something in it nobody can speak; names it.
    """
    if not text.strip():
        raise UserError("input is empty; accepted: text with words or numbers", param="input")
    _refuse_strange(text)
    cut = list(_short(_sentences(text)))
    if not any(_spoken(piece) for piece, _ in cut):
        raise UserError(
            f"input has nothing to speak: {text.strip()[:40]!r}; accepted: text with words or numbers",
            param="input",
            hint="Emoji and punctuation alone have no sound.",
        )
    return _joined(cut)


def plain(text: str) -> str:
    """What is read of a piece: compatibility forms made plain, links by their text, without layout and emoji."""
    text = unicodedata.normalize("NFKC", _LINK.sub(r"\1", text))
    text = re.sub(r"(?<=\d)\s*~\s*(?=\d)", "-", text)
    kept = (
        " " if _is_mark(char) else char
        for char in text
        if unicodedata.category(char) not in ("Cf", "Cc", "Co", "Cs", "Cn") or char.isspace()
    )
    return " ".join("".join(kept).split())


def sentences(text: str) -> list[str]:
    """The sentences of a text, as they were given; together they are the text."""
    return [sentence for sentence, _ in _sentences(text)]


def has_chinese(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return any(_is_han(char) for char in text)


def _refuse_strange(text: str) -> None:
    strange = dict.fromkeys(char for char in unicodedata.normalize("NFKC", text) if _is_strange(char))
    if strange:
        names = ", ".join(f"{char} ({unicodedata.name(char, 'unnamed').lower()})" for char in list(strange)[:5])
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
        raise UserError(
            f"input has characters that no voice can speak: {names}{more}; accepted: English and Chinese",
            param="input",
            hint="Write them in Latin letters or Chinese characters, or leave them out.",
        )


def _is_strange(char: str) -> bool:
    kind = unicodedata.category(char)
    if kind[0] == "L":
        return not (
            _is_han(char) or "LATIN" in unicodedata.name(char, "") or "MODIFIER LETTER" in unicodedata.name(char, "")
        )
    return kind in ("Cn", "Co") or (kind == "Nd" and not char.isascii())


def _is_han(char: str) -> bool:
    return (
        unicodedata.name(char, "").startswith(("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH")) or char == "〇"
    )


def _is_mark(char: str) -> bool:
    """Emoji, arrows, boxes, and what Markdown is made of."""
    if char in "*_`#~|\\^":
        return True
    return unicodedata.category(char) in ("So", "Sk", "Sm") and char not in "°©®™+<=>±×÷−⁄"


def _spoken(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _sentences(text: str) -> Iterator[tuple[str, float]]:
    begin = 0
    for found in _END.finditer(text):
        if found.end() <= begin or not _ends(text, found):
            continue
        end = found.end()
        while end < len(text) and text[end].isspace():
            end += 1
        lines = "\n" in text[found.start() : end]
        yield text[begin:end], _LINE_PAUSE if lines else _SENTENCE_PAUSE
        begin = end
    if begin < len(text):
        yield text[begin:], 0.0


def _ends(text: str, found: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence: not after a title, an initial or before a small letter."""
    if found[0][0] != ".":
        return True
    rest = text[found.end() :].lstrip(" \t")
    if rest[:1].islower():
        return False
    before = text[: found.start()].rsplit(None, 1)
    word = before[-1].lstrip("(\"'“‘") if before else ""
    return not (word.lower().replace(".", "") in _NO_END or (len(word) == 1 and word.isupper()))


def _short(sentences: Iterator[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """Long sentences in pieces, cut where a reader breathes, at a space, or anywhere at last."""
    first = True
    for sentence, pause in sentences:
        rest = sentence
        language: Language = "zh" if has_chinese(sentence) else "en"
        most = (_FIRST if first else _MOST)[language]
        while len(rest.strip()) > most:
            at = _place(rest, most)
            yield rest[:at], _CLAUSE_PAUSE if rest[:at].rstrip()[-1:] in ",;:，、；：—" else 0.0
            rest, most = rest[at:], _MOST[language]
        yield rest, pause
        first = first and not _spoken(sentence)


def _place(text: str, most: int) -> int:
    """Where to cut: after the last clause that fits, else the last space, else the last character."""
    ends = [found.end() for found in _CLAUSE.finditer(text) if most // 4 <= found.end() <= most and found[0].strip()]
    spaces = [found.end() for found in _CLAUSE.finditer(text) if 0 < found.end() <= most]
    return ends[-1] if ends else spaces[-1] if spaces else most


def _joined(cut: list[tuple[str, float]]) -> list[Part]:
    """Pieces without a word join the one before; at the beginning, the one after."""
    made: list[Part] = []
    before = ""
    for text, pause in cut:
        if _spoken(text):
            whole = before + text
            made.append(Part(whole, "zh" if has_chinese(whole) else "en", pause))
            before = ""
        elif made:
            last = made[-1]
            made[-1] = Part(last.text + text, last.language, max(last.pause, pause))
        else:
            before += text
    return made
