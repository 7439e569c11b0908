"""Pulls a small model file into a home, again and again as told by lines on stdin: ``pulling.py HOME FILE``.

Engines are a stub, for this is about writes; every line of stdin is one pull under that name. Answers one JSON
line each: what was installed, or which error came.

Knows: `aigc.store`. Does not know: why a write fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aigc.errors import AigcError
from aigc.settings import Settings
from aigc.store import Store
from aigc.types import EngineFile


class _Stub:
    """An engine that copies a little."""

    def engines_for(self, weights: Path) -> Sequence[str]:
        return ["echo"]

    def prepare(self, engine: str, weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
        target = folder / "prepared.bin"
        folder.mkdir(parents=True, exist_ok=True)
        target.write_bytes(weights.read_bytes())
        return EngineFile(engine="echo", path=str(target), memory_bytes=1)


if __name__ == "__main__":
    store = Store(Settings(home=Path(sys.argv[1])), engines=_Stub)
    for line in sys.stdin:
        name = line.strip()
        try:
            store.pull(sys.argv[2], name=name)
            answer = {"ok": name}
        except AigcError as error:
            answer = {"error": type(error).__name__}
        except BaseException as error:
            answer = {"foreign": f"{type(error).__name__}: {error}"}
        print(json.dumps({**answer, "listed": [spec.id for spec in store.list()]}), flush=True)
