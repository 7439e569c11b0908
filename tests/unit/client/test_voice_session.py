"""`aigc.VoiceSession` over a socket and in the process; the runtime behind is scripted."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

import aigc
from aigc.client.app_thread import AppThread
from aigc.client.lines import LocalLine
from aigc.client.voice import RATE, ModelSays, ModelSounds, Spoken, UserSaid, UserSpeaks, VoiceSession
from aigc.db.keys import Keys
from aigc.errors import AuthenticationFailed, EngineError, UnknownModel, Unreachable, UserError
from aigc.server.app import create_app
from aigc.settings import Settings
from aigc.types import Message, SpeechRequest, TextRequest
from live_server import KEY, Live, live
from scripted_runtime import ScriptedRuntime, answer
from tiny_voice import tone

SPOKEN = Path(__file__).parents[2] / "data" / "capital-of-france.wav"
ANSWER = "Paris is the capital."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(autouse=True)
def _usual(server: Live) -> None:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()


def session(server: Live, **options: object) -> VoiceSession:
    return VoiceSession(base_url=f"{server.url}/v1", api_key=KEY, **options)  # type: ignore[arg-type]


def test_a_recorded_question_gets_a_spoken_answer(server: Live, tmp_path: Path) -> None:
    with session(server, system="Be short.", voice="high", language="en") as talk:
        found = talk.ask(SPOKEN)
        assert found.heard == "I hear 1.4 seconds."
        assert (found.text, found.status) == (ANSWER, "completed")
        assert found.data == tone(0.05 * len(ANSWER), 880.0)
        assert set(found.milliseconds) == {"first_token", "first_sentence", "first_audio"}
        with wave.open(str(found.save(tmp_path / "answer.wav"))) as file:
            assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE, 1, len(found.data) // 2)
        assert found.save(tmp_path / "answer.flac").read_bytes().startswith(b"fLaC")
        with pytest.raises(UserError, match="ends like no sound"):
            found.save(tmp_path / "answer.txt")
        assert talk.say("And of Italy?").heard == ""
    last = [request for _, request in server.runtime.requests if isinstance(request, TextRequest)][-1]
    assert [message.content for message in last.messages or ()] == [
        "Be short.",
        "I hear 1.4 seconds.",
        ANSWER,
        "And of Italy?",
    ]


def test_samples_from_a_microphone_become_turns_events_and_what_was_heard_is_told(server: Live) -> None:
    from aigc.client.voice import read_sound

    with session(server, turns=True) as talk:
        talk.send(bytes(RATE) + read_sound(SPOKEN) + bytes(2 * RATE))
        seen = []
        for event in talk.events():
            seen.append(event)
            if isinstance(event, Spoken):
                break
        assert isinstance(seen[0], UserSpeaks)
        assert isinstance(seen[1], UserSaid)
        assert [event.text for event in seen if isinstance(event, ModelSays)] == [ANSWER]
        sound = [event for event in seen if isinstance(event, ModelSounds)]
        talk.heard(sound[0].item_id, 500)
        talk.say("Go on.")
    last = [request for _, request in server.runtime.requests if isinstance(request, TextRequest)][-1]
    assert Message(role="assistant", content="Paris is") in (last.messages or ())


def test_what_fails_is_the_same_error_as_over_http(server: Live, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationFailed):
        VoiceSession(base_url=f"{server.url}/v1", api_key="sk-wrong")
    with pytest.raises(UnknownModel):
        session(server, model="nobody")
    with pytest.raises(UserError, match="nobody"):
        session(server, voice="nobody")
    with pytest.raises(Unreachable, match="no conversation"):
        VoiceSession(base_url="http://127.0.0.1:9/v1", api_key=KEY)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nothing")
    with session(server) as talk:
        for path in (broken, tmp_path / "absent.wav"):
            with pytest.raises(UserError, match="can't be read"):
                talk.ask(path)
        with pytest.raises(UserError, match="0 ms"):
            talk.ask(b"")
    with session(server) as talk:
        server.runtime.script = lambda asked: (
            [EngineError("broken")] if isinstance(asked, SpeechRequest) else list(answer(asked))
        )
        with pytest.raises(EngineError, match="broken"):
            talk.say("Hi")
    with pytest.raises(Unreachable):
        talk.say("Hi")


def test_in_the_process_it_is_the_same_without_a_network(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, api_key=KEY)
    tmp_path.mkdir(exist_ok=True)
    keys = Keys(settings.database)
    thread = AppThread(lambda: create_app(settings, ScriptedRuntime(settings), keys, page=False))
    try:
        with pytest.raises(AuthenticationFailed):
            LocalLine(thread, "/v1/realtime", "sk-wrong")
        with VoiceSession(line=LocalLine(thread, "/v1/realtime?store=true", KEY)) as talk:
            assert talk.ask(SPOKEN).text == ANSWER
            with pytest.raises(UserError, match="0 ms"):
                talk.ask(b"")
        talk.close()
        with pytest.raises(Unreachable):
            talk.say("Hi")
        open_at_the_end = VoiceSession(line=LocalLine(thread, "/v1/realtime", KEY))
    finally:
        thread.close()
        keys.close()
    with pytest.raises(Unreachable):
        open_at_the_end.say("Hi")


def test_with_await_it_is_the_same(server: Live) -> None:
    async def talk() -> tuple[str, str]:
        options = {"base_url": f"{server.url}/v1", "api_key": KEY}
        with pytest.raises(UserError, match="has not begun"):
            await aigc.AsyncVoiceSession(**options).say("Hi")
        async with aigc.AsyncVoiceSession(**options) as opened:
            await opened.send(tone(0.5, rate=RATE))
            return (await opened.ask(SPOKEN)).text, (await opened.say("Hi")).text

    assert asyncio.run(talk()) == (ANSWER, ANSWER)
