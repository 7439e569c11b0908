"""What a scenario is given, and what it says: scratch folder, randomness, sizes; checks with a goal and what was seen.

Knows: numbers and names. Does not know: servers, files of the card.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Check:
    """One line of the card."""

    what: str
    seen: str
    goal: str
    held: bool


@dataclass
class Stage:
    """Where one scenario plays.

    Args:
        models: AIGC_HOME with the installed models ``tiny`` and ``embedding``; never written to.
        scratch: an empty folder.
        seed: of everything random.
        scale: 1 is the full size that the card claims; less for a quick pass.
    """

    models: Path
    scratch: Path
    seed: int
    scale: float
    checks: list[Check] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    def times(self, full: int) -> int:
        """How often to do what the full size does ``full`` times."""
        return max(1, round(full * self.scale))

    def none(self, what: str, found: list[Any]) -> None:
        """Nothing of this kind may have happened; the first three are shown if it did."""
        shown = "" if not found else ": " + "; ".join(str(one)[:160] for one in found[:3])
        self.checks.append(Check(what, f"{len(found)}{shown}", "0", not found))

    def at_most(self, what: str, seen: float, limit: float, unit: str = "") -> None:
        """A number that may not be larger."""
        self.checks.append(Check(what, f"{seen:.3g}{unit}", f"at most {limit:g}{unit}", seen <= limit))

    def all(self, what: str, good: int, of: int) -> None:
        """So many of so many: all of them."""
        self.checks.append(Check(what, f"{good} of {of}", "all", good == of > 0))

    def count(self, what: str, seen: object) -> None:
        """A figure without a goal: what was done."""
        self.checks.append(Check(what, str(seen), "", True))

    def plain(self) -> list[dict[str, Any]]:
        """The checks for JSON."""
        return [asdict(check) for check in self.checks]
