"""The picture service of a worker: requests on one side, a `Painter` on the other.

One thread paints, one picture at a time, requests in their order. A request that is cancelled ends between two steps of
the picture that is being painted; one that waits is never begun.

Knows: the order of events, cancelling. Does not know: what is inside of a painter, sockets, HTTP, file formats.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from aigc.engines.base import Painter, Report, Send
from aigc.engines.failures import failure
from aigc.errors import Cancelled, UserError
from aigc.types import (
    Event,
    ImageMade,
    ImageRequest,
    ImagesDone,
    ImageStep,
    ModelSpec,
    PictureRequest,
    Raster,
    Request,
    RestoreRequest,
)


class PictureService:
    """`aigc.engines.base.Service` for pictures.

    Args:
        painter: a loaded painter; it is closed with the service.
        spec: the model.
        send: takes the events.
    """

    def __init__(self, painter: Painter, spec: ModelSpec, send: Send) -> None:
        self._painter = painter
        self._spec = spec
        self._send = send
        self._work = threading.Condition()
        self._waiting: OrderedDict[int, Request] = OrderedDict()
        self._running: int | None = None
        self._busy_since: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="paint", daemon=True)
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
            if self._running == request_id:
                self._running = None

    def stalled_seconds(self) -> float:
        """See `aigc.engines.base.Service.stalled_seconds`."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """See `aigc.engines.base.Service.close`."""
        with self._work:
            self._closed = True
            self._waiting.clear()
            self._running = None
            self._work.notify()
        self._thread.join()
        self._painter.close()

    def _run(self) -> None:
        while True:
            with self._work:
                while not self._waiting and not self._closed:
                    self._work.wait()
                if self._closed:
                    return
                number, request = self._waiting.popitem(last=False)
                self._running = number
                self._busy_since = time.monotonic()
            try:
                self._answer(number, request)
            except Cancelled:
                pass
            except Exception as error:
                self._tell(number, failure(error))
            finally:
                self._busy_since = None

    def _answer(self, number: int, request: Request) -> None:
        if not isinstance(request, ImageRequest | RestoreRequest):
            raise UserError(f"the model {self._spec.id!r} makes pictures only", param="model")
        self._painter.check(request)
        for index in range(request.n if isinstance(request, ImageRequest) else 1):
            painting = self._painter.paint(request, index, self._reporter(number, index, request))
            made = ImageMade(index=index, image=painting.image, seed=painting.seed, facts=painting.facts)
            if not self._tell(number, made):
                return
        self._tell(number, ImagesDone(fingerprint=self._painter.fingerprint))

    def _reporter(self, number: int, index: int, request: PictureRequest) -> Report:
        wanted = isinstance(request, ImageRequest) and request.previews > 0

        def report(step: int, steps: int, preview: Raster | None) -> None:
            self._busy_since = time.monotonic()
            told = ImageStep(index=index, step=step, steps=steps, preview=preview if wanted else None)
            if not self._tell(number, told):
                raise Cancelled(f"request {number} was cancelled")

        return report

    def _tell(self, number: int, event: Event) -> bool:
        """Send an event, unless nobody waits for it. Returns: whether somebody does."""
        with self._work:  # held while sending: nothing follows a cancellation
            if self._running != number:
                return False
            self._send([(number, event)])
            return True
