"""Are captions read as what they say, and how fast? Every language, form and some wordings of sampled scenes.

Run: python benchmarks/reading.py [--scenes 2500]. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import get_args

from aigc.scenes import caption, sample
from aigc.scenes.captions import Form, Language
from aigc.scenes.reading import read
from aigc.scenes.wishes import Wishes, wishes

WORDINGS = 2


def attributes(found: Wishes) -> frozenset[str]:
    """What was understood, as `aigc.scenes.captions.Said.attributes` says it."""
    told = {f"kind:{t.kind}" for t in found.things} | {f"extra:{extra}" for extra in found.extras}
    told |= {f"colour:{t.colour} {t.kind}" for t in found.things if t.colour}
    told |= {f"count:{t.count} {t.kind}" for t in found.things if t.count > 1}
    told |= {f"relation:{found.things[a].kind} {word} {found.things[b].kind}" for a, word, b in found.relations}
    told |= {f"{name}:{word}" for name, word in found.chosen.items()}
    return frozenset(told | ({f"backdrop_colour:{found.backdrop_colour}"} if found.backdrop_colour else set()))


def main() -> int:
    """Prints the captions that are misread, and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=2500)
    count = parser.parse_args().scenes
    texts = right = longest = 0
    seconds = 0.0
    unknown: set[str] = set()
    for seed in range(count):
        scene = sample(seed, held_out=seed % 4 == 0)
        for language in get_args(Language):
            for form in get_args(Form):
                for draw in range(WORDINGS):
                    found = caption(scene, language, form, draw)
                    began = time.perf_counter()
                    reading = read(found.text)
                    seconds += time.perf_counter() - began
                    texts += 1
                    longest = max(longest, len(reading.concepts))
                    unknown |= set(reading.unknown)
                    understood = attributes(wishes(reading.concepts))
                    if understood == found.said.attributes():
                        right += 1
                    else:
                        print(f"misread: {found.text}: {sorted(understood ^ found.said.attributes())}")
    result = {
        "captions": texts,
        "right": right / texts,
        "unknown_words": sorted(unknown),
        "captions_per_second": round(texts / seconds),
        "most_concepts": longest,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
