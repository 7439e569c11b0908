"""A conversation: its messages, its settings, and the file that it can be kept in.

Knows: messages. Does not know: terminals, models, HTTP.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc.errors import StorageFull, UserError
from aigc.i18n import t

FORMAT = "aigc-conversation-1"


@dataclass
class Conversation:
    """What was said so far, and how answers are asked for."""

    model: str = "default"
    system: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, text: str) -> None:
        """Add what the user said."""
        self.messages.append({"role": "user", "content": text})

    def answered(self, text: str) -> None:
        """Add what the model said; an answer that was stopped before its first word takes the question with it."""
        if text:
            self.messages.append({"role": "assistant", "content": text})
        elif self.messages and self.messages[-1]["role"] == "user":
            self.messages.pop()

    def reopen(self) -> bool:
        """Forget the last answer, so that it can be given anew. Returns: whether there is a question to answer."""
        if self.messages and self.messages[-1]["role"] == "assistant":
            self.messages.pop()
        return bool(self.messages)

    def set(self, assignment: str) -> None:
        """Set a parameter from ``name=value``; the value is JSON or plain text, an empty one removes it.

        Raises: UserError.
        """
        name, mark, value = assignment.partition("=")
        if not mark or not name.isidentifier():
            raise UserError(t("{text} sets nothing; accepted: name=value, e.g. temperature=0.5", text=repr(assignment)))
        if not value:
            self.params.pop(name, None)
            return
        try:
            self.params[name] = json.loads(value)
        except ValueError:
            self.params[name] = value

    def save(self, path: Path) -> None:
        """Write the conversation to a new file that only its owner can read. Raises: UserError, StorageFull."""
        content = {
            "format": FORMAT,
            "model": self.model,
            "system": self.system,
            "params": self.params,
            "messages": self.messages,
        }
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "w", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False, indent=2)
        except FileExistsError:
            raise UserError(t("{path} exists already; choose another name", path=path)) from None
        except OSError as error:
            raise StorageFull(t("{path} can't be written: {error}", path=path, error=error.strerror)) from error

    def load(self, path: Path) -> None:
        """Replace everything by what `save` wrote. Raises: UserError."""
        try:
            found = json.loads(path.read_text("utf-8"))
            assert found["format"] == FORMAT
            messages = [{"role": str(m["role"]), "content": str(m["content"])} for m in found["messages"]]
            model, system, params = str(found["model"]), found["system"], dict(found["params"])
        except OSError as error:
            raise UserError(t("{path} can't be read: {error}", path=path, error=error.strerror)) from error
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise UserError(t("{path} is not a saved conversation", path=path)) from error
        self.model, self.system, self.params, self.messages = model, system, params, messages
