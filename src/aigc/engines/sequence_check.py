"""Refuses sequences that no engine could compute as asked, before native code sees them.

Knows: the limits that every text engine shares. Does not know: libraries.
"""

from __future__ import annotations

from collections.abc import Set

from aigc.engines.base import SequenceRequest
from aigc.engines.constraint import JsonConstraint
from aigc.errors import AigcError, ContextOverflow, UnsupportedParameter, UserError
from aigc.types import Feature


def needs(request: SequenceRequest) -> dict[Feature, str]:
    """The features that a sequence needs, and the name of the parameter that asks for each."""
    found: dict[Feature, str] = {}
    draw = request.draw
    if draw.presence_penalty or draw.frequency_penalty:
        found["penalties"] = "presence_penalty"
    if draw.top_k is not None:
        found["top_k"] = "top_k"
    if draw.min_p is not None:
        found["min_p"] = "min_p"
    if draw.logit_bias:
        found["logit_bias"] = "logit_bias"
    if request.top_logprobs is not None:
        found["top_logprobs" if request.top_logprobs else "logprobs"] = "top_logprobs"
    if request.scored is not None:
        found["prompt_logprobs"] = "echo"
    if request.constraint is not None:
        json = isinstance(request.constraint, JsonConstraint)
        found["schema" if json else "tools"] = "response_format" if json else "tools"
    return found


def refuse(
    request: SequenceRequest, features: Set[Feature], vocabulary_size: int, context_tokens: int
) -> AigcError | None:
    """Why a sequence can't be computed; None if it can."""
    for feature, parameter in needs(request).items():
        if feature not in features:
            return UnsupportedParameter(f"this engine can't honour {parameter}", param=parameter)
    if not request.tokens:
        return UserError("the prompt is empty; expected at least one token")
    if request.max_tokens < (1 if request.scored is None else 0):
        return UserError(f"max_tokens is {request.max_tokens}; expected at least 1", param="max_tokens")
    if len(request.tokens) + request.max_tokens > context_tokens:
        return ContextOverflow(
            f"the prompt has {len(request.tokens)} tokens and the answer may have {request.max_tokens}; "
            f"together at most {context_tokens} fit"
        )
    for token in (min(request.tokens), max(request.tokens), *request.draw.logit_bias):
        if problem := refuse_token(token, vocabulary_size):
            return problem
    return None


def check_text(text: str) -> None:
    """Raises: UserError for text that has no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError("the text holds half of a surrogate pair", hint="send valid UTF-8") from error


def refuse_token(token: int, vocabulary_size: int) -> UserError | None:
    """Why a number is no token; None if it is one."""
    if 0 <= token < vocabulary_size:
        return None
    return UserError(f"{token} is no token; accepted: 0 to {vocabulary_size - 1}")
