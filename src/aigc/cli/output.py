"""What commands print with: data on stdout, everything else on stderr.

Knows: terminals, tables, sizes. Does not know: what the data means. rich is imported only where a table or a bar is
drawn on a terminal; a pipe gets plain, complete lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aigc.i18n import t
from aigc.settings import colour_wanted

if TYPE_CHECKING:
    from rich.console import Console


def complain(message: str, hint: str | None) -> None:
    """Say what went wrong and what to do next."""
    print(f"{_coloured(t('error:'), '31;1')} {message}", file=sys.stderr)
    if hint:
        print(f"{_coloured(t('hint:'), '36')} {hint}", file=sys.stderr)


def note(text: str = "") -> None:
    """Something for the reader that is not data."""
    print(text, file=sys.stderr, flush=True)


def data(text: str = "", *, end: str = "\n") -> None:
    """A piece of what was asked for."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def data_json(value: Any) -> None:
    """One line for a program, several for a person."""
    data(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows as data: aligned on a terminal, with tabs between whole cells in a pipe."""
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            data("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        # The first column is what people copy: a name in two lines is no name.
        drawn.add_column(column, overflow="fold", no_wrap=index == 0)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(no_color=not colour_wanted()).print(drawn)


def console() -> Console:
    """A console on stderr, for bars and status lines."""
    from rich.console import Console

    return Console(stderr=True, no_color=not colour_wanted(), highlight=False)


def size(count: int) -> str:
    """Bytes for people, in decimal units as disks and downloads are sold: ``1.1 GB``."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        del units[0]
    return f"{amount:.1f} {units[0]}" if units[0] in ("GB", "TB") else f"{amount:.0f} {units[0]}"


def confirm(question: str) -> bool:
    """Ask yes or no on stderr; yes by default. Only ask where `interactive`."""
    note_end = f"{question} [{t('Y/n')}] "
    print(note_end, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        return False
    return answer.strip().lower() in ("", "y", "yes", "是", "好")


def interactive() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _coloured(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if sys.stderr.isatty() and colour_wanted() else text
