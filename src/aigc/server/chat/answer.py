"""How a chat's answer looks, whole and as chunks.

Knows: OpenAI's CreateChatCompletionResponse and CreateChatCompletionStreamResponse. Does not know: sockets, requests.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aigc.db.completions import new_id
from aigc.server.answers import Choice, usage_json
from aigc.types import Delta, Finished, Started, TextEvent, TokenLogprob, ToolCallDelta, Usage

_encode = msgspec.json.encode
_OBFUSCATION_BYTES = 64
"""With obfuscation every chunk's length is a multiple of this."""


class ChatForm:
    """The form of one answer.

    Args:
        model: id of the model that answers.
        n: number of choices.
        logprobs: whether log-probabilities were asked for.
        include_usage: whether a stream ends with the usage.
        obfuscate: whether chunks are padded, so that their length doesn't give away the tokens.
        functions: whether the request used the older functions: calls then look like those.
        metadata: comes back as it was sent.
        heard: what was understood of each sound in the request; told as an extension.
    """

    def __init__(
        self,
        model: str,
        n: int,
        *,
        logprobs: bool = False,
        include_usage: bool = False,
        obfuscate: bool = False,
        functions: bool = False,
        metadata: Mapping[str, str] | None = None,
        heard: Sequence[str] = (),
    ) -> None:
        self._n = n
        self._logprobs = logprobs
        self._include_usage = include_usage
        self._obfuscate = obfuscate
        self._functions = functions
        self._metadata = metadata
        self._notes = {"aigc": {"heard": list(heard)}} if heard else {}
        self._head = {"id": new_id(), "created": int(time.time()), "model": model}
        self._begin = self._beginning({})
        self._end = b',"usage":null' if include_usage else b""

    def opening(self) -> bytes:
        """A chunk with the role for each choice."""
        delta = b'{"role":"assistant","content":"","refusal":null}'
        notes = b"," + _encode(self._notes)[1:-1] if self._notes else b""
        return b"".join(self._chunk(self._choice(index, delta) + notes) for index in range(self._n))

    def event(self, source: int, event: TextEvent) -> bytes:
        """The chunk for ``event``."""
        if isinstance(event, Delta):
            return self._delta(event)
        if isinstance(event, Started) and event.fingerprint:
            self._begin = self._beginning({"system_fingerprint": event.fingerprint})
        if isinstance(event, Finished):
            return self._chunk(self._choice(event.index, b"{}", self._reason(event.reason)))
        return b""

    def spoken(self, audio: Mapping[str, object]) -> bytes:
        """A chunk with more of the answer's sound, or of its words."""
        return self._chunk(self._choice(0, _encode({"audio": audio})))

    def closing(self, usage: Usage) -> bytes:
        """The usage where it was asked for."""
        return self._begin + b'[],"usage":' + _encode(usage_json(usage)) + b"}\n\n" if self._include_usage else b""

    def whole(self, choices: Sequence[Choice], usage: Usage, audio: Mapping[str, object] | None = None) -> bytes:
        """The answer in one piece; with ``audio`` it is spoken, and its words are there."""
        answer: dict[str, Any] = self._head | {
            "object": "chat.completion",
            "choices": [self._whole_choice(index, choice) for index, choice in enumerate(choices)],
            "usage": usage_json(usage),
            "system_fingerprint": usage.fingerprint,
            "service_tier": "default",
        }
        answer |= self._notes
        if audio is not None:
            answer["choices"][0]["message"] |= {"content": None, "audio": audio}
        if self._metadata is not None:
            answer["metadata"] = self._metadata
        return _encode(answer)

    def _beginning(self, more: dict[str, str]) -> bytes:
        head = self._head | {"object": "chat.completion.chunk", "service_tier": "default"} | more
        return b"data: " + _encode(head)[:-1] + b',"choices":'

    def _delta(self, event: Delta) -> bytes:
        if event.tool_calls:
            delta = self._calls_delta(event)
        elif event.reasoning:
            delta = b'{"reasoning_content":' + _encode(event.reasoning) + b"}"
        elif event.text or event.logprobs:
            delta = b'{"content":' + _encode(event.text) + b"}"
        else:
            return b""
        logprobs = _encode(_logprobs(event.logprobs)) if self._logprobs and not event.tool_calls else b"null"
        return self._chunk(self._choice(event.index, delta, logprobs=logprobs))

    def _calls_delta(self, event: Delta) -> bytes:
        if self._functions:
            call = event.tool_calls[0]
            function = {"name": call.name, "arguments": call.arguments} if call.name else {"arguments": call.arguments}
            delta: dict[str, Any] = {"function_call": function}
        else:
            delta = {"tool_calls": [_call_piece(call) for call in event.tool_calls]}
        return _encode(delta | ({"content": event.text} if event.text else {}))

    def _choice(self, index: int, delta: bytes, reason: bytes = b"null", logprobs: bytes = b"null") -> bytes:
        return b'[{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}]' % (index, delta, logprobs, reason)

    def _chunk(self, choices: bytes) -> bytes:
        body = self._begin + choices + self._end
        if self._obfuscate:
            body += b',"obfuscation":"'
            missing = -(len(body) + len(b'"}\n\n')) % _OBFUSCATION_BYTES
            body += secrets.token_hex(missing // 2 + 1)[:missing].encode() + b'"'
        return body + b"}\n\n"

    def _reason(self, reason: str) -> bytes:
        return b'"function_call"' if self._functions and reason == "tool_calls" else b'"' + reason.encode() + b'"'

    def _whole_choice(self, index: int, choice: Choice) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": choice.text if choice.text or not choice.tool_calls else None,
            "refusal": None,
            "annotations": [],
        }
        if choice.reasoning:
            message["reasoning_content"] = choice.reasoning
        if choice.tool_calls and self._functions:
            call = choice.tool_calls[0]
            message["function_call"] = {"name": call.name, "arguments": call.arguments}
        elif choice.tool_calls:
            message["tool_calls"] = [_call(call) for call in choice.tool_calls]
        return {
            "index": index,
            "message": message,
            "logprobs": _logprobs(choice.logprobs, message["content"] is None) if self._logprobs else None,
            "finish_reason": self._reason(choice.reason)[1:-1].decode(),
        }


_PAYLOAD = {"function": "arguments", "custom": "input"}


def _call(call: ToolCallDelta) -> dict[str, Any]:
    return {"id": call.id, "type": call.kind, call.kind: {"name": call.name, _PAYLOAD[call.kind]: call.arguments}}


def _call_piece(call: ToolCallDelta) -> dict[str, Any]:
    if call.id is None:
        return {"index": call.index, call.kind: {_PAYLOAD[call.kind]: call.arguments}}
    return {"index": call.index} | _call(call)


def _logprobs(tokens: Sequence[TokenLogprob], no_content: bool = False) -> dict[str, Any]:
    content = (
        None
        if no_content
        else [
            {
                "token": token.token,
                "logprob": token.logprob,
                "bytes": list(token.bytes),
                "top_logprobs": [
                    {"token": rival.token, "logprob": rival.logprob, "bytes": list(rival.bytes)} for rival in token.top
                ],
            }
            for token in tokens
        ]
    )
    return {"content": content, "refusal": None}
