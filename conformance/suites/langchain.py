"""LangChain's standard integration tests for chat models, through langchain-openai."""

from __future__ import annotations

from pathlib import Path

from suite import PROGRAMS, Setup, Suite, Target, count_rows

_SETUP = Setup(
    name="langchain",
    packages=(
        "langchain-tests==1.1.9",
        "langchain-core==1.7.2",
        "langchain-openai==1.7.3",
        "openai==3.54.0",
        "pytest==9.2.0",
        "pytest-asyncio==1.5.0",
        "pytest-timeout==2.4.0",
    ),
)


def _command(target: Target, report: Path) -> list[str]:
    pytest = ["venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_rows", "--timeout", "90", "-q"]
    asynchronous = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session"]
    asynchronous += ["-o", "asyncio_default_fixture_loop_scope=session"]
    offline = ["--disable-socket", "--allow-hosts=127.0.0.1,localhost"]
    return [*pytest, *asynchronous, *offline, "--rootdir", str(PROGRAMS), str(PROGRAMS / "langchain_suite.py")]


SUITES = (
    Suite(
        name="LangChain standard tests",
        setup=_SETUP,
        command=_command,
        count=count_rows,
        seconds=900,
        environment={"PYTHONPATH": str(PROGRAMS)},
    ),
)
