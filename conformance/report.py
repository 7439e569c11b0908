"""The results: kept as data, shown as docs/conformance.md.

Knows: rows and Markdown. Does not know: how a row came about.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suites import ALL, NOT_BUILT

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "conformance" / "results.json"
PAGE = ROOT / "docs" / "conformance.md"
SERVERS = ("aigc", "llama.cpp")
Row = dict[str, Any]


def load() -> dict[str, dict[str, Row]]:
    """Column ("aigc", "llama.cpp", or either with " MODEL" behind it) to suite to row."""
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}


def keep(column: str, suite: str, row: Row) -> None:
    """Put one row into the data and write the page anew."""
    results = load()
    results.setdefault(column, {})[suite] = row
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")
    PAGE.write_text(page(results), "utf-8")


def page(results: dict[str, dict[str, Row]]) -> str:
    """The whole page."""
    models = sorted({column.partition(" ")[2] for column in results})
    parts = [(ROOT / "conformance" / "page.md").read_text("utf-8").strip()]
    for model in models:
        ours, peers = ({} if (c := results.get(f"{name} {model}")) is None else c for name in SERVERS)
        parts += [f"## With {model}", _where(ours or peers), _table(ours, peers)]
    parts.append("## Not built yet\n\n" + "\n".join(f"* {name}" for name in NOT_BUILT))
    return "\n\n".join(parts) + "\n"


def _where(rows: dict[str, Row]) -> str:
    dates = sorted({row["date"] for row in rows.values()})
    commits = sorted({row["commit"] for row in rows.values()})
    one = next(iter(rows.values()))
    versions = ", ".join(f"{name} {version}" for name, version in one["versions"].items())
    return f"{one['machine']}; {versions}; aigc at commit {', '.join(commits)}; {dates[0]} to {dates[-1]}."


def _table(ours: dict[str, Row], peers: dict[str, Row]) -> str:
    lines = ["| suite | aigc | refused by name | llama.cpp | | what failed in aigc | what failed in llama.cpp |"]
    lines.append("|---|---|---|---|---|---|---|")
    for suite in ALL:
        a, b = ours.get(suite.name), peers.get(suite.name)
        refused = str(a["refused"]) if a else ""
        cells = [suite.name, _score(a), refused, _score(b), _verdict(a, b, findings=suite.fewer_is_better)]
        lines.append("| " + " | ".join([*cells, _notes(a), _notes(b)]) + " |")
    return "\n".join(lines)


def _score(row: Row | None) -> str:
    return f"{row['passed']} / {row['failed']} / {row['skipped']}" if row else "not run"


def _notes(row: Row | None) -> str:
    return row["notes"].replace("|", "\\|").replace("<", "&lt;") if row else ""


def _verdict(a: Row | None, b: Row | None, *, findings: bool) -> str:
    if a is None or b is None:
        return ""
    mine, theirs = (-a["failed"], -b["failed"]) if findings else (_rate(a), _rate(b))
    return "ahead" if mine > theirs else "**behind**" if mine < theirs else "level"


def _rate(row: Row) -> float:
    total = row["passed"] + row["failed"] + row["skipped"]
    return row["passed"] / total if total else 0.0
