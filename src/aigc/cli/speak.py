"""``aigc speak``: a text becomes sound, played or in a file.

Knows: options, programs that play a sound. Does not know: HTTP, voices, codecs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.ask import open_client, piped
from aigc.cli.output import console, data, data_json, note
from aigc.errors import UserError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.client.speech import Speech, SpeechProgress

PLAYERS = (
    ("paplay",),
    ("pw-play",),
    ("aplay", "-q"),
    ("afplay",),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
)
"""Programs that play a WAV file, with their arguments before its name; the first that is installed is taken."""
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


def speak(
    text: Annotated[str | None, typer.Argument(help="What to say; without it: what is piped in.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A text file to read aloud.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Sound file to write; its ending chooses the format.")
    ] = None,
    voice: Annotated[str, typer.Option("--voice", "-v", help="Id of a voice; `auto`: one for each language.")] = "auto",
    speed: Annotated[float, typer.Option("--speed", "-s", help="0.25 to 4.")] = 1.0,
    format: Annotated[str | None, typer.Option("--format", help="mp3, opus, aac, flac, wav or pcm.")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Id or alias of the model.")] = "default",
    json: Annotated[bool, typer.Option("--json", help="Print one object about the sound.")] = False,
) -> None:
    """The text may be English, Chinese or both, and of any length. Without -o it is played, where this machine has a
    sound device and a program for it (PulseAudio, PipeWire, ALSA, macOS or ffplay). Ctrl-C stops and writes nothing.

    Examples:
        aigc speak "Hello there" -o hello.wav
        aigc speak -f article.txt -o article.mp3 --speed 1.2
        aigc chat "Tell me a joke" | aigc speak
    """
    words = _words(text, file)
    chosen = format_of(format, output)
    player = None if output is not None else _player()
    with open_client() as client, _Bar() as bar:
        spoken = client.speak(
            words, voice="alloy" if voice == "auto" else voice, speed=speed, model=model, on_progress=bar
        )
    if output is not None:
        spoken.save(output, chosen)  # type: ignore[arg-type]
    elif player is not None:
        _play(spoken, player)
    _tell(spoken, output, json)


def _words(text: str | None, file: Path | None) -> str:
    if text is not None and file is not None:
        raise typer.BadParameter(t("give a text or a file, not both"))
    if file is not None:
        try:
            words = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or t("it is not UTF-8 text")
            raise UserError(t("{path} can't be read: {reason}", path=file, reason=why)) from error
    else:
        words = text if text is not None else piped()
    if not words.strip():
        raise typer.BadParameter(t("there is nothing to say: give a text, or pipe it in"))
    return words


def format_of(format: str | None, output: Path | None) -> str | None:
    """The format of the file; None: nothing is written. Raises: typer.BadParameter."""
    from aigc.client.speech import ENDINGS

    if format is not None and format not in FORMATS:
        raise typer.BadParameter(
            t("{value} is no format; accepted: {known}", value=repr(format), known=", ".join(FORMATS))
        )
    if output is None:
        if format is not None:
            raise typer.BadParameter(t("--format needs a file: -o FILE"))
        return None
    named = ENDINGS.get(output.suffix.lower())
    if format is None and named is None:
        raise typer.BadParameter(
            t("{name} ends like no sound; accepted: {endings}", name=repr(output.name), endings=", ".join(ENDINGS))
        )
    if format is not None and named not in (None, format):
        raise typer.BadParameter(
            t("--format says {format}, and the file's name {named}", format=format, named=str(named))
        )
    return format or named


def _player() -> list[str]:
    """The program that will play. Raises: UserError: there is none, or nothing to hear it with."""
    for name, *arguments in PLAYERS:
        if (found := shutil.which(name)) is not None:
            return [found, *arguments]
    names = ", ".join(name for name, *_ in PLAYERS)
    raise UserError(
        t("this machine has no program that plays sound; looked for: {names}", names=names),
        hint=t("-o FILE writes a sound file instead"),
    )


def _play(spoken: Speech, player: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = spoken.save(Path(folder) / "speech.wav")
        done = subprocess.run([*player, str(path)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [str(done.returncode)]
        raise UserError(
            t("{program} can't play: {reason}", program=Path(player[0]).name, reason=said[0]),
            hint=t("-o FILE writes a sound file instead"),
        )


def _tell(spoken: Speech, output: Path | None, json: bool) -> None:
    if json:
        told = {"seconds": round(spoken.seconds, 3), "voices": list(spoken.voices), "rate": spoken.rate}
        data_json({"file": None if output is None else str(output), **told})
        return
    if output is not None:
        data(str(output))
    note(t("{seconds} s of speech; voice: {voices}", seconds=f"{spoken.seconds:.1f}", voices=", ".join(spoken.voices)))


class _Bar:
    """How much of the text is spoken; on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> _Bar:
        shown = console()
        if shown.is_terminal and sys.stderr.isatty():
            from rich import progress as rich

            self._bar = rich.Progress(
                rich.TextColumn("{task.description}", markup=False),
                rich.BarColumn(bar_width=24),
                rich.TaskProgressColumn(),
                rich.TimeRemainingColumn(compact=True),
                console=shown,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(t("speaking"), total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: SpeechProgress) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.characters, total=progress.total_characters)
