"""Which command lives where; a command's file is imported when the command is used or explained.

Knows: names, one-liners, places. Does not know: what commands do.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from aigc.cli import help as screens
from aigc.i18n import t

PLACES = {
    "serve": ("aigc.cli.serve", "Start the server and its page; the first time, fetch the models."),
    "chat": ("aigc.cli.chat", "Ask a question, or talk."),
    "voice": ("aigc.cli.voice", "Talk: a spoken conversation."),
    "complete": ("aigc.cli.complete", "Continue a text as it stands."),
    "embed": ("aigc.cli.embed", "Turn texts into vectors."),
    "image": ("aigc.cli.image", "Make pictures from words."),
    "edit": ("aigc.cli.edit", "Change a picture by words, a mask or a style."),
    "restore": ("aigc.cli.restore", "Mend a photograph."),
    "speak": ("aigc.cli.speak", "Speak a text, or write it to a sound file."),
    "listen": ("aigc.cli.listen", "Write down what is said in a sound file."),
    "panorama": ("aigc.cli.image", "Make a picture of all that is around."),
    "pull": ("aigc.cli.models", "Fetch and install a model."),
    "list": ("aigc.cli.models", "List the installed models."),
    "show": ("aigc.cli.models", "Show everything about a model, or how a picture was made."),
    "search": ("aigc.cli.models", "Search the models that can be pulled."),
    "verify": ("aigc.cli.models", "Check the files of installed models."),
    "rm": ("aigc.cli.models", "Remove an installed model."),
    "bundle": ("aigc.cli.bundle", "Pack models and wheels for a machine without a network."),
    "unbundle": ("aigc.cli.bundle", "Install from a bundle."),
    "keys": ("aigc.cli.keys", "Create, list and revoke API keys."),
    "ps": ("aigc.cli.ps", "Show what the running server has in memory."),
    "doctor": ("aigc.cli.doctor", "Say what this machine can run and what is wrong."),
    "train": ("aigc.cli.train", "Teach a network; the same command goes on where it stopped."),
    "publish": ("aigc.cli.publish", "Make a served model of a run."),
    "eval": ("aigc.cli.eval", "Examine a model: how good is it?"),
    "bench": ("aigc.cli.bench", "Measure a model's speed on this machine."),
}
"""Name to (module, one-liner). The command is the function of that name, with ``_`` where Python has the name."""


class Command(TyperCommand):
    """A command whose help is written by `aigc.cli.help`."""

    def get_help(self, ctx: Any) -> str:
        """The help screen."""
        return screens.of_command(self, ctx)


class Group(TyperGroup):
    """A command with commands below it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name; says which ones look like it where there is none."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 3, 0.5)
            if near:
                ctx.fail(t("there is no command {name}; did you mean {names}?", name=args[0], names=", ".join(near)))
            ctx.fail(t("there is no command {name}", name=args[0]))
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: Any) -> str:
        """The help screen."""
        return screens.of_group(self, ctx)


class Root(Group):
    """All commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help screen."""
        return list(PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        return load(cmd_name) if cmd_name in PLACES else None


def load(name: str) -> Any:
    """Import and build one command."""
    place, one_liner = PLACES[name]
    module = importlib.import_module(place)
    found = getattr(module, f"{name}_", None) or getattr(module, name)
    if isinstance(found, typer.Typer):
        command: Any = typer.main.get_command(found)
    else:
        app = typer.Typer(add_completion=False)
        app.command(name, cls=Command, context_settings=CONTEXT)(found)
        command = typer.main.get_command(app)
    command.name = name
    command.short_help = one_liner
    return command


CONTEXT: dict[Any, Any] = {"help_option_names": ["-h", "--help"]}


def build() -> Any:
    """The whole command line."""
    app = typer.Typer(add_completion=False, cls=Root, context_settings=CONTEXT, rich_markup_mode=None)
    app.callback(invoke_without_command=True)(_root)
    return typer.main.get_command(app)


def _root(
    ctx: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from; goes before the command.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """A private ChatGPT and picture studio on your own machine, speaking the OpenAI API, offline.

    Examples:
        aigc serve                                     # the server, its page and a key
        aigc chat "What is the capital of France?"     # one answer; without a question: a conversation
        aigc doctor                                    # when something doesn't work
    """
    import aigc

    if version:
        typer.echo(f"aigc {aigc.__version__}")
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
