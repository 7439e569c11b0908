"""The text server on this machine: start-up, first token, memory, tokens/s at 1, 8 and 32 streams.

Beside it, in the same run, the bare engine (OpenVINO GenAI's continuous batching driven by a plain loop, no HTTP, no
worker): what the server could reach at most. Run it on a quiet machine::

    python benchmarks/text_server.py --model tiny --streams 1 8 32

Reads AIGC_HOME; the model must be installed. Prints progress on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

import machine

KEY = "sk-benchmark-0123456789"
WORDS = (
    "river stone lamp garden winter paper bridge music engine cloud table green quiet letter morning glass road "
    "yellow market harbour window forest silver number question answer simple strong travel island"
).split()


def prompt(words: int, seed: int) -> str:
    """Random English words, different for every request, so that no cache helps."""
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(words))


class Server:
    """`aigc serve` in a process of its own."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        environment = os.environ | {"AIGC_PORT": str(port), "AIGC_API_KEY": KEY, "AIGC_QUEUE_SIZE": "256"}
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aigc", "serve", "--no-pull"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> float:
        """Seconds until /health answers."""
        while True:
            try:
                httpx.get(f"{self.url}/health", timeout=1).raise_for_status()
                return time.perf_counter() - self.began
            except httpx.HTTPError:
                if self.process.poll() is not None:
                    raise SystemExit("the server ended; is the model installed in AIGC_HOME?") from None
                time.sleep(0.02)

    def memory(self) -> dict[str, float]:
        """Resident MiB of the gateway and of its workers."""
        gateway = psutil.Process(self.process.pid)
        workers = sum(child.memory_info().rss for child in gateway.children(recursive=True))
        return {"gateway_mib": round(gateway.memory_info().rss / 2**20), "workers_mib": round(workers / 2**20)}

    def stop(self) -> None:
        """End it as a service manager would."""
        self.process.terminate()
        self.process.wait(60)


async def one_stream(client: httpx.AsyncClient, model: str, words: int, tokens: int, seed: int) -> tuple[float, int]:
    """(seconds to the first token, tokens) of one streamed completion."""
    body = {
        "model": model,
        "prompt": prompt(words, seed),
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    began = time.perf_counter()
    first, count = 0.0, 0
    async with client.stream("POST", "/v1/completions", json=body) as answer:
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(f"the server answered {answer.status_code}: {(await answer.aread()).decode()}")
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line[6:])
            if not first and chunk.get("choices") and chunk["choices"][0]["text"]:
                first = time.perf_counter() - began
            if chunk.get("usage"):
                count = chunk["usage"]["completion_tokens"]
    return first, count


async def load(url: str, model: str, streams: int, words: int, tokens: int, seed: int) -> dict[str, float]:
    """Tokens/s of all streams together, and the median time to the first token."""
    headers = {"Authorization": f"Bearer {KEY}"}
    limits = httpx.Limits(max_connections=streams)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=600, limits=limits, trust_env=False) as client:
        began = time.perf_counter()
        runs = [one_stream(client, model, words, tokens, seed * 1000 + i) for i in range(streams)]
        answers = await asyncio.gather(*runs)
        seconds = time.perf_counter() - began
    return {
        "tokens_per_second": sum(count for _, count in answers) / seconds,
        "first_token_ms": 1000 * statistics.median(first for first, _ in answers),
    }


BARE = """
import json, sys, time
import numpy, openvino, openvino_genai as g
folder, context, cases = sys.argv[1], int(sys.argv[2]), json.loads(sys.stdin.read())
s = g.SchedulerConfig(); s.num_kv_blocks = 16384 // 32 * 2; s.max_num_batched_tokens = 512; s.max_num_seqs = 64
pipe = g.ContinuousBatchingPipeline(folder, s, "CPU", {}); tok = pipe.get_tokenizer(); n = 0
for prompts, tokens in cases:
    handles = []
    ids = [tok.encode(p, add_special_tokens=False).input_ids for p in prompts]
    began = time.perf_counter()
    for i in ids:
        c = g.GenerationConfig(); c.max_new_tokens = tokens; c.ignore_eos = True; c.apply_chat_template = False
        n += 1; handles.append(pipe.add_request(n, i, c))
    count = 0
    while pipe.has_non_finished_requests():
        pipe.step()
        for h in handles:
            while h.can_read():
                count += sum(len(o.generated_ids) for o in h.read().values())
    print(json.dumps(count / (time.perf_counter() - began)), flush=True)
"""


def bare(folder: Path, cases: list[tuple[list[str], int]]) -> list[float]:
    """Tokens/s of the engine alone for each case, in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-c", BARE, str(folder), "8192"],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(line) for line in answer.stdout.splitlines() if line[:1].isdigit()]


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The whole benchmark for one model."""
    result: dict[str, Any] = {"model": arguments.model, "streams": {}}
    server = Server(arguments.port)
    try:
        result["health_s"] = round(server.wait(), 2)
        asyncio.run(load(server.url, arguments.model, 1, 8, 1, 1))
        result["serve_to_first_token_s"] = round(time.perf_counter() - server.began, 2)
        result["memory_after_first_token"] = server.memory()
        seed = 10
        for streams in arguments.streams:
            runs = []
            for _ in range(arguments.repeat):
                seed += 1
                runs.append(asyncio.run(load(server.url, arguments.model, streams, 40, arguments.tokens, seed)))
            result["streams"][str(streams)] = {
                name: round(statistics.median(run[name] for run in runs), 1) for name in runs[0]
            }
            print(streams, result["streams"][str(streams)], file=sys.stderr)
        long = [asyncio.run(load(server.url, arguments.model, 1, 400, 2, 900 + i)) for i in range(arguments.repeat)]
        result["first_token_ms_400_words"] = round(statistics.median(run["first_token_ms"] for run in long), 1)
        result["memory_after_load"] = server.memory()
    finally:
        server.stop()
    if arguments.bare is not None:
        repeated = [s for s in arguments.streams for _ in range(arguments.repeat)]
        cases = [([prompt(40, 5000 + 100 * j + i) for i in range(s)], arguments.tokens) for j, s in enumerate(repeated)]
        speeds = bare(arguments.bare, cases)
        for streams in arguments.streams:
            limit = statistics.median(speed for speed, s in zip(speeds, repeated, strict=True) if s == streams)
            row = result["streams"][str(streams)]
            row["bare_engine_tokens_per_second"] = round(limit, 1)
            row["share_of_bare_engine"] = round(row["tokens_per_second"] / limit, 3)
    return result


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--port", type=int, default=8497)
    parser.add_argument("--bare", type=Path, help="the model's OpenVINO folder: measure the engine alone as well")
    arguments = parser.parse_args()
    result = measure(arguments)
    print(json.dumps({"benchmark": "text_server", **result, "machine": machine.describe()}))


if __name__ == "__main__":
    main()
