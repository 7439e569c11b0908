"""The items of a conversation: what was said, in its order, and how much of it was heard.

Sound is not kept: a question is kept as what was understood, an answer as its words.

Knows: OpenAI's conversation items, messages of a model. Does not know: sockets, models.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from aigc.errors import Conflict, NotFound, TooLarge
from aigc.server.errors import InvalidValue
from aigc.types import Message, ToolCall

MOST_ITEMS = 4096
MOST_CHARACTERS = 2_000_000
"""Of all items together."""

Kind = Literal["message", "function_call", "function_call_output"]
Role = Literal["system", "user", "assistant"]
PartKind = Literal["input_text", "input_audio", "output_text", "output_audio"]
Status = Literal["completed", "incomplete", "in_progress"]


@dataclass
class Part:
    """A piece of content."""

    kind: PartKind
    text: str = ""
    """Of sound: what is said in it."""
    pending: asyncio.Task[None] | None = None
    """Of a question in sound: it is being written down."""
    marks: list[tuple[float, int]] = field(default_factory=list)
    """Of an answer in sound: up to which millisecond how many characters are said."""

    def json(self) -> dict[str, Any]:
        """As events show it."""
        if self.kind in ("input_text", "output_text"):
            return {"type": self.kind, "text": self.text}
        unknown = self.kind == "input_audio" and self.pending is not None and not self.pending.done()
        return {"type": self.kind, "transcript": None if unknown else self.text}

    @property
    def milliseconds(self) -> float:
        """How long its sound is."""
        return self.marks[-1][0] if self.marks else 0.0

    def cut(self, end_ms: float) -> None:
        """Forget what was said after ``end_ms``: whole words only, those that were begun are out."""
        kept, before_ms, before = 0, 0.0, 0
        for until_ms, until in self.marks:
            if until_ms <= end_ms:
                kept = until
            elif before_ms < end_ms:
                share = (end_ms - before_ms) / (until_ms - before_ms)
                heard = self.text[before : before + int((until - before) * share)]
                kept = before + max(0, heard.rfind(" "))
            before_ms, before = until_ms, until
        self.marks = [mark for mark in self.marks if mark[0] <= end_ms] + ([(end_ms, kept)] if end_ms else [])
        self.text = self.text[:kept]


@dataclass
class Item:
    """One thing of a conversation."""

    id: str
    kind: Kind = "message"
    role: Role | None = None
    status: Status = "completed"
    parts: list[Part] = field(default_factory=list)
    name: str = ""
    call_id: str = ""
    arguments: str = ""
    output: str = ""

    def json(self) -> dict[str, Any]:
        """As events show it."""
        head: dict[str, Any] = {"id": self.id, "object": "realtime.item", "type": self.kind, "status": self.status}
        if self.kind == "message":
            return head | {"role": self.role, "content": [part.json() for part in self.parts]}
        if self.kind == "function_call":
            return head | {"name": self.name, "call_id": self.call_id, "arguments": self.arguments}
        return head | {"call_id": self.call_id, "output": self.output}

    def message(self) -> Message | None:
        """As the model is told it; None where nothing was said."""
        if self.kind == "function_call":
            call = ToolCall(id=self.call_id, name=self.name, arguments=self.arguments)
            return Message(role="assistant", tool_calls=(call,))
        if self.kind == "function_call_output":
            return Message(role="tool", content=self.output, tool_call_id=self.call_id)
        assert self.role is not None
        text = "\n".join(part.text for part in self.parts if part.text)
        return Message(role=self.role, content=text) if text else None

    def size(self) -> int:
        """Characters."""
        return sum(len(part.text) for part in self.parts) + len(self.arguments) + len(self.output)


class Conversation:
    """Items in their order."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def find(self, item_id: str, param: str = "item_id") -> Item:
        """The item of that id. Raises: NotFound."""
        for item in self._items:
            if item.id == item_id:
                return item
        raise NotFound(f"{param} is {item_id!r}, which is no item of this conversation", param=param)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put it at the end, or after another one (``root``: first). Returns: id of the one before it.

        Raises: NotFound, Conflict: there is one of that id, TooLarge.
        """
        if any(other.id == item.id for other in self._items):
            raise Conflict(f"item.id is {item.id!r}, which this conversation has already", param="item.id")
        size = sum(other.size() for other in self._items) + item.size()
        if len(self._items) >= MOST_ITEMS or size > MOST_CHARACTERS:
            raise TooLarge(
                f"the conversation would have {len(self._items) + 1} items of {size} characters; accepted: "
                f"{MOST_ITEMS} of {MOST_CHARACTERS}",
                param="item",
                hint="delete some with conversation.item.delete",
            )
        at = len(self._items)
        if after is not None:
            at = 0 if after == "root" else self._items.index(self.find(after, "previous_item_id")) + 1
        self._items.insert(at, item)
        return self._items[at - 1].id if at else None

    def remove(self, item_id: str) -> None:
        """Forget it. Raises: NotFound."""
        item = self.find(item_id)
        for part in item.parts:
            if part.pending is not None:
                part.pending.cancel()
        self._items.remove(item)

    def last_id(self) -> str | None:
        """Of the newest item."""
        return self._items[-1].id if self._items else None

    def truncate(self, item_id: str, index: int, end_ms: int) -> None:
        """The user heard no more of an answer. Raises: NotFound, InvalidValue."""
        item = self.find(item_id)
        if item.role != "assistant" or index >= len(item.parts) or item.parts[index].kind != "output_audio":
            raise InvalidValue("only the sound of an assistant's message can be truncated", param="item_id")
        part = item.parts[index]
        if end_ms > part.milliseconds:
            longest = int(part.milliseconds)
            raise InvalidValue(f"audio_end_ms is {end_ms}; accepted: 0 to {longest}", param="audio_end_ms")
        part.cut(end_ms)

    async def written(self) -> None:
        """Wait until all that was said is written down."""
        tasks = [part.pending for item in self._items for part in item.parts if part.pending is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def messages(self) -> list[Message]:
        """As the model is told it."""
        return [message for item in self._items if (message := item.message()) is not None]


def new_id(kind: str) -> str:
    """An id like ``item_...``."""
    return f"{kind}_{secrets.token_hex(10)}"
