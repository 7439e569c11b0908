"""Runs pip as a child process, so that its own configuration decides where packages come from.

Index, mirrors, find-links, certificates, proxies and credentials are pip's business: nothing of them is read here.

Knows: command lines, progress lines, what pip says when it fails. Does not know: models.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from aigc.errors import StorageFull, StoreError

_PROGRESS = re.compile(rb"Progress (\d+) of (\d+)\s*")
_CHATTER = re.compile(r"^(WARNING: Location|Looking in|\[notice\])")
_SECRET = re.compile(r"://[^/\s@]+@")
_LAST_LINES = 6


def run_pip(
    arguments: Sequence[str], scratch: Path, on_bytes: Callable[[int, int], None] | None = None, *, what: str
) -> None:
    """Run ``pip ARGUMENTS`` to the end.

    Args:
        arguments: after ``python -m pip``.
        scratch: an existing folder for pip's temporary files, on the disk where the result goes: the system's own
            temporary folder is often a small memory disk.
        on_bytes: hears (done, total) of the file that is being downloaded.
        what: for messages, what pip is meant to do.

    Raises:
        StoreError: pip failed; the message has its last lines.
        StorageFull: pip ran out of room.
    """
    command = [sys.executable, "-m", "pip", *arguments, "--no-input", "--disable-pip-version-check"]
    # Passed on as it is, apart from the temporary folder, and that nothing is imported from the current one.
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
    with tempfile.TemporaryFile(dir=scratch) as errors:
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment
            )
        except OSError as error:
            raise StoreError(f"{what}: pip can't be started: {error.strerror}") from error
        with child:
            assert child.stdout is not None
            try:
                last = _watch(child.stdout, on_bytes)
            except BaseException:
                # Ctrl-C, or a caller that stops: pip must not go on writing into the folder.
                child.terminate()
                raise
        status = child.returncode
        if status:
            errors.seek(0)
            raise _failure(what, status, errors.read().decode("utf-8", "replace") or last)


def _watch(output: IO[bytes], on_bytes: Callable[[int, int], None] | None) -> str:
    last: list[str] = []
    for line in output:
        match = _PROGRESS.fullmatch(line)
        if match and on_bytes is not None:
            on_bytes(int(match[1]), int(match[2]))
        elif not match:
            last = [*last[-_LAST_LINES:], line.decode("utf-8", "replace")]
    return "".join(last)


def _failure(what: str, status: int, output: str) -> StoreError | StorageFull:
    lines = [line for line in output.splitlines() if line.strip() and not _CHATTER.match(line)]
    # A private index may carry a password in its address, and pip repeats addresses.
    said = _SECRET.sub("://***@", " / ".join(line.strip() for line in lines[-_LAST_LINES:]))
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return StorageFull(f"{what}: no space left on the disk", hint="make room, then repeat the command")
    if "No matching distribution" in said:
        hint = "the configured package index has no such wheel; `pip config list` shows which index is asked"
    elif "No module named pip" in said:
        hint = "install pip into this environment: python -m ensurepip"
    else:
        hint = "repeat the command: it goes on where it stopped; `pip config list` shows which index is asked"
    return StoreError(f"{what}: pip ended with {status}: {said[-1500:]}", hint=hint)
