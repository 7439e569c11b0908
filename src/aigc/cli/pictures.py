"""What image, edit, restore and panorama share: options, a bar for the steps, names of files, a word about the result.

Knows: terminals, files. Does not know: HTTP, what a model can do.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.output import console, data, data_json, note
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.client.picture_results import Picture, PictureAnswer, PictureProgress

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write, replaced if it is there; several get numbers.")
]
Format = Annotated[
    str | None, typer.Option("--format", "-f", help="png, jpeg or webp; without it, what the file's name ends with.")
]
Quality = Annotated[int | None, typer.Option("--quality", help="Of a JPEG or WebP: 0 is small, 100 loses least.")]
Model = Annotated[str, typer.Option("--model", "-m", help="Id or alias of the model.")]
Count = Annotated[int, typer.Option("--n", "-n", help="How many pictures, 1 to 10.")]
Seed = Annotated[int | None, typer.Option("--seed", help="The same number gives the same picture again.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Steps of the drawing; more take longer.")]
Guidance = Annotated[float | None, typer.Option("--guidance", help="How strictly the prompt is followed.")]
Style = Annotated[str | None, typer.Option("--style", help="A style that the model was trained in, e.g. watercolour.")]
Mask = Annotated[
    Path | None,
    typer.Option("--mask", help="Picture of the same size: paint where it is transparent, or white if it is grey."),
]
Json = Annotated[bool, typer.Option("--json", help="Print files and what they say about their making as JSON.")]

_SLUG_BYTES = 60


class StepBar:
    """Shows the steps of the picture that is being made, on a terminal; inside a ``with`` block.

    Args:
        count: pictures that are made.
    """

    def __init__(self, count: int = 1) -> None:
        self._count = count
        self._console = console()
        self._bar: Any = None
        self._tasks: dict[int, Any] = {}
        self._began = time.monotonic()

    def __enter__(self) -> StepBar:
        if self._console.is_terminal:
            from rich import progress as rich

            self._bar = rich.Progress(
                rich.TextColumn("{task.description}", markup=False),
                rich.BarColumn(bar_width=24),
                rich.MofNCompleteColumn(),
                rich.TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task(t("waiting for the model"), total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: PictureProgress) -> None:
        """Show this moment."""
        if self._bar is None:
            return
        if progress.index not in self._tasks:
            for done in self._bar.task_ids:
                self._bar.remove_task(done)
            title = t("picture {number} of {count}", number=progress.index + 1, count=self._count)
            self._tasks[progress.index] = self._bar.add_task(title, total=progress.steps or None)
        self._bar.update(self._tasks[progress.index], completed=progress.step, total=progress.steps or None)

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began


def size_of(text: str | None) -> tuple[int | None, int | None]:
    """Width and height in ``512x512``. Raises: typer.BadParameter."""
    if text is None:
        return None, None
    found = re.fullmatch(r"(\d{1,6})[xX×](\d{1,6})", text.strip())
    if found is None:
        raise typer.BadParameter(t("{value} is no size; accepted: WIDTHxHEIGHT, like 512x512", value=repr(text)))
    return int(found[1]), int(found[2])


def format_of(format: str | None, output: Path | None) -> str:
    """The format to ask for. Raises: typer.BadParameter: none that is known, or the file's name says another one."""
    from aigc.client.picture_results import FORMATS

    named = None if output is None else FORMATS.get(output.suffix.lower())
    if output is not None and named is None:
        raise typer.BadParameter(
            t("{name} ends like no picture; accepted: {endings}", name=repr(output.name), endings=", ".join(FORMATS))
        )
    if format is None:
        return named or "png"
    if format not in FORMATS.values():
        raise typer.BadParameter(t("{value} is no format; accepted: png, jpeg, webp", value=repr(format)))
    if named not in (None, format):
        raise typer.BadParameter(
            t("--format says {format}, and the file's name {named}", format=format, named=str(named))
        )
    return format


def keep(answer: PictureAnswer, output: Path | None, stem: str, bar: StepBar, *, json: bool) -> list[Path]:
    """Write the pictures, print where they are, and say how they were made. Raises: AigcError.

    Args:
        answer: what was made.
        output: where to; None: a free name in this folder.
        stem: what that name begins with.
        bar: knows how long it took.
        json: print one object instead.
    """
    paths = answer.save(output) if output is not None else [p.save(_free(stem, p)) for p in answer.pictures]
    if json:
        facts = [picture.metadata for picture in answer.pictures]
        files = [{"file": str(path), **fact} for path, fact in zip(paths, facts, strict=True)]
        data_json({"seconds": round(bar.seconds, 3), "pictures": files})
        return paths
    for path, picture in zip(paths, answer.pictures, strict=True):
        data(str(path))
        note("  " + _sentence(picture.metadata))
    _tell_reading(answer.metadata)
    note(t("{seconds} s", seconds=f"{bar.seconds:.1f}"))
    return paths


def _free(stem: str, picture: Picture) -> Path:
    """A name in this folder that nothing has yet: what was made, and the seed it can be made with again."""
    from aigc.client.picture_results import FORMATS

    ending = next(ending for ending, format in FORMATS.items() if format == picture.format)
    seed = picture.metadata.get("seed")
    name = slug(stem) if seed is None else f"{slug(stem)}-{seed}"
    path, number = Path(name + ending), 2
    while path.exists():
        path, number = Path(f"{name}-{number}{ending}"), number + 1
    return path


def slug(text: str) -> str:
    """Letters and digits of a text, in any script, as a name of a file."""
    words = "-".join(re.findall(r"\w+", text.lower()))
    return words.encode()[:_SLUG_BYTES].decode(errors="ignore").strip("-_") or "picture"


def _sentence(facts: dict[str, Any]) -> str:
    """``aigc-v1, seed 7, 12 steps``, or ``aigc-restore, denoise``"""
    parts = [str(facts[name]) for name in ("model", "repair") if facts.get(name)]
    if facts.get("seed") is not None:
        parts.append(t("seed {seed}", seed=facts["seed"]))
    if facts.get("steps") is not None:
        parts.append(t("{steps} steps", steps=facts["steps"]))
    return ", ".join(parts)


def grounded(told: Any) -> str:
    """Words of the prompt and what they mean to the model, as one line; files of strangers may say anything there."""
    pairs = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return ", ".join(f"{one.get('text')} = {one.get('concept')}" for one in pairs)


def _tell_reading(facts: dict[str, Any]) -> None:
    """Which words of the prompt the model knows, and which it doesn't."""
    if words := grounded(facts.get("grounded")):
        note(t("understood: {words}", words=words))
    if unknown := facts.get("unknown"):
        note(t("not understood: {words}", words=", ".join(map(str, unknown))))
    if unmet := facts.get("not_shown"):
        note(t("understood, and not to be seen: {words}", words=", ".join(map(str, unmet))))
