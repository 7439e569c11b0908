"""Wrong use of the command line, in words.

Knows: typer's exceptions. Does not know: commands.
"""

from __future__ import annotations

from typing import Any

from aigc.cli.output import complain
from aigc.i18n import t


def explain(error: Any) -> None:
    """Print what was wrong with the arguments, and which help screen to read."""
    context = getattr(error, "ctx", None)
    hint = t("`{command} --help` explains it", command=context.command_path) if context is not None else None
    complain(_message(error), hint)


def _message(error: Any) -> str:
    kind = type(error).__name__
    parameter = getattr(error, "param", None)
    name = "" if parameter is None else "/".join(parameter.opts) if parameter.opts else parameter.name
    if kind == "NoSuchOption":
        near = ", ".join(error.possibilities or ())
        if near:
            return t("there is no option {name}; did you mean {names}?", name=error.option_name, names=near)
        return t("there is no option {name}", name=error.option_name)
    if kind == "MissingParameter" and parameter is not None:
        return t("{name} is missing", name=parameter.name if parameter.param_type_name == "argument" else name)
    if kind == "BadParameter" and parameter is not None:
        return t("{name}: {problem}", name=name, problem=error.message)
    return str(error.message if kind == "BadParameter" else error.format_message())
