"""How requests and answers are worded on another OpenAI-compatible server: vLLM, SGLang, Ollama, another aigc.

Pure translation between `aigc.types` and the JSON of the API. Nothing of a foreign server's error text reaches a
client, apart from the parameter that it names.

Knows: the API's JSON. Does not know: connections, addresses, health (`aigc.runtime.remote`).
Source: OpenAI's OpenAPI specification 2.3.0, /chat/completions, /completions, /embeddings.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from aigc.errors import (
    AigcError,
    Busy,
    ContextOverflow,
    EngineError,
    Forbidden,
    UnknownModel,
    UnsupportedParameter,
    UserError,
)
from aigc.types import (
    JSON,
    Delta,
    Embeddings,
    EmbedRequest,
    Event,
    Finished,
    FinishReason,
    Message,
    Started,
    TextRequest,
    TokenLogprob,
    Tool,
    ToolCallDelta,
    ToolKind,
    TopLogprob,
    Usage,
)

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}

_PAYLOAD: dict[ToolKind, str] = {"function": "arguments", "custom": "input"}


def text_body(model: str, request: TextRequest) -> tuple[str, JSON]:
    """Path and body for a text request; it is always streamed."""
    sampling = request.sampling
    body: JSON = {"model": model, "stream": True, "stream_options": {"include_usage": True}, "n": request.n}
    optional = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} | sampling.text_bias or None,
        "stop": list(request.stop) or None,
        "ignore_eos": request.ignore_eos or None,
        "reasoning_effort": request.reasoning_effort,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    if request.messages is None:
        return "completions", body | _completion_fields(request)
    return "chat/completions", body | _chat_fields(request, request.messages)


def _completion_fields(request: TextRequest) -> JSON:
    prompt = list(request.prompt) if isinstance(request.prompt, tuple) else request.prompt
    fields: JSON = {"prompt": prompt}
    if request.max_tokens is not None:
        fields["max_tokens"] = request.max_tokens
    if request.top_logprobs is not None:
        fields["logprobs"] = request.top_logprobs
    if request.echo:
        fields["echo"] = True
    if request.suffix is not None:
        fields["suffix"] = request.suffix
    if request.drawn > request.n:
        raise UnsupportedParameter(
            "'best_of' above n is not supported by models of other servers: they are asked for streams, which can't be "
            "ranked",
            param="best_of",
        )
    return fields


def _chat_fields(request: TextRequest, messages: tuple[Message, ...]) -> JSON:
    fields: JSON = {"messages": [_message(message) for message in messages]}
    if request.max_tokens is not None:
        fields["max_tokens"] = request.max_tokens  # older servers don't know max_completion_tokens
    if request.prediction is not None:
        fields["prediction"] = {"type": "content", "content": request.prediction}
    if request.top_logprobs is not None:
        fields |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if request.schema is not None:
        schema = {"name": "answer", "schema": request.schema, "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.tools:
        fields["tools"] = [_tool(tool) for tool in request.tools]
        fields |= {"tool_choice": _tool_choice(request), "parallel_tool_calls": request.parallel_tool_calls}
    return fields


def _tool(tool: Tool) -> JSON:
    if tool.kind == "custom":
        custom: JSON = {"name": tool.name, "description": tool.description, "format": {"type": "text"}}
        if tool.grammar is not None:
            grammar = {"syntax": tool.grammar.syntax, "definition": tool.grammar.definition}
            custom["format"] = {"type": "grammar", "grammar": grammar}
        return {"type": "custom", "custom": custom}
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": {**function, "strict": tool.strict}}


def _tool_choice(request: TextRequest) -> Any:
    choice = request.tool_choice
    if not choice.names:
        return choice.mode
    kinds = {tool.name: tool.kind for tool in request.tools}
    tools = [{"type": kinds[name], kinds[name]: {"name": name}} for name in choice.names]
    if choice.named:
        return tools[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}


def _message(message: Message) -> JSON:
    fields: JSON = {"role": message.role, "content": message.content}
    if message.name is not None:
        fields["name"] = message.name
    if message.reasoning is not None:
        fields["reasoning_content"] = message.reasoning
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        fields["tool_calls"] = [
            {"id": call.id, "type": call.kind, call.kind: {"name": call.name, _PAYLOAD[call.kind]: call.arguments}}
            for call in message.tool_calls
        ]
    return fields


class StreamParser:
    """Turns the lines of a server-sent event stream into events.

    Args:
        fingerprint: for the final `Usage`.
    """

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._started = False
        self._usage: JSON = {}

    def feed(self, line: str) -> Iterator[Event]:
        """Events of one line. Raises: AigcError for an error event or a line that isn't the API's."""
        if not line.startswith("data:"):
            return
        data = line[5:].strip()
        if data == "[DONE]":
            yield self._final()
            return
        try:
            chunk: JSON = msgspec.json.decode(data, type=dict)
            if "error" in chunk:
                raise error(502, data.encode())
            yield from self._chunk(chunk)
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError) as reason:
            raise EngineError("the remote server sent a chunk that is not of this API") from reason

    def _chunk(self, chunk: JSON) -> Iterator[Event]:
        self._usage = chunk.get("usage") or self._usage
        if not self._started:
            self._started = True
            prompt_tokens = int(self._usage.get("prompt_tokens", 0))
            yield Started(prompt_tokens=prompt_tokens, fingerprint=self._fingerprint)
        for choice in chunk.get("choices") or ():
            index = int(choice.get("index", 0))
            delta = choice.get("delta") or {}
            text = delta.get("content") or choice.get("text") or ""
            calls = tuple(_call(call) for call in delta.get("tool_calls") or ())
            logprobs = _logprobs(choice.get("logprobs"))
            reasoning = delta.get("reasoning_content") or ""
            if reasoning:
                yield Delta(index=index, reasoning=reasoning)
            if text or calls or logprobs:
                yield Delta(index=index, text=text, tool_calls=calls, logprobs=logprobs)
            if (reason := choice.get("finish_reason")) is not None:
                yield Finished(index=index, reason=_REASONS.get(reason, "stop"))

    def _final(self) -> Usage:
        cached = (self._usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        details = self._usage.get("completion_tokens_details") or {}
        return Usage(
            prompt_tokens=int(self._usage.get("prompt_tokens", 0)),
            completion_tokens=int(self._usage.get("completion_tokens", 0)),
            cached_tokens=int(cached),
            reasoning_tokens=int(details.get("reasoning_tokens") or 0),
            accepted_prediction_tokens=int(details.get("accepted_prediction_tokens") or 0),
            rejected_prediction_tokens=int(details.get("rejected_prediction_tokens") or 0),
            fingerprint=self._fingerprint,
        )


def _call(call: JSON) -> ToolCallDelta:
    kind: ToolKind = "custom" if call.get("custom") else "function"
    body = call.get(kind) or {}
    return ToolCallDelta(
        index=int(call["index"]),
        id=call.get("id"),
        name=body.get("name"),
        arguments=body.get(_PAYLOAD[kind]) or "",
        kind=kind,
    )


def _logprobs(value: JSON | None) -> tuple[TokenLogprob, ...]:
    if not value:
        return ()
    if "tokens" in value:  # the legacy shape of /completions
        tops = value.get("top_logprobs") or [{}] * len(value["tokens"])
        return tuple(
            TokenLogprob(
                token=token,
                bytes=tuple(token.encode()),
                logprob=logprob,
                top=tuple(TopLogprob(token=t, bytes=tuple(t.encode()), logprob=p) for t, p in (top or {}).items()),
            )
            for token, logprob, top in zip(value["tokens"], value["token_logprobs"], tops, strict=True)
        )
    return tuple(
        TokenLogprob(
            token=item["token"],
            bytes=_bytes(item),
            logprob=item["logprob"],
            top=tuple(
                TopLogprob(token=top["token"], bytes=_bytes(top), logprob=top["logprob"])
                for top in item.get("top_logprobs") or ()
            ),
        )
        for item in value.get("content") or ()
    )


def _bytes(item: JSON) -> tuple[int, ...]:
    return tuple(item["bytes"] if item.get("bytes") is not None else item["token"].encode())


def embed_body(model: str, request: EmbedRequest) -> JSON:
    """Body for an embedding request."""
    inputs = [list(item) if isinstance(item, tuple) else item for item in request.inputs]
    body: JSON = {"model": model, "input": inputs, "encoding_format": "base64"}
    return body if request.dimensions is None else body | {"dimensions": request.dimensions}


def embeddings(body: bytes, fingerprint: str) -> Embeddings:
    """The vectors of an answer. Raises: EngineError if it isn't one."""
    import numpy as np

    try:
        answer: JSON = msgspec.json.decode(body, type=dict)
        rows = [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]
        arrays = [
            np.frombuffer(base64.b64decode(row), "<f4") if isinstance(row, str) else np.asarray(row, "<f4")
            for row in rows
        ]
        return Embeddings(
            vectors=np.stack(arrays).tobytes(),
            width=len(arrays[0]),
            prompt_tokens=int((answer.get("usage") or {}).get("prompt_tokens", 0)),
            fingerprint=fingerprint,
        )
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, IndexError) as reason:
        raise EngineError("the remote server sent embeddings that are not of this API") from reason


def model_names(body: bytes) -> tuple[str, ...]:
    """Ids in a list of models. Raises: EngineError if it isn't one."""
    try:
        answer: JSON = msgspec.json.decode(body, type=dict)
        return tuple(str(item["id"]) for item in answer["data"])
    except (msgspec.DecodeError, KeyError, TypeError) as reason:
        raise EngineError("the remote server sent a list of models that is not of this API") from reason


def error(status: int, body: bytes) -> AigcError:
    """Our error for a foreign one: same kind, our words."""
    try:
        envelope = msgspec.json.decode(body, type=dict).get("error") or {}
        param, code = envelope.get("param"), envelope.get("code")
    except (msgspec.DecodeError, AttributeError):
        param, code = None, None
    param = param if isinstance(param, str) and re.fullmatch(r"[\w.\[\]-]{1,80}", param) else None
    about = f" (it names {param!r})" if param else ""
    if code == "context_length_exceeded":
        return ContextOverflow("the remote server says that prompt and answer exceed its context", param=param)
    if status in (401, 403):
        return Forbidden("the remote server refuses our key", hint="set api_key under [[remotes]] in aigc.toml")
    if status == 404:
        return UnknownModel("the remote server does not know this model", param="model")
    if status in (429, 503):
        return Busy("the remote server is busy", retry_after_seconds=1.0)
    if 400 <= status < 500:
        return UserError(f"the remote server refused the request with status {status}{about}", param=param)
    return EngineError(f"the remote server failed with status {status}")
