"""What ``POST /v1/embeddings`` accepts and answers. Field by field as in OpenAI's CreateEmbeddingRequest.

Knows: fields, ranges, the shape of the answer. Does not know: how vectors are made.
"""

from __future__ import annotations

import sys
from array import array
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Discriminator, Field, Tag

from aigc.server.fields import Body, Label, ModelName, TokenId
from aigc.types import Embeddings, EmbedRequest

_MOST = 2048
"""Inputs of one request."""


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    if not isinstance(value, list) or not value:
        return None
    kinds = {str: "texts", int: "tokens", list: "token_lists"}
    return kinds.get(type(value[0]))


Line = Annotated[str, Field(strict=True, min_length=1)]
Tokens = Annotated[list[TokenId], Field(min_length=1, fail_fast=True)]
Input = Annotated[
    Annotated[Line, Tag("text")]
    | Annotated[list[Line], Field(max_length=_MOST, fail_fast=True), Tag("texts")]
    | Annotated[Tokens, Tag("tokens")]
    | Annotated[list[Tokens], Field(max_length=_MOST, fail_fast=True), Tag("token_lists")],
    Discriminator(
        _kind,
        custom_error_type="invalid_form",
        custom_error_message="a string, or a non-empty array of strings, token ids or arrays of those",
    ),
]


class EmbeddingRequest(Body):
    """Texts to be turned into vectors."""

    model: ModelName
    input: Input
    dimensions: Annotated[int, Field(strict=True, ge=1, le=65_536)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: Label | None = None

    def to_request(self) -> EmbedRequest:
        """What the runtime is asked."""
        inputs: tuple[str | tuple[int, ...], ...]
        if isinstance(self.input, str):
            inputs = (self.input,)
        elif isinstance(self.input[0], int):
            inputs = (tuple(self.input),)
        else:
            inputs = tuple(one if isinstance(one, str) else tuple(one) for one in self.input)
        return EmbedRequest(inputs=inputs, dimensions=self.dimensions)


class EngineEmbeddingRequest(EmbeddingRequest):
    """The same with the model in the path."""

    model: ModelName | None = Field(default=None)  # type: ignore[assignment]


def answer(model: str, vectors: Embeddings, encoding: Literal["float", "base64"] | None) -> bytes:
    """The body: one entry for each input, in their order."""
    size = vectors.width * 4
    raw = [vectors.vectors[start : start + size] for start in range(0, len(vectors.vectors), size)]
    form = bytes if encoding == "base64" else _floats  # msgspec writes bytes as base64
    rows = [{"object": "embedding", "index": index, "embedding": form(one)} for index, one in enumerate(raw)]
    usage = {"prompt_tokens": vectors.prompt_tokens, "total_tokens": vectors.prompt_tokens}
    return msgspec.json.encode({"object": "list", "data": rows, "model": model, "usage": usage})


def _floats(raw: bytes) -> list[float]:
    numbers = array("f", raw)  # as the runtime sends them: 32 bits, little-endian
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
