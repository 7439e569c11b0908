"""llama.cpp's own HTTP server, as its wheel carries it: FILE PORT KEY NAME CONTEXT_TOKENS [--embeds]."""

from __future__ import annotations

import sys
import threading

import xllamacpp

SLOTS = 2


def main() -> None:
    """Serve until the process is ended."""
    file, port, key, name, context = sys.argv[1:6]
    options = xllamacpp.CommonParams()
    options.model.path = file
    options.n_parallel = SLOTS
    options.n_ctx = int(context) * SLOTS  # shared by the slots
    options.port = int(port)
    options.api_keys = [key]
    options.model_alias = {name}
    options.use_jinja = True
    if "--embeds" in sys.argv:
        options.embedding = True
        options.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(options)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
