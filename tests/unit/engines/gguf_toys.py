"""Small GGUF files, written by the format's reference implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

TOKENS = ["!", "Ġa", "é", "Ã©", "<|im_end|>", "<tool_call>", "[PAD6]", "ðŁ"]
KINDS = [1, 1, 1, 1, 3, 4, 5, 1]


def write(
    path: Path, *, tensors: dict[str, tuple[Any, Kind]] | None = None, architecture: str = "qwen2", **more: Any
) -> Path:
    """A model of one layer without sense: a byte-level vocabulary of eight tokens, and the tensors given."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(512)
    writer.add_block_count(2)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_tokenizer_model(more.pop("tokenizer", "gpt2"))
    writer.add_tokenizer_pre(more.pop("pre", "qwen2"))
    writer.add_token_list(more.pop("tokens", TOKENS))
    writer.add_token_types(more.pop("kinds", KINDS))
    writer.add_eos_token_id(4)
    writer.add_chat_template("{{ messages }}")
    for key, value in more.items():
        writer.add_string(f"{architecture}.{key.replace('__', '.')}", value)
    for name, (values, kind) in (tensors or {"token_embd.weight": (np.ones((8, 64), np.float32), Kind.Q4_0)}).items():
        packed = values if kind == Kind.F32 else gguf.quants.quantize(values, kind)
        writer.add_tensor(name, packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
