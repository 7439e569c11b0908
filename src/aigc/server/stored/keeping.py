"""From a chat's request and answer to what is stored of it.

Knows: which fields of a request OpenAI's stored completions show, and how its messages look in a list. Does not know:
tables, sockets.
"""

from __future__ import annotations

from typing import Any

import msgspec

from aigc.db.completions import Completion
from aigc.server.chat.protocol import ChatRequest

_SHOWN = {"tools", "tool_choice", "response_format", "seed", "temperature", "top_p"}


def completion(request: ChatRequest, whole: bytes, request_id: str) -> Completion:
    """What is kept.

    Args:
        request: what was asked.
        whole: the answer in one piece, as JSON.
        request_id: under which the log has it.
    """
    answer: dict[str, Any] = msgspec.json.decode(whole)
    answer.pop("metadata", None)
    shown = request.model_dump(mode="json", by_alias=True, exclude_unset=True, include=_SHOWN)
    answer |= {name: shown.get(name) for name in sorted(_SHOWN)}
    answer["presence_penalty"] = request.presence_penalty or 0.0
    answer["frequency_penalty"] = request.frequency_penalty or 0.0
    answer["input_user"] = request.user
    answer["request_id"] = request_id
    turns = [message.model_dump(mode="json", exclude_unset=True) for message in request.messages]
    return Completion(
        id=answer["id"],
        created=answer["created"],
        model=answer["model"],
        body=msgspec.json.encode(answer),
        messages=msgspec.json.encode([_message(f"{answer['id']}-{i}", turn) for i, turn in enumerate(turns)]),
        metadata=request.metadata or {},
    )


def _message(message_id: str, turn: dict[str, Any]) -> dict[str, Any]:
    """A turn of the request in the form of the list: the text in one piece, and its parts where it came in parts."""
    content, refusal, parts = turn.get("content"), turn.get("refusal"), None
    if isinstance(content, list):
        parts = [part for part in content if part["type"] != "refusal"]
        refusals = [part["refusal"] for part in content if part["type"] == "refusal"]
        content = "\n".join(part["text"] for part in parts if part["type"] == "text")
        refusal = "\n".join(refusals) if refusals else refusal
    kept = {"id": message_id, "role": turn["role"], "content": content, "refusal": refusal}
    kept |= {"name": turn.get("name"), "content_parts": parts}
    return kept | {name: turn[name] for name in ("tool_calls", "function_call", "tool_call_id") if turn.get(name)}
