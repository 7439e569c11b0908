"""Write docs/reference from the code: settings, commands, endpoints, errors.

``python tools/write_reference.py`` writes; ``--check`` only compares, and fails if a page is stale (a test runs it).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer

from aigc import errors, settings

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- written by tools/write_reference.py; edit the code, then run `make docs` -->\n\n"


def settings_page() -> str:
    """Every setting: variable, default, meaning."""
    rows = [
        f"| `{name}` | `{default or ' '}` | {meaning} |" for name, default, meaning in settings.table(settings.Settings())
    ]
    head = (
        "# Settings\n\nPrecedence: command-line option, environment variable, `aigc.toml` in `AIGC_HOME` (same names in "
        "lower case without the prefix, or the file that `AIGC_CONFIG` names), default. Sizes take `k`, `m`, `g`.\n"
        "`aigc doctor --settings` prints the values in force.\n\n| variable | default | meaning |\n|---|---|---|\n"
    )
    return NOTE + head + "\n".join(rows).replace("`.`", "`the platform's user data folder`") + "\n"


def errors_page() -> str:
    """Every error: class, status, type, code, meaning."""
    rows = []
    for leaf in _classes(errors.AigcError):
        meaning = (leaf.__doc__ or "").strip().splitlines()[0]
        rows.append(f"| `{leaf.__name__}` | {leaf.status} | `{leaf.type}` | `{leaf.code or leaf.type}` | {meaning} |")
    head = (
        "# Errors\n\nOne envelope everywhere, also in the middle of a stream (`data: {\"error\": ...}`):\n\n"
        '```json\n{"error": {"message": "...", "type": "invalid_request_error", "param": "temperature", "code": null}}\n'
        "```\n\n| class in Python | status | type | code | meaning |\n|---|---|---|---|---|\n"
    )
    return NOTE + head + "\n".join(rows) + "\n"


def _classes(base: type[errors.AigcError]) -> Iterator[type[errors.AigcError]]:
    yield base
    for child in base.__subclasses__():
        yield from _classes(child)


def commands_page() -> str:
    """Every command with its help, options and examples."""
    from aigc.cli.main import app

    root = typer.main.get_command(app)
    parts = ["# Commands\n\nData goes to stdout, everything else to stderr. Exit status: 0 done, 1 failed, 2 wrong use.\n"]
    parts.extend(_command_parts(root, click.Context(root, info_name="aigc")))
    return NOTE + "\n".join(parts)


def _command_parts(command: click.Command, context: click.Context) -> Iterator[str]:
    if context.parent is not None:
        yield f"## `{context.command_path}`\n\n```text\n{_plain(command.get_help(context))}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            if not child.hidden:
                yield from _command_parts(child, click.Context(child, info_name=name, parent=context))


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in click.unstyle(text).splitlines()).strip()


def endpoints_page() -> str:
    """Every endpoint with its one sentence."""
    from aigc.server.app import route_table

    rows = [f"| `{method}` | `{path}` | {sentence} |" for method, path, sentence in route_table()]
    head = "# Endpoints\n\nThe full OpenAPI document is at `/openapi.json` of a running server.\n\n| method | path | what |\n|---|---|---|\n"
    return NOTE + head + "\n".join(rows) + "\n"


PAGES = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "commands.md": commands_page,
    "endpoints.md": endpoints_page,
}


def main() -> int:
    """Write or compare all pages; exit status 1 if one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for name, build in PAGES.items():
        path, text = REFERENCE / name, build()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name} is stale: run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
