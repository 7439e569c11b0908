"""The words that all suites share: a server under test, an environment to install, a suite, a score.

Knows: their shape. Does not know: any one suite, how servers start, how results are shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A running server."""

    name: str
    """``aigc`` or ``llama.cpp``."""
    url: str
    """With ``/v1``."""
    key: str
    model: str


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a suite needs installed, pinned: one folder that is made once."""

    name: str
    packages: tuple[str, ...]
    """Of the Python index, or of the Node one where ``node`` is true."""
    node: bool = False
    sources: str = ""
    """``name==version`` of a source package whose tests are wanted."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What came out. A skip is not a pass, and a test that did not run has failed."""

    passed: int
    failed: int
    skipped: int
    refused: int = 0
    """How many of the failures are errors 400 whose ``param`` names what was refused."""
    notes: str = ""


Environment = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One suite: how it is called for a target, and how what it leaves behind is counted."""

    name: str
    setup: Setup
    command: Callable[[Target, Path], list[str]]
    """Target, and the file that the suite shall write, to arguments; the program's path is relative to the set-up."""
    count: Callable[[str], Score]
    """The text of that file (or, if the suite left none, what it printed) to a score."""
    seconds: int
    """It is stopped after this long."""
    environment: Environment = field(default_factory=dict)
    fewer_is_better: bool = False
    """The number of passes is arbitrary: compare findings."""
    embeds: bool = False
    """llama.cpp answers it only when its server was started for embeddings."""


def score(checks: Mapping[str, tuple[str, str]], expected: int = 0) -> Score:
    """Count named outcomes.

    Args:
        checks: name to (passed, failed, refused or skipped; why).
        expected: how many there should be; those that are missing have failed.
    """
    outcomes = Counter(outcome for outcome, _ in checks.values())
    missing = max(0, expected - len(checks))
    reasons = Counter(_short(why) for outcome, why in checks.values() if outcome in ("failed", "refused"))
    notes = [f"{count}x {reason}" for reason, count in reasons.most_common(6)]
    notes += [f"{missing} not run"] if missing else []
    skips = Counter(why for outcome, why in checks.values() if outcome == "skipped")
    notes += [f"skipped: {count}x {why[:60]}" for why, count in skips.most_common(2)]
    return Score(
        passed=outcomes["passed"],
        failed=outcomes["failed"] + outcomes["refused"] + missing,
        refused=outcomes["refused"],
        skipped=outcomes["skipped"],
        notes="; ".join(notes),
    )


def _short(why: str) -> str:
    return " ".join(why.split())[:90] or "?"


def count_rows(text: str) -> Score:
    """The lines that our own programs write: ``{"total": n}`` and ``{"id", "outcome", "why"}``, as tests end."""
    lines = [json.loads(line) for line in text.splitlines()]
    checks: dict[str, tuple[str, str]] = {}
    for line in lines:
        if "id" in line and checks.get(line["id"], ("",))[0] not in ("failed", "refused"):
            checks[line["id"]] = (line["outcome"], line["why"])
    return score(checks, sum(line.get("total", 0) for line in lines))
