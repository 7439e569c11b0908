"""``aigc voice`` through files, and through recorders and players that are programs on the PATH."""

from __future__ import annotations

import json
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_commands import Piped, call

from aigc.client.voice import RATE, read_sound
from aigc.types import TextRequest
from live_server import KEY, Live, live
from scripted_runtime import answer
from tiny_voice import tone

SPOKEN = Path(__file__).parents[2] / "data" / "capital-of-france.wav"
ANSWER = "Paris is the capital."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(autouse=True)
def _here(server: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    monkeypatch.setenv("AIGC_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("AIGC_API_KEY", KEY)
    monkeypatch.setattr(sys, "stdin", Piped(""))
    monkeypatch.chdir(tmp_path)


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_recorded_question_becomes_a_file_with_the_answer_and_a_stored_chat(
    server: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--output answer.wav --voice high --system Brief. --language en".split()
    code, out, err = call(capsys, "voice", "--input", str(SPOKEN), *options)
    assert (code, out, err) == (0, f"{ANSWER}\n", "you: I hear 1.4 seconds.\n")
    with wave.open("answer.wav") as file:
        assert file.readframes(file.getnframes()) == tone(0.05 * len(ANSWER), 880.0)
    request = [request for _, request in server.runtime.requests if isinstance(request, TextRequest)][-1]
    assert request.messages is not None
    assert request.messages[0].content == "Brief."


def test_json_tells_everything_about_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "voice", "--input", str(SPOKEN), "--json", "--no-store")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["heard"], told["text"], told["seconds"], told["file"]) == ("I hear 1.4 seconds.", ANSWER, 1.05, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", "x.wav"], "need --input"),
        (["--input", str(SPOKEN), "--output", "x.txt"], "ends like no sound"),
        (["--input", "absent.wav"], "can't be read"),
        (["--input", str(SPOKEN), "--voice", "nobody"], "accepted: low, high"),
        (["--input", str(SPOKEN), "--speed", "9"], "speed"),
    ],
)
def test_what_is_wrong_is_said(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    code, out, err = call(capsys, "voice", *arguments)
    assert code != 0
    assert out == ""
    assert words in err


def test_without_a_recorder_or_a_player_it_says_what_was_looked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    code, _, err = call(capsys, "voice")
    assert code != 0
    assert "no program that plays sound; looked for: pacat, pw-play, aplay, ffplay" in err
    assert "--input question.wav" in err
    program(tmp_path / "bin", "aplay", "cat > /dev/null")
    code, _, err = call(capsys, "voice")
    assert "no program that records sound; looked for: parec, pw-record, arecord" in err
    program(tmp_path / "bin", "arecord", "echo 'arecord: no soundcards found...' >&2; exit 1")
    code, _, err = call(capsys, "voice")
    assert code != 0
    assert "arecord can't record: arecord: no soundcards found..." in err


def test_what_the_recorder_hears_is_answered_through_the_player(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "question.raw").write_bytes(bytes(RATE) + read_sound(SPOKEN) + bytes(3 * RATE))
    # It records until the answer has been played, so the test needs no clock.
    program(
        tmp_path / "bin",
        "parec",
        f"cat '{tmp_path}/question.raw'; while [ ! -e '{tmp_path}/done' ]; do sleep 0.05; done",
    )
    program(tmp_path / "bin", "pacat", f"cat > '{tmp_path}/played.raw'; : > '{tmp_path}/done'")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    code, out, err = call(capsys, "voice")
    assert (code, out) == (0, f"{ANSWER}\n")
    assert err.splitlines()[0] == "speak; Ctrl-C ends the conversation"
    assert err.splitlines()[1].startswith("you: I hear 1.")
    assert (tmp_path / "played.raw").read_bytes() == tone(0.05 * len(ANSWER), 220.0)
