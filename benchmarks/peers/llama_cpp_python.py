"""``python -m llama_cpp.server``. It computes one answer after the other; a second request would end the first one
unless ``interrupt_requests`` is off.
"""

from __future__ import annotations

from peers.base import Peer, Site


def _command(site: Site) -> list[str]:
    options = {
        "--model": site.gguf,
        "--model_alias": site.model,
        "--host": "127.0.0.1",
        "--port": site.port,
        "--n_ctx": 4 * site.context_tokens,
        "--n_threads": site.threads,
        "--n_threads_batch": site.threads,
        "--interrupt_requests": "false",
        "--cache": "true",
    }
    return [str(site.python), "-m", "llama_cpp.server", *(str(part) for pair in options.items() for part in pair)]


PEER = Peer(
    name="llama-cpp-python",
    requirements=("llama-cpp-python[server]",),
    package="llama-cpp-python",
    command=_command,
    llama_cpp=True,
)
