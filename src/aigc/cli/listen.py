"""``aigc listen``: recorded speech as text or subtitles.

Knows: options, what is printed when. Does not know: HTTP, how subtitles are spelled, how sound is read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.ask import open_client, with_model
from aigc.cli.output import console, data, note
from aigc.errors import AigcError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.client.transcript_results import Transcript, TranscriptPart, TranscriptProgress

FORMATS = ("text", "srt", "vtt", "json")
_INSTALLED = "whisper-base"
"""What is offered where no model listens yet."""


def listen(
    file: Annotated[str, typer.Argument(help="A file with sound, or a film; - reads standard input.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; its ending says the format.")
    ] = None,
    format: Annotated[str | None, typer.Option("--format", "-f", help="text, srt, vtt or json.")] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="That is spoken, like en or zh; without it, it is found out.")
    ] = None,
    translate: Annotated[bool, typer.Option("--translate", help="Into English.")] = False,
    words: Annotated[
        bool, typer.Option("--words", help="Times of every word: listed in JSON, in subtitles one at a time.")
    ] = False,
    prompt: Annotated[str | None, typer.Option("--prompt", help="What was said before, or names as spelled.")] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", help="0 to 1; 0 is exact.")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Id or alias of the model.")] = "default",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Fetch a missing model without asking.")] = False,
) -> None:
    """Any format that FFmpeg reads, of any length. Text is printed while it is understood. If the file turns out to be
    damaged, what was understood until there is kept, and the command fails.

    Examples:
        aigc listen talk.mp3
        aigc listen film.mp4 -o film.srt
        aigc listen interview.m4a --format json --words --language de
        aigc listen rede.ogg --translate
    """
    chosen = _format(format, output, words, translate)
    options: dict[str, Any] = {"language": language, "prompt": prompt, "temperature": temperature, "model": model}
    if words:
        options["words"] = True
    sound: Any = sys.stdin.buffer.read() if file == "-" else file
    with open_client() as client, _Screen(live=chosen == "text" and output is None) as screen:
        ask = client.translate if translate else client.transcribe
        wanted = _INSTALLED if model == "default" else model
        try:
            found = with_model(client, wanted, yes, lambda: ask(sound, on_progress=screen, **options))
        except AigcError:
            if screen.parts:
                _keep(_partial(screen), chosen, words, output, screen)
                note(t("what was understood until there is kept"))
            raise
    _keep(found, chosen, words, output, screen)
    note(t("{language}, {seconds} s of sound", language=found.language, seconds=f"{found.duration:.1f}"))


def _format(format: str | None, output: Path | None, words: bool, translate: bool) -> str:
    """The form of the answer. Raises: typer.BadParameter: none that is known, or options that exclude each other."""
    from aigc.client.transcript_results import FORMATS as ENDINGS

    named = None if output is None else ENDINGS.get(output.suffix.lower())
    chosen = format or named or ("text" if output is None else None)
    if chosen is None:
        raise typer.BadParameter(
            t(
                "{name} ends like no transcript; accepted: {endings}",
                name=repr(str(output)),
                endings=", ".join(ENDINGS),
            )
        )
    if chosen not in FORMATS:
        raise typer.BadParameter(
            t("{value} is no format; accepted: {accepted}", value=repr(chosen), accepted=", ".join(FORMATS))
        )
    if words and chosen == "text":
        raise typer.BadParameter(t("--words needs --format json, srt or vtt"))
    if words and translate:
        raise typer.BadParameter(t("words of a translation have no place in the sound"))
    return chosen


class _Screen:
    """Shows how far it is: the text itself, or a bar on a terminal.

    Args:
        live: print the text as soon as it is understood.
    """

    def __init__(self, *, live: bool) -> None:
        self.parts: list[TranscriptPart] = []
        self.live = live
        self._console = console()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> _Screen:
        if self._console.is_terminal and not (self.live and sys.stdout.isatty()):
            from rich import progress as rich

            self._bar = rich.Progress(
                rich.TextColumn("{task.description}", markup=False),
                rich.BarColumn(bar_width=24),
                rich.TaskProgressColumn(),
                rich.TimeRemainingColumn(compact=True),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(t("waiting for the model"), total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self.live and self.parts:
            data()

    def __call__(self, progress: TranscriptProgress) -> None:
        """Show this moment."""
        if self._bar is not None:
            shown = t("{seconds} s heard", seconds=f"{progress.seconds:.0f}")
            self._bar.update(self._task, description=shown, completed=progress.seconds, total=progress.duration)
        if progress.segment is not None:
            if self.live:
                data((" " if self.parts and _spaced(progress.segment.text) else "") + progress.segment.text, end="")
            self.parts.append(progress.segment)


def _spaced(text: str) -> bool:
    """Whether a space belongs before it: not in scripts that know none."""
    return text[:1] < "\u2e80"


def _partial(screen: _Screen) -> Transcript:
    from aigc.client.transcript_results import Transcript as Made

    text = "".join((" " if at and _spaced(part.text) else "") + part.text for at, part in enumerate(screen.parts))
    return Made(text, "unknown", screen.parts[-1].end, tuple(screen.parts))


def _keep(found: Transcript, format: str, words: bool, output: Path | None, screen: _Screen) -> None:
    """Write or print it, unless it was printed already. Raises: AigcError."""
    from aigc.client.picture_results import write_whole

    shown = found.by_word() if words and format in ("srt", "vtt") else found
    if output is not None:
        data(str(write_whole(output, shown.format(format).encode())))
    elif not screen.live:
        data(shown.format(format), end="")
