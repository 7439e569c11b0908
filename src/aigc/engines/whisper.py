"""Speech to text with Whisper, for sound of any length in constant memory.

The sound is read block by block, cut at silence (`aigc.sounds.pieces`), and each piece is decoded on its own with the
words before it as context. What a voice detector takes for silence, noise or music never reaches the model, which
would invent words for it.

Knows: the order of pieces and events, languages, what is carried from piece to piece. Does not know: tokens and mel
frames (`whisper_decode`), HTTP.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from aigc.engines import whisper_folder
from aigc.engines.base import LoadOptions
from aigc.engines.whisper_decode import PROMPT_TOKENS, Asked, Decoder, Heard
from aigc.errors import EngineError, InvalidSound, UserError
from aigc.sounds.decode import RATE, Sound
from aigc.sounds.pieces import Cutter, Piece
from aigc.types import (
    EngineFile,
    ModelSpec,
    SpokenWord,
    TranscribeRequest,
    TranscriptEvent,
    TranscriptSegment,
    TranscriptStarted,
    TranscriptStep,
)

_Result = TypeVar("_Result")
_Events = Generator[TranscriptEvent, None, _Result]

_BEAT_SECONDS = 1.0
"""Between two signs of life."""
_BYTES_A_SECOND = 10_000_000
"""So slowly a large model may compute: a piece of 30 seconds takes one second per so many bytes of weights at most."""
_LEAST_PATIENCE = 30
_LEFT_SECONDS = 2.5
"""Where the model stops so early in a piece, the rest is heard as a piece of its own."""
_CONTEXT_SECONDS = 20.0
"""What was said longer ago is no context: after a long silence the models like to say it again."""
_MANDARIN = "以下是普通话的句子。"
"""Said before the first piece of Chinese without a prompt: without it the small models mix both scripts and leave out
punctuation (error rates: docs/lab/LOG.md)."""


class WhisperListener:
    """`aigc.engines.base.Listener` for a folder with a Whisper model in CTranslate2's format.

    Raises:
        InvalidModelFile: the folder is damaged.
        EngineError: the library can't load it.
    """

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        folder = Path(file.path)
        found = whisper_folder.read(folder)
        try:
            self._decoder = Decoder(folder, options.threads)
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"CTranslate2 can't load {spec.id}: {error}") from error
        self._model = spec.id
        self._patience = _LEAST_PATIENCE + found.weights_bytes // _BYTES_A_SECOND
        self._computing = concurrent.futures.ThreadPoolExecutor(1, "whisper")
        self.fingerprint = f"whisper-{version('faster-whisper')}-ct2-{version('ctranslate2')}-int8"

    def check(self, request: TranscribeRequest) -> None:
        """See `aigc.engines.base.Listener.check`."""
        decoder = self._decoder
        if request.translate and not decoder.multilingual:
            raise UserError(
                f"{self._model} knows English only, so it can't translate", param="model", hint="ask whisper-base"
            )
        if request.language is not None and request.language not in decoder.languages:
            raise UserError(
                f"language is {request.language[:40]!r}; {self._model} knows {', '.join(decoder.languages)}",
                param="language",
            )
        if not 0 <= request.temperature <= 1:
            raise UserError(f"temperature is {request.temperature}; accepted: 0 to 1", param="temperature")
        if request.prompt is not None and (count := decoder.count(request.prompt)) > PROMPT_TOKENS:
            raise UserError(f"prompt has {count} tokens; accepted: {PROMPT_TOKENS}", param="prompt")

    def listen(self, request: TranscribeRequest) -> Iterator[TranscriptEvent]:
        """See `aigc.engines.base.Listener.listen`."""
        most = float("inf") if request.most_seconds is None else request.most_seconds
        with Sound(request.sound, most_seconds=most) as sound:
            hearing = _Hearing(self, request, sound.seconds)
            cutter = Cutter()
            broken = None
            try:
                for block in sound:
                    for piece in cutter.feed(block):
                        yield from hearing.piece(piece)
                    yield from hearing.step(sound.heard)
            except InvalidSound as error:
                broken = error  # after what was heard until there
            for piece in cutter.rest():
                yield from hearing.piece(piece)
            yield from hearing.end(sound.heard)
            if broken is not None:
                raise broken

    def close(self) -> None:
        """See `aigc.engines.base.Listener.close`."""
        self._computing.shutdown(wait=False, cancel_futures=True)

    @property
    def decoder(self) -> Decoder:
        """The model."""
        return self._decoder

    def alive(self, work: Callable[[], _Result], seconds: float) -> _Events[_Result]:
        """What ``work`` gives, computed beside, with a sign of life in between: it can't be interrupted, but left.

        Args:
            work: computes.
            seconds: how much of the sound has been heard.
        """
        future = self._computing.submit(work)
        for _ in range(self._patience):  # then the silence shows that it hangs
            try:
                return future.result(_BEAT_SECONDS)
            except concurrent.futures.TimeoutError:
                yield TranscriptStep(seconds=seconds)
        return future.result()


class _Hearing:
    """One request on its way through the sound."""

    def __init__(self, listener: WhisperListener, request: TranscribeRequest, seconds: float | None) -> None:
        self._listener = listener
        self._request = request
        self._seconds = seconds
        self._asked: Asked | None = None
        self._prompt = listener.decoder.before(request.prompt) if request.prompt and request.prompt.strip() else []
        self._before = self._prompt
        self._ended = 0.0
        """Where the last phrase ended."""
        self._index = 0
        self._told = time.monotonic()
        """When the last step was told."""
        self._done = 0.0

    def step(self, seconds: float) -> Iterator[TranscriptEvent]:
        """Tell that silence was heard, now and then."""
        if time.monotonic() - self._told > _BEAT_SECONDS:
            yield self._step(seconds)

    def end(self, seconds: float) -> Iterator[TranscriptEvent]:
        """Tell how long it was."""
        if self._asked is None:  # nobody said anything
            yield TranscriptStarted(language=self._request.language or "", probability=0.0, seconds=self._seconds)
        yield self._step(seconds)

    def piece(self, piece: Piece) -> Iterator[TranscriptEvent]:
        """All events of a piece."""
        asked = yield from self._settled(piece)
        if piece.start / RATE - self._ended > _CONTEXT_SECONDS:
            self._before = self._prompt
        while True:
            work = partial(self._listener.decoder.hear, piece.samples, asked, self._before)
            heard = yield from self._listener.alive(work, self._done)
            yield from self._segments(piece, heard, asked)
            left = piece.seconds - heard.until
            if left < _LEFT_SECONDS or heard.until < 1.0:
                break
            piece = piece.after(heard.until)
        yield self._step((piece.start + len(piece.samples)) / RATE)

    def _settled(self, piece: Piece) -> _Events[Asked]:
        """The language is known with the first piece."""
        if self._asked is not None:
            return self._asked
        request = self._request
        language, probability = request.language, 1.0
        if language is None:
            work = partial(self._listener.decoder.language, piece.samples)
            language, probability = yield from self._listener.alive(work, self._done)
        yield TranscriptStarted(language=language, probability=probability, seconds=self._seconds)
        if language == "zh" and not self._prompt and not request.translate:
            self._prompt = self._before = self._listener.decoder.before(_MANDARIN)
        self._asked = Asked(language, request.translate, request.temperature, request.words)
        return self._asked

    def _segments(self, piece: Piece, heard: Heard, asked: Asked) -> Iterator[TranscriptEvent]:
        offset = piece.start / RATE
        for phrase in heard.phrases:
            yield TranscriptSegment(
                index=self._index,
                start=round(offset + phrase.start, 2),
                end=round(offset + phrase.end, 2),
                text=phrase.text,
                tokens=phrase.tokens,
                words=tuple(_moved(word, offset) for word in phrase.words),
                temperature=asked.temperature,
                mean_logprob=heard.mean_logprob,
                compression_ratio=heard.compression_ratio,
                silence=heard.silence,
            )
            self._index += 1
            self._ended = offset + phrase.end
            self._before = (self._before + list(phrase.tokens))[-PROMPT_TOKENS:]
        if not heard.believed:
            self._before = self._prompt  # what is doubtful must not lead the rest astray

    def _step(self, seconds: float) -> TranscriptStep:
        self._told = time.monotonic()
        self._done = max(self._done, seconds)
        return TranscriptStep(seconds=self._done)


def _moved(word: SpokenWord, offset: float) -> SpokenWord:
    return SpokenWord(
        start=round(offset + word.start, 2),
        end=round(offset + word.end, 2),
        text=word.text,
        probability=round(word.probability, 3),
    )
