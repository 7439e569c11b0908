"""Chinese captions, in simplified characters.

Knows: grammar. The words are in ``chinese.toml``. Does not know: what to say.
"""

from __future__ import annotations

import re

from aigc.scenes.arrays import Dice
from aigc.scenes.art import Art
from aigc.scenes.captions import Form, Said
from aigc.scenes.relations import Group
from aigc.scenes.words import words

NUMBER = {1: "一", 2: "两", 3: "三", 4: "四"}


def say(said: Said, form: Form, dice: Dice, art: Art) -> str:
    """The caption."""
    w = words("chinese")
    things = _things(said, dice, art)
    time = dice.pick(w.time[said.time]) if said.time else ""
    slots = {
        "things": things,
        "place": dice.pick(w.place[said.place]) if said.place else "",
        "where": dice.pick(w.where[said.place]) if said.place else "",
        "season": dice.pick(w.season[said.season]) if said.season else "",
        "time": time,
        "weather": dice.pick(w.weather[said.weather]) if said.weather else "",
        "extras": "，".join(dice.pick(w.extra[e]) for e in said.extras),
    }
    ending = [dice.pick(w.style[said.style])] if said.style else []
    ending += [dice.pick(w.panorama)] if said.projection == "panorama" else []
    if form == "tags":
        keys = ["things", "place", "season", "time", "weather", "extras"]
        backdrop = [_backdrop(said, dice)]
        sticker = [dice.pick(w.sticker)] if said.projection == "sticker" else []
        return tidy("，".join([*(slots[k] for k in keys), *backdrop, *ending, *sticker]))
    if said.place is None and (said.projection == "sticker" or said.backdrop):
        return _sticker(said, things, ending, dice)
    if said.place is None:
        slots["where"] = ""
    text = dice.pick(w.things if said.groups else w.places).format(**slots)
    text = tidy("，".join([text, *ending]))
    return text + "。" if form == "long" and dice.chance(0.7) else text


def tidy(text: str) -> str:
    """Closes the gaps of empty slots."""
    text = text.replace("图中是的", "图中是")
    text = re.sub(r"(?<![\u4e00-\u9fffA-Za-z0-9])(时分)?的", "", text)
    text = text.replace("有，", "，").replace("在，", "，")
    text = re.sub(r"的?，+", "，", text)
    text = re.sub(r"：，", "：", text)
    return re.sub(r"^[，的]+|[，：]+$", "", text).replace("时时分", "时").replace("时分时分", "时分")


def _noun(group: Group, coloured: bool, dice: Dice, art: Art) -> str:
    w = words("chinese")
    kind = art.kind(group.kind)
    colour = dice.pick(w.colour[group.colour]) if coloured and group.colour else ""
    if len(colour) == 1 and len(kind.chinese) > 2:
        colour += "色的"
    return f"{NUMBER.get(len(group.members), str(len(group.members)))}{kind.measure}{colour}{kind.chinese}"


def _things(said: Said, dice: Dice, art: Art) -> str:
    w = words("chinese")
    nouns = [_noun(g, i in said.coloured, dice, art) for i, g in enumerate(said.groups)]
    if said.relation:
        phrase = dice.pick(w.relation[said.relation.word]).format(b=nouns[said.relation.object])
        return nouns[said.relation.subject] + phrase
    return "、".join(nouns[:-1]) + "和" + nouns[-1] if len(nouns) > 1 else "".join(nouns)


def _sticker(said: Said, things: str, ending: list[str], dice: Dice) -> str:
    w = words("chinese")
    noun = dice.pick(w.sticker) if said.projection == "sticker" else ""
    text = f"{things}的{noun}" if noun and dice.chance(0.6) and not said.relation else f"{things}，{noun}"
    return tidy("，".join([text, _backdrop(said, dice), *ending]))


def _backdrop(said: Said, dice: Dice) -> str:
    w = words("chinese")
    if said.backdrop is None:
        return ""
    colour = w.colour[said.backdrop_colour][0].removesuffix("的") if said.backdrop_colour else ""
    return dice.pick(w.backdrop[said.backdrop]).format(colour=colour)
