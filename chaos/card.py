"""Writes the reliability card from the results: the part of ``docs/reliability.md`` between two marks.

Knows: results as JSON and Markdown. Does not know: how they came about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- card: written by chaos/run.py -->", "<!-- end of the card -->"


def write(page: Path, results: Path, order: Sequence[str]) -> None:
    """Replace the card in ``page`` by one of all results there are."""
    found = [
        json.loads((results / f"{name}.json").read_text()) for name in order if (results / f"{name}.json").exists()
    ]
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text(found)}\n{END}{after}")


def text(found: Sequence[dict[str, Any]]) -> str:
    """The card."""
    parts = []
    for result in found:
        machine = result["machine"]
        parts.append(f"### {result['title'].rstrip('.')}\n")
        parts.append("| check | seen | goal | |\n|---|---|---|---|")
        parts += [
            f"| {_cell(check['what'])} | {_cell(check['seen'])} | {_cell(check['goal'])} | {_verdict(check)} |"
            for check in result["checks"]
        ]
        low, high = result["load_average"]
        how = f"`--only {result['scenario']} --seed {result['seed']} --scale {result['scale']:g}`"
        where = f"{machine['cpu']}, {machine['memory_gib']} GiB, Python {machine['python']}"
        when = f"{result['seconds']} s, ended {result['ended']}, commit {machine['commit']}"
        parts.append(f"\n{how}, {when}, {where}; load average of the machine before and after: {low}, {high}.\n")
    return "\n".join(parts)


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")


def _verdict(check: dict[str, Any]) -> str:
    return ("held" if check["held"] else "**not held**") if check["goal"] else ""
