"""What ``POST /v1/completions`` accepts. Field by field as in OpenAI's CreateCompletionRequest.

Knows: fields, ranges, which can't be honoured and why. Does not know: answers.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from aigc.server.errors import InvalidValue
from aigc.server.fields import MAX_CHOICES, Flag, ModelName, Sampled, Text, TokenId, TokenLimit
from aigc.types import TextRequest

_DEFAULT_TOKENS = 16
"""OpenAI's default; too short for most, but programs of that time count on it."""


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    if not isinstance(value, list) or not value:
        return None
    first = value[0]
    kinds = {str: "texts", int: "tokens", list: "token_lists"}
    return kinds.get(type(first))


Tokens = Annotated[list[TokenId], Field(min_length=1, fail_fast=True)]
Prompt = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[Text], Field(max_length=MAX_CHOICES, fail_fast=True), Tag("texts")]
    | Annotated[Tokens, Tag("tokens")]
    | Annotated[list[Tokens], Field(max_length=MAX_CHOICES, fail_fast=True), Tag("token_lists")],
    Discriminator(
        _kind,
        custom_error_type="invalid_form",
        custom_error_message="a string, or a non-empty array of strings, token ids or arrays of those",
    ),
]


class CompletionRequest(Sampled):
    """A text to be continued."""

    prompt: Prompt
    max_tokens: TokenLimit | None = None
    logprobs: Annotated[int, Field(strict=True, ge=0, le=5)] | None = None
    echo: Flag | None = None
    best_of: Annotated[int, Field(strict=True, ge=0, le=MAX_CHOICES)] | None = None
    suffix: Text | None = None

    def to_requests(self) -> list[TextRequest]:
        """What the runtime is asked, one request a prompt. Raises: UserError: fields that contradict each other."""
        n = self.n or 1
        prompts = self._prompts()
        self._check_pairs(n, len(prompts))
        return [
            TextRequest(
                prompt=prompt,
                n=n,
                max_tokens=_DEFAULT_TOKENS if self.max_tokens is None else self.max_tokens,
                stop=tuple(self.stop or ()),
                sampling=self.sampling(),
                top_logprobs=self.logprobs,
                best_of=self.best_of or None,
                echo=bool(self.echo),
                suffix=self.suffix or None,
                ignore_eos=bool(self.ignore_eos),
            )
            for prompt in prompts
        ]

    def _prompts(self) -> list[str | tuple[int, ...]]:
        if isinstance(self.prompt, str):
            return [self.prompt]
        if isinstance(self.prompt[0], int):
            return [tuple(self.prompt)]
        return [one if isinstance(one, str) else tuple(one) for one in self.prompt]

    def _check_pairs(self, n: int, prompts: int) -> None:
        best_of = self.best_of or n  # 0, the least that OpenAI allows: none beside the n
        if best_of < n:
            raise InvalidValue(f"best_of is {best_of}; accepted: at least n, which is {n}", param="best_of")
        if best_of > n and self.stream:
            raise InvalidValue(
                f"best_of is {best_of} and n is {n}; a stream can't wait for the best",
                param="best_of",
                hint="leave stream out, or set best_of to n",
            )
        if best_of * prompts > MAX_CHOICES:
            name = "n" if best_of == n else "best_of"
            raise InvalidValue(
                f"{name} is {best_of} for {prompts} prompts; accepted: at most {MAX_CHOICES} answers together",
                param=name,
            )


class EngineCompletionRequest(CompletionRequest):
    """The same with the model in the path."""

    model: ModelName | None = Field(default=None)  # type: ignore[assignment]
