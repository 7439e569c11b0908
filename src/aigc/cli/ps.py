"""``aigc ps``: what the running server has in memory.

Knows: the columns. Does not know: processes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from aigc.cli.ask import open_client
from aigc.cli.output import complain, data_json, note, size, table
from aigc.i18n import t


def ps(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Shows each loaded model with its engine, process, memory and work, and the memory budget. Asks the server that
    AIGC_BASE_URL names, else the one on this machine.

    Examples:
        aigc ps
        aigc ps --json
    """
    with open_client() as client:
        if client.address.source == "process":
            complain(t("no server runs on this machine"), t("`aigc serve` starts one"))
            raise typer.Exit(1)
        status = client.request("GET", "status")
    if json:
        data_json(status)
        return
    if status["workers"]:
        rows = [
            (
                w["model"],
                w["engine"],
                w["state"],
                str(w["pid"] or "-"),
                size(w["rss_bytes"]),
                str(w["running"]),
                str(w["waiting"]),
                f"{w['idle_seconds']:.0f} s",
            )
            for w in status["workers"]
        ]
        columns = [t("model"), t("engine"), t("state"), "pid", t("memory"), t("running"), t("waiting"), t("idle")]
        table(columns, rows)
    note(
        t(
            "{used} of {budget} for models are taken",
            used=size(status["memory_reserved_bytes"]),
            budget=size(status["memory_budget_bytes"]),
        )
    )
