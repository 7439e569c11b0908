"""`aigc.Client` and `aigc listen` against the real server; the sound is really decoded, what is heard is its length."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aigc import errors
from aigc.cli.main import run
from aigc.client.aio import AsyncClient
from aigc.client.sync import Client
from aigc.client.transcript_results import TranscriptProgress
from aigc.types import TranscribeRequest, TranscriptSegment, TranscriptStarted
from live_server import KEY, Live, live
from scripted_runtime import answer
from tiny_voice import RATE, tone

DAMAGED = errors.InvalidSound("file can't be read: it ends after 2.0 of 9.0 seconds", param="file")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    with Client(f"{server.url}/v1", KEY, max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    import wave

    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone(4.0))
    return path


def asked(server: Live) -> TranscribeRequest:
    request = server.runtime.requests[-1][1]
    assert isinstance(request, TranscribeRequest)
    return request


def two_sentences(_: object) -> list[object]:
    return [
        TranscriptStarted(language="de", probability=0.9, seconds=9.0),
        TranscriptSegment(index=0, start=0.0, end=1.0, text=" Guten Tag."),
        TranscriptSegment(index=1, start=1.5, end=2.0, text=" Wie geht es?"),
        DAMAGED,
    ]


def test_a_file_is_written_down(client: Client, server: Live, sound: Path) -> None:
    found = client.transcribe(sound, words=True, language="en", prompt="Hello.", temperature=0.5)
    assert (found.text, found.language, found.duration) == ("I hear 4.0 seconds.", "english", 4.0)
    (part,) = found.segments
    assert (part.text, part.start, part.end, part.confidence) == ("I hear 4.0 seconds.", 0.0, 4.0, -0.25)
    assert [(word.text, word.start) for word in found.words] == [("I", 0), ("hear", 1), ("4.0", 2), ("seconds.", 3)]
    request = asked(server)
    assert (request.language, request.prompt, request.temperature, request.words) == ("en", "Hello.", 0.5, True)


def test_progress_tells_the_sentences_and_the_answer_is_the_same(client: Client, sound: Path) -> None:
    seen: list[TranscriptProgress] = []
    told = client.transcribe(sound, words=True, on_progress=seen.append)
    whole = client.transcribe(sound, words=True)
    assert (told.text, told.language, told.duration, told.segments) == (
        whole.text,
        whole.language,
        whole.duration,
        whole.segments,
    )
    assert [(one.seconds, one.duration) for one in seen] == [(4.0, 4.0), (4.0, 4.0)]
    assert [one.segment for one in seen] == [None, *told.segments]


def test_a_translation_is_english(client: Client, server: Live, sound: Path) -> None:
    for on_progress in (None, lambda progress: None):
        found = client.translate(sound, language="de", on_progress=on_progress)
        assert (found.text, found.language) == ("I hear 4.0 seconds.", "english")
        assert (asked(server).translate, asked(server).language) == (True, "de")


def test_sound_may_be_bytes_or_samples(client: Client, sound: Path) -> None:
    assert client.transcribe(sound.read_bytes()).duration == 4.0
    samples = np.frombuffer(tone(2.0), "<i2")
    assert client.transcribe((samples, RATE)).duration == 2.0
    floats = np.stack([samples, samples], axis=1).astype(np.float32) / 32768
    assert client.transcribe((floats, RATE)).duration == 2.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.wav", "can't be read"),
        (".", "is a folder"),
        (3, "sound is of type int"),
        ((np.zeros((2, 2, 2)), 16_000), r"shape \(2, 2, 2\)"),
        ((np.zeros(5, np.int64), 16_000), "int64"),
        ((np.zeros(5), 0), "rate is 0"),
    ],
)
def test_what_is_no_sound_is_refused_before_anything_is_sent(client: Client, given: object, words: str) -> None:
    with pytest.raises(errors.UserError, match=words) as caught:
        client.transcribe(given)
    assert caught.value.param == "sound"


def test_a_damaged_file_tells_what_was_understood_until_there(client: Client, server: Live, sound: Path) -> None:
    server.runtime.script = two_sentences  # type: ignore[assignment]
    seen: list[TranscriptProgress] = []
    with pytest.raises(errors.InvalidSound, match=r"ends after 2\.0 of 9\.0"):
        client.transcribe(sound, on_progress=seen.append)
    assert [one.segment.text for one in seen if one.segment] == ["Guten Tag.", "Wie geht es?"]


def test_formats_and_files(client: Client, sound: Path, tmp_path: Path) -> None:
    found = client.transcribe(sound)
    assert found.format("srt") == "1\n00:00:00,000 --> 00:00:04,000\nI hear 4.0 seconds.\n\n"
    assert found.format("vtt").startswith("WEBVTT\n\n00:00:00.000")
    assert found.save(tmp_path / "a.txt").read_text() == "I hear 4.0 seconds.\n"
    assert json.loads(found.save(tmp_path / "a.json").read_text())["segments"][0]["end"] == 4.0
    with pytest.raises(errors.UserError, match=r"'a\.doc' ends like no transcript; accepted: \.txt, \.srt, \.vtt"):
        found.save(tmp_path / "a.doc")


def test_the_asynchronous_client_does_the_same(server: Live, client: Client, sound: Path) -> None:
    async def work() -> tuple[str, str, list[TranscriptProgress]]:
        seen: list[TranscriptProgress] = []
        async with AsyncClient(f"{server.url}/v1", KEY, max_retries=0, timeout=20) as asynchronous:
            plain = await asynchronous.transcribe(sound)
            told = await asynchronous.translate(sound, on_progress=seen.append)
        return plain.text, told.text, seen

    plain, told, seen = asyncio.run(work())
    assert (plain, told, len(seen)) == ("I hear 4.0 seconds.", "I hear 4.0 seconds.", 2)


@pytest.fixture
def there(server: Live, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("AIGC_API_KEY", KEY)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.usefixtures("there")
def test_the_command_prints_the_text(capsys: pytest.CaptureFixture[str], sound: Path) -> None:
    assert call(capsys, "listen", str(sound)) == (0, "I hear 4.0 seconds.\n", "english, 4.0 s of sound\n")


@pytest.mark.usefixtures("there")
def test_the_command_writes_subtitles(capsys: pytest.CaptureFixture[str], sound: Path, tmp_path: Path) -> None:
    code, out, _ = call(capsys, "listen", str(sound), "-o", str(tmp_path / "a.srt"), "--words")
    assert (code, out) == (0, f"{tmp_path}/a.srt\n")
    assert (tmp_path / "a.srt").read_text().splitlines()[:3] == ["1", "00:00:00,000 --> 00:00:01,000", "I"]
    code, out, _ = call(capsys, "listen", str(sound), "--format", "vtt")
    assert (code, out.splitlines()[0]) == (0, "WEBVTT")


@pytest.mark.usefixtures("there")
def test_the_command_reads_standard_input(
    capsys: pytest.CaptureFixture[str], sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sound.read_bytes())))
    assert call(capsys, "listen", "-", "--translate", "-l", "de")[1] == "I hear 4.0 seconds.\n"


@pytest.mark.usefixtures("there")
def test_of_a_damaged_file_the_command_keeps_what_was_understood(
    capsys: pytest.CaptureFixture[str], server: Live, sound: Path, tmp_path: Path
) -> None:
    server.runtime.script = two_sentences  # type: ignore[assignment]
    code, out, err = call(capsys, "listen", str(sound))
    assert (code, out) == (1, "Guten Tag. Wie geht es?\n")
    assert "ends after 2.0 of 9.0 seconds" in err
    code, _, err = call(capsys, "listen", str(sound), "-o", str(tmp_path / "a.txt"))
    assert code == 1
    assert (tmp_path / "a.txt").read_text() == "Guten Tag. Wie geht es?\n"
    assert "what was understood until there is kept" in err


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "doc"], "'doc' is no format; accepted: text, srt, vtt, json"),
        (["-o", "a.doc"], "ends like no transcript"),
        (["--words"], "--words needs --format"),
        (["--words", "--translate", "-f", "srt"], "words of a translation"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    capsys: pytest.CaptureFixture[str], sound: Path, arguments: list[str], words: str
) -> None:
    code, out, err = call(capsys, "listen", str(sound), *arguments)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())
