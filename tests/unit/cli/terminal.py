"""A program under a pseudo-terminal: type into it, wait for what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>]|\][^\x07]*\x07)")


class Terminal:
    def __init__(self, *arguments: str, **environ: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aigc", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", **environ},
            preexec_fn=_own_terminal,
        )
        os.close(slave)
        self.shown = ""
        self._from = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def expect(self, text: str, seconds: float = 10) -> str:
        """Wait until ``text`` is shown after what was expected before; returns everything since then."""
        end = time.monotonic() + seconds
        while (found := self.shown.find(text, self._from)) < 0:
            assert time.monotonic() < end, f"{text!r} was not shown; this was: {self.shown[self._from :]!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    piece = os.read(self.master, 65536)
                except OSError:
                    piece = b""
                assert piece or self.process.poll() is None, f"it ended and showed: {self.shown!r}"
                self._answer_questions(piece)
                self.shown += _ESCAPES.sub("", piece.decode("utf-8", "replace")).replace("\r", "")
        since = self.shown[self._from : found + len(text)]
        self._from = found + len(text)
        return since

    def _answer_questions(self, piece: bytes) -> None:
        # prompt_toolkit asks where the cursor is, as a real terminal would tell.
        if b"\x1b[6n" in piece:
            os.write(self.master, b"\x1b[1;1R")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, seconds: float = 10) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it goes on; shown: {self.shown!r}"
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    piece = os.read(self.master, 65536)
                except OSError:
                    continue
                self.shown += _ESCAPES.sub("", piece.decode("utf-8", "replace")).replace("\r", "")
        return self.process.returncode


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
