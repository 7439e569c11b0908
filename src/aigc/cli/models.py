"""``aigc pull, list, show, search, verify, rm``: the models on this machine.

Knows: options and columns. Does not know: files, hubs, engines; the store does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.output import complain, confirm, data, data_json, interactive, note, size, table
from aigc.errors import UnknownModel, UserError
from aigc.i18n import language, t

if TYPE_CHECKING:
    from aigc.store import Entry, Store
    from aigc.types import ModelSpec

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_store() -> Store:
    """The store of this home folder."""
    from aigc import settings
    from aigc.store import Store

    return Store(settings.load())


def pull(
    source: Annotated[list[str], typer.Argument(help="A name from `aigc search`, a file, a folder, or an address.")],
    name: Annotated[str | None, typer.Option("--name", "-n", help="Id to install it under.")] = None,
) -> None:
    """Sources are names of the catalogue, GGUF files and model folders of this machine, `hf:owner/repo/file.gguf` for
    Hugging Face, `ms:owner/repo/file.gguf` for ModelScope, and https addresses. `hf:owner/repo` alone is a whole
    pipeline of diffusers, like Stable Diffusion, in 16 bits where it has them (`#full`, `#fp16`, `#bf16` behind it
    decide). The bytes are checked, the licence is shown and kept beside them; what breaks off goes on where it
    stopped. The id is printed at the end.

    Examples:
        aigc pull default  # what suits this machine's memory
        aigc pull tiny embedding
        aigc pull ./my.gguf --name mine
        aigc pull hf:owner/repo/file.gguf  # or hf:owner/repo for pictures
    """
    from aigc.cli import progress

    if name is not None and len(source) > 1:
        raise UserError(t("--name is for one model, {count} were named", count=len(source)))
    store = open_store()
    known = {e.id for e in store.catalogue().entries} | store.catalogue().alias_names
    for one in source:
        if one in known:
            announce(store.catalogue().get(one))
        data(progress.pull(store, one, name).id)


def announce(entry: Entry) -> None:
    """Say what is about to be fetched, and under which terms."""
    note(
        t(
            "{title}: {size} to fetch, licence {licence} {url}",
            title=entry.title,
            size=size(entry.size_bytes),
            licence=entry.licence.spdx,
            url=entry.licence.url,
        )
    )
    if entry.licence.notice:
        note(f"  {entry.licence.notice}")


def _builtin(store: Store) -> dict[str, ModelSpec]:
    """Models that come with the package, by id; one that is installed under the same name takes its place."""
    from aigc.store.builtin import builtin

    installed = {spec.id for spec in store.list()}
    return {spec.id: spec for spec in builtin() if spec.id not in installed}


def list_(json: Json = False) -> None:
    """The model with the star is the one that the name `default` stands for. Those for pictures come with the package.

    Examples:
        aigc list
        aigc list --json
    """
    store = open_store()
    specs = [*store.list(), *_builtin(store).values()]
    default = store.default_id()
    if json:
        data_json([{**_details(store, spec.id), "default": spec.id == default} for spec in specs])
        return
    if default is None:
        note(t("no chat model is installed; `aigc pull default` fetches one, `aigc search` lists more"))
    rows = []
    for spec in specs:
        shown = _details(store, spec.id)
        rows.append(
            (
                spec.id + (" *" if spec.id == default else ""),
                ", ".join(spec.capabilities),
                size(shown["disk_bytes"]),
                ", ".join(e.engine for e in spec.engines),
                spec.licence,
            )
        )
    table([t("model"), t("can"), t("disk"), t("engines"), t("licence")], rows)


def _details(store: Store, name: str) -> dict[str, Any]:
    from aigc.runtime import naming
    from aigc.store import builtin

    own = _builtin(store)
    target = name if name in own else naming.follow(name, naming.ASKED)
    return builtin.details(own[target]) if target in own else dict(store.show(name))


def show(
    name: Annotated[str, typer.Argument(help="Id or alias of a model, or a picture's file.")], json: Json = False
) -> None:
    """Works for installed models, those of the package and those of the catalogue. Of a picture it says what stands in
    the file: prompt, seed, model and whatever else it was made with.

    Examples:
        aigc show default
        aigc show multilingual-e5-small --json
        aigc show out.png
    """
    try:
        shown = _details(open_store(), name)
    except UnknownModel:
        if not Path(name).is_file() and Path(name).suffix.lower() not in _PICTURES:
            raise
        shown = _facts(Path(name))
    if json:
        data_json(shown)
        return
    card = shown.pop("card", {})
    if isinstance(card, dict) and card:
        data(card[language()])
    table([t("field"), t("value")], [(key, _plain(key, value)) for key, value in shown.items()])


def _facts(path: Path) -> dict[str, Any]:
    from aigc.client.picture_results import file_of
    from aigc.pictures.metadata import read_facts

    return read_facts(file_of(path, path.name))


def _plain(key: str, value: Any) -> str:
    from aigc.cli.pictures import grounded

    if key in ("disk_bytes", "size_bytes", "memory_bytes") and isinstance(value, int):
        return size(value)
    if key == "sources":
        return ", ".join(str(s.get("kind")) for s in value)
    if key == "files":
        return ", ".join(f"{f['path']} ({size(f['size_bytes'])})" for f in value)
    if key == "grounded":
        return grounded(value)
    if key == "prepared":
        return ", ".join(f"{e['engine']} ({size(e['memory_bytes'])})" for e in value)
    if key == "licence" and isinstance(value, dict):
        return " ".join(str(v) for v in value.values() if v)
    if isinstance(value, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(str(v) for v in value)
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    return str(value)


def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words that all occur; none: everything.")] = None,
    json: Json = False,
) -> None:
    """Looks through names, kinds, languages, licences and descriptions of the catalogue.

    Examples:
        aigc search
        aigc search chat zh
        aigc search qwen3 --json
    """
    store = open_store()
    found = store.catalogue().search(" ".join(words or ()))
    installed = {spec.id for spec in store.list()}
    if json:
        import msgspec

        data_json([{**msgspec.to_builtins(entry), "installed": entry.id in installed} for entry in found])
        return
    if not found:
        complain(t("nothing in the catalogue has all these words: {words}", words=" ".join(words or ())), None)
        raise typer.Exit(1)
    rows = [
        (
            entry.id,
            ", ".join(entry.capabilities),
            size(entry.size_bytes),
            size(entry.memory_bytes),
            entry.licence.spdx,
            t("yes") if entry.id in installed else "",
            entry.card.zh if language() == "zh" else entry.card.en,
        )
        for entry in found
    ]
    table([t("model"), t("can"), t("fetch"), t("memory"), t("licence"), t("installed"), t("about")], rows)


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Ids; none: all that are installed.")] = None,
    json: Json = False,
) -> None:
    """Compares every file with what was written down when it was installed. Exit code 1 if anything differs.

    Examples:
        aigc verify
        aigc verify default
    """
    from aigc.cli.progress import Bars
    from aigc.store import builtin

    store = open_store()
    own = _builtin(store)
    problems: dict[str, list[str]] = {}
    for name in names or [*(spec.id for spec in store.list()), *own]:
        if name in own:
            problems[name] = list(builtin.verify(own[name]))
            continue
        with Bars(name) as bars:
            problems[name] = list(store.verify(name, on_progress=bars))
    if json:
        data_json(problems)
    else:
        for name, found in problems.items():
            data(f"{name}: {t('ok') if not found else '; '.join(found)}")
    if any(problems.values()):
        note(t("`aigc rm NAME` and `aigc pull NAME` mend it"))
        raise typer.Exit(1)


def rm(
    names: Annotated[list[str], typer.Argument(help="Ids, as `aigc list` shows them.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
) -> None:
    """Removes the model's files, also those of a fetch that broke off. On a terminal it asks first.

    Examples:
        aigc rm smollm2-135m-instruct
        aigc rm mine --yes
    """
    store = open_store()
    own = _builtin(store)
    for name in names:
        if name in own:
            raise UserError(t("{name} comes with the package and can't be removed", name=name))
        if not yes and interactive() and not confirm(t("Remove {name}?", name=name)):
            continue
        store.remove(name)
        note(t("{name} is removed", name=name))
