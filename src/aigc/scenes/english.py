"""English captions.

The gaps that unsaid words leave in a template close up; ``a(n)`` becomes the right article.

Knows: grammar. The words are in ``english.toml``. Does not know: what to say.
"""

from __future__ import annotations

import re

from aigc.scenes.arrays import Dice
from aigc.scenes.art import Art
from aigc.scenes.captions import Form, Said
from aigc.scenes.relations import Group
from aigc.scenes.words import words

_NO_NOUN = re.compile(
    r"(,|(in|on|at|by|under|with|while|during|you|we|before|below|beside|among|near|off|from|covered|a picture|an image"
    r"|a view|a scene|a landscape|a beautiful|a scenic)\b)"
)
"""Beginnings that can't follow "of"."""
NUMBER = {2: "two", 3: "three", 4: "four"}


def say(said: Said, form: Form, dice: Dice, art: Art) -> str:
    """The caption."""
    w = words("english")
    things = _things(said, dice, art)
    slots = {
        "things": things,
        "place": dice.pick(w.place[said.place]) if said.place else "",
        "where": dice.pick(w.where[said.place]) if said.place else "",
        "season": dice.pick(w.season[said.season]) if said.season else "",
        "time": dice.pick(w.time[said.time]) if said.time else "",
        "weather": dice.pick(w.weather[said.weather]) if said.weather else "",
        "extras": " and ".join(dice.pick(w.extra[e]) for e in said.extras),
    }
    slots["adjective"] = _adjective(said, slots["place"], dice)
    if form == "tags":
        return _tags(said, slots, dice)
    if said.projection == "sticker" or said.backdrop is not None or (not said.place and not said.groups):
        return _sticker(said, things, dice)
    text = dice.pick(w.things if said.groups else w.places).format(**slots)
    text = _styled(said, text, dice)
    text = tidy(text)
    return text[0].upper() + text[1:] + "." if form == "long" and dice.chance(0.7) else text


def tidy(text: str) -> str:
    """Closes the gaps of empty slots and writes the articles."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"(\s*[,:])+(?=\s*[,:])", "", text)
    text = re.sub(r"\s+([,:])", r"\1", text)
    text = re.sub(r"^[\s,:]+|[\s,:]+$", "", text)
    text = re.sub(r"\ba\(n\) (?=[aeiou])(?!uni)", "an ", text)
    return text.replace("a(n) ", "a ")


def _noun(group: Group, coloured: bool, dice: Dice, art: Art) -> str:
    w = words("english")
    kind = art.kind(group.kind)
    colour = f"{dice.pick(w.colour[group.colour])} " if coloured and group.colour else ""
    if len(group.members) == 1:
        return f"a(n) {colour}{kind.name}"
    return f"{NUMBER.get(len(group.members), str(len(group.members)))} {colour}{kind.many()}"


def _things(said: Said, dice: Dice, art: Art) -> str:
    w = words("english")
    nouns = [_noun(g, i in said.coloured, dice, art) for i, g in enumerate(said.groups)]
    if said.relation:
        return (
            f"{nouns[said.relation.subject]} {dice.pick(w.relation[said.relation.word])} {nouns[said.relation.object]}"
        )
    return ", ".join(nouns[:-1]) + " and " + nouns[-1] if len(nouns) > 1 else "".join(nouns)


def _adjective(said: Said, place: str, dice: Dice) -> str:
    """The place with its season before it: "a snowy forest"."""
    if not said.season or not place:
        return place
    word = dice.pick(words("english").season_adjective[said.season])
    article, _, rest = place.partition(" ")
    return f"a(n) {word} {rest}" if article in ("a", "an") else f"{word} {place.removeprefix('the ')}"


def _styled(said: Said, text: str, dice: Dice) -> str:
    """Style and projection, before or after."""
    w = words("english")
    if said.projection == "panorama":
        text = (
            f"a(n) {dice.pick(w.panorama)} of {text}"
            if dice.chance(0.5) and _begins_with_noun(text)
            else f"{text}, {dice.pick(w.panorama)}"
        )
    if said.style:
        before, after = w.style_of[said.style], w.style[said.style]
        text = (
            f"{dice.pick(before)} of {text}"
            if dice.chance(0.5) and _begins_with_noun(text)
            else f"{text}, {dice.pick(after)}"
        )
    return text


def _begins_with_noun(text: str) -> bool:
    return _NO_NOUN.match(text.strip()) is None


def _sticker(said: Said, things: str, dice: Dice) -> str:
    w = words("english")
    noun = dice.pick(w.sticker) if said.projection == "sticker" else ""
    text = f"a(n) {noun} of {things}" if noun and dice.chance(0.6) else f"{things}{', ' + noun if noun else ''}"
    backdrop = _backdrop(said, dice)
    style = dice.pick(w.style[said.style]) if said.style else ""
    return tidy(f"{text} {backdrop}, {style}")


def _backdrop(said: Said, dice: Dice) -> str:
    w = words("english")
    if said.backdrop is None:
        return ""
    colour = f" {dice.pick(w.colour[said.backdrop_colour])}" if said.backdrop_colour else ""
    text = dice.pick(w.backdrop[said.backdrop]).format(colour=colour)
    return re.sub(r"\bon a (?=[aeiou])", "on an ", text)


def _tags(said: Said, slots: dict[str, str], dice: Dice) -> str:
    w = words("english")
    tags = [re.sub(r"a\(n\) ", "", slots["things"])] if said.groups else []
    tags += [re.sub(r"^(a|an|the) ", "", slots["place"])] if said.place else []
    tags += [dice.pick(w.season_adjective[said.season])] if said.season else []
    tags += [re.sub(r"^(at|by|in|during|under) (the |a )?", "", slots["time"])] if said.time else []
    tags += [re.sub(r"^(under|in|with|on|while it) (the |a |an )?", "", slots["weather"])] if said.weather else []
    tags += [re.sub(r"^(with|under|in|full of) (the |a )?", "", dice.pick(w.extra[e])) for e in said.extras]
    tags += [re.sub(r"^(with|on|before) (a |an )?", "", _backdrop(said, dice).strip())] if said.backdrop else []
    tags += [dice.pick(w.style[said.style])] if said.style else []
    tags += [dice.pick(w.panorama if said.projection == "panorama" else w.sticker)] if said.projection else []
    return tidy(", ".join(tags))
