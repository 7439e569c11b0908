"""How near one stream comes to the limit that reading the weights sets.

    python benchmarks/single_stream.py tiny

For each token all weights of the multiplications are read once, so tokens/s can't exceed the memory's bandwidth divided
by their bytes. The bandwidth is measured in the same run: sums of 512 MiB in as many threads, the best of seven. Caches
may lift small models above it. Prints one JSON object as the last line. Reads AIGC_HOME.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import machine
from aigc.settings import load
from aigc.store import Store
from served import model_id

TOKENS, PROMPT_TOKENS = 96, 40


def bandwidth(threads: int) -> float:
    """Bytes/s that ``threads`` threads read together."""
    import numpy as np

    parts = np.array_split(np.ones(64 * 2**20), threads)
    best = 0.0
    for _ in range(7):
        workers = [threading.Thread(target=part.sum) for part in parts]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, sum(part.nbytes for part in parts) / (time.perf_counter() - began))
    return best


def bytes_per_token(folder: Path) -> int:
    """Weights that lead to a multiplication; an embedding of its own is only looked up."""
    import openvino

    def multiplied(node: Any) -> bool:
        readers = [reader.get_node() for output in node.outputs() for reader in output.get_target_inputs()]
        steps = ("Convert", "Subtract", "Multiply", "Reshape")
        return any(r.get_type_name() == "MatMul" or (r.get_type_name() in steps and multiplied(r)) for r in readers)

    nodes = openvino.Core().read_model(folder / "openvino_model.xml").get_ops()
    large = (node for node in nodes if node.get_type_name() == "Constant" and node.get_byte_size() > 4096)
    return sum(node.get_byte_size() for node in large if multiplied(node))


def steps(folder: Path, threads: int) -> list[float]:
    """Seconds of each step that made one token."""
    import numpy as np
    import openvino
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = 64
    properties = {"KV_CACHE_PRECISION": "u8", "INFERENCE_NUM_THREADS": threads}
    pipe = openvino_genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", properties)
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens, config.ignore_eos, config.apply_chat_template = TOKENS, True, False
    prompt = np.random.default_rng(1).integers(1000, 20000, size=(1, PROMPT_TOKENS))
    handle = pipe.add_request(0, openvino.Tensor(prompt), config)
    found = []
    while pipe.has_non_finished_requests():
        began = time.perf_counter()
        pipe.step()
        found.append(time.perf_counter() - began)
    del handle
    return found[TOKENS // 4 :]  # the first ones read the prompt and pack the weights


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="tiny")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    model = model_id(arguments.model)
    folder = next(Path(file.path) for file in Store(load()).get(model).engines if file.engine == "openvino")
    size = bytes_per_token(folder)
    speed = bandwidth(arguments.threads)
    seconds = steps(folder, arguments.threads)
    rate = 1 / statistics.median(seconds)
    result = {
        "benchmark": "single_stream",
        "model": model,
        "bytes_per_token": size,
        "bandwidth_gb_per_second": round(speed / 1e9, 1),
        "limit_tokens_per_second": round(speed / size, 1),
        "tokens_per_second": round(rate, 1),
        "best_step_tokens_per_second": round(1 / min(seconds), 1),
        "share_of_limit": round(rate * size / speed, 3),
        "machine": machine.describe(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
