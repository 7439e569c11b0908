"""The voices of our speaking model, and who of them speaks which part of a text.

Knows: names, languages, what the choice depends on. Does not know: sound, how a voice is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aigc.errors import UserError
from aigc.types import Voice

ENGLISH = (
    Voice(id="heart", languages=("en",), gender="female", description="American English; comes with the package"),
)
"""Those that need no pull; the catalogue lists the others."""


def chosen(voices: Sequence[Voice], wanted: str | None, languages: Iterable[str], model: str) -> dict[str, Voice]:
    """Who speaks each language of a text.

    Args:
        voices: of the model, the default one of each language first.
        wanted: id of a voice; None: for each language the first voice that has it.
        languages: of the text.
        model: its id, for the words of errors.
    Raises:
        UserError: no such voice, or it doesn't speak the language; lists those that do.
    """
    return {language: _one(voices, wanted, language, model) for language in languages}


def known(voices: Sequence[Voice], wanted: str, model: str) -> Voice:
    """A voice by its id. Raises: UserError: there is none; lists all."""
    for voice in voices:
        if voice.id == wanted:
            return voice
    names = ", ".join(voice.id for voice in voices)
    raise UserError(f"voice is {wanted[:80]!r}, which {model} does not have; accepted: {names}", param="voice")


_NAMES = {"en": "English", "zh": "Chinese"}


def _one(voices: Sequence[Voice], wanted: str | None, language: str, model: str) -> Voice:
    able = [voice for voice in voices if language in voice.languages]
    name = _NAMES[language]
    if not able:
        hint = f"`aigc pull {model}` brings the voices for {name}."
        raise UserError(f"input has {name}, which {model} can't speak as it is installed", param="input", hint=hint)
    if wanted is None:
        return able[0]
    voice = known(voices, wanted, model)
    if voice not in able:
        names = ", ".join(one.id for one in able)
        raise UserError(f"voice is {wanted!r}, which speaks no {name}; accepted: {names}", param="voice")
    return voice
