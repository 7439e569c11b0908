"""Run public outside suites against aigc and, in the same run, against llama.cpp's own server.

    python conformance/run.py [--only BEGINNING ...] [--model MODEL] [--no-peer] [--list]

Models come from AIGC_HOME. Set-ups, servers' logs and what the suites printed stay in .conformance/; the results go
into conformance/results.json and docs/conformance.md. Exit status: 0 everything ran, whatever it scored; 1 something
did not; 2 wrong use.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import report
import servers
import setups
from suite import Score, Suite, Target
from suites import ALL, NOT_BUILT

sys.path.insert(0, str(report.ROOT / "benchmarks"))
import machine

_FOLDER = setups.ROOT


def main() -> int:
    """See the module."""
    options = _options()
    if options.list:
        print("\n".join([*(suite.name for suite in ALL), *(f"{name} (not built yet)" for name in NOT_BUILT)]))
        return 0
    chosen = [suite for suite in ALL if not options.only or suite.name.startswith(tuple(options.only))]
    if not chosen:
        print(f"no suite begins with {options.only}; --list names them", file=sys.stderr)
        return 2
    home = Path(os.environ["AIGC_HOME"]).resolve()
    installed = sorted(file.parent.name for file in home.glob("models/*/*.gguf"))
    if options.model not in installed:
        print(f"{home} has no model file {options.model!r}, but: {', '.join(installed)}", file=sys.stderr)
        return 2
    _FOLDER.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended, too
    complete = True
    with _targets(home, options.model, chosen, peer=not options.no_peer) as targets:
        for number, suite in enumerate(chosen, 1):
            for target in targets(suite):
                began = time.monotonic()
                found, ran = _score(suite, target)
                complete &= ran
                seconds = round(time.monotonic() - began)
                report.keep(f"{target.name} {options.model}", suite.name, _row(found, seconds))
                shown = f"{found.passed} passed, {found.failed} failed ({found.refused} refused by name)"
                shown += f", {found.skipped} skipped, {seconds} s; {found.notes[:160]}"
                print(f"{number}/{len(chosen)} {suite.name} | {target.name}: {shown}", file=sys.stderr, flush=True)
    print(f"written: {report.PAGE.relative_to(report.ROOT)}", file=sys.stderr)
    return 0 if complete else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", action="extend", metavar="BEGINNING", help="suites whose names begin like this"
    )
    parser.add_argument(
        "--model", default="smollm2-135m-instruct", help="an installed model, which gets a table; default: %(default)s"
    )
    parser.add_argument("--no-peer", action="store_true", help="leave llama.cpp's server out")
    parser.add_argument("--list", action="store_true", help="print the names of all suites")
    return parser.parse_args()


@contextlib.contextmanager
def _targets(home: Path, model: str, chosen: list[Suite], *, peer: bool) -> Iterator[Any]:
    """All servers that are needed, running; yields a function: the ones that a suite is put to."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(servers.aigc(home, _FOLDER, model))
        peers = {
            embeds: stack.enter_context(servers.llama_cpp(home, _FOLDER, model, embeds=embeds))
            for embeds in {suite.embeds for suite in chosen}
            if peer
        }
        yield lambda suite: [ours, *([peers[suite.embeds]] if peer else [])]


def _score(suite: Suite, target: Target) -> tuple[Score, bool]:
    """The score of one suite, and whether the suite really ran to its end on a server that lives."""
    out = _FOLDER / "out" / f"{suite.name.replace(': ', '-').replace(' ', '-')}-{target.name}"
    out.parent.mkdir(exist_ok=True)
    rows = out.with_name(out.name + ".rows")
    rows.unlink(missing_ok=True)
    try:
        folder = setups.ready(suite.setup)
        printed, ended = _run(suite, target, folder, rows, out.with_name(out.name + ".log"))
        text = rows.read_text("utf-8") if rows.exists() else printed
        found = suite.count(text)
    except (setups.SetupError, ValueError, KeyError) as error:
        return Score(passed=0, failed=1, skipped=0, notes=f"no result: {error!r}"[:200]), False
    if not ended:
        found = dataclasses.replace(found, notes=f"{found.notes}; stopped after {suite.seconds} s")
    if not servers.answers(target):
        return dataclasses.replace(found, notes=f"{found.notes}; the server no longer answers"), False
    return found, True


def _run(suite: Suite, target: Target, folder: Path, rows: Path, log: Path) -> tuple[str, bool]:
    """What it printed, and whether it ended by itself. Its errors go into the log."""
    command = suite.command(target, rows)
    if not Path(command[0]).is_absolute() and "/" in command[0]:
        command[0] = str(folder / command[0])
    environment = os.environ | suite.environment | {"ROWS": str(rows), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"SUITE_URL": target.url, "SUITE_KEY": target.key, "SUITE_MODEL": target.model}
    environment |= {"TEST_API_BASE_URL": target.url, "OPENAI_API_KEY": target.key}
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        )
        try:
            printed, ended = process.communicate(timeout=suite.seconds)[0], True
        except subprocess.TimeoutExpired:
            process.kill()
            printed, ended = process.communicate()[0], False
    with log.open("a", encoding="utf-8") as errors:
        errors.write(printed)
    return printed, ended


def _row(found: Score, seconds: int) -> dict[str, Any]:
    about = machine.describe()
    return dataclasses.asdict(found) | {
        "seconds": seconds,
        "date": about["date"],
        "commit": about["commit"],
        "machine": f"{about['cpu']}, {about['memory_gib']} GiB, {about['system']}, Python {about['python']}",
        "versions": {name: about["versions"][name] for name in ("openvino-genai", "xllamacpp")},
    }


if __name__ == "__main__":
    sys.exit(main())
