"""``aigc train``: teach a network, and go on where it was.

Knows: options, bars, the tables of recipes. Does not know: torch, networks; they are loaded when training begins.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.output import console, data, note, table
from aigc.errors import UserError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.recipes.image.stickers.packs import Pack
    from aigc.recipes.run import Options
    from aigc.training.loop import Progress


def train(
    recipe: Annotated[str | None, typer.Argument(help="What to train, like image/vae; none: list them.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Folder of the run; what is there is gone on with.")] = None,
    before: Annotated[
        str | None,
        typer.Option("--from", help="Begin with the weights of this run's folder or model, and with its settings."),
    ] = None,
    size: Annotated[str | None, typer.Option("--size", help="Ready-made settings: full, small or toy.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            help="Where pictures come from: scenes, scenes:KIND, stickers, shapes, photos:FOLDER; several mix.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, like train.batch=8; may be given several times.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="Stop after so long; the same command goes on.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:1.")] = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that make pictures; none: one for each core.")
    ] = None,
    pool: Annotated[Path | None, typer.Option("--pool", help="Folder for the pictures; runs may share it.")] = None,
) -> None:
    """A run is a folder with its settings, checkpoints, figures, curves and samples. The command goes on with what it
    finds there, exactly as if it had never stopped: after Ctrl-C, after --minutes, after a crash.

    With --from a new run begins where another one, or a model of ours, has arrived: a folder of a run, a folder that
    `aigc publish` wrote, or an installed model, like aigc-v1. It takes over the settings; --data and --set change them.

    Training needs the extra: pip install 'aigc-studio[train]'. A GPU is used if torch sees one.

    Examples:
        aigc train  # the recipes
        aigc train image/vae --size small --data photos:./photos
        aigc train image/vae --run runs/mine --set train.steps=2000 --set train.batch=4
        aigc train image/flow --run runs/more --from aigc-v1 --data photos:./mine
    """
    from aigc.recipes import PLACES

    if recipe is None:
        table([t("recipe"), t("about")], [(name, t(about)) for name, about in PLACES.items()])
        return
    from aigc import settings

    home = settings.load().home
    folder = run or home / "runs" / recipe.replace("/", "-")
    assignments = [*(set_ or ()), *([f"data={','.join(source)}"] if source else [])]
    from aigc.recipes import find

    find(recipe)
    from aigc.recipes.run import Options

    options = Options(
        folder=folder,
        pool=pool or home / "pictures",
        before=None if before is None else _place(before),
        size=size,
        settings=assignments,
        minutes=minutes or float("inf"),
        device=device,
        workers=workers or os.cpu_count() or 1,
        fetch=_fetch,
    )
    _run(recipe, options)


def _place(source: str) -> Path:
    """The folder that ``--from`` means. Raises: UserError: no run, no model folder, no picture model of that name."""
    folder = Path(source).expanduser()
    if any((folder / name).exists() for name in ("run.json", "model.json")):
        return folder
    from aigc.cli.models import open_store
    from aigc.store.builtin import builtin

    for spec in (*open_store().list(), *builtin()):
        place = Path(spec.engines[0].path)
        if spec.id == source and (place / "model.json").exists():
            return place
    raise UserError(
        t("--from is {source}; accepted: the folder of a run, or a picture model trained by aigc", source=source),
        param="from",
        hint=t("`aigc list` shows the models"),
    )


def _run(recipe: str, options: Options) -> None:
    from aigc.recipes.run import train

    note(t("run: {folder}", folder=options.folder))
    try:
        with _Bar() as bar:
            outcome = train(recipe, options, on_filling=bar.filling, on_step=bar.step)
    except KeyboardInterrupt:
        note(t("stopped; the same command goes on from here"))
        raise
    if outcome.finished:
        note(t("finished after {step} steps", step=outcome.step))
    else:
        note(t("time is over at step {step}; the same command goes on from here", step=outcome.step))
    data(str(outcome.folder))


def _fetch(packs: Sequence[Pack], folder: Path) -> None:
    """Sets of stickers that aren't there yet, from the user's npm index."""
    import httpx

    from aigc import settings
    from aigc.cli.progress import Bars
    from aigc.store import npm
    from aigc.store.sources.http import Downloader

    with Bars(t("sets of stickers")) as bars, httpx.Client(timeout=httpx.Timeout(30.0, read=60.0)) as client:
        npm.fetch(packs, folder, settings.load(), Downloader(client), bars)


class _Bar:
    """One bar on a terminal, a line every ten seconds elsewhere."""

    def __init__(self) -> None:
        self._console = console()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._told = float("-inf")

    def __enter__(self) -> _Bar:
        if self._console.is_terminal:
            from rich import progress as rich

            self._bar = rich.Progress(
                rich.TextColumn("{task.description}", markup=False),
                rich.BarColumn(bar_width=20),
                rich.MofNCompleteColumn(),
                rich.TimeRemainingColumn(compact=True),
                rich.TextColumn("{task.fields[figures]}", markup=False),
                console=self._console,
            )
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def filling(self, what: str, done: int, total: int) -> None:
        """Pictures are being made."""
        self._show(t("pictures of {source}", source=what), done, total, "")

    def step(self, progress: Progress) -> None:
        """A step was taken."""
        row = progress.row
        figures = ""
        if row:
            figures = t(
                "loss {loss:.4f}, {rate:.1f} samples/s, {share:.1%} of peak",
                loss=row["loss"],
                rate=row["samples_per_second"],
                share=row["peak_share"],
            )
        self._show(t("steps"), progress.step, progress.steps, figures)

    def _show(self, what: str, done: int, total: int, figures: str) -> None:
        if self._bar is not None:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what, total=total, figures=figures)
            self._bar.update(self._tasks[what], completed=done, total=total, figures=figures)
        elif time.monotonic() - self._told > 10 or done == total:
            self._told = time.monotonic()
            note(f"{what}: {done} / {total}" + (f"  {figures}" if figures else ""))
