"""The command line's words in English and Chinese.

``t("no model is called {name}", name=name)``: the English text is the key, and ``locale/zh.toml`` holds its Chinese
counterpart. A text without one is shown in English; a test keeps that from happening.

Knows: texts and their placeholders. Does not know: terminals, commands, who is reading.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from aigc import settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).parent / "locale" / "zh.toml"
"""One ``[[text]]`` with ``en`` and ``zh`` for every text."""


def t(text: str, /, **values: object) -> str:
    """The text in the reader's language, with its placeholders filled in.

    Args:
        text: English; ``{name}`` marks a placeholder.
        **values: one value for each placeholder. Without any, braces in the text are left alone.
    """
    if language() == "zh":
        text = chinese().get(text, text)
    return text.format(**values) if values else text


@functools.cache
def language() -> str:
    """``en`` or ``zh``, read once from the settings and the locale."""
    return settings.language()


@functools.cache
def chinese() -> dict[str, str]:
    """English text to Chinese text."""
    with TABLE.open("rb") as file:
        return {entry["en"]: entry["zh"] for entry in tomllib.load(file)["text"]}
