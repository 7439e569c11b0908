"""The server in a process of its own, with the scripted runtime behind it: it can be killed, and its disk can fill up.

As a program: ``server_process.py HOME`` serves on a free port and prints it.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from live_server import HEADERS, KEY


@dataclass
class ServerProcess:
    process: subprocess.Popen[str]
    url: str
    http: httpx.Client

    def kill(self) -> None:
        """As ``kill -9``."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def let_files_grow_to(self, size: int | None) -> None:
        """From now on a write beyond ``size`` bytes of a file fails, whatever the file; None: none does.

        The system refuses the write itself (EFBIG), which SQLite tells as an I/O error.
        """
        infinite = resource.RLIM_INFINITY
        soft = infinite if size is None else size
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, infinite))


@contextlib.contextmanager
def server_process(home: Path) -> Iterator[ServerProcess]:
    command = [sys.executable, __file__, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            with httpx.Client(base_url=url, headers=HEADERS, trust_env=False, timeout=90) as http:
                yield ServerProcess(process, url, http)
        finally:
            process.kill()


def main() -> None:
    """Serve until somebody ends it."""
    from aigc.db.keys import Keys
    from aigc.server.app import create_app
    from aigc.server.uvicorn_server import Server
    from aigc.settings import Settings
    from scripted_runtime import ScriptedRuntime

    home = Path(sys.argv[1])
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=home, api_key=KEY)
    keys = Keys(settings.database)
    app = create_app(settings, ScriptedRuntime(settings), keys, page=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        Server(app, grace_seconds=5, on_ready=lambda: print(port, flush=True)).run_on(listener)
    keys.close()


if __name__ == "__main__":
    main()
