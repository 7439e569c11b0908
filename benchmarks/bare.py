"""The engine of a model alone: the code that a worker runs, driven by a plain loop; no HTTP, no second process.

What a server could reach at most. Run as a script it reads one JSON object a line (``prompts``, ``tokens``) and answers
each with one line of figures, so that the runs of a server and of the engine can take turns::

    python benchmarks/bare.py tiny

Knows: the services of `aigc.engines`. Does not know: servers.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from collections.abc import Sequence
from typing import Any

import psutil

from aigc.engines import registry
from aigc.runtime import naming, planning
from aigc.settings import load as load_settings
from aigc.store import Store
from aigc.types import Delta, Event, Failure, Sampling, TextRequest, Usage


class Bare:
    """One loaded model. Args: model: id or alias of an installed one."""

    def __init__(self, model: str) -> None:
        settings = load_settings()
        store = Store(settings)
        spec = naming.resolve(model, "completion", naming.aliases(settings), store.list(), store.default_id())
        file = spec.engines[0]
        options = planning.load_options(
            spec,
            file,
            context_tokens=settings.context_tokens,
            max_sequences=settings.max_sequences,
            threads=settings.threads or psutil.cpu_count(logical=False) or 1,
            lookup_tokens=settings.prompt_lookup_tokens,
        )
        self._events: queue.SimpleQueue[tuple[float, Sequence[tuple[int, Event]]]] = queue.SimpleQueue()
        self._service = registry.load(spec, file, options, lambda items: self._events.put((time.perf_counter(), items)))
        self._number = 0

    def run(self, prompts: Sequence[str], tokens: int) -> dict[str, float]:
        """Answer all prompts at once. Returns: tokens/s of all together, mean milliseconds to a first token."""
        began = time.perf_counter()
        for prompt in prompts:
            self._number += 1
            sampling = Sampling(temperature=0.0)
            request = TextRequest(prompt=prompt, max_tokens=tokens, sampling=sampling, ignore_eos=True)
            self._service.submit(self._number, request)
        open_answers, count, now = len(prompts), 0, began
        first: dict[int, float] = {}
        while open_answers:
            now, items = self._events.get()
            for number, event in items:
                if isinstance(event, Delta):
                    first.setdefault(number, now - began)
                elif isinstance(event, Usage):
                    open_answers -= 1
                    count += event.completion_tokens
                elif isinstance(event, Failure):
                    raise RuntimeError(event.message)
        firsts = sorted(first.values())
        return {
            "tokens_per_second": count / (now - began),
            "first_token_ms": 1000 * firsts[len(firsts) // 2],
        }


def main() -> None:
    """Answer lines until they end."""
    engine = Bare(sys.argv[1])
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        print(json.dumps(engine.run(asked["prompts"], asked["tokens"])), flush=True)


if __name__ == "__main__":
    main()
