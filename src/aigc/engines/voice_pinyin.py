"""How Chinese is spoken, in the alphabet that Kokoro was trained on: characters to pinyin to phonemes.

`rjieba` finds the words, `pypinyin` knows how characters are read and which of several readings a word takes. The
phonemes are those of misaki's Mandarin (Apache-2.0), which Kokoro-82M learned; ``tests/data/mandarin-phonemes.json``
holds all syllables as misaki writes them. misaki itself is not used: it wants 180 MB of dictionaries and no Python
above 3.12.

Knows: syllables, tones. Does not know: numbers, other languages, sound.
"""

from __future__ import annotations

import re

_INITIALS = dict(
    pair.split(":")
    for pair in ("b:p p:pʰ m:m f:f d:t t:tʰ n:n l:l g:k k:kʰ h:x j:ʨ q:ʨʰ x:ɕ zh:ꭧ ch:ꭧʰ sh:ʂ r:ɻ z:ʦ c:ʦʰ s:s").split()
)
_FINALS = dict(
    pair.split(":")
    for pair in (
        "a:a0 ai:ai0 an:a0n ang:a0ŋ ao:au0 e:ɤ0 ei:ei0 en:ə0n eng:ə0ŋ er:ɚ0 i:i0 ia:ja0 ian:jɛ0n iang:ja0ŋ iao:jau0 "
        "ie:je0 in:i0n ing:i0ŋ iong:jʊ0ŋ iou:jou0 ong:ʊ0ŋ ou:ou0 u:u0 ua:wa0 uai:wai0 uan:wa0n uang:wa0ŋ uei:wei0 "
        "uen:wə0n ueng:wə0ŋ uo:wo0 o:wo0 v:y0 ve:ɥe0 van:ɥɛ0n vn:y0n ê:ɛ0 io:jɔ0"
    ).split()
)
"""Finals in the strict form of Hanyu Pinyin; ``0`` is the place of the tone."""
_WHOLE = {"o": "ɔ0", "io": "jɔ0", "m": "m0", "n": "n0", "ng": "ŋ0", "hm": "hm0", "hng": "hŋ0"}
"""Syllables that are no initial and final: what people say without a word."""
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_BUZZED = frozenset(["zh", "ch", "sh", "r", "z", "c", "s"])
_SYLLABLE = re.compile(r"([a-zêü]+)([1-5])")


def phonemes(characters: str) -> str:
    """How a run of Chinese characters is spoken, all of which have a reading (see `unknown`)."""
    import rjieba
    from pypinyin import Style, lazy_pinyin

    # Between words are spaces: so the model was trained, and without them it runs words together.
    words = (
        lazy_pinyin(word, Style.TONE3, errors="ignore", neutral_tone_with_five=True) for word in rjieba.cut(characters)
    )
    return " ".join("".join(map(syllable, word)) for word in words)


def unknown(characters: str) -> list[str]:
    """Those that have no known reading."""
    from pypinyin.pinyin_dict import pinyin_dict

    return [char for char in dict.fromkeys(characters) if ord(char) not in pinyin_dict]


def syllable(pinyin: str) -> str:
    """One syllable, like ``zhong1``. Raises: ValueError: it is none."""
    found = _SYLLABLE.fullmatch(pinyin.replace("ü", "v"))
    if found is None:
        raise ValueError(f"{pinyin!r} is no syllable")
    from pypinyin.contrib.tone_convert import to_finals, to_initials

    letters, tone = found[1], _TONES[found[2]]
    if letters in _WHOLE:
        return _WHOLE[letters].replace("0", tone)
    initial, final = to_initials(letters), to_finals(letters).replace("ü", "v")
    if final not in _FINALS or (initial and initial not in _INITIALS):
        raise ValueError(f"{pinyin!r} is no syllable")
    spoken = "ɨ0" if final == "i" and initial in _BUZZED else _FINALS[final]
    return _INITIALS.get(initial, "") + spoken.replace("0", tone)
