"""What goes together: which kinds live where, what weather a place has, what is seen at which hour.

Knows: places, kinds, chances. Does not know: positions, pixels, words.
"""

from __future__ import annotations

from aigc.scenes.arrays import Dice
from aigc.scenes.art import Art
from aigc.scenes.kinds import Kind, kinds
from aigc.scenes.vocabulary import COLOURS, Colour, Extra, Place, Season, Style, Time, Weather

_SOLIDS = ("ball", "cube", "cone", "cylinder", "star", "heart", "gift", "pumpkin", "mushroom", "car", "robot")
HABITAT: dict[Place, tuple[str, ...]] = {
    "forest": ("fox", "deer", "bear", "rabbit", "owl", "wolf", "mushroom", "tent", "campfire", "house"),
    "mountains": ("horse", "deer", "bear", "sheep", "tent", "house", "castle", "wolf", "church"),
    "lake": ("castle", "tent", "swan", "duck", "rowboat", "sailboat", "house", "deer", "campfire"),
    "hills": ("windmill", "sheep", "cow", "horse", "house", "church", "barn", "castle", "bicycle"),
    "meadow": ("sheep", "cow", "horse", "rabbit", "flower", "butterfly", "dog", "pig", "snail", "kite", "bench"),
    "fields": ("barn", "windmill", "cow", "horse", "house", "pumpkin", "church", "car"),
    "desert": ("camel", "pyramid", "tent", "cactus", "car", "snail", "robot"),
    "canyon": ("horse", "wolf", "tent", "car", "campfire", "bus"),
    "savanna": ("elephant", "giraffe", "zebra", "lion", "car", "tent"),
    "beach": ("umbrella", "palm tree", "ball", "sailboat", "rowboat", "dog", "flamingo", "lighthouse", "whale"),
    "sea": ("sailboat", "ship", "whale", "rowboat", "duck", "swan"),
    "island": ("sailboat", "rowboat", "ship", "whale"),
    "river": ("duck", "swan", "rowboat", "bear", "deer", "tent", "house", "windmill"),
    "waterfall": ("deer", "bear", "tent", "fox", "rabbit", "bird"),
    "volcano": ("elephant", "tent", "horse", "bird", "pagoda"),
    "village": ("church", "dog", "cat", "bicycle", "car", "bench", "snowman", "windmill"),
    "city": ("car", "bus", "bicycle", "dog", "bench", "robot", "cat"),
    "arctic": ("penguin", "bear", "tent", "snowman", "ship", "wolf", "fox", "whale"),
}
"""Who lives where."""
VIEW_STYLES: tuple[Style, ...] = ("rendered", "flat", "watercolour", "oil", "pixel art")
STICKER_STYLES: tuple[Style, ...] = ("flat", "3-D", "rendered", "pixel art", "watercolour", "oil")
SPARSE: dict[Place, float] = {
    "sea": 0.6,
    "desert": 0.7,
    "island": 0.7,
    "arctic": 0.7,
    "canyon": 0.8,
    "lake": 1.4,
    "mountains": 1.4,
    "forest": 1.4,
}
"""Places with little or much to see are drawn less or more often."""
_WET: frozenset[Place] = frozenset({"lake", "sea", "beach", "island", "river", "arctic"})
LANDLESS: frozenset[Place] = frozenset({"sea", "island"})
SEASON_OF: dict[str, Season] = {"snowman": "winter", "pumpkin": "autumn"}
"""When a kind is seen."""
CRAMPED: frozenset[Place] = frozenset({"mountains", "canyon", "waterfall"})
"""Little of the sky is seen."""
FLOWERY: frozenset[Place] = frozenset({"meadow", "hills", "mountains", "lake", "river", "village", "forest", "volcano"})
TRODDEN: frozenset[Place] = frozenset(
    {"meadow", "hills", "forest", "fields", "village", "desert", "savanna", "mountains", "volcano"}
)
"""Where paths lead."""


def draw_weather(dice: Dice, place: Place, season: Season | None) -> Weather:
    """Snow where it is cold, no rain where it is dry."""
    cold = season == "winter" or place == "arctic"
    dry = place in ("desert", "canyon", "savanna")
    options: tuple[Weather, ...] = ("clear", "clouds", "overcast", "fog", "snow" if cold else "rain", "storm")
    return dice.pick(options, (26, 38, 9, 8, 0 if dry else 12, 0 if cold else 5))


def draw_extras(dice: Dice, place: Place, season: Season | None, time: Time, weather: Weather) -> tuple[Extra, ...]:
    """What can be seen at this place and hour."""
    found: list[Extra] = []
    open_sky = weather in ("clear", "clouds")
    if time == "night" and open_sky and place not in ("waterfall", "canyon"):
        northern = weather == "clear" and (
            season == "winter" or place in ("arctic", "lake", "mountains", "forest", "sea")
        )
        if northern and dice.chance(0.5):
            found.append("aurora")
        elif place != "mountains" and dice.chance(0.65):
            found.append("moon")
    low = place not in ("mountains", "canyon", "waterfall")
    if low and time in ("day", "sunset", "dawn") and weather in ("clouds", "rain") and dice.chance(0.10):
        found.append("rainbow")
    if place in FLOWERY and season in ("spring", "summer") and dice.chance(0.4):
        found.append("flowers")
    if place in TRODDEN and dice.chance(0.2):
        found.append("path")
    if time != "night" and weather in ("clear", "clouds", "overcast") and dice.chance(0.12):
        found.append("birds")
    return tuple(found)


def suits(kind: Kind, place: Place) -> bool:
    """Whether a kind of thing is found there."""
    if kind.on == "water":
        return place in _WET
    return kind.on == "sky" or (kind.on == "ground" and place not in LANDLESS)


def draw_colour(dice: Dice, kind: Kind) -> Colour | None:
    """None for what looks as everybody expects, which goes without saying; sometimes a colour that nobody expects."""
    if dice.chance(0.25):
        return None
    return dice.pick(COLOURS) if dice.chance(0.15) else dice.pick(kind.colours)


def draw_company(dice: Dice, place: Place, art: Art) -> list[tuple[Kind, Colour | None]]:
    """One to four kinds with their colours: a few of the same, a pair, or one alone."""
    lot = dice.between(0, 1)
    suitable = [kind for kind in kinds().values() if suits(kind, place)]
    home = [art.kind(name) for name in HABITAT[place] if suits(art.kind(name), place)]

    def one() -> Kind:
        return dice.pick(home) if dice.chance(0.68) else dice.pick(suitable)

    if lot < 0.22 and place not in LANDLESS:
        pair = [art.kind(_SOLIDS[i]) for i in dice.order(len(_SOLIDS))[: dice.pick((1, 2, 2, 3))]]
        hues = [COLOURS[i] for i in dice.order(len(COLOURS))]
        return [(kind, next((hue for hue in hues[n:] if hue in kind.colours), None)) for n, kind in enumerate(pair)]
    kind = one()
    if lot < 0.40:
        return [(kind, draw_colour(dice, kind))] * dice.whole(2, 4)
    chosen = [(kind, draw_colour(dice, kind))]
    if lot > 0.68:
        other = one()
        if other.name != kind.name:
            chosen.append((other, draw_colour(dice, other)))
    return chosen
