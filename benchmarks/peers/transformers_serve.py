"""``transformers serve`` with continuous batching. transformers computes with dequantised weights: the GGUF is turned
into a folder of its own kind once, which isn't counted as start-up.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from peers.base import Peer, Site

_CONVERT = """
import sys, torch
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
gguf, folder = Path(sys.argv[1]), sys.argv[2]
floats = {"dtype": torch.bfloat16, "quantization_config": GgufConfig(dequantize=True)}
model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, **floats)
tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
config, weights = model.config, model.state_dict()
config.__dict__.pop("quantization_config", None)  # else it refuses to save
model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
model.load_state_dict(weights)
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
"""


_BLOCK_TOKENS = 32


def _folder(site: Site) -> Path:
    return site.folder / site.model


def _prepare(site: Site) -> None:
    if not (_folder(site) / "config.json").exists():
        subprocess.run([site.python, "-c", _CONVERT, site.gguf, _folder(site)], check=True, timeout=300)


def _command(site: Site) -> list[str]:
    program = site.python.parent / "transformers"
    options = [
        "--host",
        "127.0.0.1",
        "--port",
        str(site.port),
        "--device",
        "cpu",
        "--dtype",
        "bfloat16",
        "--continuous-batching",
    ]
    # Without these it takes most of the machine's memory for its cache.
    blocks = site.streams * site.context_tokens // _BLOCK_TOKENS
    cache = ["--cb-block-size", str(_BLOCK_TOKENS), "--cb-num-blocks", str(blocks), "--cb-max-batch-tokens", "512"]
    return [str(program), "serve", *options, *cache]


def _body(model: str, prompt: str, tokens: int) -> dict[str, Any]:
    return {
        "model": model,
        "prompt": prompt,
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
    }


PEER = Peer(
    name="transformers serve",
    requirements=("transformers[serving]", "gguf", "accelerate", "torch==2.13.0"),
    package="transformers",
    command=_command,
    model_name=lambda site: str(_folder(site)),
    body=_body,
    prepare=_prepare,
    environment=lambda site: {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(site.threads)},
)
