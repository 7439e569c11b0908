"""openai 0.28.1, the client of the articles of 2023: ``engine=`` instead of ``model=``, settings in the module."""

from __future__ import annotations

from pathlib import Path

from suite import PROGRAMS, Setup, Suite, Target, count_rows


def _command(target: Target, report: Path) -> list[str]:
    return ["venv/bin/python", str(PROGRAMS / "legacy.py")]


SUITES = (
    Suite(
        name="openai 0.28.1",
        setup=Setup(name="legacy", packages=("openai==0.28.1", "numpy==2.2.6")),
        command=_command,
        count=count_rows,
        seconds=300,
    ),
)
