"""What ``POST /v1/tokenize`` accepts and answers.

Knows: its fields. Does not know: tokenizers.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from pydantic import Field

from aigc.server.chat.messages import AnyMessage, to_message
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, ModelName, Text
from aigc.types import TokenizeRequest, Tokens


class TokenizeBody(Body):
    """A text, or messages that go through the model's chat template first."""

    model: ModelName
    input: Text | None = None
    messages: Annotated[list[AnyMessage], Field(min_length=1, max_length=2048, fail_fast=True)] | None = None

    def to_request(self) -> TokenizeRequest:
        """What the runtime is asked. Raises: InvalidValue: not exactly one of the two."""
        if (self.input is None) == (self.messages is None):
            raise InvalidValue("accepted: either input or messages", param="input")
        messages = None if self.messages is None else tuple(to_message(message) for message in self.messages)
        return TokenizeRequest(text=self.input, messages=messages)


def answer(model: str, tokens: Tokens) -> bytes:
    """The body."""
    return msgspec.json.encode(
        {"object": "tokens", "model": model, "tokens": tokens.ids, "pieces": tokens.pieces, "count": len(tokens.ids)}
    )
