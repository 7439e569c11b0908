"""A full disk, really: the home is a small file system of its own that fills up and is emptied again.

Chats go on; what would have to be written is refused with 503 or 507; when there is room again all works without a
restart.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from serving import serving
from stage import Stage

CHAT = {"model": "default", "max_tokens": 3, "messages": [{"role": "user", "content": "a b c"}]}
_MOUNT = 'mount -t tmpfs -o size=8m chaos "$0" && exec "$@"'


def _alone() -> list[str]:
    """Words that give a process file systems of its own. Raises: RuntimeError where nobody may have that."""
    program = shutil.which("unshare")
    for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        if program and subprocess.run([program, *options, "true"], capture_output=True, check=False).returncode == 0:
            return [program, *options]
    raise RuntimeError("this machine lets nobody mount a file system")


def _fill(home: Path) -> Path:
    """Write until there is no room at all."""
    filler = home / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (2**16, 2**10, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return filler


def play(stage: Stage) -> None:
    """Fill, ask, empty, ask, several times."""
    plain: list[int] = []
    full: list[int] = []
    roomy: list[int] = []
    kept: list[str] = []
    home = stage.scratch / "home"
    before = [*_alone(), "sh", "-c", _MOUNT, str(home)]
    with serving(stage, echo="delay=0", before=before) as server:
        inside = Path(f"/proc/{server.pid}/root{home}")
        post = lambda **more: server.http.post("/v1/chat/completions", json={**CHAT, **more})  # noqa: E731
        for _ in range(stage.times(10)):
            roomy.append((answer := post(store=True)).status_code)
            kept += [answer.json()["id"]] if answer.status_code == 200 else []
            filler = _fill(inside)
            for _ in range(10):
                plain.append(post().status_code)
                full.append((answer := post(store=True, metadata={"pad": "x" * 500})).status_code)
                kept += [answer.json()["id"]] if answer.status_code == 200 else []
            filler.unlink()
        roomy.append(post(store=True).status_code)
        missing = [one for one in kept if server.http.get(f"/v1/chat/completions/{one}").status_code != 200]
        alive = server.alive
    stage.all("chats answered 200 on a full disk", plain.count(200), len(plain))
    stage.none(
        "stored chats on a full disk, answered otherwise than 200, 503 or 507",
        [s for s in full if s not in (200, 503, 507)],
    )
    stage.count("of these refused", sum(status != 200 for status in full))
    stage.all("stored chats with room again", roomy.count(200), len(roomy))
    stage.none("acknowledged and lost", missing)
    stage.none("deaths of the server", [] if alive else ["it died"])
