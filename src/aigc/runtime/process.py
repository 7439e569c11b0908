"""One worker process, seen from the server: started, loaded, asked, watched, ended.

Knows: sockets, frames, process ids, health. Does not know: which model to load when, queues, memory budgets.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import psutil

from aigc.engines.base import LoadOptions
from aigc.errors import EngineError, WorkerDied
from aigc.runtime import wire
from aigc.runtime.link import Link
from aigc.runtime.status import WorkerState
from aigc.settings import child_environment
from aigc.types import FINAL, Deliver, EngineFile, Event, Failure, ModelSpec, Request

log = logging.getLogger(__name__)

_PING_SECONDS = 2.0
_PINGS_PER_HANG = 5
"""A worker must be looked at several times before its silence is held against it."""
_COMPUTING_FACTOR = 2.5
"""A silent worker that still spends processor time is given this much longer."""
_STALL_SECONDS = 60.0
"""An engine that has work and gives no sign this long is taken to hang; one prefill step takes seconds at most."""
_CLOSE_SECONDS = 5.0
_LAST_WORDS_BYTES = 2000


class _Answer:
    """One request that the worker answers.

    Args:
        deliver: takes its events; a `Failure` isn't delivered but raised from ``done``.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, event: Event) -> None:
        if self.done.done():
            return
        if isinstance(event, Failure):
            self.done.set_exception(wire.to_error(event))
            return
        self._deliver(event)
        if isinstance(event, FINAL):
            self.done.set_result(None)


class WorkerProcess:
    """A child process with one model in it.

    Args:
        spec: the model.
        file: the engine and what it opens.
        options: threads, context, cache and parallelism.
        hang_seconds: a silent process is killed before its silence lasts this long.
        on_death: called once if the process ends by itself, or hangs, after it had been ready.
    """

    def __init__(
        self,
        spec: ModelSpec,
        file: EngineFile,
        options: LoadOptions,
        *,
        hang_seconds: float,
        on_death: Callable[[WorkerProcess, WorkerDied], None],
    ) -> None:
        self.spec = spec
        self.file = file
        self.options = options
        self.state: WorkerState = "loading"
        self.rss_bytes = 0
        self._hang_seconds = hang_seconds
        self._ping_seconds = min(_PING_SECONDS, hang_seconds / _PINGS_PER_HANG)
        self._on_death = on_death
        self._ids = itertools.count(1)
        self._answers: dict[int, _Answer] = {}
        self._loaded: asyncio.Future[None] | None = None
        self._last_report = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._popen: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._link = Link(spec.id, self._take, self._lost)
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process is reaped

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self._popen.pid if self._popen is not None and self.state != "dead" else None

    def launch(self) -> None:
        """Start the process, which begins to load the model. Needs no event loop; `start` does this if nobody did."""
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "aigc.runtime.worker", str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                env=child_environment(),
                cwd=os.path.abspath(os.sep),  # `python -m` imports from the current folder first: not from the user's
                start_new_session=True,
            )
        with contextlib.suppress(OSError):  # it is dead already, which whoever connects will notice
            self._socket.sendall(wire.pack(wire.Load(self.spec, self.file, self.options)))

    def abandon(self) -> None:
        """End a process that was launched and never connected to. Needs no event loop."""
        if self._popen is not None and self._socket is not None:
            self._popen.kill()
            self._socket.close()
            self._wait(_CLOSE_SECONDS)
        self._words.close()
        self.state = "dead"

    async def start(self, load_seconds: float) -> None:
        """Start the process, if it isn't yet, and wait until the model is loaded.

        Raises:
            AigcError: what the worker said, or EngineError if it took longer than ``load_seconds`` or died.
        """
        self._loaded = asyncio.get_running_loop().create_future()
        try:
            if self._popen is None:
                self.launch()
            await asyncio.get_running_loop().create_connection(lambda: self._link, sock=self._socket)
            await asyncio.wait_for(asyncio.shield(self._loaded), load_seconds)
        except (asyncio.TimeoutError, TimeoutError):
            await self.kill("took too long to load")
            raise EngineError(
                f"{self.spec.id} did not load within {load_seconds:g} s", hint="AIGC_LOAD_SECONDS sets the limit"
            ) from None
        except BaseException:
            await self.kill("loading failed")
            raise
        self._tasks.append(asyncio.create_task(self._watch(), name=f"watch {self.spec.id}"))

    async def answer(self, request: Request, deliver: Deliver) -> None:
        """Ask, and deliver the events until the final one; being cancelled cancels the request in the worker.

        Raises:
            AigcError: what the worker answered; WorkerDied when it ended on the way.
        """
        if self.state != "ready":
            raise self._died()
        request_id = next(self._ids)
        self._answers[request_id] = answer = _Answer(deliver)
        try:
            self._link.send(wire.Submit(request_id, request))
            await answer.done
        finally:
            del self._answers[request_id]
            if answer.done.cancelled() and self.state == "ready":
                self._link.send(wire.Cancel(request_id))

    async def close(self) -> None:
        """Ask the process to end, and make it end."""
        try:
            if self.state == "ready":
                self.state = "dead"
                self._link.send(wire.Close())
                await asyncio.to_thread(self._wait, _CLOSE_SECONDS)
        finally:
            await self.kill("unloaded")

    async def kill(self, reason: str, *, unexpected: bool = False) -> None:
        """End the process now; running answers get WorkerDied. ``unexpected``: log what it said last, tell of it."""
        was_ready = self.state == "ready"
        self._fail_all(reason)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self._link.connected:
            self._link.close()
        elif self._socket is not None:
            self._socket.close()
        try:
            if self._popen is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._popen.kill()
                if unexpected and was_ready:  # before anything is awaited: the next request must find it counted
                    self._on_death(self, self._died(reason))
                await asyncio.to_thread(self._wait, _CLOSE_SECONDS)
        finally:
            if not self._words.closed:
                self._log_last_words(unexpected)
            self._words.close()

    def _wait(self, seconds: float) -> None:
        assert self._popen is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)

    def _lost(self, reason: str) -> None:
        """The connection is gone, and with it the process, unless we ended it ourselves."""
        if self.state != "dead":
            task = asyncio.create_task(self.kill(reason, unexpected=True), name=f"bury {self.spec.id}")
            self._tasks.append(task)

    def _take(self, report: wire.Report) -> None:
        self._last_report = time.monotonic()
        if isinstance(report, wire.Events):
            for request_id, event in report.items:
                if (answer := self._answers.get(request_id)) is not None:
                    answer.take(event)
        elif isinstance(report, wire.Pong):
            self.rss_bytes = report.rss_bytes
            if report.stalled_seconds > _STALL_SECONDS:
                raise EngineError(f"the engine has been silent for {report.stalled_seconds:.0f} s")
        elif self._loaded is None or self._loaded.done():
            raise EngineError(f"{type(report).__name__} out of turn")
        elif isinstance(report, wire.Ready):
            self.rss_bytes = report.rss_bytes
            self.state = "ready"
            self._loaded.set_result(None)
        else:
            self._loaded.set_exception(wire.to_error(report.failure))

    async def _watch(self) -> None:
        while self.state == "ready":
            asked, spent = time.monotonic(), self._spent_seconds()
            self._link.send(wire.Ping())
            await asyncio.sleep(self._ping_seconds)
            now = time.monotonic()
            if now - asked > 2 * self._ping_seconds:  # we ourselves were stopped: its silence proves nothing
                self._last_report = now
            silence = now - self._last_report
            unanswered = self._last_report < asked
            # One that computes may only be slow on a busy machine; one that is stopped or locked spends nothing.
            patience = self._hang_seconds * (_COMPUTING_FACTOR if self._spent_seconds() > spent else 1)
            if unanswered and silence + 1.5 * self._ping_seconds > patience:  # the next look is too late
                log.error("worker of %s (pid %s) is silent for %.0f s: killed", self.spec.id, self.pid, silence)
                await self.kill("hung and was ended", unexpected=True)

    def _spent_seconds(self) -> float:
        """Processor time of the process so far."""
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(self.pid).cpu_times()
            return float(times.user + times.system)
        return 0.0

    def _fail_all(self, reason: str) -> None:
        self.state = "dead"
        failure = wire.to_failure(self._died(reason))
        for answer in self._answers.values():
            answer.take(failure)
        if self._loaded is not None and not self._loaded.done():
            self._loaded.set_exception(self._died(reason))
            self._loaded.exception()  # `start` may have given up on it already

    def _died(self, reason: str = "ended") -> WorkerDied:
        return WorkerDied(
            f"the process of {self.spec.id} {reason} before the answer was complete",
            hint="send the request again: a new process takes it",
            retry_after_seconds=1.0,
        )

    def _log_last_words(self, unexpected: bool) -> None:
        """What native code or a traceback said goes to the log, never to a client."""
        self._words.seek(max(0, os.fstat(self._words.fileno()).st_size - _LAST_WORDS_BYTES))
        words = self._words.read().decode(errors="replace").strip()
        if unexpected and self._popen is not None:
            code = self._popen.returncode
            how = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
            log.error("worker of %s died: %s%s", self.spec.id, how, f"; it said: {words}" if words else "")
        elif words:
            log.warning("worker of %s ended; it had said: %s", self.spec.id, words)
