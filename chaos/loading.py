"""Loads models named on stdin and says what became of each: what a worker does, many times in one process.

A line is ``{"engine": ..., "path": ...}``; the answer is one JSON line with ``ok`` (the text of one token) or ``error``
(the class of ours, or ``foreign ...``). A native crash ends the process; that is an answer, too.

Knows: `aigc.engines.registry`. Does not know: what is wrong with the files.
"""

from __future__ import annotations

import json
import queue
import sys

from aigc.engines import registry
from aigc.engines.base import LoadOptions
from aigc.errors import AigcError
from aigc.types import FINAL, Delta, EmbedRequest, EngineFile, Event, Failure, ModelSpec, Sampling, TextRequest

OPTIONS = LoadOptions(threads=1, context_tokens=512, cache_bytes=32 * 2**20, max_sequences=1)


def load(engine: str, path: str) -> dict[str, object]:
    """Load, ask for a little, free."""
    file = EngineFile(engine=engine, path=path, memory_bytes=1)
    spec = ModelSpec(
        id="mutant",
        capabilities=("embedding",) if engine == "e5" else ("completion",),
        engines=(file,),
        context_tokens=512,
        created=0,
        digest="mutant",
        licence="Apache-2.0",
    )
    events: queue.Queue[Event] = queue.Queue()
    service = registry.load(spec, file, OPTIONS, lambda items: [events.put(event) for _, event in items] and None)
    request = (
        EmbedRequest(inputs=("hello",))
        if engine == "e5"
        else TextRequest(prompt="Hello", max_tokens=1, sampling=Sampling(temperature=0.0))
    )
    service.submit(1, request)
    text = ""
    while True:
        event = events.get(timeout=60)
        text += event.text if isinstance(event, Delta) else ""
        if isinstance(event, FINAL):
            service.close()
            return {"error": event.name} if isinstance(event, Failure) else {"ok": text}


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            answer = load(**json.loads(line))
        except AigcError as error:
            answer = {"error": type(error).__name__}
        except Exception as error:
            answer = {"error": f"foreign {type(error).__name__}"}
        print(json.dumps(answer), flush=True)
