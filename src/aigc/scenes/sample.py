"""Draws a description from a seed.

What is drawn can be seen: things don't overlap and stay inside the frame, snow falls in winter, a rainbow needs the sun
behind the camera and the moon a sky that isn't covered.

Knows: what goes together. Does not know: pixels, words.
"""

from __future__ import annotations

from aigc.errors import UserError
from aigc.scenes.arrays import Dice
from aigc.scenes.art import DRAWN, Art
from aigc.scenes.describe import Scene, Thing
from aigc.scenes.held_out import held_out as combinations_held_out
from aigc.scenes.kinds import Kind, kinds
from aigc.scenes.vocabulary import (
    BACKDROPS,
    COLOURS,
    PLACES,
    PROJECTIONS,
    SEASONAL,
    SEASONS,
    Colour,
    Extra,
    Place,
    Projection,
    Season,
    Style,
    Time,
    Weather,
)

_ATTEMPTS = 400
_SOLIDS = ("ball", "cube", "cone", "cylinder", "star", "heart", "gift", "pumpkin", "mushroom", "car", "robot")
_HABITAT: dict[Place, tuple[str, ...]] = {
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
_VIEW_STYLES: tuple[Style, ...] = ("rendered", "flat", "watercolour", "oil", "pixel art")
_STICKER_STYLES: tuple[Style, ...] = ("flat", "3-D", "rendered", "pixel art", "watercolour", "oil")
_SPARSE: dict[Place, float] = {
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
_LANDLESS: frozenset[Place] = frozenset({"sea", "island"})


def sample(
    seed: int,
    *,
    projection: Projection | None = None,
    style: Style | None = None,
    held_out: bool = False,
    art: Art = DRAWN,
) -> Scene:
    """A scene drawn with this seed.

    Args:
        seed: Any whole number from 0.
        projection: Only this one; by default the mixture that our picture model is trained on.
        style: Only this one.
        held_out: Draw a scene that shows at least one combination which training never does; else one without any.
        art: Where kinds come from; kinds are drawn from those of this package.

    Raises:
        UserError: Projection and style don't go together.
    """
    if style == "3-D" and projection in ("perspective", "panorama"):
        raise UserError(f"style '3-D' is for stickers, projection is {projection!r}", hint="Use projection='sticker'.")
    for attempt in range(_ATTEMPTS):
        scene = _draw(Dice(seed, f"sample {attempt}"), seed, projection, style, art)
        if bool(combinations_held_out(scene)) == held_out:
            return scene.checked()
    raise AssertionError(f"no scene in {_ATTEMPTS} attempts")


def _draw(dice: Dice, seed: int, projection: Projection | None, style: Style | None, art: Art) -> Scene:
    if projection is None:
        chances = (0, 0, 1) if style == "3-D" else (70, 5, 22)
        return _draw(dice, seed, dice.pick(PROJECTIONS, chances), style, art)
    if projection == "sticker":
        return _sticker(dice, seed, dice.pick(_STICKER_STYLES, (40, 30, 14, 8, 5, 3)) if style is None else style, art)
    shown: Style = dice.pick(_VIEW_STYLES, (62, 27, 4, 4, 3)) if style is None else style
    return _view(dice, seed, projection, shown, art)


def _view(dice: Dice, seed: int, projection: Projection, style: Style, art: Art) -> Scene:
    place = dice.pick(PLACES, [_SPARSE.get(p, 1.0) for p in PLACES])
    season: Season | None = dice.pick(SEASONS, (1, 1.4, 1, 1)) if place in SEASONAL and dice.chance(0.85) else None
    time: Time = dice.pick(("day", "dawn", "sunset", "dusk", "night"), (42, 11, 18, 11, 18))
    weather = _weather(dice, place, season)
    extras = _extras(dice, place, season, time, weather)
    things = _things(dice, place, projection, art) if dice.chance(0.42 if projection == "perspective" else 0.25) else ()
    lofty = (
        {"moon", "aurora", "rainbow"} & set(extras)
        or place in ("mountains", "volcano", "canyon", "waterfall")
        or any(t.y > 0.1 for t in things)
    )
    horizon = dice.between(0.30, 0.48) if lofty and not things else dice.between(0.40, 0.62)
    if lofty:
        horizon = min(horizon, 0.5)
    return Scene(
        seed=seed,
        projection=projection,
        style=style,
        place=place,
        season=season,
        time=time,
        weather=weather,
        extras=extras,
        things=things,
        horizon=round(horizon, 3),
        field=round(dice.between(48, 66), 1),
    )


def _weather(dice: Dice, place: Place, season: Season | None) -> Weather:
    cold = season == "winter" or place == "arctic"
    dry = place in ("desert", "canyon", "savanna")
    options: tuple[Weather, ...] = ("clear", "clouds", "overcast", "fog", "snow" if cold else "rain", "storm")
    return dice.pick(options, (26, 38, 9, 8, 0 if dry else 12, 0 if cold else 5))


def _extras(dice: Dice, place: Place, season: Season | None, time: Time, weather: Weather) -> tuple[Extra, ...]:
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
    if (
        place in ("meadow", "hills", "mountains", "lake", "river", "village", "forest", "volcano")
        and season in ("spring", "summer")
        and dice.chance(0.4)
    ):
        found.append("flowers")
    if place in (
        "meadow",
        "hills",
        "forest",
        "fields",
        "village",
        "desert",
        "savanna",
        "mountains",
        "volcano",
    ) and dice.chance(0.2):
        found.append("path")
    if time != "night" and weather in ("clear", "clouds", "overcast") and dice.chance(0.12):
        found.append("birds")
    return tuple(found)


def _suits(kind: Kind, place: Place) -> bool:
    if kind.on == "water":
        return place in _WET
    return kind.on == "sky" or (kind.on == "ground" and place not in _LANDLESS)


def _colour(dice: Dice, kind: Kind) -> Colour | None:
    """None for what looks as everybody expects, which goes without saying; sometimes a colour that nobody expects."""
    if dice.chance(0.25):
        return None
    return dice.pick(COLOURS) if dice.chance(0.15) else dice.pick(kind.colours)


def _things(dice: Dice, place: Place, projection: Projection, art: Art) -> tuple[Thing, ...]:
    company = _company(dice, place, art)
    for _ in range(30):
        things = []
        for kind, colour in company:
            size = dice.between(0.17, 0.40) if len(company) == 1 else dice.between(0.14, 0.29)
            size = min(size, 0.85 / kind.aspect, 0.75 / kind.aspect if len(company) > 1 else 1) * (
                0.45 if projection == "panorama" else 1
            )
            if kind.metres >= 9 and kind.on != "sky":
                size = size * 0.9
            half = size * kind.aspect * (0.5 if projection == "panorama" else 1.0)
            x = dice.between(-1, 1) * max(0.05, 0.96 - half)
            y = dice.between(0.06, 0.26) if kind.on == "sky" else 0.0
            things.append(_placed(kind, colour, x, y, size, dice))
        if not _overlap(things, art, projection):
            return tuple(things)
    return tuple(things[:1])


def _company(dice: Dice, place: Place, art: Art) -> list[tuple[Kind, Colour | None]]:
    """One to four kinds with their colours: a few of the same, a pair, or one alone."""
    lot = dice.between(0, 1)
    suitable = [kind for kind in kinds().values() if _suits(kind, place)]
    home = [art.kind(name) for name in _HABITAT[place] if _suits(art.kind(name), place)]

    def one() -> Kind:
        return dice.pick(home) if dice.chance(0.68) else dice.pick(suitable)

    if lot < 0.22 and place not in _LANDLESS:
        pair = [art.kind(_SOLIDS[i]) for i in dice.order(len(_SOLIDS))[: dice.pick((1, 2, 2, 3))]]
        hues = [COLOURS[i] for i in dice.order(len(COLOURS))]
        return [(kind, next((hue for hue in hues[n:] if hue in kind.colours), None)) for n, kind in enumerate(pair)]
    kind = one()
    if lot < 0.40:
        return [(kind, _colour(dice, kind))] * dice.whole(2, 4)
    chosen = [(kind, _colour(dice, kind))]
    if lot > 0.68:
        other = one()
        if other.name != kind.name:
            chosen.append((other, _colour(dice, other)))
    return chosen


def _overlap(things: list[Thing], art: Art, projection: Projection) -> bool:
    for i, a in enumerate(things):
        for b in things[:i]:
            apart = abs(a.x - b.x) if projection != "panorama" else min(abs(a.x - b.x), 2 - abs(a.x - b.x)) * 2
            if apart < 1.12 * (a.size * art.kind(a.kind).aspect + b.size * art.kind(b.kind).aspect):
                return True
    return False


def _sticker(dice: Dice, seed: int, style: Style, art: Art) -> Scene:
    every = list(kinds().values())
    kind = dice.pick(every)
    colour = _colour(dice, kind)
    lot = dice.between(0, 1)
    things: tuple[Thing, ...]
    if lot < 0.62:
        size = min(dice.between(0.62, 0.84), 0.88 / kind.aspect)
        things = (
            Thing(
                kind.name,
                colour,
                0.0,
                round(size, 3),
                round(-size / 2, 3),
                dice.pick(("left", "right")),
                dice.whole(0, 7),
            ),
        )
    else:
        other = dice.pick(every) if lot > 0.8 else kind
        second = _colour(dice, other) if lot > 0.8 else colour
        count = 2 if lot > 0.8 else dice.whole(2, 4)
        things = _row(dice, [(kind, colour), (other, second)] if lot > 0.8 else [(kind, colour)] * count)
    backdrop = dice.pick(BACKDROPS, (30, 34, 12, 12, 12))
    taken = {thing.colour or art.kind(thing.kind).colours[0] for thing in things}
    free = [c for c in COLOURS if c not in taken and c != "black"]
    return Scene(
        seed=seed,
        projection="sticker",
        style=style,
        things=things,
        backdrop=backdrop,
        backdrop_colour=None if backdrop == "transparent" else dice.pick(free),
    )


def _row(dice: Dice, company: list[tuple[Kind, Colour | None]]) -> tuple[Thing, ...]:
    """Side by side; wide things from three on in two rows."""
    rows = 2 if len(company) > 2 and max(kind.aspect for kind, _ in company) > 0.8 else 1
    columns = -(-len(company) // rows)
    share = 1.84 / columns
    things = []
    for index, (kind, colour) in enumerate(company):
        row, column = divmod(index, columns)
        size = min(0.62 / rows * 1.25 if rows > 1 else 0.62, share / 2 * 0.9 / kind.aspect)
        x = -share * (min(columns, len(company) - row * columns) - 1) / 2 + share * column
        y = (0.24 - 0.48 * row if rows > 1 else 0.0) - size / 2 + dice.between(-0.02, 0.02)
        things.append(_placed(kind, colour, x, y, size, dice))
    return tuple(things)


def _placed(kind: Kind, colour: Colour | None, x: float, y: float, size: float, dice: Dice) -> Thing:
    """A thing at a place, facing either way."""
    x, y, size = round(x, 3), round(y, 3), round(size, 3)
    return Thing(kind.name, colour, x, size, y, dice.pick(("left", "right")), dice.whole(0, 7))
