"""A conversation that is to be kept becomes a stored chat, when it is over.

Knows: how stored chats look. Does not know: tables, sockets.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from aigc.db.completions import Completion, Completions, new_id
from aigc.server.realtime.conversation import Conversation
from aigc.types import Message


async def keep(stored: Completions, owner: str, conversation: Conversation, model: str, request_id: str) -> None:
    """Keep the words of ``conversation``: its last answer as the answer, all before it as the question.

    Nothing is kept where nobody answered.
    """
    messages = conversation.messages()
    last = next((at for at in range(len(messages) - 1, -1, -1) if _is_answer(messages[at])), None)
    if last is None:
        return
    chat_id, created = new_id(), int(time.time())
    answer: dict[str, Any] = {
        "role": "assistant",
        "content": messages[last].content,
        "refusal": None,
        "annotations": [],
    }
    body: dict[str, Any] = {
        "id": chat_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": "stop"}],
        "service_tier": "default",
        "request_id": request_id,
    }
    turns = [_turn(f"{chat_id}-{at}", message) for at, message in enumerate(messages[:last])]
    kept = Completion(
        id=chat_id,
        created=created,
        model=model,
        body=msgspec.json.encode(body),
        messages=msgspec.json.encode(turns),
        metadata={"spoken": "true"},
    )
    await stored.database.write(stored.adding(owner, kept))


def _is_answer(message: Message) -> bool:
    return message.role == "assistant" and bool(message.content)


def _turn(turn_id: str, message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"id": turn_id, "role": message.role, "content": message.content, "refusal": None}
    turn |= {"name": message.name, "content_parts": None}
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return turn
