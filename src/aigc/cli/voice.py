"""``aigc voice``: a spoken conversation, through a microphone or through files.

Knows: options, who speaks when. Does not know: sockets, sound devices, models.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aigc.cli.output import data, data_json, note
from aigc.cli.speak import format_of
from aigc.errors import AigcError, UserError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.cli.microphone import Loudspeaker, Microphone
    from aigc.client.voice import ModelSounds, VoiceSession


def voice(
    input: Annotated[
        Path | None, typer.Option("--input", "-i", help="Sound file with a question, instead of the microphone.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Sound file for the answer; its ending chooses the format.")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Id or alias of the chat model.")] = "default",
    system: Annotated[str | None, typer.Option("--system", "-s", help="How the model should behave.")] = None,
    voice: Annotated[str | None, typer.Option("--voice", "-v", help="Id of a voice.")] = None,
    speed: Annotated[float, typer.Option("--speed", help="Of the voice: 0.25 to 1.5.")] = 1.0,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="What you speak, like en; without it: it is found out.")
    ] = None,
    transcription: Annotated[
        str, typer.Option("--transcription", help="Id or alias of the model that writes down what you say.")
    ] = "default",
    no_store: Annotated[bool, typer.Option("--no-store", help="Don't keep the words as a stored chat.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one object about the answer; needs --input.")] = False,
) -> None:
    """Speak, and hear the answer; speak again, also in the middle of an answer, which then falls silent. What is said
    is shown. Ctrl-C ends the conversation. Wear headphones: through loudspeakers the model hears itself. The microphone
    needs PulseAudio, PipeWire or ALSA on this machine; with --input and --output files do.

    Examples:
        aigc voice
        aigc voice --input question.wav --output answer.wav
        aigc voice --system "You are a patient teacher of English." --language en
    """
    from aigc.client.voice import VoiceSession

    if input is None and (output is not None or json):
        raise typer.BadParameter(t("--output and --json need --input"))
    if output is not None:
        format_of(None, output)
    options: dict[str, Any] = {
        "model": model,
        "system": system,
        "voice": voice,
        "speed": speed,
        "language": language,
        "transcription": transcription,
        "store": not no_store,
    }
    if input is not None:
        with VoiceSession(**options) as session:
            _once(session, input, output, json=json)
        return
    from aigc.cli.microphone import Loudspeaker, Microphone

    loudspeaker, microphone = Loudspeaker(), Microphone()
    with contextlib.closing(microphone), VoiceSession(turns=True, **options) as session:
        _converse(session, microphone, loudspeaker)


def _once(session: VoiceSession, question: Path, output: Path | None, *, json: bool) -> None:
    answer = session.ask(question)
    if output is not None:
        answer.save(output)
    if json:
        told = {"heard": answer.heard, "text": answer.text, "seconds": round(answer.seconds, 3)}
        data_json(told | {"file": None if output is None else str(output), "milliseconds": answer.milliseconds})
        return
    note(t("you: {text}", text=answer.heard))
    data(answer.text)


def _converse(session: VoiceSession, microphone: Microphone, loudspeaker: Loudspeaker) -> None:
    """Until the recorder ends or Ctrl-C."""
    from aigc.client.voice import ModelSays, ModelSounds, Spoken, UserSaid, UserSpeaks

    note(t("speak; Ctrl-C ends the conversation"))
    player = _Player(loudspeaker)
    ear = _Ear(session, microphone)
    try:
        for event in session.events():
            if isinstance(event, UserSpeaks):
                player.interrupt(session)
            elif isinstance(event, UserSaid):
                note(t("you: {text}", text=event.text))
            elif isinstance(event, ModelSays):
                data(event.text, end="")
            elif isinstance(event, ModelSounds):
                player.add(event)
            elif isinstance(event, Spoken):
                player.end()
                data()
    except KeyboardInterrupt:
        note()
    except AigcError:
        if not ear.over.is_set():
            raise
    finally:
        player.close()
    if ear.error is not None:
        raise ear.error


class _Ear:
    """Sends what the microphone hears, in a thread of its own; when the recorder ends, so does the conversation."""

    def __init__(self, session: VoiceSession, microphone: Microphone) -> None:
        self.error: AigcError | None = None
        self.over = threading.Event()
        self._session = session
        self._microphone = microphone
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while sound := self._microphone.read():
                self._session.send(sound)
        except UserError as error:
            self.error = error
        except AigcError:  # the conversation has ended, which whoever reads its events tells
            return
        self.over.set()
        self._session.close()


class _Player:
    """Hands sound to the loudspeaker in a thread of its own: playing takes as long as it sounds."""

    def __init__(self, loudspeaker: Loudspeaker) -> None:
        self._loudspeaker = loudspeaker
        self._waiting: queue.SimpleQueue[ModelSounds | Literal["end"] | None] = queue.SimpleQueue()
        self._item = ""
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def add(self, sound: ModelSounds) -> None:
        self._waiting.put(sound)

    def end(self) -> None:
        """The answer is complete."""
        self._waiting.put("end")

    def interrupt(self, session: VoiceSession) -> None:
        """Be silent, and tell the model how much was heard."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        heard = self._loudspeaker.silence()
        if heard is not None and self._item:
            with contextlib.suppress(AigcError):
                session.heard(self._item, heard)

    def close(self) -> None:
        self._waiting.put(None)
        if sys.exc_info()[0] is None:
            self._thread.join()
            self._loudspeaker.finish()
        else:
            self._loudspeaker.silence()

    def _play(self) -> None:
        while (sound := self._waiting.get()) is not None:
            if sound == "end":
                self._loudspeaker.finish()
            else:
                self._item = sound.item_id
                self._loudspeaker.play(sound.data)
