"""The table of docs/reliability.md names tests and scenarios that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "reliability.md").read_text().partition("## The card")[0]


def test_every_test_that_holds_a_line_exists() -> None:
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", TABLE)
    assert len(named) > 40
    assert [name for name, _ in named if name not in files] == []
    assert [(name, test) for name, test in named if test and f"def {test}(" not in files[name]] == []


def test_every_scenario_that_is_named_exists() -> None:
    rows = [row.split("chaos `")[1] for row in TABLE.splitlines() if row.startswith("|") and "chaos `" in row]
    named = [name for row in rows for name in re.findall(r"(\w+)`", row)]
    assert [name for name in named if not (ROOT / "chaos" / "scenarios" / f"{name}.py").exists()] == []
