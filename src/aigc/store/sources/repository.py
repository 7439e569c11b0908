"""A whole model out of a hub's repository: a pipeline of diffusers, a Whisper for CTranslate2, or a published folder.

What is fetched is what its ``model_index.json`` or ``model.json`` speaks of, in one precision, and its documents;
pickles, programs and weights of other precisions stay where they are. Before the first large file moves, the choice is
told, and there must be room for it.

Knows: listings, which of the files a model needs. Does not know: hubs, how bytes travel.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from aigc.engines import diffusers_folder, model_folder, whisper_folder
from aigc.engines.diffusers_folder import INDEX, SETTINGS
from aigc.engines.diffusers_weights import PICKLES, Precision, common, precision_of, precision_of_index
from aigc.errors import InvalidModelFile, StorageFull, StoreError
from aigc.store.entry import Variant
from aigc.store.progress import OnProgress, Progress, silent
from aigc.store.sources.base import Fetched, Remote, storage_errors

_WORDS = frozenset({".json", ".txt", ".model", ".jinja"})
"""Suffixes of configurations and tokenizers."""
_DOCUMENTS = ("README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "NOTICE")
_MOST_FILES = 1000

Download = Callable[[Sequence[Remote], OnProgress], tuple[Fetched, ...]]
"""Brings files into the model's folder, or raises."""
Check = Callable[[str], None]
"""Is told the name of an engine, and raises if it can't be had."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one moment."""

    name: str
    revision: str
    """The commit, where the hub tells it."""
    files: Mapping[str, Remote]
    """By path."""
    licence: str = ""
    """As the hub states it; empty: not stated."""


@dataclass(frozen=True, slots=True)
class Job:
    """How it is fetched."""

    variant: Variant
    """Precision of the weights; ``auto``: 16 bits where all parts have them, else what there is."""
    target: Path
    """Folder of the model."""
    work: Path
    """Folder of unfinished files, whose bytes count as there."""
    download: Download
    check_engine: Check


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a repository will be fetched."""

    what: str
    files: Sequence[Remote]
    precisions: Sequence[Precision] = field(default=())
    """There are; the first is taken."""


def fetch(listing: Listing, job: Job, on_progress: OnProgress) -> tuple[Fetched, ...]:
    """Fetch what the model needs.

    Args:
        listing: what there is.
        job: how.
        on_progress: hears what was chosen, as stage ``choosing``.

    Raises:
        InvalidModelFile: no model that could be served, or pickles where weights should be.
        EngineMissing: nothing here could run it.
        StorageFull: no room.
        StoreError: what downloading raises.
    """
    first = [listing.files[name] for name in (INDEX, SETTINGS, model_folder.DESCRIPTION) if name in listing.files]
    job.download(first, silent)
    if INDEX in listing.files:
        choice = _pipeline(listing, job.variant, job.target)
        job.check_engine("diffusers")
    elif model_folder.DESCRIPTION in listing.files:
        choice = _ours(listing, job.target)
    elif listing.files.keys() >= {whisper_folder.MODEL, whisper_folder.CONFIG, whisper_folder.TOKENIZER}:
        names = [name for name in whisper_folder.FILES if name in listing.files]
        choice = Choice("Whisper for CTranslate2", [listing.files[name] for name in names])
        job.check_engine("whisper")
    else:
        raise _nothing(listing)
    documents = [listing.files[name] for name in _DOCUMENTS if name in listing.files]
    wanted = list(dict.fromkeys([*first, *choice.files, *documents]))
    if len(wanted) > _MOST_FILES:
        raise InvalidModelFile(f"{listing.name} needs {len(wanted)} files; accepted: at most {_MOST_FILES}")
    total = sum(remote.size_bytes for remote in wanted)
    with storage_errors(f"{listing.name} can't be stored"):
        _check_room(listing.name, total, [job.target, job.work])
    on_progress(Progress("choosing", _told(listing, choice, len(wanted)), 0, total))
    return job.download(wanted, on_progress)


def _pipeline(listing: Listing, variant: Variant, target: Path) -> Choice:
    """The files that ``model_index.json`` makes necessary."""
    index = diffusers_folder.read_json(target / INDEX)
    pipeline = diffusers_folder.check_index(index)
    parts: dict[str, list[str]] = {}
    for name in diffusers_folder.components(index):
        parts[name] = [path for path in listing.files if PurePosixPath(path).parent.as_posix() == name]
        if not parts[name]:
            raise InvalidModelFile(f"{INDEX} of {listing.name} names the component {name!r}, which isn't there")
        _refuse_pickled(name, parts[name])
    there = common([PurePosixPath(path).name for path in paths] for paths in parts.values())
    if variant not in ("auto", *there):
        raise InvalidModelFile(
            f"{listing.name} has no {variant} weights for all parts; there are: {', '.join(there) or 'none'}",
            hint="leave the part behind # out to take what there is",
        )
    if not there:
        raise InvalidModelFile(f"{listing.name} holds no safetensors in one precision for all of its parts")
    # 16 bits are computed in 32 bits on a CPU all the same, and are half of the bytes.
    taken = next((p for p in ("fp16", "bf16", "full") if p in there), "full") if variant == "auto" else variant
    wanted = [listing.files[path] for paths in parts.values() for path in paths if _needed(path, taken)]
    wanted += [_lora(listing, lora.file) for lora in diffusers_folder.settings_of(target).loras]
    return Choice(f"{pipeline}, {taken}", wanted, there)


def _lora(listing: Listing, file: str) -> Remote:
    if file not in listing.files:
        raise InvalidModelFile(f"{SETTINGS} of {listing.name} names the LoRA {file!r}, which isn't there")
    return listing.files[file]


def _needed(path: str, taken: str) -> bool:
    name = PurePosixPath(path).name
    if ".index." in name:
        return precision_of_index(name) == taken
    return precision_of(name) == taken or PurePosixPath(name).suffix in _WORDS


def _refuse_pickled(component: str, paths: Sequence[str]) -> None:
    names = [PurePosixPath(path).name for path in paths]
    pickles = [name for name in names if PurePosixPath(name).suffix.lower() in PICKLES]
    if pickles and not any(map(precision_of, names)):
        raise InvalidModelFile(
            f"the weights of {component!r} are there only as {pickles[0]}, which can run code when opened: refused",
            hint="look for a repository, or a revision of it, with safetensors",
        )


def _ours(listing: Listing, target: Path) -> Choice:
    """The files that ``model.json`` names, which are checked against it as well when the model is made ready."""
    model = model_folder.read(target)
    missing = [name for name in model.files if name not in listing.files]
    if missing:
        raise InvalidModelFile(f"{model_folder.DESCRIPTION} of {listing.name} names {missing[0]!r}, which isn't there")
    return Choice(model.id, [listing.files[name] for name in model.files])


def _nothing(listing: Listing) -> StoreError:
    found = [path for path in listing.files if path.endswith(".gguf")]
    hint = (
        "name one of its files" if found else "text models are taken as one .gguf file: name it behind the repository"
    )
    example = f", like {found[0]}" if found else ""
    return StoreError(
        f"{listing.name} holds neither a pipeline of diffusers ({INDEX}) nor a Whisper for CTranslate2",
        hint=f"{hint}{example}",
    )


def _check_room(name: str, total: int, folders: Sequence[Path]) -> None:
    there = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    needed, free = max(0, total - there), shutil.disk_usage(folders[0]).free
    if needed > free:
        raise StorageFull(
            f"{name} needs {needed / 1e6:.0f} MB in {folders[0]}; {free / 1e6:.0f} MB are free",
            hint="make room, or set AIGC_HOME to a folder on another disk",
        )


def _told(listing: Listing, choice: Choice, count: int) -> str:
    licence = f", licence {listing.licence}" if listing.licence else ""
    others = f" (there are: {', '.join(choice.precisions)})" if len(choice.precisions) > 1 else ""
    return f"{choice.what}{others}, {count} files at {listing.revision[:12]}{licence}"


def decoded(answer: object, kind: type[Any], what: str) -> Any:
    """A hub's answer in the form that is expected. Raises: StoreError: it has another one."""
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise StoreError(f"{what} has an unknown form: {error}") from error
