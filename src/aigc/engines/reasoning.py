"""``reasoning_effort``: what it means for a model, as far as its chat template can be told of it.

A template that takes ``enable_thinking`` (Qwen3, SmolLM3) can switch thoughts off and on: ``none`` and ``minimal``
(which OpenAI describes as few or no reasoning tokens) are off, ``medium`` (OpenAI's default) is on, and nothing lies
between or above. One that takes ``reasoning_effort`` (gpt-oss) is told ``low``, ``medium`` or ``high``. A model without
either does not think: ``none`` and ``minimal`` are what happens.

Source: OpenAI's specification 2.3.0, ReasoningEffort: "Not all reasoning models support every value".
Knows: efforts and templates' variables. Does not know: tokens, answers.
"""

from __future__ import annotations

from aigc.engines.template import ChatTemplate
from aigc.errors import UnsupportedParameter
from aigc.types import ReasoningEffort

_OFF = ("none", "minimal")
_DIAL = ("low", "medium", "high")


def template_words(effort: ReasoningEffort | None, template: ChatTemplate, *, bound: bool) -> dict[str, object]:
    """The template's variables for an effort.

    Args:
        effort: what was asked; None: the template's own habit.
        template: the model's.
        bound: a grammar rules the answer from its first token, which leaves no place for thoughts.

    Raises:
        UnsupportedParameter: the model can't be told of it.
    """
    if effort is None:
        return {"enable_thinking": False} if bound and template.switch else {}
    accepted = _accepted(template, bound=bound)
    if effort not in accepted:
        why = "this model's template has no dial for it"
        if bound:
            why = "a JSON format or a forced call leaves no place for thoughts"
        elif not (template.switch or template.dial or template.thinks):
            why = "this model has no reasoning phase"
        raise UnsupportedParameter(
            f"'reasoning_effort' {effort!r} is not supported: {why}; accepted: {', '.join(accepted)}",
            param="reasoning_effort",
        )
    words: dict[str, object] = {}
    if template.switch:
        words["enable_thinking"] = effort not in _OFF
    if template.dial and effort in _DIAL:
        words["reasoning_effort"] = effort
    return words


def _accepted(template: ChatTemplate, *, bound: bool) -> tuple[str, ...]:
    off = _OFF if template.switch or not template.dial else ()
    if bound:
        return off
    if template.dial:
        return off + _DIAL
    return (*off, "medium") if template.switch or template.thinks else off


def check_thinking(effort: ReasoningEffort | None, template: ChatTemplate, *, thinking: bool, bound: bool) -> None:
    """Look at what the template made of it: some models always think, some that could don't.

    Args:
        effort: what was asked.
        template: the model's.
        thinking: the prompt ends with the beginning of thoughts.
        bound: see `template_words`.

    Raises:
        UnsupportedParameter: the answer would begin with thoughts that nobody wants or that have no place, or it
            would not although they were asked for.
    """
    if thinking and bound:
        raise UnsupportedParameter(
            "this model always thinks first: a JSON format or a forced call leaves no place for that",
            param="response_format",
            hint="leave 'response_format' and a forced 'tool_choice' out, or take another model",
        )
    if effort == "medium" and not (thinking or template.switch or template.dial):
        raise UnsupportedParameter(
            "'reasoning_effort' 'medium' is not supported: this model has no reasoning phase; accepted: none, minimal",
            param="reasoning_effort",
        )
    if thinking and effort in _OFF:
        raise UnsupportedParameter(
            f"'reasoning_effort' {effort!r} is not supported: this model always thinks; accepted: medium",
            param="reasoning_effort",
        )
