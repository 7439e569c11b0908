"""``aigc serve``: models first, then the server, then what the reader needs to use it.

Knows: what a first start fetches and how a start is shown. Does not know: sockets, HTTP.
"""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc.cli.output import complain, data, data_json, note, size
from aigc.errors import AigcError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.server.run import StartInfo
    from aigc.settings import Settings
    from aigc.store import Entry, Store


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", "-p", min=0, max=65535, help="Port; 0: a free one.")] = None,
    home: Annotated[Path | None, typer.Option("--home", help="Folder for models, keys and files.")] = None,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Fetch nothing, start with what is there.")] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the start as one JSON object.")] = False,
) -> None:
    """The first time, a chat model that suits this machine's memory and an embedding model are fetched from the package
    index; later starts need no network. Then it prints a link that opens the page, the base URL for OpenAI clients and,
    once, a key. Programs of the same user on this machine find server and key by themselves. Ctrl-C ends it when
    running answers are done; a second one at once.

    Examples:
        aigc serve
        aigc serve --open
        aigc serve --port 0 --no-pull --json
        AIGC_API_KEY=... aigc serve --host 0.0.0.0  # for other machines, too
    """
    from aigc import settings
    from aigc.server import run
    from aigc.store import Store

    found = settings.load(host=host, port=port, home=home)
    store = Store(found)
    if not (no_pull or found.offline):
        fetch_missing(found, store)

    def ready(info: StartInfo) -> None:
        if json:
            data_json({**dataclasses.asdict(info), "run_file": str(info.run_file)})
        else:
            _show(info, found, store)
        if open_browser:
            _open(info.link)

    run.serve(found, on_ready=ready)
    note(t("stopped"))


def fetch_missing(settings: Settings, store: Store) -> None:
    """Pull what a first start needs. Raises: AigcError when there would be nothing to chat with afterwards."""
    from aigc.cli.models import announce
    from aigc.cli.progress import pull

    wanted = missing(settings, store)
    if not wanted:
        return
    total = sum(entry.size_bytes for entry in wanted)
    note(t("The first start fetches {count} models, {size}:", count=len(wanted), size=size(total)))
    for entry in wanted:
        announce(entry)
    for entry in wanted:
        try:
            pull(store, entry.id)
        except AigcError as error:
            if store.default_id() is None and not settings.remotes:
                raise
            complain(error.message, error.hint)
            note(t("going on without {name}", name=entry.id))


def missing(settings: Settings, store: Store) -> list[Entry]:
    """What is recommended and whose work no installed model does: who chose another model is not given a second one."""
    installed = store.list()
    able = {capability for spec in installed for capability in spec.capabilities}
    if settings.remotes:
        able.add("chat")
    named = settings.default_model
    entries = [store.catalogue().get(name) for name in store.recommended()]
    return [
        entry
        for entry in entries
        if entry.id not in {spec.id for spec in installed}
        and (not able.intersection(entry.capabilities) or ("chat" in entry.capabilities and named != "auto"))
    ]


def _show(info: StartInfo, settings: Settings, store: Store) -> None:
    from aigc.store.memory import available_memory_bytes

    rows = [(t("page"), info.link), (t("base URL"), info.base_url)]
    if info.new_key is not None:
        rows.append((t("key"), t("{key}  (shown only now)", key=info.new_key)))
    elif settings.api_key is not None:
        rows.append((t("key"), t("the one in AIGC_API_KEY")))
    else:
        rows.append((t("key"), t("one made before; `aigc keys create` makes another")))
    rows.append((t("model"), _model(settings, store)))
    rows.append((t("memory"), t("{size} free", size=size(available_memory_bytes()))))
    rows.append((t("stop"), t("Ctrl-C")))
    from aigc.cli.help import width

    column = max(width(name) for name, _ in rows)
    data()
    for name, value in rows:
        data(f"  {name}{' ' * (column - width(name))}  {value}")
    data()
    note(t("The link opens the page logged in, once. Try: {command}", command='aigc chat "Hello"'))


def _model(settings: Settings, store: Store) -> str:
    chosen = store.default_id() if settings.default_model == "auto" else settings.default_model
    if chosen is not None and chosen not in {spec.id for spec in store.list()}:
        return chosen  # an alias, or a model of another server
    if chosen is None:
        return t("none is installed; `aigc pull default` fetches one")
    engines = store.get(chosen).engines
    return t("{name}, about {size} once loaded", name=chosen, size=size(engines[0].memory_bytes))


def _open(link: str) -> None:
    import webbrowser

    # Some browsers keep the call until they are closed; the server must not wait for that.
    threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
