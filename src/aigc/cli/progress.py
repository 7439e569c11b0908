"""Bars for work that takes minutes: bytes, speed and time left on a terminal, one line a stage elsewhere.

Knows: the store's `Progress`, rich's bars. Does not know: what is fetched, or why.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from aigc.cli.output import console, note, size
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.store import Progress, Store
    from aigc.types import ModelSpec

STAGES = {
    "waiting": "waiting for another process",
    "downloading": "fetching",
    "joining": "joining",
    "checking": "checking",
    "converting": "converting",
    "packing": "packing",
}
"""What each stage of the store is called."""


class Bars:
    """Shows progress inside a ``with`` block; call it with each `Progress`.

    Args:
        title: what is being worked on.
        clock: seconds; tests bring their own.
    """

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._console = console()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._told: dict[str, float] = {}

    def __enter__(self) -> Bars:
        if self._console.is_terminal:
            from rich import progress as rich

            # The title has a line of its own: with it, a bar would not fit into 80 columns.
            note(self._title)
            self._bars = rich.Progress(
                rich.TextColumn("  {task.description}", markup=False),
                rich.BarColumn(bar_width=24),
                rich.DownloadColumn(),
                rich.TransferSpeedColumn(),
                rich.TimeRemainingColumn(compact=True),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Show this moment."""
        if progress.stage == "choosing":
            self._say(t("{what}: {size} to fetch", what=progress.file, size=size(progress.total_bytes)))
            return
        stage = t(STAGES[progress.stage])
        if self._bars is None:
            self._tell(stage, progress)
            return
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(stage, total=None)
        total = progress.total_bytes or None
        self._bars.update(self._tasks[progress.stage], completed=progress.done_bytes, total=total)

    def _say(self, text: str) -> None:
        """A line that stays, above the bars if there are any."""
        if self._bars is None:
            note(f"{self._title}: {text}")
        else:
            self._console.print(f"  {text}", markup=False, soft_wrap=True)

    def _tell(self, stage: str, progress: Progress) -> None:
        """A line when a stage begins, then every ten seconds: logs of services stay short."""
        now = self._clock()
        if now - self._told.get(progress.stage, float("-inf")) < 10:
            return
        self._told[progress.stage] = now
        done = f" {size(progress.done_bytes)} / {size(progress.total_bytes)}" if progress.total_bytes else ""
        note(f"{self._title}: {stage}{done}")


def pull(store: Store, source: str, name: str | None = None) -> ModelSpec:
    """Install a model under the reader's eyes. Raises: AigcError."""
    with Bars(name or source) as bars:
        spec = store.pull(source, name=name, on_progress=bars)
    note(
        t(
            "{name} is installed; engines: {engines}; licence: {licence}",
            name=spec.id,
            engines=", ".join(e.engine for e in spec.engines),
            licence=spec.licence,
        )
    )
    return spec
