"""A Chinese sentence, with whatever Latin words are in it, as phonemes for Kokoro.

Knows: runs of characters, punctuation. Does not know: how a character or an English word sounds, models.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from aigc.engines.voice_numbers import spelled
from aigc.engines.voice_pinyin import phonemes, unknown
from aigc.errors import UserError

_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"
_RUNS = re.compile(rf"(?P<han>[{_HAN}]+)|(?P<latin>[^\W_{_HAN}]+(?:['’.\-][^\W_{_HAN}]+)*)")
_PUNCTUATION = {char: f"{said} " for char, said in zip("，、。．！？：；…”」』》】）", ",,..!?:;…”””””)", strict=True)}
_PUNCTUATION |= {char: f" {said}" for char, said in zip("“「『《【（", "“““““(", strict=True)}
_PUNCTUATION |= {" ": " ", "—": "—", "(": " ("} | {char: f"{char} " for char in ",.!?:;)"}
"""What the model knows of punctuation; all else is no sound."""
_SIGNS = {"+": "加", "=": "等于", "×": "乘", "÷": "除以", "<": "小于", ">": "大于", "&": "和", "@": "at", "%": "百分号"}
"""Signs that are read between words."""


def mixed(text: str, english: Callable[[str], str]) -> str:
    """How a sentence is spoken.

    Args:
        text: with Chinese characters, see `aigc.engines.voice_text.plain`.
        english: gives the phonemes of Latin words.
    Raises:
        UserError: a character has no known reading; names it.
    """
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = spelled(text)
    made, at = [], 0
    for found in _RUNS.finditer(text):
        made += [_PUNCTUATION.get(char, "") for char in text[at : found.start()]]
        made.append(phonemes(found[0]) if found.lastgroup == "han" else f" {english(found[0])} ")
        at = found.end()
    made += [_PUNCTUATION.get(char, "") for char in text[at:]]
    return " ".join("".join(made).split())


def refuse_unknown(text: str) -> None:
    """Name characters that have no reading. Raises: UserError."""
    strange = unknown("".join(found[0] for found in _RUNS.finditer(text) if found.lastgroup == "han"))
    if strange:
        names = ", ".join(f"{char} (U+{ord(char):04X})" for char in strange[:5])
        raise UserError(
            f"input has characters whose reading is not known: {names}",
            param="input",
            hint="Write them in other characters, or leave them out.",
        )
