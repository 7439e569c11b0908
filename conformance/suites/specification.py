"""schemathesis: requests made from OpenAI's specification.

Good ones must get answers that are valid against it, bad ones be refused, none may bring a 5xx.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from suite import HERE, Score, Setup, Suite, Target

_SEED = "1"
_CHECKS = {
    "positive": "not_a_server_error,response_schema_conformance,content_type_conformance",
    "negative": "not_a_server_error,negative_data_rejection",
}
_PATHS = ("/chat/completions", "/completions", "/embeddings", "/models")


def _command(mode: str) -> Callable[[Target, Path], list[str]]:
    def command(target: Target, report: Path) -> list[str]:
        run = ["venv/bin/schemathesis", "run", str(HERE / "openai-text.json"), "--url", target.url]
        run += ["-H", f"Authorization: Bearer {target.key}", "--mode", mode, "--checks", _CHECKS[mode]]
        run += [word for path in _PATHS for word in ("--include-path", path)]
        run += ["--phases", "examples,coverage,fuzzing", "--max-time", "60", "--request-timeout", "30"]
        run += ["--continue-on-failure", "--generation-database", "none", "--no-color", "--seed", _SEED]
        return [*run, "--report-json-path", str(report)]

    return command


def _count(text: str) -> Score:
    """passed: requests without a finding; failed: distinct findings and network errors."""
    report = json.loads(text)
    cases = report["test_cases"]
    found = [f"{one['count']}x {one['title']}" for one in report["failures"] + report["errors"]]
    return Score(
        passed=cases["generated"] - cases["with_failures"] - cases["without_checks"] - cases["errored"],
        failed=cases["unique_failures"] + sum(one["count"] for one in report["errors"]),
        skipped=cases["without_checks"],
        notes="; ".join([*found, *([] if report["complete"] else ["incomplete"])]),
    )


SUITES = tuple(
    Suite(
        name=f"schemathesis: {mode}",
        setup=Setup(name="schemathesis", packages=("schemathesis==4.32.5",)),
        command=_command(mode),
        count=_count,
        seconds=300,
        fewer_is_better=True,
    )
    for mode in _CHECKS
)
