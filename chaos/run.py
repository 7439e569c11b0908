"""Plays the scenarios and writes the reliability card: ``python chaos/run.py --scale 0.1``.

Every scenario is one file in ``scenarios/``; its docstring's first line is its title, its ``play(stage)`` does it.
Results go to ``chaos/results/NAME.json``, the card into ``docs/reliability.md``. Reads AIGC_HOME (tiny and embedding
must be installed there). Ends with 1 if a check did not hold.

Knows: names, order, results. Does not know: what a scenario does.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "benchmarks")]

import card  # noqa: E402
import machine  # noqa: E402
from stage import Check, Stage  # noqa: E402

SCENARIOS = (
    "load",
    "overload",
    "kill_worker",
    "kill_server",
    "disconnects",
    "hung_worker",
    "disk_full",
    "io_errors",
    "locked_database",
    "clock_jumps",
    "bad_inputs",
    "model_files",
    "header_check",
    "template_sandbox",
    "soak",
)


def title(name: str) -> str:
    """First line of the scenario's docstring."""
    return str(importlib.import_module(f"scenarios.{name}").__doc__).split("\n")[0]


def play(name: str, models: Path, seed: int, scale: float) -> dict[str, Any]:
    """Play one scenario and keep what it found."""
    began, load = time.time(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix=f"chaos-{name}-") as scratch:
        stage = Stage(models, Path(scratch), seed, scale)
        try:
            importlib.import_module(f"scenarios.{name}").play(stage)
        except Exception as error:
            traceback.print_exc()
            stage.checks.append(Check("played to its end", f"{type(error).__name__}: {error}"[:300], "yes", False))
            log = Path(scratch) / "server.log"
            print(log.read_text(errors="replace")[-3000:] if log.exists() else "", file=sys.stderr)
    result = {
        "scenario": name,
        "title": title(name),
        "held": all(check.held for check in stage.checks),
        "checks": stage.plain(),
        "seed": seed,
        "scale": scale,
        "seconds": round(time.time() - began),
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
        "ended": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine.describe(),
    }
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def main() -> int:
    """Read the options, play, write the card."""
    options = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    options.add_argument("--list", action="store_true", help="only say which scenarios there are")
    options.add_argument("--only", nargs="+", choices=SCENARIOS, default=SCENARIOS, help="play these")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--scale", type=float, default=1.0, help="1: the full size; 0.1: a quick pass")
    chosen = options.parse_args()
    if chosen.list:
        print("\n".join(f"{name:17} {title(name)}" for name in SCENARIOS))
        return 0
    models = Path(os.environ.get("AIGC_HOME", ""))
    if not (models / "models" / "smollm2-135m-instruct").is_dir():
        print("AIGC_HOME must name a home with the models tiny and embedding", file=sys.stderr)
        return 2
    held = True
    for name in chosen.only:
        print(f"{name}: {title(name)}", flush=True)
        result = play(name, models, chosen.seed, chosen.scale)
        held = held and result["held"]
        for check in result["checks"]:
            goal = f" (goal: {check['goal']})" if check["goal"] else ""
            print(f"  {'ok  ' if check['held'] else 'FAIL'} {check['what']}: {check['seen']}{goal}", flush=True)
        print(f"  {result['seconds']} s", flush=True)
    card.write(HERE.parent / "docs" / "reliability.md", HERE / "results", SCENARIOS)
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
