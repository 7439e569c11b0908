"""``aigc keys``: who may use the server.

Knows: options and columns. Does not know: how keys are kept.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.commands import CONTEXT, Command, Group
from aigc.cli.output import data, data_json, note, table
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.db.keys import Keys

keys = typer.Typer(add_completion=False, cls=Group, context_settings=CONTEXT, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@keys.callback()
def _keys() -> None:
    """A key opens the server's API: send it as `Authorization: Bearer KEY`. A running server accepts a new key and
    refuses a revoked one within seconds.

    Examples:
        aigc keys create laptop
        aigc keys list
        aigc keys revoke key_0123456789ab
    """


@contextlib.contextmanager
def _open() -> Iterator[Keys]:
    from aigc import settings
    from aigc.db.keys import Keys

    found = settings.load()
    found.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = Keys(found.database)
    try:
        yield keys
    finally:
        keys.close()


@keys.command("create", cls=Command, context_settings=CONTEXT, short_help="Create a key and show it once.")
def create(
    name: Annotated[str, typer.Argument(help="What it is for; shown in lists.")] = "command line",
    json: Json = False,
) -> None:
    """The key is printed now and never again: only a salted hash of it is kept.

    Examples:
        aigc keys create
        export AIGC_API_KEY=$(aigc keys create "my laptop")
    """
    with _open() as keys:
        record, plaintext = keys.create(name)
    if json:
        data_json({**_public(record), "key": plaintext})
        return
    note(t("This is the key; it is shown only now:"))
    data(plaintext)


@keys.command("list", cls=Command, context_settings=CONTEXT, short_help="List the keys.")
def list_(json: Json = False) -> None:
    """Revoked keys are listed as well; of each key, only its beginning.

    Examples:
        aigc keys list
        aigc keys list --json
    """
    with _open() as keys:
        records = keys.list()
    if json:
        data_json([_public(record) for record in records])
        return
    rows = [
        (r.id, r.name, r.prefix + "...", _day(r.created), _day(r.last_used), t("revoked") if r.revoked else t("active"))
        for r in records
    ]
    if not rows:
        note(t("there is no key yet; `aigc keys create` makes one"))
        return
    table([t("id"), t("name"), t("key"), t("created"), t("last used"), t("state")], rows)


@keys.command("revoke", cls=Command, context_settings=CONTEXT, short_help="End a key.")
def revoke(key: Annotated[str, typer.Argument(help="Its id, or the beginning that lists show.")]) -> None:
    """Whoever has the key is refused from now on. This can't be taken back.

    Examples:
        aigc keys revoke key_0123456789ab
    """
    with _open() as keys:
        record = keys.revoke(key.removesuffix("..."))
    note(t("{name} ({id}) is revoked", name=record.name, id=record.id))


def _day(seconds: int | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "-"


def _public(record: Any) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(record)
