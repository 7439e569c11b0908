"""The speaking model: English as it comes with the package, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from aigc.engines.base import LoadOptions
from aigc.engines.voice import VoiceSpeaker
from aigc.errors import UnsupportedParameter, UserError
from aigc.sounds.levels import SPEECH_LEVEL, level
from aigc.store.builtin import builtin
from aigc.types import SpeechPiece, SpeechRequest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")


@pytest.fixture(scope="module")
def speaker() -> Iterator[VoiceSpeaker]:
    spec = next(spec for spec in builtin() if spec.id == "aigc-voice")
    made = VoiceSpeaker(spec, spec.engines[0], LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1))
    yield made
    made.close()


def spoken(speaker: VoiceSpeaker, text: str, **more: object) -> list[SpeechPiece]:
    request = SpeechRequest(text=text, **more)  # type: ignore[arg-type]
    speaker.check(request)
    return list(speaker.speak(request))


def seconds(pieces: list[SpeechPiece]) -> float:
    return sum(piece.sound.seconds for piece in pieces)


def test_every_sentence_is_a_piece_of_the_default_voice(speaker: VoiceSpeaker) -> None:
    pieces = spoken(speaker, "Hello there. On 3 March 2024 it cost $9.99, Dr. Smith!")
    assert [piece.text for piece in pieces] == ["Hello there. ", "On 3 March 2024 it cost $9.99, Dr. Smith!"]
    assert {piece.voice for piece in pieces} == {"heart"}
    assert {piece.sound.rate for piece in pieces} == {24_000}
    assert 0.5 < pieces[0].sound.seconds < 2
    assert 3 < pieces[1].sound.seconds < 9


def test_all_pieces_are_equally_loud_and_begin_and_end_in_silence(speaker: VoiceSpeaker) -> None:
    for piece in spoken(speaker, "No! This is a rather long sentence, quietly spoken. What?"):
        samples = np.frombuffer(piece.sound.data, "<i2").astype(np.float32) / 32768
        assert level(samples, 24_000) == pytest.approx(SPEECH_LEVEL, abs=1.5)
        assert abs(samples[0]) < 0.01
        assert abs(samples[-1]) < 0.01


def test_the_same_text_sounds_the_same(speaker: VoiceSpeaker) -> None:
    assert spoken(speaker, "Again and again.") == spoken(speaker, "Again and again.")


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_speed_changes_how_long_it_takes(speaker: VoiceSpeaker, speed: float) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    assert seconds(spoken(speaker, text, speed=speed)) == pytest.approx(
        seconds(spoken(speaker, text)) / speed, rel=0.25
    )


@pytest.mark.parametrize(
    ("more", "param", "words"),
    [
        ({"text": "hi", "voice": "nobody"}, "voice", "accepted: heart"),
        ({"text": "hi", "speed": 5.0}, "speed", "accepted: 0.25 to 4.0"),
        ({"text": "hi", "instructions": "whisper"}, "instructions", "can't follow"),
        ({"text": "你好"}, "input", "input has Chinese"),
        ({"text": "\u2764"}, "input", "nothing to speak"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(
    speaker: VoiceSpeaker, more: dict[str, object], param: str, words: str
) -> None:
    with pytest.raises((UserError, UnsupportedParameter)) as caught:
        speaker.check(SpeechRequest(**more))  # type: ignore[arg-type]
    assert caught.value.param == param
    assert words in caught.value.message


def test_whoever_asks_for_chinese_is_told_what_to_pull(speaker: VoiceSpeaker) -> None:
    with pytest.raises(UserError) as caught:
        speaker.check(SpeechRequest(text="Hello. 你好。"))
    assert caught.value.hint == "`aigc pull aigc-voice` brings the voices for Chinese."
