"""``aigc bundle`` and ``aigc unbundle``: everything in one file, for machines without a network.

Knows: options. Does not know: what is in a bundle.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from aigc.cli.models import open_store
from aigc.cli.output import data, note, size
from aigc.cli.progress import Bars
from aigc.errors import UnknownModel
from aigc.i18n import t

ModelsOnly = Annotated[bool, typer.Option("--models-only", help="Leave the wheels of aigc itself out.")]


def bundle(
    file: Annotated[Path, typer.Argument(help="The archive to write, e.g. aigc.tar.")],
    names: Annotated[list[str] | None, typer.Argument(help="Ids; none: all that are installed.")] = None,
    models_only: ModelsOnly = False,
) -> None:
    """The archive holds installed models and the wheels of aigc and everything it needs, for this Python and this kind
    of machine. It says inside how to install from it. The path is printed at the end.

    Examples:
        aigc bundle aigc.tar
        aigc bundle small.tar tiny multilingual-e5-small --models-only
    """
    store = open_store()
    wanted = names or [spec.id for spec in store.list()]
    if not wanted and models_only:
        raise UnknownModel(t("no model is installed, so there is nothing to pack"), hint=t("`aigc pull default`"))
    with Bars(file.name) as bars:
        made = store.bundle(file, wanted, bars, models_only=models_only)
    note(
        t(
            "{size}: {models} models, {wheels} wheels",
            size=size(made.size_bytes),
            models=len(made.models),
            wheels=made.wheels,
        )
    )
    data(str(made.path))


def unbundle(
    file: Annotated[Path, typer.Argument(help="The archive.")],
    models_only: ModelsOnly = False,
) -> None:
    """Every file is checked before any model becomes visible. The wheels are unpacked below AIGC_HOME; the command
    that installs them is printed, not run.

    Examples:
        aigc unbundle aigc.tar
        aigc unbundle aigc.tar --models-only
    """
    with Bars(file.name) as bars:
        found = open_store().unbundle(file, bars, models_only=models_only)
    for model in found.models:
        note(t("{name} is installed", name=model))
    for model in found.present:
        note(t("{name} was installed already", name=model))
    if found.pip_command is not None:
        note(t("aigc itself is installed or updated by:"))
        data(shlex.join(found.pip_command))
