"""How models are listed: OpenAI's fields, and under ``aigc`` what else is worth knowing.

Knows: the shape. Does not know: where models come from.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from aigc.types import Capability, ModelSpec


class Details(BaseModel):
    """What OpenAI's object has no field for."""

    capabilities: list[Capability]
    aliases: list[str]
    """Other names that stand for this model now."""
    context_tokens: int
    engines: list[str]
    """In order of preference."""
    licence: str
    languages: list[str]
    embedding_width: int | None
    infill: bool
    """Whether `suffix` of completions works."""
    loaded: bool
    """Whether it is in memory now; others are loaded when they are asked."""


class Model(BaseModel):
    """OpenAI's Model."""

    id: str
    object: str = "model"
    created: int
    """Unix seconds of the installation."""
    owned_by: str = "aigc"
    aigc: Details


class ModelList(BaseModel):
    """OpenAI's ListModelsResponse."""

    object: str = "list"
    data: list[Model]


class Engine(BaseModel):
    """A model as clients of 2020 know it."""

    id: str
    object: str = "engine"
    owner: str = "aigc"
    ready: bool = True


class EngineList(BaseModel):
    """All of them."""

    object: str = "list"
    data: list[Engine]


def describe(spec: ModelSpec, aliases: Sequence[str], *, loaded: bool) -> Model:
    """An installed model."""
    return Model(
        id=spec.id,
        created=spec.created,
        aigc=Details(
            capabilities=list(spec.capabilities),
            aliases=sorted(aliases),
            context_tokens=spec.context_tokens,
            engines=[file.engine for file in spec.engines],
            licence=spec.licence,
            languages=list(spec.languages),
            embedding_width=spec.embedding_width,
            infill=spec.infill,
            loaded=loaded,
        ),
    )
