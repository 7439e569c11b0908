"""A conversation with real engines: spoken by the one, heard by the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aigc.client.sync import Client
from aigc.client.voice import RATE, ModelSounds, Spoken, UserSaid, UserSpeaks, VoiceSession
from aigc.settings import Settings

pytestmark = [pytest.mark.models, pytest.mark.slow]

EAR = "whisper-tiny.en"


@pytest.fixture
def settings(models_home: Path, tmp_path: Path) -> Settings:
    if not (models_home / "models" / EAR).is_dir():
        pytest.skip(f"{EAR} is not in {models_home}")
    pytest.importorskip("aigc.engines.voice", reason="nobody speaks here")
    return Settings(home=models_home, database_url=f"sqlite:///{tmp_path / 'aigc.db'}", preload=False)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def test_what_one_engine_speaks_the_other_hears_and_an_answer_comes_back(settings: Settings, tmp_path: Path) -> None:
    with (
        Client(settings=settings) as client,
        VoiceSession(settings=settings, model="tiny", transcription=EAR, turns=True, store=True) as talk,
    ):
        question = client.speak("What is the capital of France?").data
        talk.send(bytes(RATE) + question + bytes(2 * RATE))
        seen = []
        for event in talk.events():
            seen.append(event)
            if isinstance(event, Spoken):
                break
        assert isinstance(seen[0], UserSpeaks)
        assert [words(event.text) for event in seen if isinstance(event, UserSaid)] == [
            ["what", "is", "the", "capital", "of", "france"]
        ]
        answer = seen[-1]
        assert isinstance(answer, Spoken)
        assert answer.status == "completed"
        assert answer.data == b"".join(event.data for event in seen if isinstance(event, ModelSounds))
        assert set(answer.milliseconds) == {"transcribed", "first_token", "first_sentence", "first_audio"}
    with VoiceSession(settings=settings, model="tiny", transcription=EAR) as judge:
        again = judge.ask(answer.save(tmp_path / "answer.wav"))
        said, heard = words(answer.text), words(again.heard)
        assert len(said) >= 3
        assert len(set(said) & set(heard)) >= 0.6 * len(set(said)), (said, heard)


def test_speaking_in_the_middle_silences_the_answer(settings: Settings) -> None:
    with (
        Client(settings=settings) as client,
        VoiceSession(
            settings=settings, model="tiny", system="Tell long stories.", transcription=EAR, turns=True
        ) as talk,
    ):
        first = client.speak("Tell me a very long story about a dragon.").data
        second = client.speak("Stop it, please, and listen to me.").data
        talk.send(bytes(RATE) + first + bytes(2 * RATE))
        events = talk.events()
        for event in events:
            if isinstance(event, ModelSounds):
                break
        talk.send(second + bytes(2 * RATE))
        first_end = next(event.status for event in events if isinstance(event, Spoken))
        assert first_end in ("cancelled", "completed")  # a tiny model's story may be short
        # The next answer begins; a tiny model's story has no end, so nobody waits for it.
        assert any(isinstance(event, ModelSounds) for event in events)
