"""From a request to what the engine is given: tokens, limits, sampling, constraints; refused here if it can't be done.

Knows: requests, the model's defaults, the engine's limits. Does not know: threads, events, other requests.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

import msgspec

from aigc.engines import thinking as thoughts
from aigc.engines.base import Draw, TextEngine
from aigc.engines.choice import ChoiceRules
from aigc.engines.constraint import Constraint, JsonConstraint, ToolConstraint
from aigc.engines.custom import enforced
from aigc.engines.grammar import Grammar
from aigc.engines.hermes import BEGIN, END
from aigc.engines.infill import filling
from aigc.engines.json_check import Check, validator
from aigc.engines.json_schema import compile_schema
from aigc.engines.reasoning import check_thinking, template_words
from aigc.engines.template import ChatTemplate, continues
from aigc.engines.tools import Callee
from aigc.errors import ContextOverflow, InvalidSchema, UnsupportedParameter, UserError
from aigc.types import JSON, Sampling, TextRequest, Tool

_SEED_MASK = 2**63 - 1
_FORMAT = "response_format.json_schema.schema"

_PARAMETERS = {
    "penalties": "presence_penalty",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "prompt_logprobs": "echo",
    "schema": "response_format",
}


@dataclass(frozen=True)
class Prepared:
    """A request that can be answered."""

    tokens: list[int]
    max_tokens: int
    draw: Draw
    constraint: Constraint | None
    rules: ChoiceRules
    echo: str
    """Text of the prompt where the client wants it back."""
    scored: tuple[int, int] | None = None
    """Where in ``tokens`` that text stands, if its log-probabilities are wanted."""
    stop_ids: tuple[int, ...] = ()
    """Tokens that end the answer, beside the model's own."""


def draw(asked: Sampling, defaults: Sampling, engine: TextEngine) -> Draw:
    """The sampling that is really used: the request's word, else the model's recommendation, else neutral.

    Penalties have no "not given": 0 is what OpenAI documents, so the request's value always holds. A recommended
    ``top_k`` or ``min_p`` is left out on an engine that has none; one that was asked for never gets here.
    """

    def first(a: float | None, b: float | None, neutral: float) -> float:
        return a if a is not None else b if b is not None else neutral

    top_k = asked.top_k if asked.top_k is not None else defaults.top_k if "top_k" in engine.features else None
    min_p = asked.min_p if asked.min_p is not None else defaults.min_p if "min_p" in engine.features else None
    return Draw(
        temperature=first(asked.temperature, defaults.temperature, 1.0),
        top_p=first(asked.top_p, defaults.top_p, 1.0),
        top_k=top_k,
        min_p=min_p,
        seed=secrets.randbits(63) if asked.seed is None else asked.seed & _SEED_MASK,
        presence_penalty=asked.presence_penalty,
        frequency_penalty=asked.frequency_penalty,
        logit_bias=_bias(asked, engine),
    )


def prepare(request: TextRequest, engine: TextEngine, template: ChatTemplate, defaults: Sampling) -> Prepared:
    """Render, tokenise, and check everything that can be checked before the first token.

    Raises:
        UnsupportedParameter: the engine, or the combination, can't honour a parameter.
        ContextOverflow: prompt and answer don't fit; with all numbers.
        InvalidSchema: a schema that can't be enforced.
        UserError: anything else that is wrong with the request.
    """
    _check(request, engine)
    uses_tools = bool(request.tools) and request.tool_choice.mode != "none"
    bound = request.schema is not None or (uses_tools and request.tool_choice.mode == "required")
    words = template_words(request.reasoning_effort, template, bound=bound)
    if request.messages is not None:
        rendered = template.render(request.messages, request.tools if uses_tools else (), words)
        begun = _Begun(template.guard.encode(rendered, engine))
    else:
        begun = _continued(request, engine)
    # Nothing comes from nothing: an empty prompt continues from the token that begins a text.
    tokens = begun.tokens or engine.encode(engine.bos_token or engine.eos_token)
    constraint, rules = _constraint(request, uses_tools=uses_tools)
    if request.messages is not None and template.thinks:
        thinking = rendered.rstrip().endswith(thoughts.BEGIN)
        check_thinking(request.reasoning_effort, template, thinking=thinking, bound=bound)
        rules = replace(rules, thinks=not bound and not continues(request.messages), thinking=thinking)
    if uses_tools and template.knows_tools and not continues(request.messages or ()):
        rules = replace(rules, bare=True)
    if request.prediction:
        rules = replace(rules, prediction=_predicted(request.prediction, engine))
    return Prepared(
        tokens=tokens,
        max_tokens=_room(len(tokens), request.max_tokens, engine.context_tokens),
        draw=draw(request.sampling, defaults, engine),
        constraint=constraint,
        rules=rules,
        echo=begun.text if request.echo else "",
        scored=begun.place if request.echo and request.top_logprobs is not None else None,
        stop_ids=begun.stop_ids,
    )


@dataclass(frozen=True)
class _Begun:
    """What the answer continues."""

    tokens: list[int]
    text: str = ""
    """Of a completion's prompt, as far as ``echo`` needs it."""
    place: tuple[int, int] = (0, 0)
    """Where in ``tokens`` that text stands."""
    stop_ids: tuple[int, ...] = ()


def _continued(request: TextRequest, engine: TextEngine) -> _Begun:
    start: list[int] = []
    if isinstance(request.prompt, str):
        text = request.prompt
        if engine.adds_bos and not text.startswith(engine.bos_token):
            start = engine.encode(engine.bos_token)
        tokens = engine.encode(text)
    else:
        tokens = list(request.prompt or ())
        pieces = [_piece(engine, token, "prompt") for token in tokens]
        text = b"".join(pieces).decode("utf-8", "replace") if request.echo else ""
    if request.suffix is None:
        return _Begun(start + tokens, text, (len(start), len(start) + len(tokens)))
    filled = filling(tokens, engine.encode(request.suffix), engine.encode)
    if filled is None:
        raise UnsupportedParameter(
            "'suffix' is not supported by this model: its vocabulary has no tokens for filling gaps",
            param="suffix",
            hint="ask a model that says infill: true in /v1/models, such as qwen2.5-coder",
        )
    begin = len(start) + filled.head
    return _Begun(start + filled.tokens, text, (begin, begin + len(tokens)), filled.stop_ids)


def _constraint(request: TextRequest, *, uses_tools: bool) -> tuple[Constraint | None, ChoiceRules]:
    compiled, check = None, None
    if request.schema is not None:
        try:
            compiled, check = compile_schema(request.schema, _FORMAT), validator(request.schema)
        except InvalidSchema as error:
            raise InvalidSchema(error.message, param="response_format", hint=error.hint) from error
    if uses_tools:
        constraint, rules = _tool_rules(request)
        return msgspec.structs.replace(constraint, otherwise=compiled), replace(rules, json=check)
    return compiled if compiled is None else JsonConstraint(compiled), ChoiceRules(stop=request.stop, json=check)


def _check(request: TextRequest, engine: TextEngine) -> None:
    for feature in sorted(request.needs() - engine.features):
        raise UnsupportedParameter(
            f"the engine {engine.fingerprint} can't honour {_PARAMETERS.get(feature, feature)!r}",
            param=_PARAMETERS.get(feature, feature),
        )
    if (request.messages is None) == (request.prompt is None):
        raise UserError("give either 'messages' or 'prompt'", param="messages")
    if request.messages is not None and not request.messages:
        raise UserError("'messages' is empty, at least one is needed", param="messages")
    if request.n < 1:
        raise UserError(f"'n' must be at least 1, got {request.n}", param="n")
    if request.max_tokens is not None and request.max_tokens < 0:
        raise UserError(f"'max_tokens' must not be negative, got {request.max_tokens}", param="max_tokens")
    if not all(request.stop):
        raise UserError("a stop string must not be empty", param="stop")
    uses_tools = bool(request.tools) and request.tool_choice.mode != "none"
    if request.echo and request.messages is not None:
        raise UnsupportedParameter("'echo' is for completions, not for chats", param="echo")
    if request.suffix is not None and request.messages is not None:
        raise UnsupportedParameter("'suffix' is for completions, not for chats", param="suffix")
    if uses_tools and request.messages is None:
        raise UnsupportedParameter("'tools' are for chats, not for completions", param="tools")
    bound = request.schema is not None or (uses_tools and request.tool_choice.mode == "required")
    if bound and continues(request.messages or ()):
        raise UserError(
            "the last message is the assistant's, which is continued; a JSON answer or a forced call can't begin there",
            param="messages",
            hint="end the conversation with a message of role user, or leave out what binds the answer",
        )
    if not request.tools and request.tool_choice.mode == "required":
        raise UserError("'tool_choice' asks for a call, but there are no 'tools'", param="tool_choice")


def _piece(engine: TextEngine, token: int, param: str) -> bytes:
    try:
        return engine.piece(token)
    except UserError as error:
        raise UserError(error.message, param=param, hint=error.hint) from error


def _bias(asked: Sampling, engine: TextEngine) -> dict[int, float]:
    """Every token by its id. Raises: UserError: no such token, a text of several tokens, or one token named twice."""
    for token in asked.logit_bias:
        _piece(engine, token, "logit_bias")
    found = dict(asked.logit_bias)
    for text, number in asked.text_bias.items():
        tokens = engine.encode(text)
        if len(tokens) != 1:
            raise UserError(
                f"the 'logit_bias' key {text!r} is {len(tokens)} tokens of this model; accepted: token ids, or "
                "texts of exactly one token",
                param="logit_bias",
                hint="POST /v1/tokenize shows the tokens of a text",
            )
        if tokens[0] in found:
            raise UserError(f"'logit_bias' names token {tokens[0]} ({text!r}) twice", param="logit_bias")
        found[tokens[0]] = number
    return found


def _predicted(text: str, engine: TextEngine) -> list[bytes]:
    tokens = engine.encode(text, control=False)
    if len(tokens) > engine.context_tokens:
        raise UserError(
            f"the prediction has {len(tokens)} tokens, no answer has more than the context, {engine.context_tokens}",
            param="prediction",
        )
    return [engine.piece(token) for token in tokens]


def _room(prompt: int, asked: int | None, context: int) -> int:
    """Tokens that the answer may have."""
    if asked is None:
        if prompt >= context:
            raise ContextOverflow(
                f"the prompt has {prompt} tokens, the context holds {context}, and the answer needs room too",
                param="messages",
                hint="shorten the conversation",
            )
        return context - prompt
    if prompt + asked > context:
        raise ContextOverflow(
            f"{prompt} prompt tokens and {asked} of 'max_tokens' make {prompt + asked}, the context holds {context}",
            param="messages" if prompt >= context else "max_tokens",
            hint="shorten the conversation or lower 'max_tokens'",
        )
    return asked


def _tool_rules(request: TextRequest) -> tuple[ToolConstraint, ChoiceRules]:
    choice = request.tool_choice
    known = {tool.name: tool for tool in request.tools}
    if len(known) < len(request.tools):
        raise UserError("two tools have the same name", param="tools")
    for name in choice.names:
        if name not in known:
            raise UserError(f"'tool_choice' names {name!r}, the tools are {', '.join(known)}", param="tool_choice")
    allowed = [known[name] for name in dict.fromkeys(choice.names or tuple(known))]
    grammars, callees = [], {}
    for tool in allowed:
        grammar, callees[tool.name] = _callee(tool, f"tools[{request.tools.index(tool)}]")
        grammars.append((tool.name, grammar))
    required = choice.mode == "required"
    # "Call that tool" is one call; a small model would go on until its tokens are used up.
    parallel = request.parallel_tool_calls and not choice.named
    constraint = ToolConstraint(grammars=tuple(grammars), begin=BEGIN, end=END, required=required, parallel=parallel)
    return constraint, ChoiceRules(
        stop=request.stop,
        tools=callees,
        required=required,
        parallel=parallel,
        named=choice.named,
    )


def _callee(tool: Tool, place: str) -> tuple[Grammar, Callee]:
    """The grammar of a tool's arguments that the engine enforces, and the check of what it wrote.

    Only ``strict`` promises a function's schema. Otherwise (OpenAI's default) it is a description to the model, and
    keywords that can't be enforced are left to the model's understanding. A custom tool's grammar is always enforced.
    """
    try:
        if tool.kind == "custom":
            grammar, check = enforced(tool, f"{place}.custom.format")
            return grammar, Callee(check, "custom")
        schema = tool.parameters or {"type": "object", "properties": {}}
        grammar = compile_schema(schema, f"{place}.function.parameters", arguments=True, lenient=not tool.strict)
        return grammar, Callee(validator(schema)) if tool.strict else Callee(_anything, fits=_fitting(schema))
    except InvalidSchema as error:
        what = "grammar" if tool.kind == "custom" else "parameters"
        raise InvalidSchema(
            f"the {what} of tool {tool.name!r}: {error.message}", param="tools", hint=error.hint
        ) from error


def _anything(_: object) -> str | None:
    return None


def _fitting(schema: JSON) -> Check:
    """The check of a schema that may be beyond checking; made anew each time, for it is rarely needed."""

    def check(value: object) -> str | None:
        try:
            return validator(schema)(value)
        except InvalidSchema as error:
            return error.message

    return check
