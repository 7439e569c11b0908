"""What guessing tokens from repeated text (AIGC_PROMPT_LOOKUP_TOKENS) wins and costs: the engine alone, in turns.

    python benchmarks/lookup.py qwen2.5-coder-1.5b-instruct

Four kinds of answer, from code that is printed again with small changes to a free story, one stream and several. The
two engines take turns, so that whatever else the machine does meets both; the ratio is the median of the pairs. Prints
progress on stderr and one JSON object as the last line. Reads AIGC_HOME.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

import machine
from served import Engine, model_id

CODE = """def load(path):
    rows = []
    with open(path) as handle:
        for line in handle:
            parts = line.strip().split(",")
            if len(parts) != 3:
                continue
            name, age, city = parts
            rows.append({"name": name, "age": int(age), "city": city})
    return rows


def by_city(rows):
    found = {}
    for row in rows:
        found.setdefault(row["city"], []).append(row)
    return found
"""
ASKED = {
    "code with small changes": f"Add type hints to this code, print all of it, nothing else:\n```python\n{CODE}```",
    "code": "Write a Python class for a bank account number {n}, with deposits, withdrawals and a history.",
    "explanation": "Explain to a child, in {n} sentences, how a bridge carries its load.",
    "story": "Write a story about lighthouse number {n} and a storm.",
}


def prompts(kind: str, streams: int) -> list[str]:
    """What ``streams`` users ask, in the chat form of Qwen and SmolLM2."""
    asked = [ASKED[kind].replace("{n}", str(7 + number)) for number in range(streams)]
    return [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in asked]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="tiny")
    parser.add_argument("--guess", type=int, default=3, help="tokens a step")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    model = model_id(arguments.model)
    without, looking = Engine(model), Engine(model, AIGC_PROMPT_LOOKUP_TOKENS=str(arguments.guess))
    rows: list[dict[str, Any]] = []
    try:
        for streams in arguments.streams:
            for kind in ASKED:
                asked = prompts(kind, streams)
                pairs = []
                for _ in range(arguments.repeat):
                    rates = [x.run(asked, arguments.tokens)["tokens_per_second"] for x in (without, looking)]
                    pairs.append((rates[0], rates[1]))
                row = {"streams": streams, "answer": kind}
                row |= {"without": round(statistics.median(pair[0] for pair in pairs), 1)}
                row |= {"looking": round(statistics.median(pair[1] for pair in pairs), 1)}
                row |= {"ratio": round(statistics.median(pair[1] / pair[0] for pair in pairs), 2)}
                rows.append(row)
                print(json.dumps(row), file=sys.stderr)
    finally:
        without.stop()
        looking.stop()
    result = {"benchmark": "lookup", "model": model, "guess": arguments.guess, "tokens": arguments.tokens, "rows": rows}
    print(json.dumps({**result, "machine": machine.describe()}))


if __name__ == "__main__":
    main()
