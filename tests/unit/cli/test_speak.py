"""``aigc speak``: what is asked, what is written, what is refused."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path

import httpx
import pytest
from test_commands import Piped, call

import aigc
from aigc.cli import ask


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    bodies: list[dict[str, object]] = []

    def speak(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, content=bytes(48_000), headers={"x-voice": "heart"})

    client = aigc.Client("http://server/v1", "key", transport=httpx.MockTransport(speak))
    monkeypatch.setattr("aigc.cli.speak.open_client", lambda: client)
    monkeypatch.setattr(sys, "stdin", Piped(""))
    monkeypatch.chdir(tmp_path)
    assert ask.open_client is not None
    return bodies


def test_a_file_is_written_and_named_on_stdout(capsys, asked) -> None:
    code, out, err = call(capsys, "speak", "Hello.", "-o", "a.mp3", "-s", "1.5", "-v", "heart", "-m", "m")
    assert (code, out) == (0, "a.mp3\n")
    assert err == "1.0 s of speech; voice: heart\n"
    assert Path("a.mp3").read_bytes()[:1] == b"\xff"
    assert asked == [{"model": "m", "voice": "heart", "speed": 1.5, "input": "Hello.", "response_format": "pcm"}]


def test_a_text_file_is_read_aloud(capsys, asked) -> None:
    Path("a.txt").write_text("One. Two.", encoding="utf-8-sig")
    code, out, _ = call(capsys, "speak", "-f", "a.txt", "-o", "sound", "--format", "flac", "--json")
    assert (code, asked[0]["input"], asked[0]["voice"]) == (0, "One. Two.", "alloy")
    assert json.loads(out) == {"file": "sound", "seconds": 1.0, "voices": ["heart"], "rate": 24_000}
    assert Path("sound").read_bytes()[:4] == b"fLaC"


def test_without_a_file_a_program_plays_it(capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = tmp_path / "aplay"
    player.write_text(f'#!/bin/sh\n{shutil.which("cp")} "$2" "{tmp_path}/heard.wav"\n')
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert call(capsys, "speak", "Hello.")[0] == 0
    assert (tmp_path / "heard.wav").stat().st_size == 48_044


def test_a_program_that_fails_is_quoted(capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = tmp_path / "aplay"
    player.write_text("#!/bin/sh\necho no soundcards found >&2\nexit 1\n")
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = call(capsys, "speak", "Hello.")
    assert code != 0
    assert "aplay can't play: no soundcards found" in err
    assert "-o FILE" in err


def test_without_any_program_it_says_so_before_it_asks(capsys, asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    code, _, err = call(capsys, "speak", "Hello.")
    assert code != 0
    assert "looked for: paplay, pw-play, aplay, afplay, ffplay" in err
    assert not asked


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["", "-o", "a.mp3"], "nothing to say"),
        (["hi", "-f", "a.txt", "-o", "a.mp3"], "not both"),
        (["hi", "-o", "a.txt"], "ends like no sound"),
        (["hi", "-o", "a.mp3", "--format", "wav"], "--format says wav"),
        (["hi", "-o", "a", "--format", "midi"], "is no format"),
        (["hi", "--format", "wav"], "-o FILE"),
        (["-f", "missing.txt", "-o", "a.mp3"], "missing.txt can't be read"),
    ],
)
def test_what_can_not_be_is_refused(capsys, asked, arguments: list[str], words: str) -> None:
    code, _, err = call(capsys, "speak", *arguments)
    assert code != 0
    assert words in " ".join(err.split())
    assert not asked
