"""The one place that knows which model runs where.

Knows: seats (a model on an engine), the memory budget, names, remote servers. Does not know: HTTP, keys, terminals.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil

from aigc.engines.base import LoadOptions
from aigc.errors import AigcError, Busy
from aigc.runtime import naming, planning
from aigc.runtime.remote import RemoteServer
from aigc.runtime.seat import Seat
from aigc.runtime.status import RuntimeStatus, WorkerStatus
from aigc.settings import Settings
from aigc.store.memory import available_memory_bytes
from aigc.types import Capability, Deliver, EngineFile, Event, ModelSpec, Request, Sampling, TextRequest

log = logging.getLogger(__name__)

_REAP_SECONDS = 5.0
_PROBE = TextRequest(prompt="Hello", max_tokens=1, sampling=Sampling(temperature=0.0))
_PROBE_SECONDS = 20.0
_PROBE_FRESH_SECONDS = 10.0
_BUDGET_SHARE = 0.75
_FULL_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The store at one moment."""

    stamp: int
    models: tuple[ModelSpec, ...]
    default_id: str | None


class Installed(Protocol):
    """What the runtime asks of the store."""

    def list(self) -> Sequence[ModelSpec]:
        """Every installed model."""
        ...

    def default_id(self) -> str | None:
        """The installed chat model that suits this machine."""
        ...


class Runtime:
    """Serves every installed and remote model.

    Args:
        settings: limits and names.
        store: what is installed.
        builtin: models that need not be installed; one that is installed under the same name wins.
    """

    def __init__(self, settings: Settings, store: Installed, builtin: Sequence[ModelSpec] = ()) -> None:
        self._settings = settings
        self._builtin = tuple(builtin)
        self._store = store
        self._budget = settings.memory_budget_bytes or int(_BUDGET_SHARE * available_memory_bytes())
        self._threads = settings.threads or _compute_threads()
        self._seats: dict[tuple[str, str, str], Seat] = {}
        self._remotes = [RemoteServer(remote) for remote in settings.remotes]
        self._aliases = naming.aliases(settings)
        self._room = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._renewing: dict[Seat, asyncio.Task[None]] = {}
        self._last_event = float("-inf")
        self._installed = _Snapshot(stamp=-1, models=(), default_id=None)

    def launch(self) -> None:
        """Begin to load the default model before the event loop runs, where it is to be preloaded; `start` goes on."""
        spec = next((spec for spec in self._snapshot().models if spec.id == self.default_id()), None)
        if self._settings.preload and spec is not None:
            seat = self._seat(spec, _PROBE)
            if self._has_room(spec, seat.file):
                seat.launch()

    def abandon(self) -> None:
        """End what `launch` began, where `start` was never called."""
        for seat in self._seats.values():
            seat.abandon()

    async def start(self) -> None:
        """Begin to unload idle models, and to load the default one if the settings say so."""
        await asyncio.gather(*(remote.refresh() for remote in self._remotes))
        self._tasks = [asyncio.create_task(self._reap(), name="unload idle models")]
        if self._settings.preload and self.default_id() is not None:
            self._tasks.append(asyncio.create_task(self._warm_up(), name="load the default model"))

    async def close(self) -> None:
        """End every process and connection."""
        tasks = [*self._tasks, *self._renewing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(seat.unload() for seat in self._seats.values()))
        await asyncio.gather(*(remote.close() for remote in self._remotes))

    def models(self) -> list[ModelSpec]:
        """Models of the package, installed ones, those of remote servers, each name once."""
        found = {spec.id: spec for spec in self._snapshot().models}
        for remote in self._remotes:
            for spec in remote.models:
                found.setdefault(spec.id, spec)
        return list(found.values())

    def default_id(self) -> str | None:
        """What ``default`` stands for."""
        chosen = self._settings.default_model
        return self._snapshot().default_id if chosen == "auto" else naming.follow(chosen, self._aliases)

    def _snapshot(self) -> _Snapshot:
        """Read the store again only when its folder has changed: this is asked for every request."""
        try:
            stamp = self._settings.models_dir.stat().st_mtime_ns
        except OSError:
            stamp = 0
        if stamp != self._installed.stamp:
            found = {spec.id: spec for spec in (*self._builtin, *self._store.list())}
            self._installed = _Snapshot(stamp, tuple(found.values()), self._store.default_id())
        return self._installed

    @property
    def aliases(self) -> dict[str, str]:
        """Every other name, to what it stands for."""
        return dict(self._aliases)

    def resolve(self, name: str, capability: Capability) -> str:
        """Id of the model that ``name`` stands for. Raises: UnknownModel, UserError."""
        return naming.resolve(name, capability, self._aliases, self.models(), self.default_id()).id

    async def answer(self, model: str, request: Request, deliver: Deliver) -> None:
        """Return when the answer is complete; to cancel it, cancel the task that waits.

        Args:
            model: an id as `resolve` gives it.
            request: what to answer.
            deliver: takes the events, the last one being of `aigc.types.FINAL`; a `Failure` is raised instead.
        Raises:
            AigcError: refused, busy, failed; before the first event or later.
        """

        def note(event: Event) -> None:
            self._last_event = time.monotonic()
            deliver(event)

        spec = next((spec for spec in self._snapshot().models if spec.id == model), None)
        if spec is not None:
            await self._seat(spec, request).answer(request, note)
            return
        for remote in self._remotes:
            if any(spec.id == model for spec in remote.models):
                await remote.answer(model, request, note)
                return
        raise naming.unknown(model, model, self.models())

    async def ask(self, model: str, request: Request) -> Event:
        """The final event. Raises: AigcError."""
        events: list[Event] = []
        await self.answer(model, request, events.append)
        return events[-1]

    async def ready(self) -> bool:
        """Whether a generation works: one did a moment ago, or one token comes now."""
        if time.monotonic() - self._last_event < _PROBE_FRESH_SECONDS:
            return True
        if (model := self.default_id()) is None:
            return False
        try:
            await asyncio.wait_for(self.ask(model, _PROBE), _PROBE_SECONDS)
        except (AigcError, asyncio.TimeoutError, TimeoutError) as error:
            log.warning("not ready: %s", type(error).__name__)
            return False
        return True

    def status(self) -> RuntimeStatus:
        """Every model in memory, and the budget."""
        workers = [seat.status(_reserved(seat)) for seat in self._seats.values()]
        workers += [_remote_status(remote) for remote in self._remotes]
        reserved = sum(_reserved(seat) for seat in self._seats.values())
        return RuntimeStatus(workers=tuple(workers), memory_budget_bytes=self._budget, memory_reserved_bytes=reserved)

    async def unload(self, model: str) -> bool:
        """Take a model out of memory, interrupting its answers. Returns: whether it was there."""
        seats = [seat for seat in self._seats.values() if seat.spec.id == model and seat.in_memory]
        await asyncio.gather(*(seat.unload() for seat in seats))
        return bool(seats)

    def _seat(self, spec: ModelSpec, request: Request) -> Seat:
        needs = request.needs() if isinstance(request, TextRequest) else frozenset()
        file = planning.choose_engine(spec, needs, lambda file: self._has_room(spec, file))
        key = _key(spec, file)
        if key not in self._seats:
            limits = self._settings
            self._seats[key] = Seat(
                spec,
                file,
                self._options(spec, file),
                self._make_room,
                queue_size=limits.queue_size,
                load_seconds=limits.load_seconds,
                hang_seconds=limits.hang_seconds,
            )
        return self._seats[key]

    def _options(self, spec: ModelSpec, file: EngineFile) -> LoadOptions:
        limits = self._settings
        return planning.load_options(
            spec,
            file,
            context_tokens=limits.context_tokens,
            max_sequences=limits.max_sequences,
            threads=self._threads,
            lookup_tokens=limits.prompt_lookup_tokens,
        )

    def _has_room(self, spec: ModelSpec, file: EngineFile) -> bool:
        seat = self._seats.get(_key(spec, file))
        if seat is not None and seat.in_memory:
            return True
        reserved = sum(_reserved(other) for other in self._seats.values())
        return reserved + planning.reserved_bytes(file, self._options(spec, file)) <= self._budget

    async def _make_room(self, newcomer: Seat) -> None:
        async with self._room:
            others = [seat for seat in self._seats.values() if seat is not newcomer and seat.in_memory]
            others.sort(key=lambda seat: -seat.idle_seconds)
            loaded = [(seat.name, _reserved(seat), seat.busy) for seat in others]
            needed = planning.reserved_bytes(newcomer.file, newcomer.options)
            leaving = planning.evictions(needed, self._budget, loaded, newcomer.spec.id)
            if leaving is None:
                raise Busy(
                    f"{newcomer.spec.id} needs {needed / 2**30:.1f} GiB of memory, which busy models hold",
                    retry_after_seconds=_FULL_RETRY_SECONDS,
                )
            await asyncio.gather(*(seat.unload() for seat in others if seat.name in leaving))

    async def _warm_up(self) -> None:
        model = self.default_id()
        assert model is not None
        try:
            await self.ask(model, _PROBE)
        except AigcError as error:
            log.error("the default model %s could not be loaded ahead of time: %s", model, error.message)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            try:
                await self._unload_idle()
                self._renew_grown()
                await asyncio.gather(*(remote.refresh() for remote in self._remotes))
            except Exception:  # whatever it is, models must go on being unloaded
                log.exception("unloading idle models failed this time")

    async def _unload_idle(self) -> None:
        limit = self._settings.idle_seconds
        for seat in list(self._seats.values()):
            if limit and seat.in_memory and seat.idle_seconds > limit:
                await seat.unload()

    def _renew_grown(self) -> None:
        for seat in self._seats.values():
            if seat not in self._renewing and seat.grown(_reserved(seat)):
                self._renewing[seat] = asyncio.create_task(self._renew(seat), name=f"renew {seat.name}")

    async def _renew(self, seat: Seat) -> None:
        try:
            await seat.renew()
        except AigcError as error:
            log.error("%s could not be started again: %s", seat.name, error.message)
        finally:
            del self._renewing[seat]


def _key(spec: ModelSpec, file: EngineFile) -> tuple[str, str, str]:
    """A model installed anew under its old name gets a seat of its own."""
    return (spec.id, file.engine, spec.digest)


def _reserved(seat: Seat) -> int:
    return planning.reserved_bytes(seat.file, seat.options) if seat.in_memory else 0


def _remote_status(remote: RemoteServer) -> WorkerStatus:
    return WorkerStatus(
        model=remote.name,
        engine="openai",
        state="ready" if remote.reachable else "dead",
        pid=None,
        rss_bytes=0,
        reserved_bytes=0,
        running=remote.running,
        waiting=0,
        idle_seconds=0.0,
        restarts=0,
    )


def _compute_threads() -> int:
    """Physical cores that this process may use; hyper-threads share the units that matter."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
