"""Help screens: what it is for, options, examples; in the reader's language and aligned with wide characters.

A command's docstring is its help: paragraphs, then ``Examples:`` with one example a line, each with an optional
``# comment``. Written without rich, because help is what people wait for most often.

Knows: commands, parameters, columns. Does not know: what a command does.
"""

from __future__ import annotations

import inspect
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

from aigc.i18n import t
from aigc.settings import colour_wanted

_WIDEST = 100


def width(text: str) -> int:
    """Columns that a text takes in a terminal; Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def paragraphs(docstring: str) -> tuple[list[str], list[str]]:
    """(paragraphs, examples) of a docstring, each in one line."""
    before, _, after = inspect.cleandoc(docstring).partition("\nExamples:\n")
    texts = [" ".join(part.split()) for part in before.split("\n\n") if part.strip()]
    return texts, [line.strip() for line in after.splitlines() if line.strip()]


def of_command(command: Any, ctx: Any) -> str:
    """The screen of one command."""
    texts, examples = paragraphs(command.help or "")
    lines = [_usage(command, ctx), "", t(command.short_help or "")]
    for text in texts:
        lines += ["", *wrap(t(text), _columns())]
    for title, kind in ((t("Arguments:"), "argument"), (t("Options:"), "option")):
        rows = [_row(p, ctx) for p in command.get_params(ctx) if p.param_type_name == kind and not p.hidden]
        lines += _section(title, rows)
    return "\n".join(lines + _examples(examples)) + "\n"


def of_group(group: Any, ctx: Any) -> str:
    """The screen of a command with commands below it."""
    from aigc.cli.commands import PLACES

    texts, examples = paragraphs(group.help or "")
    lines = [_usage(group, ctx)]
    for text in texts:
        lines += ["", *wrap(t(text), _columns())]
    rows = []
    for name in group.list_commands(ctx):
        # The top's own commands are not imported for one line each.
        one_liner = PLACES[name][1] if ctx.parent is None else group.get_command(ctx, name).short_help
        rows.append((name, t(one_liner)))
    lines += _section(t("Commands:"), rows)
    lines += _section(t("Options:"), [_row(p, ctx) for p in group.get_params(ctx) if not p.hidden])
    lines += _examples(examples)
    lines += ["", t("`{command} COMMAND --help` explains a command.", command=ctx.command_path)]
    return "\n".join(lines) + "\n"


def _usage(command: Any, ctx: Any) -> str:
    pieces = " ".join(command.collect_usage_pieces(ctx))
    return f"{_bold(t('Usage:'))} {ctx.command_path} {pieces}"


def _row(param: Any, ctx: Any) -> tuple[str, str]:
    left, _ = param.get_help_record(ctx)
    right = t("Show this help.") if param.name == "help" else t(param.help or "")
    default = param.default
    if default not in (None, False, True, "") and not callable(default) and "{" not in str(default):
        right += " " + t("[default: {value}]", value=default)
    return left, right


def _section(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    column = min(max(width(left) for left, _ in rows), 32) + 4
    lines = ["", _bold(title)]
    for left, right in rows:
        head = "  " + left
        text = list(wrap(right, _columns() - column)) or [""]
        if width(head) + 2 > column:
            lines.append(head)
        else:
            lines.append(head + " " * (column - width(head)) + text.pop(0))
        lines += [" " * column + line for line in text]
    return [line.rstrip() for line in lines]


def _examples(examples: list[str]) -> list[str]:
    if not examples:
        return []
    lines = ["", _bold(t("Examples:"))]
    parts = [example.partition("  # ") for example in examples]
    column = max(width(code.rstrip()) for code, _, _ in parts)
    for code, mark, comment in parts:
        padding = " " * (column - width(code.rstrip()))
        lines.append("  " + code.rstrip() + (f"{padding}  # {t(comment.strip())}" if mark else ""))
    return lines


def wrap(text: str, columns: int) -> Iterator[str]:
    """Lines of at most ``columns``; Latin text breaks at spaces, Chinese anywhere."""
    line = ""
    for piece in _pieces(text):
        if width(line + piece.rstrip()) > columns and line:
            yield line.rstrip()
            line = ""
        line += piece if line else piece.lstrip()
    if line:
        yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    word = ""
    for c in text:
        wide = unicodedata.east_asian_width(c) in "WF"
        # Closing punctuation stays with the character before it.
        if wide and word and not unicodedata.category(c).startswith("P"):
            yield word
            word = ""
        word += c
        if c == " ":
            yield word
            word = ""
    yield word


def _columns() -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and colour_wanted() else text
