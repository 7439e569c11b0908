"""The entry point: whatever happens becomes an exit code and, if need be, two lines on stderr.

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.

Knows: exceptions, exit codes, closed pipes. Does not know: any command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its number, rather than ending the answer with a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in arguments[:1]
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # `aigc list | head -1`: the reader has enough. Python would complain again while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        if debug:
            raise
        return _explain(error)
    if code == 130 and sys.stderr.isatty():
        print(file=sys.stderr)  # after the terminal's ^C
    return code


def _dispatch(arguments: Sequence[str]) -> int:
    from aigc.cli.commands import build

    result = build().main(list(arguments), prog_name="aigc", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> int:
    """Print what was wrong and what to do next; the exit code for it."""
    import typer

    from aigc.cli.output import complain
    from aigc.errors import AigcError
    from aigc.i18n import t

    if isinstance(error, AigcError):
        complain(error.message, error.hint)
        return 1
    if isinstance(error, typer.TyperException):
        from aigc.cli.usage import explain

        explain(error)
        return error.exit_code
    if isinstance(error, typer.Abort):
        complain(t("stopped: a question was not answered"), None)
        return 1
    complain(
        t("a fault of aigc itself: {kind}: {error}", kind=type(error).__name__, error=error),
        t("`aigc --debug ...` shows where it happened"),
    )
    return 1
