"""With the runtime that answers from a script: the order of things, and that leaving ends everything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aigc.errors import EngineError
from aigc.server.voice.reply import Heard, Part, Reply, Timing, Words, hear
from aigc.settings import Settings
from aigc.types import (
    Delta,
    Finished,
    Message,
    Samples,
    SpeechPiece,
    SpeechRequest,
    Started,
    TextRequest,
    TranscribeRequest,
    Usage,
)
from scripted_runtime import ScriptedRuntime, Step, answer
from tiny_voice import tone

END: list[Step] = [Finished(index=0, reason="stop"), Usage(prompt_tokens=7, completion_tokens=5, fingerprint="f")]
ASKED = TextRequest(messages=(Message(role="user", content="Hi"),))


def runtime(tmp_path: Path, *words: Step | str) -> ScriptedRuntime:
    found = ScriptedRuntime(Settings(home=tmp_path))
    steps = [Delta(index=0, text=word) if isinstance(word, str) else word for word in words]
    started: list[Step] = [Started(prompt_tokens=7)]
    found.script = lambda asked: started + steps + END if isinstance(asked, TextRequest) else list(answer(asked))
    return found


def reply(runtime: ScriptedRuntime, timing: Timing, *, spoken: bool = True) -> Reply:
    return Reply(
        runtime,
        "scripted",
        ASKED,
        "aigc-voice" if spoken else None,
        lambda text: SpeechRequest(text=text, voice="high", speed=2.0),
        timing,
    )


async def all_parts(reply: Reply) -> list[Part]:
    return [part async for part in reply.parts()]


def test_sentences_are_spoken_in_their_order_and_together_they_are_the_answer(tmp_path: Path) -> None:
    timing = Timing()
    script = runtime(tmp_path, "Pa", "ris. It", " is big. ", "🎉")
    parts = asyncio.run(all_parts(reply(script, timing)))
    pieces = [part for part in parts if isinstance(part, SpeechPiece)]
    assert [piece.text for piece in pieces] == ["Paris.", " It is big."]
    assert [round(piece.sound.seconds, 3) for piece in pieces] == [0.15, 0.275]
    assert {piece.voice for piece in pieces} == {"high"}
    assert Words(" 🎉") in parts
    assert isinstance(parts[0], Started)
    assert isinstance(parts[-2], Finished)
    assert isinstance(parts[-1], Usage)
    assert list(timing.marks) == ["first_token", "first_sentence", "first_audio"]


def test_the_first_sentence_is_spoken_while_the_rest_is_still_written(tmp_path: Path) -> None:
    script = runtime(tmp_path, "Paris. ", "It is", 30.0, " big.")

    async def first() -> Part:
        async for part in reply(script, Timing()).parts():
            if isinstance(part, SpeechPiece):
                return part
        raise AssertionError

    assert isinstance(asyncio.run(asyncio.wait_for(first(), 10)), SpeechPiece)


def test_an_answer_in_writing_asks_nobody_to_speak(tmp_path: Path) -> None:
    script = runtime(tmp_path, "Paris", ".")
    parts = asyncio.run(all_parts(reply(script, Timing(), spoken=False)))
    assert [part.text for part in parts if isinstance(part, Words)] == ["Paris", "."]
    assert [model for model, _ in script.requests] == ["scripted"]


def test_leaving_in_the_middle_ends_the_writing_and_the_speaking(tmp_path: Path) -> None:
    script = runtime(tmp_path, "One. ", 60.0)
    usual = script.script
    script.script = lambda asked: [60.0] if isinstance(asked, SpeechRequest) else usual(asked)

    async def leave() -> None:
        task = asyncio.ensure_future(all_parts(reply(script, Timing())))
        while script.running < 2:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert script.running == 0

    asyncio.run(asyncio.wait_for(leave(), 10))


@pytest.mark.parametrize("who", [TextRequest, SpeechRequest])
def test_what_fails_in_either_ends_both(tmp_path: Path, who: type) -> None:
    script = runtime(tmp_path, "One. ", "Two.")
    usual = script.script
    script.script = lambda asked: [EngineError("broken")] if isinstance(asked, who) else [*usual(asked)]
    with pytest.raises(EngineError, match="broken"):
        asyncio.run(all_parts(reply(script, Timing())))
    assert script.running == 0


def test_what_was_heard_is_one_text(tmp_path: Path) -> None:
    script = ScriptedRuntime(Settings(home=tmp_path))
    sound = Samples(rate=16_000, data=tone(1.5, rate=16_000))
    heard = asyncio.run(hear(script, "whisper-base", TranscribeRequest(sound=sound, language="zh")))
    assert isinstance(heard, Heard)
    assert (heard.text, heard.language, heard.seconds) == ("I hear 1.5 seconds.", "zh", 1.5)
