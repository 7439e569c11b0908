"""Runs benchmarks one after the other and keeps the last line of each as ``results/NAME.json``.

    python benchmarks/run_all.py                 # all but the slow ones
    python benchmarks/run_all.py peers           # this one
    python benchmarks/run_all.py --fresh         # also those that were measured at this commit already

One that fails, or takes longer than its time, is reported and doesn't stop the others.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path

import machine
from served import installed

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DEFAULT = "qwen2.5-coder-1.5b-instruct"
SECONDS = 600
"""One that takes longer is stuck: on a quiet machine each takes less than eight minutes."""
RUNS: dict[str, list[str]] = {
    "startup": ["startup.py"],
    "gateway": ["gateway.py"],
    "text_server_tiny": ["text_server.py", "--model", "tiny"],
    "text_server_default": ["text_server.py", "--model", DEFAULT, "--repeat", "2", "--tokens", "48"],
    "embeddings": ["embeddings.py", "--runs", "3"],
    "load": ["load.py"],
    "single_stream_tiny": ["single_stream.py", "tiny"],
    "single_stream_default": ["single_stream.py", DEFAULT],
    "lookup": ["lookup.py", DEFAULT],
    "peers": ["peers.py", "--model", "tiny"],
    "peers_default": ["peers.py", "--model", DEFAULT],
}
SLOW = ("peers", "peers_default")
"""These keep what they have measured themselves, so that a second run goes on where the first was cut off."""


def run(name: str, *more: str) -> str | None:
    """Measure. Returns: what went wrong."""
    command = [sys.executable, str(HERE / RUNS[name][0]), *RUNS[name][1:], *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        printed, _ = process.communicate(timeout=SECONDS)
        if process.returncode:
            return f"it ended with {process.returncode}"
        result = json.loads(printed.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # as from the keyboard: it ends the servers that it started
        process.wait(60)
        return f"it took more than {SECONDS} s"
    except (ValueError, IndexError) as error:
        return f"{type(error).__name__}: {error}"[:300]
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return None


def measured(name: str) -> bool:
    """Whether there is a result of this commit."""
    try:
        result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(result.get("machine", result).get("commit") == machine.describe()["commit"])


def main() -> None:
    """Run what is named, or all that isn't slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(RUNS))
    parser.add_argument("--fresh", action="store_true")
    arguments = parser.parse_args()
    names = arguments.names or [name for name in RUNS if name not in SLOW]
    if DEFAULT not in installed() and not arguments.names:
        names = [name for name in names if DEFAULT not in RUNS[name]]
    failed: dict[str, str] = {}
    for name in names:
        if not arguments.fresh and measured(name):
            print(f"{name}: measured already", file=sys.stderr)
            continue
        print(f"{name} ...", file=sys.stderr)
        if (problem := run(name, *(["--fresh"] if arguments.fresh and name in SLOW else []))) is not None:
            failed[name] = problem
            print(f"{name}: {problem}", file=sys.stderr)
    print(json.dumps({"measured": [name for name in names if name not in failed], "failed": failed}))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
