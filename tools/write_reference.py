"""Write docs/reference from the code: settings, commands, endpoints, errors; and compatibility from its data.

``python tools/write_reference.py`` writes; ``--check`` only compares, and fails if a page is stale (a test runs it).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import compatibility_page
from aigc import errors, settings

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- written by tools/write_reference.py; edit the code, then run `make docs` -->\n\n"


def settings_page() -> str:
    """Every setting: variable, default, meaning."""
    rows = [
        f"| `{name}` | `{default or ' '}` | {meaning} |"
        for name, default, meaning in settings.table(settings.Settings())
    ]
    head = (
        "# Settings\n\nPrecedence: command-line option, environment variable, `aigc.toml` in `AIGC_HOME` (the same "
        "names in lower case without the prefix, or the file that `AIGC_CONFIG` names), default. Sizes take `k`, "
        "`m`, `g`.\n"
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
        '# Errors\n\nOne envelope everywhere, also in the middle of a stream (`data: {"error": ...}`):\n\n'
        '```json\n{"error": {"message": "...", "type": "invalid_request_error", "param": "n", "code": null}}\n'
        "```\n\n| class in Python | status | type | code | meaning |\n|---|---|---|---|---|\n"
    )
    return NOTE + head + "\n".join(rows) + "\n"


def _classes(base: type[errors.AigcError]) -> Iterator[type[errors.AigcError]]:
    yield base
    for child in base.__subclasses__():
        yield from _classes(child)


def commands_page() -> str:
    """Every command with its help, options and examples, as the command line prints them."""
    from aigc.cli.commands import PLACES

    names = [[name] for name in PLACES]
    names[names.index(["keys"]) + 1 : 0] = [["keys", action] for action in ("create", "list", "revoke")]
    parts = [f"## `aigc {' '.join(name)}`\n\n```text\n{_help(name)}\n```\n" for name in names]
    head = (
        "# Commands\n\nData goes to stdout, everything else to stderr. Exit status: 0 done, 1 failed, 2 wrong use, "
        "130 interrupted. `AIGC_LANG=zh` makes them speak Chinese.\n"
    )
    return NOTE + "\n".join([head, *parts])


def _help(command: list[str]) -> str:
    environment = os.environ | {"AIGC_LANG": "en", "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    answer = subprocess.run(
        [sys.executable, "-m", "aigc", *command, "--help"], capture_output=True, text=True, check=True, env=environment
    )
    return "\n".join(line.rstrip() for line in answer.stdout.splitlines()).strip()


def endpoints_page() -> str:
    """Every endpoint with its one sentence, from the application's own OpenAPI document."""
    from aigc.db.keys import Keys
    from aigc.runtime.runtime import Runtime
    from aigc.server.app import create_app
    from aigc.store import Store

    with tempfile.TemporaryDirectory() as home:
        options = settings.load({"AIGC_HOME": home})
        with contextlib.closing(Keys(options.database)) as keys:
            document = create_app(options, Runtime(options, Store(options)), keys).openapi()
    rows = [
        f"| `{method.upper()}` | `{path}` | {(what.get('summary') or what.get('description', '')).strip()} |"
        for path, methods in sorted(document["paths"].items())
        for method, what in methods.items()
    ]
    head = (
        "# Endpoints\n\nThe full OpenAPI document is at `/openapi.json` of a running server. What each parameter does "
        "stands in [compatibility.md](compatibility.md).\n\n| method | path | what |\n|---|---|---|\n"
    )
    return NOTE + head + "\n".join(rows) + "\n"


def compatibility() -> str:
    """Every parameter of OpenAI's API: what it does here, and what other servers' documents say of it."""
    note = NOTE.replace("edit the code", "edit compatibility.toml")
    return note + compatibility_page.page()


PAGES = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "commands.md": commands_page,
    "endpoints.md": endpoints_page,
    "compatibility.md": compatibility,
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
