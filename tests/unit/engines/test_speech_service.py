"""The lines before a speaker and a listener: order of events, cancelling, errors."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

import pytest

from aigc.engines.speech import SpeechService, TranscriptService
from aigc.errors import UserError
from aigc.types import (
    Event,
    Failure,
    ModelSpec,
    Samples,
    SpeechDone,
    SpeechPiece,
    SpeechRequest,
    TranscribeRequest,
    TranscriptDone,
    TranscriptEvent,
    TranscriptSegment,
    TranscriptStarted,
    TranscriptStep,
)

SPEC = ModelSpec(id="voice", capabilities=("speech",), engines=(), context_tokens=0, created=0, digest="", licence="")
SOUND = Samples(rate=8000, data=bytes(8000))


class Spells:
    """Half a second of silence for each word; ``gate`` holds every word after the first."""

    fingerprint = "spells-1"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.spoken: list[str] = []
        self.closed = False

    def check(self, request: SpeechRequest) -> None:
        if not request.text:
            raise UserError("the text is empty", param="input")

    def speak(self, request: SpeechRequest) -> Iterator[SpeechPiece]:
        for word in request.text.split():
            self.spoken.append(word)
            yield SpeechPiece(sound=SOUND, text=word, voice="spell")
            assert self.gate.wait(30)

    def close(self) -> None:
        self.closed = True


class Hears:
    """Hears one word in every sound."""

    fingerprint = "hears-1"

    def check(self, request: TranscribeRequest) -> None:
        if request.translate:
            raise UserError("it can't translate", param="model")

    def listen(self, request: TranscribeRequest) -> Iterator[TranscriptEvent]:
        yield TranscriptStarted(language="en", probability=1.0)
        yield TranscriptSegment(index=0, start=0.1, end=0.4, text=" yes")
        yield TranscriptStep(seconds=0.5)

    def close(self) -> None:
        """Nothing to free."""


class Events:
    """What the service sent."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[int, Event]] = queue.Queue()

    def __call__(self, items: Sequence[tuple[int, Event]]) -> None:
        for item in items:
            self.queue.put(item)

    def next(self) -> tuple[int, Event]:
        return self.queue.get(timeout=30)


@pytest.fixture
def speaker() -> Spells:
    return Spells()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def service(speaker: Spells, events: Events) -> Iterator[SpeechService]:
    service = SpeechService(speaker, SPEC, events)
    yield service
    speaker.gate.set()
    service.close()


def test_an_answer_is_pieces_then_their_length(service: SpeechService, events: Events) -> None:
    service.submit(1, SpeechRequest(text="well said"))
    assert [events.next() for _ in range(3)] == [
        (1, SpeechPiece(sound=SOUND, text="well", voice="spell")),
        (1, SpeechPiece(sound=SOUND, text="said", voice="spell")),
        (1, SpeechDone(seconds=1.0, fingerprint="spells-1")),
    ]


def test_whoever_leaves_is_not_spoken_to_any_more(service: SpeechService, speaker: Spells, events: Events) -> None:
    speaker.gate.clear()
    service.submit(1, SpeechRequest(text="one two three"))
    assert events.next()[0] == 1
    service.submit(2, SpeechRequest(text="never"))
    service.submit(3, SpeechRequest(text="four"))
    service.cancel(1)
    service.cancel(2)
    speaker.gate.set()
    assert [events.next()[0], type(events.next()[1])] == [3, SpeechDone]
    assert speaker.spoken == ["one", "two", "four"]


def test_a_text_that_is_refused_is_told_by_name(service: SpeechService, events: Events) -> None:
    service.submit(1, SpeechRequest(text=""))
    service.submit(2, TranscribeRequest(sound=SOUND))
    assert events.next() == (1, Failure(name="UserError", message="the text is empty", param="input"))
    assert events.next() == (2, Failure(name="UserError", message="the model 'voice' speaks only", param="model"))


def test_the_speaker_is_closed_with_its_service(speaker: Spells, events: Events) -> None:
    SpeechService(speaker, SPEC, events).close()
    assert speaker.closed


def test_a_transcript_ends_with_what_was_heard(events: Events) -> None:
    service = TranscriptService(Hears(), SPEC, events)
    service.submit(1, TranscribeRequest(sound=SOUND))
    assert [events.next()[1] for _ in range(4)] == [
        TranscriptStarted(language="en", probability=1.0),
        TranscriptSegment(index=0, start=0.1, end=0.4, text=" yes"),
        TranscriptStep(seconds=0.5),
        TranscriptDone(seconds=0.5, fingerprint="hears-1"),
    ]
    service.submit(2, TranscribeRequest(sound=SOUND, translate=True))
    assert events.next() == (2, Failure(name="UserError", message="it can't translate", param="model"))
    service.submit(3, SpeechRequest(text="hello"))
    expected = "the model 'voice' writes down speech only"
    assert events.next() == (3, Failure(name="UserError", message=expected, param="model"))
    service.close()
