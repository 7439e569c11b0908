"""llm-comply: one request a feature, answers held against OpenAI's specification."""

from __future__ import annotations

import json
from pathlib import Path

from suite import Score, Setup, Suite, Target, score


def _command(target: Target, report: Path) -> list[str]:
    program = ["venv/bin/llm-comply", "--format", "openai-chat", "--json", "--timeout", "120"]
    return [*program, "-u", target.url, "-k", target.key, "-m", target.model]


def _count(text: str) -> Score:
    results = json.loads(text)["results"]
    why = {one["id"]: (one["status"], (one.get("errors") or ["?"])[0]) for one in results}
    return score(why)


SUITES = (
    Suite(
        name="llm-comply: openai-chat",
        setup=Setup(name="llm-comply", packages=("llm-comply==0.5.0",)),
        command=_command,
        count=_count,
        seconds=600,
    ),
)
