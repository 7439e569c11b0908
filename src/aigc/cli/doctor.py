"""``aigc doctor``: what this machine can run, and what is wrong, in words.

Knows: what is needed for what. Does not know: how facts are found; `aigc.cli.machine` does.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from aigc.cli.output import data, data_json, table
from aigc.i18n import t

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def doctor(
    verify: Annotated[bool, typer.Option("--verify", help="Compare every byte of the installed models.")] = False,
    show_settings: Annotated[
        bool, typer.Option("--settings", help="Print every setting, its value and its meaning.")
    ] = False,
    json: Json = False,
) -> None:
    """Looks at Python, processor, memory, disk, engines, package index, models and server, and says what to do about
    what is wrong. Nothing is changed and no network is used. Exit code 1 if something essential is wrong.

    Examples:
        aigc doctor
        aigc doctor --settings  # what can be set, and what is
        aigc doctor --json
    """
    from aigc import settings
    from aigc.cli import checks, machine

    found = settings.load()
    if show_settings:
        rows = [(name, value, t(help)) for name, value, help in settings.table(found)]
        if json:
            data_json([{"name": name, "value": value, "help": help} for name, value, help in rows])
        else:
            table([t("setting"), t("value"), t("meaning")], rows)
        return
    facts = machine.look(found.home)
    results = checks.run(found, facts, verify=verify)
    failed = any(check.state == "fail" for check in results)
    if json:
        data_json({"ok": not failed, "checks": [_plain(c) for c in results], "machine": _plain(facts)})
    else:
        _print(results)
        data()
        if failed:
            data(t("Something essential is wrong; the lines marked {mark} say what to do.", mark="FAIL"))
        else:
            data(t("Nothing essential is wrong."))
    if failed:
        raise typer.Exit(1)


def _print(results: list[Any]) -> None:
    from aigc.cli.help import width

    column = max(width(c.name) for c in results)
    for check in results:
        mark = {"ok": "ok  ", "warn": "note", "fail": "FAIL"}[check.state]
        padding = " " * (column - width(check.name))
        data(f"{mark}  {check.name}{padding}  {check.text}")
        if check.hint:
            data(f"{' ' * (column + 8)}-> {check.hint}")


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value)
