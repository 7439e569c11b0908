"""Python clients that people put between themselves and a server, each by a program that does what its users do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from suite import PROGRAMS, Setup, Suite, Target, count_rows

_PACKAGES = {
    "llm": ("llm==0.36",),
    "litellm": ("litellm==1.106.2", "mcp==2.3.0"),
    "llamaindex": (
        "llama-index-core==0.14.25",
        "llama-index-llms-openai-like==0.8.1",
        "llama-index-embeddings-openai-like==0.4.0",
    ),
    "pydantic_ai": ("pydantic-ai-slim[openai]==2.68.0",),
    "instructor": ("instructor==1.17.0",),
}
_TITLES = {"litellm": "LiteLLM", "llamaindex": "LlamaIndex", "pydantic_ai": "pydantic-ai"}


def _command(program: str) -> Callable[[Target, Path], list[str]]:
    return lambda target, report: ["venv/bin/python", str(PROGRAMS / program)]


SUITES = tuple(
    Suite(
        name=f"clients: {_TITLES.get(name, name)}",
        setup=Setup(name=f"client-{name}", packages=packages),
        command=_command(f"client_{name}.py"),
        count=count_rows,
        seconds=600,
    )
    for name, packages in _PACKAGES.items()
)
