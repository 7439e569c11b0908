"""From the name in a request to an installed model.

Knows: aliases, the names of the cloud, what is installed. Does not know: engines, processes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from aigc.errors import UnknownModel, UserError
from aigc.settings import (
    CLOUD_EMBEDDING_NAMES,
    CLOUD_IMAGE_NAMES,
    CLOUD_NAMES,
    CLOUD_REALTIME_NAMES,
    CLOUD_SPEECH_NAMES,
    CLOUD_TRANSCRIPTION_NAMES,
    Settings,
)
from aigc.types import Capability, ModelSpec

DEFAULT = "default"
EMBEDDING = "embedding"
ASKED = {
    "image": "aigc-v1",
    "image_edit": "image",
    "panorama": "aigc-scenes",
    "restoration": "aigc-restore",
    "speech": "aigc-voice",
    "transcription": "whisper-base",
    "translation": "transcription",
}
"""For what is asked of pictures and sound: the alias that ``default`` means there, and what it stands for."""
_MAX_HOPS = 8


def aliases(settings: Settings) -> dict[str, str]:
    """Every other name, to what it stands for; the settings win over the names of the cloud."""
    cloud = dict.fromkeys(CLOUD_NAMES + CLOUD_REALTIME_NAMES, DEFAULT) | dict.fromkeys(CLOUD_EMBEDDING_NAMES, EMBEDDING)
    for asked, names in (
        ("image", CLOUD_IMAGE_NAMES),
        ("speech", CLOUD_SPEECH_NAMES),
        ("transcription", CLOUD_TRANSCRIPTION_NAMES),
    ):
        cloud |= dict.fromkeys(names, asked)
    return cloud | ASKED | {"tiny": "smollm2-135m-instruct"} | settings.aliases


def resolve(
    name: str, capability: Capability, known: Mapping[str, str], models: Sequence[ModelSpec], default: str | None
) -> ModelSpec:
    """The model that ``name`` stands for.

    Args:
        name: an id or an alias.
        capability: what will be asked of it.
        known: alias to name.
        models: what can be served.
        default: id that ``default`` stands for.
    Raises:
        UnknownModel: nothing of that name; lists near ones.
        UserError: the model can't do this; lists those that can.
    """
    able = [spec for spec in models if capability in spec.capabilities]
    target = follow(name, known)
    if capability == "embedding" and target in (DEFAULT, EMBEDDING):
        # Of a remote model nobody knows whether it embeds: it is asked by its own name only.
        target = next((spec.id for spec in able if spec.embedding_width is not None), target)
    elif target == DEFAULT and capability in ASKED:
        target = follow(capability, known)
    elif target == DEFAULT and default is not None:
        target = default
    spec = next((spec for spec in models if spec.id == target), None)
    if spec is None:
        raise unknown(name, target, models)
    if capability not in spec.capabilities:
        names = ", ".join(other.id for other in able) or "none is installed"
        raise UserError(f"{spec.id} can't be asked for {capability}; models that can: {names}", param="model")
    return spec


def follow(name: str, known: Mapping[str, str]) -> str:
    """What an alias stands for in the end; another name stands for itself. Raises: UserError: it leads in a circle."""
    for _ in range(_MAX_HOPS):
        if name not in known:
            return name
        name = known[name]
    raise UserError(f"the alias {name!r} leads in a circle", param="model", hint="look at [aliases] in aigc.toml")


def unknown(name: str, target: str, models: Sequence[ModelSpec]) -> UnknownModel:
    """The error for ``name``, which stands for ``target``; lists near names."""
    ids = [spec.id for spec in models]
    shown = name[:80]
    near = difflib.get_close_matches(name[:80], ids, n=3, cutoff=0.5) or ids[:5]
    meant = f" (it stands for {target!r})" if target not in (name, DEFAULT, EMBEDDING) else ""
    have = f"installed: {', '.join(near)}" if near else "no model is installed"
    wanted = target if target != name and target not in (DEFAULT, EMBEDDING) else DEFAULT if not ids else "NAME"
    return UnknownModel(
        f"there is no model {shown!r}{meant}; {have}",
        param="model",
        hint=f"`aigc search` lists more, `aigc pull {wanted}` installs",
    )
