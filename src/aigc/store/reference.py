"""What the word after ``aigc pull`` means: a name of the catalogue, a file, a folder, a hub address.

Knows: the forms of such words. Does not know: whether the thing exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args
from urllib.parse import unquote, urlsplit

import msgspec

from aigc.errors import UserError
from aigc.store.catalogue import Catalogue
from aigc.store.entry import Entry, HuggingFace, Local, ModelScope, Source, Url, Variant, check_id

_HUB = re.compile(r"(hf|ms):([^/@]+/[^/@]+)(?:@([^/]+))?/(.+)")
_REPOSITORY = re.compile(r"(hf|ms):([^/@#]+/[^/@#]+)(?:@([^/#]+))?(?:#(.*))?")
_SHA256 = re.compile(r"sha256=([0-9a-f]{64})")
_SPLIT = re.compile(r"(.*)-00001-of-(\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model to install."""

    id: str
    entry: Entry | None
    """None: described by its own file alone."""
    sources: tuple[Source, ...]


def understand(word: str, name: str | None, catalogue: Catalogue) -> Wanted:
    """Say what is meant.

    Args:
        word: a name of the catalogue; a path with a slash or ending in ``.gguf``; ``hf:owner/repo/file.gguf``,
            ``ms:owner/repo/file.gguf``; ``hf:owner/repo`` and ``ms:owner/repo`` for a whole pipeline of diffusers, in
            the precision that ``#fp16``, ``#bf16`` or ``#full`` behind it says (all of these with ``@revision`` after
            the repository, if wanted); or an https address, which ``#sha256=...`` may pin.
        name: id to install it under; None: the catalogue's, or one made of the file's name.
        catalogue: where names are looked up.

    Raises:
        UnknownModel: not in the catalogue.
        UserError: a form that is none of these, or a name that can't be an id.
    """
    if name is not None:
        check_id(name)
    source = _source(word)
    if source is None:
        entry = catalogue.get(word)
        return Wanted(name or entry.id, entry, entry.sources)
    return Wanted(name or _id_from(source), None, (source,))


def _source(word: str) -> Source | None:
    if word.startswith(("hf:", "ms:")):
        return _hub(word)
    if "://" in word:
        return _url(word)
    if "/" in word or "\\" in word or word.endswith(".gguf") or word in (".", "..", "~"):
        return Local(path=word)
    return None


def _hub(word: str) -> HuggingFace | ModelScope:
    whole = _REPOSITORY.fullmatch(word)
    match = whole or _HUB.fullmatch(word)
    if match is None or (whole is None and not match[4].endswith(".gguf")):
        raise UserError(
            f"{word!r} is not understood; accepted: hf:owner/repo for a pipeline of diffusers or a Whisper "
            "for CTranslate2, hf:owner/repo/file.gguf for a text model, with @revision after the repository if wanted; "
            "the same with ms:"
        )
    hub, repo, revision, rest = match.groups()
    kind: type[HuggingFace] | type[ModelScope] = HuggingFace if hub == "hf" else ModelScope
    fields: dict[str, object] = {"kind": "huggingface" if hub == "hf" else "modelscope", "repo": repo}
    fields["files"] = _all_parts(rest) if whole is None else ()
    if whole is not None and rest is not None:
        if rest not in (accepted := get_args(Variant)[1:]):
            raise UserError(f"#{rest} is not understood; accepted: {', '.join(f'#{name}' for name in accepted)}")
        fields["variant"] = rest
    if revision is not None:
        fields["revision"] = revision
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{word!r} is not understood: {error}") from error


def _all_parts(file: str) -> tuple[str, ...]:
    split = _SPLIT.fullmatch(file)
    if split is None:
        return (file,)
    count = int(split[2])
    if not 1 <= count <= 200:
        raise UserError(f"{file!r} belongs to a model in {count} files; accepted: 1 to 200")
    return tuple(f"{split[1]}-{n:05d}-of-{split[2]}.gguf" for n in range(1, count + 1))


def _url(word: str) -> Url:
    parts = urlsplit(word)
    file = PurePosixPath(unquote(parts.path)).name
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UserError(f"{word!r} is not understood; accepted: an http or https address")
    if not re.fullmatch(r"[A-Za-z0-9_][\w.+-]*\.gguf", file, re.ASCII):
        raise UserError(f"{word!r} doesn't end in the name of a .gguf file")
    if not parts.fragment:
        return Url(url=word, file=file)
    pin = _SHA256.fullmatch(parts.fragment.lower())
    if pin is None:
        raise UserError(f"#{parts.fragment} is not understood; accepted: #sha256= and 64 hexadecimal digits")
    return Url(url=word, file=file, sha256=(pin[1],))


def _id_from(source: Source) -> str:
    if isinstance(source, Local):
        file = Path(source.path).expanduser().resolve().name
    elif isinstance(source, (HuggingFace, ModelScope)):
        file = PurePosixPath(source.files[0] if source.files else source.repo).name
    else:
        assert isinstance(source, Url), "wheels have no word"
        file = source.file
    stem = re.sub(r"-00001-of-\d{5}$", "", file.removesuffix(".gguf"))
    return check_id(re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:64])
