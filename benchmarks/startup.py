"""How long ``import aigc`` and ``aigc --help`` take.

    python benchmarks/startup.py [repeats]

Each is started anew `repeats` times (default 15) with a warm file cache; the median counts, wall time and processor
time of the whole process. Goals: 0.1 s to import, 0.2 s for help; ``python -c pass`` is the floor under both.
The last line is one JSON object.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time

import machine

COMMANDS = {
    "python_nothing": ["-c", "pass"],
    "import_aigc": ["-c", "import aigc"],
    "help": ["-m", "aigc", "--help"],
    "chat_help": ["-m", "aigc", "chat", "--help"],
    "import_client": ["-c", "import aigc; aigc.Client"],
}


def measure(arguments: list[str]) -> tuple[float, float]:
    """(wall seconds, processor seconds) of one start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure every command and print the figures."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    result: dict[str, object] = {"benchmark": "startup", "repeats": repeats, "machine": machine.describe()}
    for name, arguments in COMMANDS.items():
        measure(arguments)
        runs = [measure(arguments) for _ in range(repeats)]
        walls = [wall for wall, _ in runs]
        result[name] = {
            "wall_seconds": round(statistics.median(walls), 4),
            "fastest_seconds": round(min(walls), 4),
            "slowest_seconds": round(max(walls), 4),
            "cpu_seconds": round(statistics.median(cpu for _, cpu in runs), 4),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
