"""docs/reference/compatibility.md from its data, compatibility.toml: our verdicts beside what other servers state.

Knows: the shape of the page. Does not know: whether it is true; tests/contract/test_server_parameters.py does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "reference" / "compatibility.toml"
SPECIFICATION = ROOT / "tests" / "data" / "openai-subset.json"


def load() -> dict[str, Any]:
    """The data: ``intro``, ``peers``, ``endpoints`` with their ``parameters``, ``sections``."""
    return tomllib.loads(DATA.read_text("utf-8"))


def page() -> str:
    """The whole page, without the note that it is written by a program."""
    data = load()
    version = json.loads(SPECIFICATION.read_text("utf-8"))["version"]
    peers: dict[str, dict[str, str]] = data["peers"]
    sources = "\n".join(f"* {peer['name']}: {peer['source']}" for peer in peers.values())
    parts = [
        "# Compatibility with OpenAI's API, parameter by parameter",
        f"Measured against OpenAI's OpenAPI document, version {version}.\n{data['intro'].strip()}",
        "The last columns are what the documents of other servers state, *yes*, *no* or in their words; a dash where "
        f"they state nothing:\n\n{sources}",
    ]
    for endpoint in data["endpoints"].values():
        parts += [f"## {endpoint['title']}", _table(endpoint["parameters"], peers)]
        if "additions" in endpoint:
            parts.append(f"Additions: {endpoint['additions']}")
    for section in data["sections"]:
        parts += [f"## {section['title']}", section["text"].strip()]
    return "\n\n".join(parts) + "\n"


def _table(parameters: dict[str, dict[str, str]], peers: dict[str, dict[str, str]]) -> str:
    names = [peer["name"] for peer in peers.values()]
    head = ["parameter", "verdict", "what happens", *names]
    rows = [head, ["---"] * len(head)]
    for name, row in parameters.items():
        rows.append([f"`{name}`", row["verdict"], row.get("text", ""), *(row.get(peer, "-") for peer in peers)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
