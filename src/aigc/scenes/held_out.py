"""Which combinations no training picture may show, so that a model can be asked for what it never saw.

A combination is held out by a checksum of its names: the same ones on every machine and for ever, also as kinds and
places are added. Every single word is seen in training, in other company.

Knows: descriptions. Does not know: sampling, training.
"""

from __future__ import annotations

import hashlib

from aigc.scenes.describe import Scene

_EVERY = {"colour": 8, "place": 8, "style": 10, "pair": 8, "hour": 14}
"""One of so many combinations of each sort is held out."""
_SALT = 841
"""Of 6,000 salts the one that leaves most everyday combinations (a bear in a forest, a red ball) in training."""


def held_out(scene: Scene) -> frozenset[str]:
    """The held-out combinations that a scene shows, such as ``colour|blue|fox``; empty for a scene to train on."""
    return frozenset(name for name in combinations(scene) if _kept_back(name))


def combinations(scene: Scene) -> frozenset[str]:
    """All combinations of a scene that could be held out."""
    found = set()
    kinds = sorted({thing.kind for thing in scene.things})
    for thing in scene.things:
        if thing.colour is not None:
            found.add(f"colour|{thing.colour}|{thing.kind}")
    for kind in kinds:
        found.add(f"style|{scene.style}|{kind}")
        if scene.place is not None:
            found.add(f"place|{scene.place}|{kind}")
    found.update(f"pair|{a}|{b}" for a in kinds for b in kinds if a < b)
    if scene.place is not None:
        found.add(f"hour|{scene.place}|{scene.time}|{scene.weather}")
    return frozenset(found)


def _kept_back(name: str) -> bool:
    digest = hashlib.sha256(f"{name}|{_SALT}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % _EVERY[name.split("|", 1)[0]] == 0
