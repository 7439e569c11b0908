"""What a user would pick instead, beside this server: the same model file, one after the other, on this machine.

Each server runs alone, from an environment of its own under ``benchmarks/.peers`` (made once, which takes minutes;
git ignores it): start-up to the first token, tokens/s at 1, 8 and 32 streams, time to the first token with a long
prompt and with a prefix that was there before, resident memory, size on disk::

    python benchmarks/peers.py --install         # only make the environments
    python benchmarks/peers.py --model tiny      # measure; what was measured at this commit is kept

A server that can't be installed, started or finish in time is reported with the reason. Reads AIGC_HOME. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

import machine
import peer_run
from aigc.runtime import naming
from aigc.settings import load as load_settings
from aigc.store import Store
from peers import ALL, NOT_ON_AN_INDEX
from peers.base import Peer, Site

ROOT = Path(__file__).parent / ".peers"
CONTEXT_TOKENS = 1024
INSTALL_SECONDS = 3600


def install(peer: Peer, folder: Path) -> Path:
    """The interpreter that runs ``peer``. Raises: RuntimeError with pip's last words."""
    if not peer.requirements:
        return Path(sys.executable)
    python = folder / "venv" / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            raise RuntimeError("pip: " + (done.stderr.strip().splitlines() or ["failed"])[-1])
        (folder / "installed").touch()
    return python


def site_of(peer: Peer, model: str, gguf: Path, streams: int) -> Site:
    """Where and with what ``peer`` runs. Raises: RuntimeError: it can't be installed."""
    folder = ROOT / peer.name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return Site(
        python=install(peer, folder),
        folder=folder,
        gguf=gguf,
        model=model,
        port=peer_run.free_port(),
        threads=psutil.cpu_count(logical=False) or 1,
        streams=streams,
        context_tokens=CONTEXT_TOKENS,
    )


def one(peer: Peer, model: str, gguf: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of one server, from the file of an earlier run where there is one; or why there are none."""
    path = ROOT / f"{model}-{peer.name.replace(' ', '-')}.json"
    if path.exists() and not arguments.fresh:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["asked"] == _asked(arguments):
            return found
    try:
        site = site_of(peer, model, gguf, max(arguments.streams))
        if arguments.install:
            return {"installed": True}
        if peer.prepare is not None:
            peer.prepare(site)
        figures = peer_run.measure(peer, site, arguments) | {"asked": _asked(arguments)}
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError, peer_run.httpx.HTTPError) as error:
        return {"not_measured": f"{type(error).__name__}: {error}"[:500]}
    path.write_text(json.dumps(figures), encoding="utf-8")
    return figures


def _asked(arguments: argparse.Namespace) -> list[Any]:
    """What figures depend on: those of an earlier run hold for the same commit and the same questions."""
    return [machine.describe()["commit"], arguments.streams, arguments.tokens]


def compare(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Our tokens/s over those of the best server that runs llama.cpp, by number of streams."""
    rivals = [found[peer.name]["tokens_per_second"] for peer in ALL if peer.llama_cpp and _measured(found[peer.name])]
    if not rivals or not _measured(found["aigc"]):
        return {}
    ratios = {}
    for streams, ours in found["aigc"]["tokens_per_second"].items():
        theirs = [row[streams] for row in rivals if isinstance(row.get(streams), float)]
        if theirs and isinstance(ours, float):
            ratios[streams] = round(ours / max(theirs), 2)
    return ratios


def _measured(row: dict[str, Any]) -> bool:
    return "tokens_per_second" in row


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--only", nargs="+", help="names of servers")
    parser.add_argument("--install", action="store_true", help="make the environments and end")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured at this commit")
    arguments = parser.parse_args()
    settings = load_settings()
    store = Store(settings)
    spec = naming.resolve(arguments.model, "completion", naming.aliases(settings), store.list(), store.default_id())
    gguf = Path(next(file.path for file in spec.engines if file.engine == "llama_cpp"))
    found: dict[str, dict[str, Any]] = {}
    for peer in ALL:
        if not arguments.only or peer.name in arguments.only:
            found[peer.name] = one(peer, spec.id, gguf, arguments)
            print(peer.name, json.dumps(found[peer.name]), file=sys.stderr)
    result = {
        "benchmark": "peers",
        "model": spec.id,
        "file": gguf.name,
        "tokens": arguments.tokens,
        "servers": found | {name: {"not_measured": reason} for name, reason in NOT_ON_AN_INDEX.items()},
        "times_best_llama_cpp": compare(found) if len(found) == len(ALL) else {},
        "machine": machine.describe(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
