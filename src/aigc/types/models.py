"""Models: what is installed, and what each can be asked for.

Knows: field names, units and defaults. Does not know: files, engines.
"""

from __future__ import annotations

from typing import Literal

from aigc.types.base import Value
from aigc.types.sound import Voice
from aigc.types.text import Sampling

Capability = Literal[
    "chat",
    "completion",
    "embedding",
    "image",
    "image_edit",
    "panorama",
    "restoration",
    "speech",
    "transcription",
    "translation",
]
"""What a model can be asked for; one entry for every endpoint family that exists."""


class EngineFile(Value, frozen=True, kw_only=True):
    """How one engine runs a model."""

    engine: str
    """Name in `aigc.engines.registry`."""
    path: str
    """File or folder that the engine opens, absolute."""
    memory_bytes: int
    """Estimate of the resident memory with the weights loaded and an empty cache."""
    cache_bytes_per_token: int = 0
    """Key-value cache for one token of context; 0 where there is none."""


class ModelSpec(Value, frozen=True, kw_only=True):
    """An installed model, as the runtime and the workers need to know it."""

    id: str
    capabilities: tuple[Capability, ...]
    engines: tuple[EngineFile, ...]
    """In order of preference."""
    context_tokens: int
    """Longest prompt plus answer that the model was made for."""
    created: int
    """Unix seconds of the installation."""
    digest: str
    """sha256 of the weights' file."""
    licence: str
    defaults: Sampling = Sampling()
    """What the makers of the model recommend where a request is silent."""
    languages: tuple[str, ...] = ()
    embedding_width: int | None = None
    voices: tuple[Voice, ...] = ()
    """Of a model that speaks; the first is its default."""
    infill: bool = False
    """Whether it can fill the gap between two texts."""
