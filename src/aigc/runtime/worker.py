"""The process that holds one model: ``python -m aigc.runtime.worker FD``.

It reads commands from the socket that it inherited, and ends when the other side is gone: a server that was killed
leaves no orphan. Native engines may crash or hang; they do it here, alone.

Knows: the socket and the `Service` Protocol. Does not know: HTTP, other models, what a request means.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

import psutil

from aigc.engines import registry
from aigc.engines.base import Service
from aigc.errors import AigcError, EngineError
from aigc.runtime import wire
from aigc.types import Event

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1


def _die_with_parent(parent: int) -> None:
    """Let the kernel end us with the server, also while native code holds the interpreter (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


class Worker:
    """One socket, one service."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._write_lock = threading.Lock()
        self._process = psutil.Process()
        self._service: Service | None = None

    def run(self) -> None:
        """Serve until the socket closes."""
        for command in wire.read_commands(self._sock):
            if isinstance(command, wire.Load):
                threading.Thread(target=self._load, args=(command,), name="load", daemon=True).start()
            elif isinstance(command, wire.Ping):
                self._write(wire.Pong(self._stalled_seconds(), self._rss_bytes()))
            elif isinstance(command, wire.Close):
                break
            elif self._service is None:
                raise EngineError(f"{type(command).__name__} before the model was loaded")
            elif isinstance(command, wire.Submit):
                self._service.submit(command.id, command.request)
            else:
                self._service.cancel(command.id)
        if self._service is not None:
            self._service.close()

    def _load(self, command: wire.Load) -> None:
        try:
            self._service = registry.load(command.spec, command.file, command.options, self._send)
        except Exception as error:
            if not isinstance(error, AigcError):
                log.exception("loading %s with %s failed", command.spec.id, command.file.engine)
                error = EngineError(
                    f"{command.file.engine} could not load {command.spec.id}",
                    hint=f"`aigc verify {command.spec.id}` checks its files; the server's log says more",
                )
            self._write(wire.LoadFailed(wire.to_failure(error)))
        else:
            self._write(wire.Ready(self._rss_bytes()))

    def _send(self, items: Sequence[tuple[int, Event]]) -> None:
        self._write(wire.Events(list(items)))

    def _write(self, message: wire.Report) -> None:
        try:
            with self._write_lock:
                self._sock.sendall(wire.pack(message))
        except OSError:  # the server is gone
            os._exit(0)

    def _stalled_seconds(self) -> float:
        return 0.0 if self._service is None else self._service.stalled_seconds()

    def _rss_bytes(self) -> int:
        return int(self._process.memory_info().rss)


def _end(failure: threading.ExceptHookArgs) -> None:
    """A dead thread makes a dead worker: what it would have answered must not wait for ever."""
    log.critical("the thread %s died", failure.thread.name if failure.thread else "?", exc_info=failure.exc_value)
    sys.stderr.flush()
    os._exit(1)


def main(arguments: Sequence[str]) -> None:
    """Run a worker on the file descriptor that ``arguments`` names."""
    fd, parent = (int(argument) for argument in arguments)
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to handle
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    threading.excepthook = _end
    Worker(socket.socket(fileno=fd)).run()
    sys.stderr.flush()
    os._exit(0)  # native threads and destructors have nothing left to say


if __name__ == "__main__":
    main(sys.argv[1:])
