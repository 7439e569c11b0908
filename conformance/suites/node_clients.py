"""Two clients of Node: Vercel's AI SDK, which most web front ends use, and OpenAI's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from suite import PROGRAMS, Setup, Suite, Target, count_rows

SETUP = Setup(
    name="node",
    packages=("ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92", "openai@7.57.0", "compatcanary@0.2.2"),
    node=True,
)


def _command(program: str) -> Callable[[Target, Path], list[str]]:
    return lambda target, report: ["node", str(PROGRAMS / program)]


SUITES = tuple(
    Suite(name=name, setup=SETUP, command=_command(program), count=count_rows, seconds=400)
    for name, program in (("Vercel AI SDK", "vercel.mjs"), ("npm openai", "npm_openai.mjs"))
)
