"""Building blocks of request bodies: ranges that several endpoints share, and fields that are refused by name.

Every list of a body is marked with ``fail_fast``: only the first error is told to the client, and one error for each
element of a long list would hold up the server for half a minute and take gigabytes.

Knows: pydantic, OpenAI's ranges. Does not know: any one endpoint.
"""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from aigc.server.errors import InvalidValue
from aigc.types import Sampling

MAX_CHOICES = 16
"""Most answers of one request: ``n``, and ``n`` times prompts for completions."""
MAX_TOKENS = 1_048_576
_MAX_LOGIT_BIAS = 300
_MAX_BIAS_KEY = 64
_MAX_METADATA = 16


class Body(BaseModel):
    """A request: unknown fields are errors. Every field states its type strictly: ``"1"`` is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)


def unsupported(reason: str) -> NoReturn:
    """Refuse what is being validated. Args: reason: why; stands behind "... is not supported:"."""
    raise PydanticCustomError("unsupported_parameter", "{reason}", {"reason": reason})


def invalid(accepted: str) -> NoReturn:
    """Refuse a value. Args: accepted: what would be right; stands behind "accepted:"."""
    raise PydanticCustomError("invalid_value", "{accepted}", {"accepted": accepted})


def refused(reason: str) -> BeforeValidator:
    """A field of OpenAI's API that nothing here can honour; null means absent."""

    def check(value: Any) -> None:
        if value is not None:
            unsupported(reason)

    return BeforeValidator(check, json_schema_input_type=None)


def only(*values: object, reason: str) -> BeforeValidator:
    """A field of which only some values can be honoured."""

    def check(value: Any) -> Any:
        # A form's text is a string of a kind of its own; true is no 1.
        kind = str if isinstance(value, str) else type(value)
        if value is not None and not any(kind is type(one) and value == one for one in values):
            shown = ", ".join(str(one).lower() if isinstance(one, bool) else f"{one!r}" for one in values)
            unsupported(f"{reason}; accepted: {shown}")
        return value

    return BeforeValidator(check)


def _listed(value: Any) -> Any:
    if not isinstance(value, (str, list)):
        invalid("a string or an array of up to 4 strings")
    return [value] if isinstance(value, str) else value


def _bias(value: Any) -> Any:
    if not isinstance(value, dict):
        return value  # the type check says it
    if len(value) > _MAX_LOGIT_BIAS:
        invalid(f"at most {_MAX_LOGIT_BIAS} entries")
    for key, number in value.items():
        if not key or len(key) > _MAX_BIAS_KEY or (_is_id(key) and len(key) > 9):
            invalid(f"token ids, or texts of one token, as keys; this one is {key[:40]!r}")
        if type(number) not in (int, float) or not -100 <= number <= 100:
            invalid(f"numbers from -100 to 100; the one of token {key[:40]} is another")
    return {key: float(number) for key, number in value.items()}


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdigit()


def _metadata(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if len(value) > _MAX_METADATA:
        invalid(f"at most {_MAX_METADATA} pairs")
    for key, text in value.items():
        if not isinstance(text, str) or len(key) > 64 or len(text) > 512:
            invalid("keys of at most 64 characters, strings of at most 512 as values")
    return value


Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
ModelName = Annotated[str, Field(strict=True, min_length=1, max_length=256)]
Label = Annotated[str, Field(strict=True, max_length=512)]
Temperature = Annotated[float, Field(strict=True, ge=0, le=2)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Penalty = Annotated[float, Field(strict=True, ge=-2, le=2)]
Seed = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
TopK = Annotated[int, Field(strict=True, ge=1, le=MAX_TOKENS)]
Choices = Annotated[int, Field(strict=True, ge=1, le=MAX_CHOICES)]
TokenLimit = Annotated[int, Field(strict=True, ge=0, le=MAX_TOKENS)]
TokenId = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Stop = Annotated[
    list[Annotated[str, Field(strict=True, min_length=1, max_length=256)]],
    Field(min_length=1, max_length=4, fail_fast=True),
    BeforeValidator(_listed, json_schema_input_type=str | list[str]),
]
LogitBias = Annotated[dict[str, float], BeforeValidator(_bias)]
Metadata = Annotated[dict[str, str], BeforeValidator(_metadata, json_schema_input_type=dict[str, str])]


class StreamOptions(Body):
    """How a stream looks."""

    include_usage: Flag | None = None
    include_obfuscation: Flag | None = None


class Sampled(Body):
    """What chat and completions share."""

    model: ModelName
    temperature: Temperature | None = None
    top_p: Share | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: LogitBias | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    n: Choices | None = None
    stream: Flag | None = None
    stream_options: StreamOptions | None = None
    user: Label | None = None
    top_k: TopK | None = None
    """Extension: draw from the k likeliest tokens only."""
    min_p: Share | None = None
    """Extension: drop tokens that are less likely than this share of the likeliest."""
    ignore_eos: Flag | None = None
    """Extension, for benchmarks: don't stop before the token limit."""

    def sampling(self) -> Sampling:
        """The part that the engine draws by."""
        bias = self.logit_bias or {}
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            seed=self.seed,
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            logit_bias={int(key): number for key, number in bias.items() if _is_id(key)},
            text_bias={key: number for key, number in bias.items() if not _is_id(key)},
        )


def same_model(engine: str, model: str | None) -> str:
    """The model of a legacy path. Raises: InvalidValue: the body names another one."""
    if model not in (None, engine):
        raise InvalidValue(f"the path names {engine[:80]!r} and the body {str(model)[:80]!r}", param="model")
    return engine
