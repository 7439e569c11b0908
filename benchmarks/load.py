"""Cost as load grows: streams 1 to 128, prompts of 100 to 30,000 tokens, one to four models at once.

    python benchmarks/load.py                    # with the models of AIGC_HOME; those that are missing are left out

Every curve has a budget of seconds: a point that would exceed it by the trend of those before is left out, and said so.
Prints progress on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from typing import Any

import httpx

import machine
from prompts import words
from served import KEY, Server, installed, running

TINY, SMALL, DEFAULT, EMBEDDER = (
    "smollm2-135m-instruct",
    "qwen2.5-coder-0.5b-instruct",
    "qwen2.5-coder-1.5b-instruct",
    "multilingual-e5-small",
)
STREAMS = (1, 2, 4, 8, 16, 32, 64, 128)
PROMPTS = {TINY: (100, 300, 1000, 3000, 8000), DEFAULT: (100, 300, 1000, 3000, 10_000, 30_000)}
TOKENS = 32


def streams(model: str, budget: float) -> list[dict[str, float]]:
    """Tokens/s and time to the first token by number of streams."""
    rows: list[dict[str, float]] = []
    with running(AIGC_DEFAULT_MODEL=model, AIGC_MAX_SEQUENCES="128") as server:
        server.stream(model, [words(8, 0)], 2)
        end, last = time.perf_counter() + budget, 0.0
        for number in STREAMS:
            if time.perf_counter() + 1.8 * last > end:
                break
            load = server.stream(model, [words(40, 200 * number + i) for i in range(number)], TOKENS)
            last = load.seconds
            rows.append({"streams": number, **_rounded(load.figures()), **server.memory()})
            print(model, rows[-1], file=sys.stderr)
    return rows


def prompts(model: str, budget: float) -> list[dict[str, float]]:
    """Time to the first token by length of the prompt, in tokens; every prompt is new."""
    rows: list[dict[str, float]] = []
    with running(AIGC_DEFAULT_MODEL=model, AIGC_CONTEXT_TOKENS="32768") as server:
        server.stream(model, [words(8, 0)], 2)
        end, last, before = time.perf_counter() + budget, 0.0, 0
        for length in PROMPTS[model]:
            if before and time.perf_counter() + last * length / before > end:
                break
            draw = random.Random(length)
            load = server.stream(model, [[draw.randrange(1000, 9000) for _ in range(length)]], 2)
            last, before = load.seconds, length
            rows.append(
                {"tokens": length, "first_token_ms": round(load.figures()["first_token_ms"], 1), **server.memory()}
            )
            print(model, rows[-1], file=sys.stderr)
    return rows


def together(models: list[str]) -> list[dict[str, Any]]:
    """The first model's tokens/s while one, two ... models work at once, and the memory of all."""
    rows: list[dict[str, Any]] = []
    with running(AIGC_DEFAULT_MODEL=models[0]) as server:
        for number in range(1, len(models) + 1):
            now = models[:number]
            for model in now:
                _warm_up(server, model)
            stop, counted = threading.Event(), [0]
            thread = threading.Thread(target=_embed, args=(server, stop, counted))
            if EMBEDDER in now:
                thread.start()
            try:
                asked = [(model, words(40, 70 * number + i)) for i, model in enumerate(now) if model != EMBEDDER]
                load = server.streams(asked, TOKENS)
            finally:
                stop.set()
                if EMBEDDER in now:
                    thread.join()
            first = load.replies[0]
            rows.append(
                {
                    "models": now,
                    "first_model_tokens_per_second": round(first.tokens / first.arrivals[-1], 1),
                    "texts_embedded_per_second": round(counted[0] / load.seconds, 1),
                    **server.memory(),
                }
            )
            print(rows[-1], file=sys.stderr)
    return rows


def _warm_up(server: Server, model: str) -> None:
    if model == EMBEDDER:
        _embed(server, threading.Event(), [0], rounds=1)
    else:
        server.stream(model, [words(8, 0)], 2)


def _embed(server: Server, stop: threading.Event, counted: list[int], rounds: int = 10**9) -> None:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=120) as http:
        for number in range(rounds):
            if stop.is_set():
                return
            body = {"model": EMBEDDER, "input": [words(15, 8 * number + i) for i in range(8)]}
            http.post("/v1/embeddings", json=body).raise_for_status()
            counted[0] += 8


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in figures.items()}


def main() -> None:
    """Measure what is installed and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--budget",
        type=float,
        default=70.0,
        help="seconds for each curve over streams; three times that for each over prompts",
    )
    arguments = parser.parse_args()
    here = installed()
    models = [model for model in (TINY, EMBEDDER, SMALL, DEFAULT) if model in here]
    texts = [model for model in (TINY, DEFAULT) if model in here]
    result = {
        "benchmark": "load",
        "tokens": TOKENS,
        "streams": {model: streams(model, arguments.budget) for model in texts},
        "prompts": {model: prompts(model, 3 * arguments.budget) for model in texts},
        "models": together(models),
        "not_installed": sorted({TINY, SMALL, DEFAULT, EMBEDDER} - set(here)),
    }
    print(json.dumps(result | {"machine": machine.describe()}))


if __name__ == "__main__":
    main()
