"""What ``POST /v1/completions`` accepts. Field by field as in OpenAI's CreateCompletionRequest.

Knows: fields, ranges, which can't be honoured and why. Does not know: answers.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from aigc.errors import UnsupportedParameter
from aigc.server.errors import InvalidValue
from aigc.server.fields import MAX_CHOICES, Flag, ModelName, Sampled, Text, TokenId, TokenLimit, refused
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
    best_of: Annotated[int, Field(strict=True, ge=1, le=20)] | None = None
    suffix: Annotated[None, refused("no engine here fills a gap between two texts")] = None

    def to_requests(self) -> list[TextRequest]:
        """What the runtime is asked, one request a prompt. Raises: UserError: fields that contradict each other."""
        n = self.n or 1
        prompts = self._prompts()
        self._check_pairs(n, len(prompts))
        return [
            TextRequest(
                prompt=prompt,
                n=n,
                max_tokens=self.max_tokens or _DEFAULT_TOKENS,
                stop=tuple(self.stop or ()),
                sampling=self.sampling(),
                top_logprobs=self.logprobs,
                echo=bool(self.echo),
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
        if n * prompts > MAX_CHOICES:
            raise InvalidValue(
                f"n is {n} for {prompts} prompts; accepted: at most {MAX_CHOICES} answers together", param="n"
            )
        if self.best_of is not None and self.best_of != n:
            if self.best_of < n:
                raise InvalidValue(f"best_of is {self.best_of}; accepted: at least n, which is {n}", param="best_of")
            raise _unsupported("best_of", "answers are not ranked; accepted: the value of n")
        if self.echo and self.logprobs is not None:
            raise _unsupported("logprobs", "those of the prompt are not computed; leave echo or logprobs out")


def _unsupported(param: str, reason: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"{param} is not supported: {reason}", param=param)


class EngineCompletionRequest(CompletionRequest):
    """The same with the model in the path."""

    model: ModelName | None = Field(default=None)  # type: ignore[assignment]
