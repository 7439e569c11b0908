"""The place of one model on one engine: a queue before it, and a process behind it that comes and goes.

Knows: when to start, restart and unload its process. Does not know: other models, memory budgets, HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aigc.engines.base import LoadOptions
from aigc.errors import AigcError, WorkerDied
from aigc.runtime.process import WorkerProcess
from aigc.runtime.restarts import RestartBudget
from aigc.runtime.status import WorkerState, WorkerStatus
from aigc.runtime.turnstile import Turnstile
from aigc.types import Deliver, EngineFile, ModelSpec, Request, TextRequest

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 3.0
"""A request waits this long for a start that isn't allowed yet; one that would take longer is refused."""
_WANTED_SECONDS = 60.0
"""A process that dies this soon after its last answer is started again before anybody asks."""
_GROWTH_BYTES = 256 * 2**20
"""What a process may need beyond the estimate before it counts as grown."""
_IDLE_GROWTH, _BUSY_GROWTH = 1.25, 2.0
"""Times the estimate: a process that does nothing is renewed at the first, one under load at the second."""


class Seat:
    """Answers requests with a process that is started when the first one comes.

    Args:
        spec, file, options: what the process loads.
        make_room: awaited before a process starts; frees memory or raises.
        queue_size: requests that may wait.
        load_seconds, hang_seconds: limits, see `aigc.settings`.
    """

    def __init__(
        self,
        spec: ModelSpec,
        file: EngineFile,
        options: LoadOptions,
        make_room: Callable[[Seat], Awaitable[None]],
        *,
        queue_size: int,
        load_seconds: float,
        hang_seconds: float,
    ) -> None:
        self.spec = spec
        self.file = file
        self.options = options
        self.turnstile = Turnstile(options.max_sequences, queue_size)
        self.restarts = 0
        self._make_room = make_room
        self._load_seconds = load_seconds
        self._hang_seconds = hang_seconds
        self._process: WorkerProcess | None = None
        self._launched: WorkerProcess | None = None
        """Begun before there was an event loop; the next start goes on with it."""
        self._starting: asyncio.Task[WorkerProcess] | None = None
        self._last_used = time.monotonic()
        self._budget = RestartBudget()
        self._has_room = False

    @property
    def name(self) -> str:
        """``model/engine``."""
        return f"{self.spec.id}/{self.file.engine}"

    @property
    def state(self) -> WorkerState:
        """Of the process; ``dead`` when there is none."""
        return "loading" if self._starting else self._process.state if self._process else "dead"

    @property
    def in_memory(self) -> bool:
        """Whether a process holds the model, or has been given the room to load it."""
        return (
            self._has_room
            or self._launched is not None
            or (self._process is not None and self._process.state != "dead")
        )

    @property
    def busy(self) -> bool:
        """Whether unloading would interrupt somebody."""
        return self._starting is not None or self.turnstile.inside > 0 or self.turnstile.waiting > 0

    @property
    def idle_seconds(self) -> float:
        """Since the last answer ended; 0 while one runs."""
        return 0.0 if self.busy else time.monotonic() - self._last_used

    def launch(self) -> None:
        """Begin to load before the event loop runs: the first request, or the first preloading, goes on with it."""
        self._launched = self._new_process()
        self._launched.launch()

    def abandon(self) -> None:
        """End what `launch` began, where no event loop ever went on with it."""
        if self._launched is not None:
            self._launched.abandon()
            self._launched = None

    async def answer(self, request: Request, deliver: Deliver) -> None:
        """Wait for a place, start the process if need be, and deliver the events. Raises: AigcError."""
        weight = request.drawn if isinstance(request, TextRequest) else 1
        async with self.turnstile.enter(weight):
            try:
                process = await self.start()
                await process.answer(request, deliver)
                self._budget.succeeded()
            finally:
                self._last_used = time.monotonic()

    async def start(self) -> WorkerProcess:
        """The live process; a new one if there is none. Raises: AigcError.

        Loading goes on when the one who asked for it leaves: others wait for it, or soon will.
        """
        if self._process is not None and self._process.state == "ready":
            return self._process
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name=f"start {self.name}")
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[WorkerProcess]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # whoever still waits gets it from the task; if nobody does, it isn't news

    async def _start(self) -> WorkerProcess:
        await self._wait_for_budget()
        if self._process is not None:
            self.restarts += 1
        await self._make_room(self)
        self._has_room = True
        try:
            self._process = await self._load()
        finally:
            self._has_room = False
        return self._process

    async def _wait_for_budget(self) -> None:
        """Return when a start is allowed. Raises: AigcError if that takes longer than a request should wait."""
        seconds, last = self._budget.wait_seconds, self._budget.error
        if seconds > _PATIENCE_SECONDS and isinstance(last, WorkerDied):
            raise WorkerDied(
                f"the process of {self.spec.id} died {self._budget.failures} times without completing an answer; "
                f"it is started again in {seconds:.0f} s at the earliest",
                hint="the server's log says what it said last",
                retry_after_seconds=seconds,
            )
        if seconds > 0 and last is not None and not isinstance(last, WorkerDied):
            raise last
        await asyncio.sleep(seconds)

    async def _load(self) -> WorkerProcess:
        began = time.monotonic()
        process, self._launched = self._launched or self._new_process(), None
        try:
            await process.start(self._load_seconds)
        except AigcError as error:
            self._budget.failed(error)
            raise
        log.info("loaded %s in %.1f s (pid %s)", self.name, time.monotonic() - began, process.pid)
        return process

    def _new_process(self) -> WorkerProcess:
        return WorkerProcess(
            self.spec, self.file, self.options, hang_seconds=self._hang_seconds, on_death=self._restart
        )

    def _restart(self, process: WorkerProcess, error: WorkerDied) -> None:
        """Start the process again before the next request comes, if one is likely and the budget allows it."""
        self._budget.failed(error)
        if process is not self._process or self._starting is not None:
            return  # unloaded on purpose, or a request was faster
        if self._budget.unasked and (self.busy or self.idle_seconds < _WANTED_SECONDS):
            self._starting = asyncio.create_task(self._start(), name=f"restart {self.name}")
            self._starting.add_done_callback(self._started)

    def grown(self, reserved_bytes: int) -> bool:
        """Whether the process holds so much more memory than was set aside that it should be renewed now.

        Native libraries keep what nobody can take from them (the grammar compilers remember every schema).
        """
        if self._process is None or self._process.state != "ready":
            return False
        factor = _BUSY_GROWTH if self.busy else _IDLE_GROWTH
        return self._process.rss_bytes > factor * reserved_bytes + _GROWTH_BYTES

    async def renew(self) -> None:
        """Replace the process between two answers: those that run are completed, later ones wait in the queue."""
        async with self.turnstile.alone():
            if self._process is not None:
                log.warning("renewing %s: it has grown to %d MiB", self.name, self._process.rss_bytes // 2**20)
                await self.unload()
                await self.start()

    async def unload(self) -> None:
        """End the process; the next request starts another.

        Waits for nobody: whoever makes room for a newcomer calls this while others may be starting.
        """
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._launched is not None:
            process, self._launched = self._launched, None
            await process.close()
        if self._process is not None:
            log.info("unloading %s", self.name)
            process, self._process = self._process, None
            await process.close()

    def status(self, reserved_bytes: int) -> WorkerStatus:
        """The seat as a value."""
        return WorkerStatus(
            model=self.spec.id,
            engine=self.file.engine,
            state=self.state,
            pid=self._process.pid if self._process else None,
            rss_bytes=self._process.rss_bytes if self._process and self._process.pid else 0,
            reserved_bytes=reserved_bytes,
            running=self.turnstile.inside,
            waiting=self.turnstile.waiting,
            idle_seconds=self.idle_seconds,
            restarts=self.restarts,
        )
