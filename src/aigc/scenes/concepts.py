"""The words that a picture model reads: one closed list for every language.

A prompt becomes a row of these (``reading.py``). The numbers are weights in trained models, so the list only ever grows
at its end: nothing is moved, renamed or taken out.

Knows: names and their numbers. Does not know: languages, pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

# fmt: off
CONCEPTS: tuple[str, ...] = (
    "kind:fox", "kind:cat", "kind:dog", "kind:horse", "kind:cow", "kind:sheep", "kind:deer", "kind:bear",
    "kind:rabbit", "kind:pig", "kind:camel", "kind:giraffe", "kind:zebra", "kind:lion", "kind:wolf", "kind:elephant",
    "kind:bird", "kind:duck", "kind:swan", "kind:penguin", "kind:owl", "kind:flamingo", "kind:fish", "kind:whale",
    "kind:butterfly", "kind:snail", "kind:house", "kind:barn", "kind:castle", "kind:lighthouse", "kind:windmill",
    "kind:tent", "kind:church", "kind:pagoda", "kind:skyscraper", "kind:bridge", "kind:ball", "kind:cube",
    "kind:cone", "kind:cylinder", "kind:pyramid", "kind:car", "kind:bus", "kind:bicycle", "kind:sailboat",
    "kind:rowboat", "kind:ship", "kind:hot-air balloon", "kind:kite", "kind:airplane", "kind:rocket", "kind:snowman",
    "kind:umbrella", "kind:lantern", "kind:campfire", "kind:mushroom", "kind:flower", "kind:pumpkin", "kind:bench",
    "kind:robot", "kind:star", "kind:heart", "kind:gift", "kind:pine tree", "kind:palm tree", "kind:oak tree",
    "kind:cactus", "kind:rock",
    "colour:red", "colour:orange", "colour:yellow", "colour:green", "colour:blue", "colour:purple", "colour:pink",
    "colour:brown", "colour:black", "colour:white", "colour:grey",
    "count:1", "count:2", "count:3", "count:4",
    "place:mountains", "place:lake", "place:forest", "place:hills", "place:meadow", "place:fields", "place:desert",
    "place:canyon", "place:savanna", "place:beach", "place:sea", "place:island", "place:river", "place:waterfall",
    "place:volcano", "place:village", "place:city", "place:arctic",
    "season:spring", "season:summer", "season:autumn", "season:winter",
    "time:dawn", "time:day", "time:sunset", "time:dusk", "time:night",
    "weather:clear", "weather:clouds", "weather:overcast", "weather:fog", "weather:rain", "weather:snow",
    "weather:storm",
    "extra:rainbow", "extra:aurora", "extra:moon", "extra:path", "extra:flowers", "extra:birds",
    "style:rendered", "style:flat", "style:watercolour", "style:oil", "style:pixel art", "style:3-D",
    "projection:panorama", "projection:sticker",
    "backdrop:transparent", "backdrop:plain", "backdrop:dots", "backdrop:stripes", "backdrop:rays",
    "relation:left of", "relation:right of", "relation:above", "relation:in front of", "relation:behind",
    "kind:monkey", "kind:tiger", "kind:unicorn", "kind:goat", "kind:llama", "kind:rhinoceros", "kind:hippopotamus",
    "kind:mouse", "kind:squirrel", "kind:hedgehog", "kind:bat", "kind:koala", "kind:panda", "kind:kangaroo",
    "kind:chicken", "kind:chick", "kind:peacock", "kind:parrot", "kind:frog", "kind:crocodile", "kind:turtle",
    "kind:snake", "kind:dragon", "kind:dinosaur", "kind:dolphin", "kind:shark", "kind:octopus", "kind:crab",
    "kind:lobster", "kind:shell", "kind:ladybird", "kind:bee", "kind:spider", "kind:caterpillar", "kind:apple",
    "kind:banana", "kind:tangerine", "kind:lemon", "kind:watermelon", "kind:strawberry", "kind:cherry", "kind:peach",
    "kind:pear", "kind:pineapple", "kind:tomato", "kind:avocado", "kind:carrot", "kind:corn cob", "kind:chilli",
    "kind:broccoli", "kind:loaf of bread", "kind:croissant", "kind:pizza", "kind:hamburger", "kind:sandwich",
    "kind:egg", "kind:cheese", "kind:ice cream", "kind:doughnut", "kind:cookie", "kind:cake", "kind:lollipop",
    "kind:cup of coffee", "kind:teapot", "kind:book", "kind:guitar", "kind:drum", "kind:violin", "kind:bell",
    "kind:alarm clock", "kind:key", "kind:padlock", "kind:light bulb", "kind:camera", "kind:computer", "kind:phone",
    "kind:television", "kind:crown", "kind:hat", "kind:shoe", "kind:rucksack", "kind:T-shirt", "kind:gem",
    "kind:trophy", "kind:football", "kind:basketball", "kind:teddy bear", "kind:pair of scissors", "kind:pencil",
    "kind:hammer", "kind:anchor", "kind:chair", "kind:candle", "kind:planet", "kind:clover", "kind:globe",
    "kind:telescope", "kind:train", "kind:truck", "kind:tractor", "kind:helicopter", "kind:fire engine",
    "kind:ambulance", "kind:motorcycle", "kind:flying saucer",
)
# fmt: on
"""``slot:value``. Number 0 means "nothing here", so ``CONCEPTS[i]`` has number i + 1."""

NUMBERS: dict[str, int] = {concept: number for number, concept in enumerate(CONCEPTS, start=1)}
"""The number of each concept."""


def slot(concept: str) -> str:
    """What kind of word it is: ``slot("colour:red")`` is "colour"."""
    return concept.partition(":")[0]


def value(concept: str) -> str:
    """The word itself: ``value("colour:red")`` is "red"."""
    return concept.partition(":")[2]


FIRST, SECOND, LATER, PICTURE = range(4)
"""What a concept belongs to: one of the things, or the picture as a whole."""


def owners(concepts: Sequence[str]) -> list[int]:
    """For each concept of a reading, in its order, what it belongs to.

    A number or a colour belongs to the thing after it; a colour that a backdrop follows, to the picture.
    """
    found = []
    things = sum(slot(concept) == "kind" for concept in concepts)
    owner = PICTURE
    for concept in reversed(concepts):
        if slot(concept) == "kind":
            things -= 1
            owner = min(things, LATER)
        elif slot(concept) not in ("colour", "count"):
            owner = PICTURE
        found.append(owner)
    return found[::-1]
