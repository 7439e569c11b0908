"""The words of captions, which are data: ``english.toml``, ``chinese.toml``.

Knows: files and their shape. Does not know: grammar.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.resources import files

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Ways = dict[str, list[str]]
"""A word of ``vocabulary.py`` and the ways to say it."""


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All words and templates of one language.

    Attributes:
        things: Templates of scenes with things; places: of those without.
        where: Where something is, beside ``place``, what it is.
        season_adjective: Before a noun; style_of: before "of". English only.
    """

    things: list[str]
    places: list[str]
    sticker: list[str]
    panorama: list[str]
    place: Ways
    where: Ways
    season: Ways
    time: Ways
    weather: Ways
    extra: Ways
    style: Ways
    colour: Ways
    backdrop: Ways
    relation: Ways
    season_adjective: Ways = {}
    style_of: Ways = {}


@lru_cache
def words(name: str) -> Words:
    """The words in ``name``.toml."""
    text = files("aigc.scenes").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Words)
