"""From what was fetched to what the manifest says: header check, facts, licence text.

Knows: how a model folder is recognised and described. Does not know: where it came from, which engines exist.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec

from aigc.engines import diffusers_folder, gguf_header, infill, model_folder, vocabulary, whisper_folder
from aigc.engines.model_folder import ModelFolder
from aigc.errors import InvalidModelFile
from aigc.store.entry import Card, Entry, Licence, Source
from aigc.store.gguf_check import read_header
from aigc.store.gguf_facts import Facts, read_facts
from aigc.types import Capability

_MAX_JSON_BYTES = 16 * 2**20
_MAX_HEAD = 2**16
_LICENCE = re.compile(r"\A---\r?\n(?:(?!---).*\r?\n)*?license:[ \t]*[\"']?([\w.+-]+)")
_NAMES = {"apache-2.0": "Apache-2.0", "mit": "MIT"}


def check_gguf(files: Sequence[Path]) -> Facts:
    """Check every file's header, and read the facts from the first. Raises: InvalidModelFile."""
    headers = [read_header(path) for path in files]
    special = vocabulary.special_names(gguf_header.read(files[0]))
    facts = read_facts(headers[0], infill=infill.family_of(special) is not None)
    if len(headers) == 1:
        return facts
    tensors = sum(len(h.tensors) for h in headers)
    stated = headers[0].metadata.get("split.tensors.count", tensors)
    if stated != tensors:
        raise InvalidModelFile(f"the {len(files)} files hold {tensors} tensors, the first one announces {stated}")
    rest = sum(t.size_bytes for h in headers[1:] for t in h.tensors)
    return dataclasses.replace(facts, memory_bytes=facts.memory_bytes + rest)


def completed(entry: Entry, facts: Facts, size_bytes: int) -> Entry:
    """The catalogue's entry with the figures of the file that really came."""
    return msgspec.structs.replace(
        entry,
        architecture=facts.architecture,
        quantisation=facts.quantisation,
        context_tokens=facts.context_tokens,
        size_bytes=size_bytes,
        infill=facts.infill,
    )


def entry_of_gguf(model_id: str, facts: Facts, size_bytes: int, engines: Sequence[str], source: Source) -> Entry:
    """An entry for a model that only its own file describes."""
    title = facts.name or model_id
    stated = (facts.licence or "").strip()
    capabilities: tuple[Capability, ...] = ("chat", "completion") if facts.chat_template else ("completion",)
    return Entry(
        id=model_id,
        title=title,
        capabilities=capabilities,
        architecture=facts.architecture,
        parameters=facts.parameters,
        quantisation=facts.quantisation,
        size_bytes=size_bytes,
        licence=Licence(
            spdx=_NAMES.get(stated.lower(), stated) or "NOASSERTION",
            notice="" if stated else "The file states no licence: find out under which terms you may use it.",
        ),
        card=Card(en=f"{title}, added by hand.", zh=f"{title}，手动添加。"),
        context_tokens=facts.context_tokens,
        memory_bytes=facts.memory_bytes,
        engines=tuple(engines),
        sources=(source,),
        infill=facts.infill,
    )


def entry_of_folder(model_id: str, folder: Path, size_bytes: int, engines: Sequence[str], source: Source) -> Entry:
    """An entry for a folder of ours, of diffusers, of Whisper, or one as Hugging Face or OpenVINO write it.

    Raises:
        InvalidModelFile: none of these, or its description says too little; a pipeline that isn't accepted.
    """
    if (folder / model_folder.DESCRIPTION).exists():
        return _entry_of_pictures(model_id, model_folder.read(folder), size_bytes, source)
    if diffusers_folder.is_pipeline(folder):
        return _entry_of_pipeline(model_id, folder, size_bytes, engines, source)
    if whisper_folder.is_whisper(folder):
        return _entry_of_whisper(model_id, folder, size_bytes, source)
    config = _json(folder / "config.json")
    context = config.get("max_position_embeddings")
    if isinstance(context, bool) or not isinstance(context, int) or not 1 <= context <= 2**30:
        raise InvalidModelFile(f"config.json says max_position_embeddings is {context!r}; expected a whole number")
    architecture = str(config.get("model_type", "unknown"))[:64]
    template = (folder / "chat_template.jinja").exists() or "chat_template" in _json(folder / "tokenizer_config.json")
    return Entry(
        id=model_id,
        title=model_id,
        capabilities=("chat", "completion") if template else ("completion",),
        architecture=architecture,
        parameters=0,
        quantisation=str(config.get("torch_dtype", "unknown"))[:32],
        size_bytes=size_bytes,
        licence=Licence(spdx="NOASSERTION", notice="The folder's own documents say under which terms it may be used."),
        card=Card(en=f"{model_id}, added by hand.", zh=f"{model_id}，手动添加。"),
        context_tokens=context,
        memory_bytes=size_bytes,
        engines=tuple(engines),
        sources=(source,),
        format="folder",
    )


def _entry_of_pictures(model_id: str, model: ModelFolder, size_bytes: int, source: Source) -> Entry:
    return Entry(
        id=model_id,
        title=model_id,
        capabilities=model.capabilities,
        architecture=model.engine,
        parameters=0,
        quantisation="f16",
        size_bytes=size_bytes,
        licence=Licence(spdx=model.licence),
        card=Card(en=f"{model_id}, trained here.", zh=f"{model_id}，本机训练。"),
        context_tokens=0,
        memory_bytes=model.memory_bytes,
        engines=(model.engine,),
        sources=(source,),
        languages=model.languages,
        format="folder",
    )


def _entry_of_pipeline(model_id: str, folder: Path, size_bytes: int, engines: Sequence[str], source: Source) -> Entry:
    found = diffusers_folder.read(folder)
    return Entry(
        id=model_id,
        title=model_id,
        capabilities=found.capabilities,
        architecture=found.pipeline,
        parameters=found.parameters,
        quantisation=found.variant or "unknown",
        size_bytes=size_bytes,
        licence=_stated_licence(folder),
        card=Card(en=f"{model_id}, added by hand.", zh=f"{model_id}，手动添加。"),
        context_tokens=0,
        memory_bytes=size_bytes,
        engines=tuple(engines),
        sources=(source,),
        format="folder",
    )


def _stated_licence(folder: Path) -> Licence:
    """What the head of the folder's ``README.md`` says, as model cards on hubs have it."""
    notice = "The folder's own documents say under which terms it may be used."
    card = folder / "README.md"
    text = card.read_text("utf-8", "replace")[:_MAX_HEAD] if card.is_file() else ""
    stated = _LICENCE.search(text)
    if stated is None:
        return Licence(spdx="NOASSERTION", notice=notice)
    return Licence(spdx=_NAMES.get(stated[1].lower(), stated[1]), notice=notice)


def _entry_of_whisper(model_id: str, folder: Path, size_bytes: int, source: Source) -> Entry:
    found = whisper_folder.read(folder)
    return Entry(
        id=model_id,
        title=model_id,
        capabilities=found.capabilities,
        architecture="whisper",
        parameters=0,
        quantisation="int8",
        size_bytes=size_bytes,
        licence=_stated_licence(folder),
        card=Card(en=f"{model_id}, added by hand.", zh=f"{model_id}，手动添加。"),
        context_tokens=0,
        memory_bytes=found.memory_bytes,
        engines=("whisper",),
        sources=(source,),
        languages=("multilingual",) if found.multilingual else ("en",),
        format="folder",
    )


def _json(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise InvalidModelFile(f"{path.name} has {path.stat().st_size} bytes; accepted: at most {_MAX_JSON_BYTES}")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidModelFile(f"{path.name} can't be read: {error}") from error


def licence_text(entry: Entry) -> str:
    """What the ``LICENSE`` beside the weights says."""
    licence = entry.licence
    lines = [entry.title, "", f"Licence: {licence.spdx}", licence.url, "", licence.notice]
    head = "\n".join(lines).strip() + "\n"
    full = resources.files("aigc.store") / "licences" / f"{licence.spdx}.txt"
    if licence.spdx in ("Apache-2.0", "MIT"):
        return f"{head}\n{full.read_text(encoding='utf-8')}"
    if licence.url:
        return f"{head}\nThe full text is at the address above; it applies to this copy as well.\n"
    return head


def digest_of_folder(sums: Sequence[tuple[str, str]]) -> str:
    """One sha256 for many files: over their sorted ``sha256  path`` lines."""
    text = "".join(f"{digest}  {path}\n" for path, digest in sorted(sums))
    return hashlib.sha256(text.encode()).hexdigest()
