"""Collects every text that the command line can show: what the Chinese table must hold."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aigc
from aigc.cli import commands, eval, help, progress, repl
from aigc.recipes import PLACES
from aigc.settings import Settings

SOURCE = Path(aigc.__file__).parent


def all_texts() -> set[str]:
    found = set(_literals()) | set(_screens(commands.build(), "aigc"))
    found |= set(progress.STAGES.values()) | set(repl.COMMANDS.values())
    found |= {one_liner for _, one_liner in commands.PLACES.values()}
    found |= set(PLACES.values()) | set(eval.NAMES)
    found |= {field.metadata["help"] for field in dataclasses.fields(Settings)}
    return found


def _literals() -> Iterator[str]:
    """The first argument of every ``t(...)``; anything but a literal must be one of the tables above."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def _screens(command: Any, path: str) -> Iterator[str]:
    context = command.make_context(path, ["--help-is-not-asked"], resilient_parsing=True)
    paragraphs, examples = help.paragraphs(command.help or "")
    yield from paragraphs
    for example in examples:
        _, mark, comment = example.partition("  # ")
        if mark:
            yield comment.strip()
    for parameter in command.get_params(context):
        if parameter.name != "help" and getattr(parameter, "help", None):
            yield parameter.help
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        inner = command.get_command(context, name)
        yield inner.short_help
        yield from _screens(inner, f"{path} {name}")
