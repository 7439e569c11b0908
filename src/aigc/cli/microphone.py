"""The sound devices of this machine, through whichever program of the system knows them.

Programs are called by lists of arguments, never through a shell. Samples are 16-bit, one channel, `RATE` a second.

Knows: names and arguments of recorders and players. Does not know: conversations.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence

from aigc.errors import UserError
from aigc.i18n import t

RATE = 24_000
_RAW = ("--raw", "--format=s16le", f"--rate={RATE}", "--channels=1")
RECORDERS = (
    ("parec", *_RAW),
    ("pw-record", "--format=s16", f"--rate={RATE}", "--channels=1", "-"),
    ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", str(RATE), "-c", "1"),
)
"""Programs that write what the microphone hears to their standard output; the first that is installed is taken."""
PLAYERS = (
    ("pacat", *_RAW),
    ("pw-play", "--format=s16", f"--rate={RATE}", "--channels=1", "-"),
    ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", str(RATE), "-c", "1"),
    ("ffplay", "-loglevel", "error", "-nodisp", "-f", "s16le", "-ar", str(RATE), "-ch_layout", "mono", "-"),
)
"""Programs that play what comes to their standard input."""
_PIECE_SECONDS = 0.05


class Microphone:
    """What is heard now. Raises: UserError: no program of this machine records sound."""

    def __init__(self) -> None:
        self._command = _found(RECORDERS, t("this machine has no program that records sound; looked for: {names}"))
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def read(self) -> bytes:
        """The next twentieth of a second; empty at the end. Raises: UserError: the program says why it can't."""
        assert self._process.stdout is not None
        data = self._process.stdout.read(int(_PIECE_SECONDS * RATE) * 2)
        if not data and self._process.wait():
            assert self._process.stderr is not None
            said = self._process.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
            raise UserError(
                t("{program} can't record: {reason}", program=self._command[0], reason=said[0] if said else "?"),
                hint=t("--input FILE asks a question that was recorded"),
            )
        return data

    def close(self) -> None:
        """Stop listening."""
        _end(self._process)


class Loudspeaker:
    """Plays one sound after the other, and can fall silent in the middle. Raises: UserError: no program plays sound."""

    def __init__(self) -> None:
        self._command = _found(PLAYERS, t("this machine has no program that plays sound; looked for: {names}"))
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._given = 0.0
        self._lock = threading.Lock()

    def play(self, data: bytes) -> None:
        """More sound; returns when the player has taken it."""
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                self._began, self._given = time.monotonic(), 0.0
            process = self._process
        self._given += len(data) / 2 / RATE
        assert process.stdin is not None
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except (OSError, ValueError):  # it was silenced meanwhile
            return

    def silence(self) -> int | None:
        """Stop at once. Returns: how many milliseconds were heard; None where nothing was being played."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return None
        played = time.monotonic() - self._began
        process.kill()
        _end(process)
        return round(min(played, self._given) * 1000) if played < self._given else None

    def finish(self) -> None:
        """Wait until all is heard, or silenced."""
        with self._lock:
            process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait()
        with self._lock:
            if self._process is process:
                self._process = None


def _found(programs: Sequence[Sequence[str]], complaint: str) -> list[str]:
    for name, *arguments in programs:
        if (path := shutil.which(name)) is not None:
            return [path, *arguments]
    raise UserError(
        complaint.format(names=", ".join(name for name, *_ in programs)),
        hint=t("--input question.wav --output answer.wav talks through files"),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):  # what was still to be written has no reader any more
                stream.close()
