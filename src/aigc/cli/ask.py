"""What chat, complete and embed share: the client, piped text, answers on stdout, and a model that isn't there yet.

Knows: the client, the store's catalogue where a model is missing. Does not know: conversations, options.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from aigc.cli.output import confirm, data, interactive, note, size
from aigc.errors import AigcError, UnknownModel
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.client.results import Delta
    from aigc.client.sync import Client

Answer = TypeVar("Answer")
_QUIET_SECONDS = 3.0


def open_client() -> Client:
    """A client for wherever requests go from here."""
    from aigc.client.sync import Client

    return Client()


def piped() -> str:
    """What was piped in, without the last line break; empty on a terminal."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    if not _arrives_soon():
        # A program that started us may hold the pipe open and never write: say why nothing happens.
        note(t("waiting for the end of standard input; `< /dev/null` skips it"))
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(t("what was piped in is not text in {encoding}", encoding=error.encoding)) from error


def _arrives_soon() -> bool:
    try:
        return bool(select.select([sys.stdin], [], [], _QUIET_SECONDS)[0])
    except (OSError, ValueError):
        return True  # not a real file: tests, embedded interpreters


def with_model(client: Client, model: str, yes: bool, ask: Callable[[], Answer]) -> Answer:
    """``ask()``; where the model isn't installed on this machine, offer to fetch it and ask again.

    Args:
        client: where ``ask`` asks.
        model: what the user called it.
        yes: fetch without a question.
        ask: begins the answer; raises UnknownModel before anything is printed.

    Raises:
        UnknownModel: it is not known here either, the user does not want it, or nobody is there to be asked.
    """
    try:
        return ask()
    except UnknownModel as error:
        if client.address.source not in ("process", "server") or not _fetched(model, yes, error):
            raise
    return ask()


def _fetched(model: str, yes: bool, error: UnknownModel) -> bool:
    from aigc import settings
    from aigc.cli.progress import pull
    from aigc.store import Store

    store = Store(settings.load())
    try:
        entry = store.catalogue().get(model)
    except AigcError:
        return False
    if not yes and not interactive():
        error.hint = t("`aigc pull {name}` fetches it ({size})", name=entry.id, size=size(entry.size_bytes))
        return False
    note(
        t(
            "{name} is not installed: {title}, {size}, licence {licence}",
            name=entry.id,
            title=entry.title,
            size=size(entry.size_bytes),
            licence=entry.licence.spdx,
        )
    )
    if not yes and not confirm(t("Fetch it now?")):
        return False
    pull(store, entry.id)
    return True


def show_stream(stream: Any, *, markdown: bool = False) -> None:
    """Print the pieces of the first choice as they come. Ctrl-C ends the answer and keeps what was printed."""
    with stream:
        printed = False
        try:
            if markdown:
                _show_markdown(stream)
                return
            for delta in stream:
                if delta.index == 0 and delta.text:
                    data(delta.text, end="")
                    printed = not delta.text.endswith("\n")
        finally:
            if printed:
                data()


def _show_markdown(stream: Iterable[Delta]) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.markdown import Markdown

    text = ""
    with Live(console=Console(), refresh_per_second=8, vertical_overflow="visible") as live:
        for delta in stream:
            text += delta.text if delta.index == 0 else ""
            live.update(Markdown(text))


def tell_end(reason: str | None) -> None:
    """Say so when an answer was cut off by its limit."""
    if reason == "length":
        note(t("(cut off: the longest answer allowed was reached; --max-tokens sets it)"))


def read_json_file(path: Path, option: str) -> Any:
    """The JSON in a file that an option names. Raises: typer.BadParameter."""
    import json

    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise typer.BadParameter(t("{path} can't be read as JSON: {error}", path=path, error=error)) from error


def given(**options: Any) -> dict[str, Any]:
    """The options that were given; the server decides about the others."""
    return {name: value for name, value in options.items() if value is not None}
