"""``aigc eval``: how good a model is.

Knows: options, columns, bars. Does not know: what is asked, how it is judged.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.ask import given, open_client
from aigc.cli.commands import CONTEXT, Command, Group
from aigc.cli.output import console, data, data_json, note, table
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.evaluation.image import Examination, Row

eval_ = typer.Typer(add_completion=False, cls=Group, context_settings=CONTEXT, rich_markup_mode=None)
_LEAST, _MOST = 20, 1000
NAMES = (
    "object", "colour", "count", "left or right", "place", "season", "hour", "weather", "extra", "style", "all",
    "English", "Chinese", "seen", "held out", "pictures", "real renders", "other pictures",
    "renders of other prompts", "training pictures", "panoramas",
)  # fmt: skip
"""What rows, columns and bars are called."""


@eval_.callback()
def _eval() -> None:
    """Examines a model with fixed questions, through the same API that programs use.

    Examples:
        aigc eval image
        aigc eval image --model aigc-scenes --questions 100
    """


@eval_.command("image", cls=Command, context_settings=CONTEXT, short_help="Does a picture model show what prompts say?")
def image(
    model: Annotated[str, typer.Option("--model", "-m", help="Id or alias of the model.")] = "default",
    questions: Annotated[int, typer.Option("--questions", min=_LEAST, max=_MOST, help="How many fixed prompts.")] = 200,
    size: Annotated[int, typer.Option("--size", min=64, max=1024, help="Side of the pictures, in pixels.")] = 256,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps of the drawing; more take longer.")] = None,
    guidance: Annotated[float | None, typer.Option("--guidance", help="How strictly the prompt is followed.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Half of the prompts are English, half Chinese; half of each combine things as training shows them, half as it
    never does. A small network that was taught with pictures of the renderer judges what is to be seen; the column
    `real renders` says how often it is right about true pictures of the same prompts, so more than that can't be
    reached; `other pictures`, what it says of pictures of other prompts, as of a model that doesn't read. `R@1` and
    `R@10`: how often a picture's own caption is the nearest, or among the nearest ten, of 1,000.

    Below the table: how far the pictures are from renders of other prompts (kernel distance, 0 is alike), and how far
    true renders are from these; how new they are (distance to the nearest training picture over that of new renders;
    far below 1 would be copies); and the step across the edge of panoramas over the steps inside (about 1 is no seam).

    Examples:
        aigc eval image
        aigc eval image --model aigc-scenes --questions 100
        aigc eval image --model aigc-v1 --steps 4 --json > few-steps.json
    """
    from aigc.evaluation.image import examine

    options = given(steps=steps, guidance=guidance)
    with open_client() as client, _Bar() as bar:
        found = examine(client, model, count=questions, side=size, on_step=bar.step, **options)
    if json:
        data_json(found.to_json())
    else:
        _print(found)


def _print(found: Examination) -> None:
    from aigc.evaluation.image import COLUMNS, GOALS

    names = [name for name, _ in COLUMNS]
    headings = [t("attribute"), t("verdicts"), *(t(name) for name in names), t("real renders"), t("other pictures")]
    goals = ["", "", *(_percent(GOALS.get(name)) for name in names), "", ""]
    table(headings, [*(_cells(row, names) for row in found.rows), (t("goal"), *goals[1:])])
    data(
        t(
            "distance from real renders: {value} (among these: {floor})",
            value=_distance(found.kid),
            floor=_distance(found.kid_floor),
        )
    )
    data(t("newness: {value}", value=f"{found.novelty:.2f}"))
    if found.seam is not None:
        data(t("seam of panoramas: {value}", value=f"{found.seam:.2f}"))
    note(t("{seconds} s a picture", seconds=f"{found.seconds_each:.1f}"))
    for each in found.refused:
        note(t("refused: {prompt}", prompt=each))


def _cells(row: Row, names: list[str]) -> tuple[str, ...]:
    shares = [_percent(row.shares[name].value) for name in names]
    return (
        t(row.attribute),
        str(row.shares["all"].total),
        *shares,
        _percent(row.ceiling.value),
        _percent(row.floor.value),
    )


def _distance(value: float) -> str:
    return f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f}%"


class _Bar:
    """One bar for each part of the examination on a terminal, a line for each part elsewhere."""

    def __init__(self) -> None:
        self._console = console()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bar:
        if self._console.is_terminal:
            from rich import progress as rich

            self._bar = rich.Progress(
                rich.TextColumn("{task.description}", markup=False),
                rich.BarColumn(bar_width=24),
                rich.MofNCompleteColumn(),
                rich.TimeRemainingColumn(compact=True),
                console=self._console,
            )
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, what: str, done: int, total: int) -> None:
        """So many pictures of a part are done."""
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(t(what), total=total) if self._bar else None
            if self._bar is None:
                note(f"{t(what)}: {total}")
        if self._bar is not None:
            self._bar.update(self._tasks[what], completed=done)
