"""The text server on this machine: start-up, first token, memory, tokens/s at 1, 8 and 32 streams.

Beside it, in the same run, the bare engine (`bare.py`: the code of a worker in a plain loop). Runs of the two take
turns, so that whatever else the machine does meets both; the share is the median of the pairs. Run it on a quiet
machine::

    python benchmarks/text_server.py --model tiny --streams 1 8 32

Reads AIGC_HOME; the model must be installed. Prints progress on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

import machine
from prompts import words
from served import Engine, Server, model_id

PROMPT_WORDS = 40
LONG_PROMPT_WORDS = 400


def pair(server: Server, engine: Engine, model: str, streams: int, tokens: int, seed: int) -> dict[str, float]:
    """One run of the server and one of the bare engine, each with prompts that no cache knows."""
    ours = [words(PROMPT_WORDS, 1000 * seed + i) for i in range(streams)]
    theirs = [words(PROMPT_WORDS, 1000 * seed + 500 + i) for i in range(streams)]
    cpu = server.cpu_seconds()
    load = server.stream(model, ours, tokens)
    cpu = server.cpu_seconds() - cpu
    found = load.figures()
    count = sum(reply.tokens for reply in load.replies)
    bare = engine.run(theirs, tokens)
    return {
        **found,
        "gateway_us_per_token": 1e6 * cpu / count,
        "client_us_per_token": 1e6 * load.cpu_seconds / count,
        "bare_tokens_per_second": bare["tokens_per_second"],
        "bare_first_token_ms": bare["first_token_ms"],
        "share_of_bare": found["tokens_per_second"] / bare["tokens_per_second"],
    }


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of every figure, and how far the shares lie apart."""
    found = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
    shares = [run["share_of_bare"] for run in runs]
    return found | {"share_min": round(min(shares), 3), "share_max": round(max(shares), 3)}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The whole benchmark for one model."""
    result: dict[str, Any] = {"model": arguments.model, "tokens": arguments.tokens, "streams": {}}
    server = Server(AIGC_DEFAULT_MODEL=arguments.model)  # no other model is loaded ahead
    try:
        result["health_s"] = round(server.wait(), 2)
        result["memory_idle"] = server.memory()
        server.stream(arguments.model, [words(8, 1)], 1)
        result["serve_to_first_token_s"] = round(time.perf_counter() - server.began, 2)
        result["memory_after_first_token"] = server.memory()
        engine = Engine(arguments.model)
        try:
            pair(server, engine, arguments.model, 2, 8, 1)  # whatever happens once happens here
            for streams in arguments.streams:
                seeds = range(10 * streams, 10 * streams + arguments.repeat)
                runs = [pair(server, engine, arguments.model, streams, arguments.tokens, seed) for seed in seeds]
                result["streams"][str(streams)] = medians(runs)
                print(streams, json.dumps(result["streams"][str(streams)]), file=sys.stderr)
        finally:
            engine.stop()
        long = [server.stream(arguments.model, [words(LONG_PROMPT_WORDS, 9000 + i)], 2) for i in range(3)]
        result["first_token_ms_400_words"] = round(statistics.median(x.figures()["first_token_ms"] for x in long), 1)
        result["memory_after_load"] = server.memory()
    finally:
        server.stop()
    return result


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--repeat", type=int, default=5, help="pairs of runs for each number of streams")
    arguments = parser.parse_args()
    arguments.model = model_id(arguments.model)
    result = measure(arguments)
    print(json.dumps({"benchmark": "text_server", **result, "machine": machine.describe()}))


if __name__ == "__main__":
    main()
