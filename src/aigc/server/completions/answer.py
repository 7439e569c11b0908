"""How a completion looks, whole and as chunks: both have the same shape.

Knows: OpenAI's CreateCompletionResponse. Does not know: sockets, requests.
"""

from __future__ import annotations

import codecs
import secrets
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from aigc.server.answers import Choice, usage_json
from aigc.types import Delta, Finished, Started, TextEvent, TokenLogprob, Usage

_encode = msgspec.json.encode
_OBFUSCATION_BYTES = 64


class CompletionForm:
    """The form of one answer.

    Args:
        model: id of the model that answers.
        n: number of choices for each prompt.
        prompts: number of prompts; the choices of a stream are numbered through.
        logprobs: whether log-probabilities were asked for.
        include_usage: whether a stream ends with the usage.
        obfuscate: whether chunks are padded to even lengths.
    """

    def __init__(
        self,
        model: str,
        n: int,
        prompts: int,
        *,
        logprobs: bool = False,
        include_usage: bool = False,
        obfuscate: bool = False,
    ) -> None:
        self._n = n
        self._include_usage = include_usage
        self._obfuscate = obfuscate
        self._head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }
        self._begin = self._beginning({})
        self._end = b',"usage":null' if include_usage else b""
        self._lists = [_LegacyLogprobs() for _ in range(n * prompts)] if logprobs else None

    def opening(self) -> bytes:
        """Nothing: there is no role to tell."""
        return b""

    def event(self, source: int, event: TextEvent) -> bytes:
        """The chunk for ``event``."""
        if isinstance(event, Delta) and (event.text or event.logprobs):
            index = source * self._n + event.index
            lists = None if self._lists is None else _encode(self._lists[index].add(event.logprobs))
            return self._chunk(self._choice(index, _encode(event.text), lists or b"null"))
        if isinstance(event, Started) and event.fingerprint:
            self._begin = self._beginning({"system_fingerprint": event.fingerprint})
        if isinstance(event, Finished):
            return self._chunk(self._choice(source * self._n + event.index, b'""', b"null", _encode(event.reason)))
        return b""

    def closing(self, usage: Usage) -> bytes:
        """The usage where it was asked for."""
        return self._begin + b'[],"usage":' + _encode(usage_json(usage)) + b"}\n\n" if self._include_usage else b""

    def whole(self, choices: Sequence[Choice], usage: Usage) -> bytes:
        """The answer in one piece."""
        rows = [
            {
                "index": index,
                "text": choice.text,
                "logprobs": None if self._lists is None else self._lists[index].add(choice.logprobs),
                "finish_reason": choice.reason,
            }
            for index, choice in enumerate(choices)
        ]
        tail: dict[str, Any] = {"usage": usage_json(usage), "system_fingerprint": usage.fingerprint}
        return _encode(self._head | {"choices": rows} | tail)

    def _beginning(self, more: dict[str, str]) -> bytes:
        return b"data: " + _encode(self._head | more)[:-1] + b',"choices":'

    def _choice(self, index: int, text: bytes, logprobs: bytes, reason: bytes = b"null") -> bytes:
        return b'[{"index":%d,"text":%b,"logprobs":%b,"finish_reason":%b}]' % (index, text, logprobs, reason)

    def _chunk(self, choices: bytes) -> bytes:
        body = self._begin + choices + self._end
        if self._obfuscate:
            body += b',"obfuscation":"'
            missing = -(len(body) + len(b'"}\n\n')) % _OBFUSCATION_BYTES
            body += secrets.token_hex(missing // 2 + 1)[:missing].encode() + b'"'
        return body + b"}\n\n"


class _LegacyLogprobs:
    """The four parallel lists of the old format; keeps count of where in the text each token begins."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._offset = 0

    def add(self, tokens: Sequence[TokenLogprob]) -> dict[str, list[Any]]:
        """The lists for the next ``tokens``; ``text_offset`` counts characters, with ``echo`` the prompt's too."""
        offsets = []
        for token in tokens:
            offsets.append(self._offset)
            self._offset += len(self._decoder.decode(bytes(token.bytes)))
        return {
            "tokens": [token.token for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [_rivals(token) for token in tokens],
            "text_offset": offsets,
        }


def _rivals(token: TokenLogprob) -> dict[str, float] | None:
    """The likeliest tokens, and the chosen one where it is none of them; None for a prompt's first token."""
    if token.logprob is None:
        return None
    return {rival.token: rival.logprob for rival in token.top} | {token.token: token.logprob}
