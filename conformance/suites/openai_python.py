"""The tests that OpenAI generates for its own Python client, new and old; strict: every field of an answer is checked.

They were written for a mock server: ``programs/pytest_rows.py`` says what is changed so that an honest server can pass.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from suite import PROGRAMS, Setup, Suite, Target, count_rows

_TOOLS = (
    "pytest==9.2.0",
    "pytest-asyncio==1.5.0",
    "pytest-timeout==2.4.0",
    "respx==0.23.1",
    "rich==15.0.0",
    "dirty-equals==0.11",
    "inline-snapshot==0.36.1",
    "time-machine==3.6.0",
    "nest-asyncio==1.6.0",
    "hatchling==1.33.0",
    "hatch-fancy-pypi-readme==25.1.0",
)
_METHODS = "test_method_create or test_method_list"
_TESTS = {
    "chat": ("tests/api_resources/chat", _METHODS),
    "completions": ("tests/api_resources/test_completions.py", _METHODS),
    "embeddings": ("tests/api_resources/test_embeddings.py", _METHODS),
    "images": (
        "tests/api_resources/test_images.py",
        "test_method_create or test_method_edit or test_method_generate",
    ),
    "models": ("tests/api_resources/test_models.py", "test_method_list or test_method_retrieve"),
}


def _command(tests: str, methods: str) -> Callable[[Target, Path], list[str]]:
    def command(target: Target, report: Path) -> list[str]:
        pytest = ["venv/bin/python", "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "pytest_rows"]
        return [*pytest, "--timeout", "180", "-q", "-k", methods, tests]

    return command


def _suites(version: str) -> tuple[Suite, ...]:
    setup = Setup(
        name=f"openai-python-{version}",
        packages=(f"openai[aiohttp]=={version}", *_TOOLS),
        sources=f"openai=={version}",
    )
    return tuple(
        Suite(
            name=f"openai-python {version}: {resource}",
            setup=setup,
            command=_command(*tests),
            count=count_rows,
            seconds=1200,
            environment={"PYTHONPATH": str(PROGRAMS)},
            embeds=resource == "embeddings",
        )
        for resource, tests in _TESTS.items()
    )


SUITES = (*_suites("3.51.0"), *_suites("1.109.1"))
