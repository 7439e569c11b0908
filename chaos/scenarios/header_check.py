"""The GGUF header check against 50,000 damaged headers: our error or a header that is true, never anything else.

Every accepted header is compared with the file: each tensor lies inside it and none overlaps another. The slowest
decision and the memory it took are told.
"""

from __future__ import annotations

import itertools
import time
import tracemalloc
from pathlib import Path

import gguf
import numpy as np

from aigc.engines import e5_file, gguf_header
from aigc.errors import InvalidModelFile
from aigc.store.gguf_check import Header, read_header
from aigc.store.gguf_facts import read_facts
from mutants import mutate
from stage import Stage


def small_model(path: Path) -> bytes:
    """A complete small file by ggml's own writer."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_block_count(2)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<s>", "</s>", "a", "你"])
    writer.add_token_types([3, 3, 1, 1])
    writer.add_chat_template("{{ messages[0].content }}")
    writer.add_array("toy.numbers", [1, 2, 3])
    writer.add_tensor("token_embd.weight", np.ones((4, 64), np.float32))
    writer.add_tensor("output_norm.weight", np.ones(64, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def _lies(header: Header) -> str:
    """What an accepted header says that isn't so; empty if all is true."""
    ordered = sorted(header.tensors, key=lambda tensor: tensor.offset)
    if any(tensor.offset + tensor.size_bytes > header.file_bytes for tensor in ordered):
        return "a tensor outside the file"
    if any(a.offset + a.size_bytes > b.offset for a, b in itertools.pairwise(ordered)):
        return "tensors that overlap"
    return ""


def play(stage: Stage) -> None:
    """Mutate, check, compare."""
    path = stage.scratch / "toy.gguf"
    good = small_model(path)
    accepted = refused = 0
    faults: list[str] = []
    slowest = 0.0
    tracemalloc.start()
    for _ in range(stage.times(50_000)):
        data, words = mutate(good, stage.draw, stage.draw.choice((1, 1, 2, 4)))
        path.write_bytes(data)
        began = time.monotonic()
        try:
            header = read_header(path)
            read_facts(header)
            accepted += 1
            faults += [f"{words}: {lie}" for lie in [_lies(header)] if lie]
        except InvalidModelFile:
            refused += 1
        except Exception as error:
            faults.append(f"{words}: {type(error).__name__}")
        slowest = max(slowest, time.monotonic() - began)
        for read in (gguf_header.read, e5_file.read):  # the readers behind it may only fail in our words, too
            try:
                read(path)
            except InvalidModelFile:
                pass
            except Exception as error:
                faults.append(f"{read.__module__}, {words}: {type(error).__name__}: {error}")
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    stage.count("headers accepted, refused", f"{accepted}, {refused}")
    stage.none("other errors, or accepted headers that lie", faults)
    stage.at_most("slowest decision", slowest, 1, " s")
    stage.at_most("memory at most", memory / 2**20, 16, " MiB")
