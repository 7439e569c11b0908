"""The conversation at a terminal: lines in, answers out, commands that begin with a slash.

Ctrl-C stops an answer, or clears the line; Ctrl-D leaves.

Knows: prompt_toolkit, the commands. Does not know: options of the command line, HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc import settings
from aigc.cli.ask import open_client, show_stream, tell_end, with_model
from aigc.cli.conversation import Conversation
from aigc.cli.output import complain, note
from aigc.errors import AigcError, UserError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.client.sync import Client

QUOTES = '"""'

COMMANDS = {
    "/help": "this list",
    "/system TEXT": "how the model should behave; without a text: what was said",
    "/model NAME": "go on with another model; without a name: which ones there are",
    "/params NAME=VALUE": "set a parameter of the API, e.g. temperature=0.2; NAME= removes it",
    "/regenerate": "answer the last question anew",
    "/clear": "forget the conversation",
    "/save FILE": "keep the conversation in a file",
    "/load FILE": "go on with a kept conversation",
    "/exit": "leave; Ctrl-D does as well",
}


def converse(model: str, system: str | None, params: dict[str, Any], *, markdown: bool, yes: bool) -> None:
    """Talk until the user leaves."""
    conversation = Conversation(model, system, params)
    with open_client() as client:
        note(t("A conversation with {model}. /help lists the commands, Ctrl-D leaves.", model=model))
        Repl(client, conversation, _line_reader(), markdown=markdown, yes=yes).run()


def _line_reader() -> Callable[[str], str]:
    """Reads a line with editing and history; Alt-Enter begins a new line in it."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings

    home = settings.load().home
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "chat_history"
    # Before prompt_toolkit opens it: what people ask is nobody else's business.
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    session: PromptSession[str] = PromptSession(history=FileHistory(str(path)), key_bindings=keys)
    return session.prompt


class Repl:
    """Reads what the user says and answers it.

    Args:
        client: where questions go.
        conversation: what was said so far.
        read: shows a prompt and returns a line; raises EOFError at the end, KeyboardInterrupt for Ctrl-C.
        markdown: draw answers as markdown.
        yes: fetch a missing model without asking.
    """

    def __init__(
        self, client: Client, conversation: Conversation, read: Callable[[str], str], *, markdown: bool, yes: bool
    ) -> None:
        self._client = client
        self._conversation = conversation
        self._read = read
        self._markdown = markdown
        self._yes = yes
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/system": self._system,
            "/model": self._model,
            "/params": self._params,
            "/regenerate": self._regenerate,
            "/clear": self._clear,
            "/save": lambda name: self._file(name, conversation.save),
            "/load": lambda name: self._file(name, conversation.load),
        }

    def run(self) -> None:
        """Until Ctrl-D or /exit."""
        while True:
            try:
                text = self._next()
            except EOFError:
                return
            except KeyboardInterrupt:
                note(t("(Ctrl-D leaves)"))
                continue
            if text.strip() == "/exit":
                return
            try:
                self._do(text)
            except AigcError as error:
                complain(error.message, error.hint)

    def _next(self) -> str:
        """A line, or the lines between two lines of three quotes."""
        text = self._read("> ")
        if not text.lstrip().startswith(QUOTES):
            return text
        lines = [text.lstrip().removeprefix(QUOTES)]
        while not lines[-1].rstrip().endswith(QUOTES):
            lines.append(self._read("  "))
        lines[-1] = lines[-1].rstrip().removesuffix(QUOTES)
        return "\n".join(lines).strip("\n")

    def _do(self, text: str) -> None:
        word, _, rest = text.strip().partition(" ")
        if word in self._commands:
            self._commands[word](rest.strip())
        elif word.startswith("/") and word[1:].isalpha():
            raise UserError(t("there is no command {name}", name=word), hint=t("/help lists the commands"))
        elif text.strip():
            self._conversation.ask(text)
            self._answer()

    def _answer(self) -> None:
        talk = self._conversation

        def begin() -> Any:
            return self._client.chat(talk.messages, model=talk.model, system=talk.system, stream=True, **talk.params)

        text = ""
        try:
            stream = with_model(self._client, talk.model, self._yes, begin)
            try:
                show_stream(stream, markdown=self._markdown)
            finally:
                text = stream.answer.text
            tell_end(stream.answer.finish_reason)
        except KeyboardInterrupt:
            note(t("(stopped)"))
        finally:
            talk.answered(text)

    def _help(self, _: str) -> None:
        for command, meaning in COMMANDS.items():
            note(f"  {command:20} {t(meaning)}")
        note(t('Alt-Enter begins a new line; so does Enter between two lines of """. Ctrl-C stops an answer.'))

    def _system(self, text: str) -> None:
        if text:
            self._conversation.system = text
        else:
            note(self._conversation.system or t("(nothing was said)"))

    def _model(self, name: str) -> None:
        if name:
            self._conversation.model = name
            return
        note(t("now: {model}", model=self._conversation.model))
        for model in self._client.models():
            if not model.capabilities or "chat" in model.capabilities:
                note(f"  {model.id}")

    def _params(self, text: str) -> None:
        for assignment in text.split():
            self._conversation.set(assignment)
        for name, value in self._conversation.params.items():
            note(f"  {name}={value}")

    def _regenerate(self, _: str) -> None:
        if not self._conversation.reopen():
            raise UserError(t("nothing was asked yet"))
        self._answer()

    def _clear(self, _: str) -> None:
        self._conversation.messages.clear()

    def _file(self, name: str, do: Callable[[Path], None]) -> None:
        if not name:
            raise UserError(t("the name of a file is missing"))
        do(Path(name).expanduser())
        note(t("{count} messages", count=len(self._conversation.messages)))
