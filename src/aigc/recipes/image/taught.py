"""Which concepts a run has met in captions: a list beside its settings, for who serves it.

The list of concepts grows; a model must not claim those that no caption of its pictures named.

Knows: run folders, numbers of concepts. Does not know: captions, networks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from aigc.errors import InvalidModelFile
from aigc.scenes.concepts import NUMBERS
from aigc.scenes.limits import drawn

_FILE = "concepts.json"


def taught(folder: Path) -> list[int]:
    """Numbers of the concepts, rising; of a run from before this list, those of the renderer's captions.

    Raises:
        InvalidModelFile: the list is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return sorted(number for concept, number in NUMBERS.items() if drawn(concept))
    try:
        return sorted({int(number) for number in json.loads(path.read_text("utf-8"))})
    except (OSError, ValueError, TypeError) as error:
        raise InvalidModelFile(f"{path} can't be read: {error}", hint="remove it; training writes it anew") from error


def teach(folder: Path, numbers: Iterable[int]) -> None:
    """Add concepts to what a run has met."""
    before = set(taught(folder)) if (folder / _FILE).exists() else set()
    after = before | {number for number in numbers if number > 0}
    if after != before:
        # Processes that share a training write the same at once: each to a name of its own.
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{_FILE}.{os.getpid()}"
        beside.write_text(json.dumps(sorted(after)), "utf-8")
        beside.replace(folder / _FILE)
