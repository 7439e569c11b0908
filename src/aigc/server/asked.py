"""Answers that consist of one event: vectors, tokens.

Knows: that a client may leave while it waits. Does not know: the JSON of an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aigc.server import trace
from aigc.server.feed import while_connected
from aigc.server.limits import closing_of
from aigc.server.ports import Runtime
from aigc.types import Event, Request


class Asked(Response):
    """The response to a request with one final event.

    Args:
        runtime: who answers.
        model: id of the model.
        request: what it is asked.
        form: makes the body, and may take notes.
    """

    def __init__(
        self, runtime: Runtime, model: str, request: Request, form: Callable[[Event, trace.Trace], bytes]
    ) -> None:
        super().__init__()
        self._runtime = runtime
        self._model = model
        self._request = request
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; called by Starlette."""
        notes = trace.of(scope)
        notes.model = self._model

        async def answer() -> None:
            event = await closing_of(scope).race(self._runtime.ask(self._model, self._request))
            body = self._form(event, notes)
            await Response(body, media_type="application/json")(scope, receive, send)

        await while_connected(answer(), receive)
