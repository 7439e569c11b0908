"""The line before an engine: requests wait, one thread answers them, and whoever leaves is forgotten.

`Line` is what every such service has in common; `OneByOne` answers the requests singly and in their order.

Knows: waiting, cancelling, errors as events. Does not know: what is asked and answered, sockets, HTTP.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from aigc.engines.base import Send
from aigc.engines.failures import failure
from aigc.errors import Cancelled
from aigc.types import Event, ModelSpec, Request


class _Closes(Protocol):
    def close(self) -> None: ...


Engine = TypeVar("Engine", bound=_Closes)

Tell = Callable[[Event], None]
"""Sends an event; raises `aigc.errors.Cancelled` when nobody waits for it, which an answer lets pass."""


class Line(ABC, Generic[Engine]):
    """The part of `aigc.engines.base.Service` that does not depend on what is asked.

    Args:
        engine: loaded; it is closed with the service.
        spec: its model.
        send: takes the events.
    """

    def __init__(self, engine: Engine, spec: ModelSpec, send: Send) -> None:
        self._engine = engine
        self._spec = spec
        self._send = send
        self._work = threading.Condition()
        self._waiting: OrderedDict[int, Request] = OrderedDict()
        self._running: set[int] = set()
        self._busy_since: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()

    def submit(self, request_id: int, request: Request) -> None:
        """See `aigc.engines.base.Service.submit`."""
        with self._work:
            self._waiting[request_id] = request
            self._work.notify()

    def cancel(self, request_id: int) -> None:
        """See `aigc.engines.base.Service.cancel`."""
        with self._work:
            self._waiting.pop(request_id, None)
            self._running.discard(request_id)

    def stalled_seconds(self) -> float:
        """See `aigc.engines.base.Service.stalled_seconds`."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """See `aigc.engines.base.Service.close`."""
        with self._work:
            self._closed = True
            self._waiting.clear()
            self._running.clear()
            self._work.notify()
        self._thread.join()
        self._engine.close()

    @abstractmethod
    def _round(self) -> None:
        """Answer some of what waits, at least the first; called in the thread of the service. Raises nothing."""

    def _run(self) -> None:
        while True:
            with self._work:
                while not self._waiting and not self._closed:
                    self._work.wait()
                if self._closed:
                    return
                self._alive()
            self._round()
            self._busy_since = None

    def _alive(self) -> None:
        """A step is done: the engine is not hung."""
        self._busy_since = time.monotonic()

    def _take(self) -> tuple[int, Request] | None:
        """The request that has waited longest, from now on running; None where nothing waits."""
        with self._work:
            if not self._waiting:
                return None
            number, request = self._waiting.popitem(last=False)
            self._running.add(number)
            return number, request

    def _tell(self, events: Sequence[tuple[int, Event]], *, last: bool = False) -> bool:
        """Send those events that somebody waits for; with ``last`` their requests end. Returns: whether any was."""
        with self._work:  # held while sending: nothing follows a cancellation
            wanted = [(number, event) for number, event in events if number in self._running]
            if last:
                self._running.difference_update(number for number, _ in wanted)
            if wanted:
                self._send(wanted)
            return bool(wanted)


class OneByOne(Line[Engine]):
    """A line whose requests are answered one after the other."""

    @abstractmethod
    def _answer(self, request: Request, tell: Tell) -> Event:
        """Tell all events of an answer but the last, which is returned. Raises: whatever is told as a failure."""

    def _round(self) -> None:
        taken = self._take()
        if taken is None:
            return
        number, request = taken

        def tell(event: Event) -> None:
            self._alive()
            if not self._tell([(number, event)]):
                raise Cancelled(f"request {number} was cancelled")

        try:
            end = self._answer(request, tell)
        except Cancelled:
            with self._work:
                self._running.discard(number)
        except Exception as error:
            self._tell([(number, failure(error))], last=True)
        else:
            self._tell([(number, end)], last=True)
