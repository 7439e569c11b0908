"""Puts the server together.

The layers of a request, from the socket inwards: CORS where it is switched on, `observe` (id, log line, metrics, what
nobody else caught), `limits` (size of the header), `hosts` (is it meant for us?), `auth` (who is it?), `limits` again
(size and time of the body), `idempotency` (was this answered before?), then the router of the endpoint.

Knows: who gets what. Does not know: any endpoint's business.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from aigc.db.completions import Completions
from aigc.db.keys import Keys
from aigc.db.pictures import Pictures
from aigc.db.replies import Replies
from aigc.db.sessions import Sessions
from aigc.errors import AigcError
from aigc.server import errors, housekeeping, openapi, static, trace
from aigc.server.auth import PUBLIC, Auth
from aigc.server.chat import router as chat
from aigc.server.completions import router as completions
from aigc.server.embeddings import router as embeddings
from aigc.server.hosts import HostCheck
from aigc.server.idempotency import Idempotency
from aigc.server.images import router as images
from aigc.server.images.jobs import Jobs
from aigc.server.limits import BodyLimit, Closing, HeaderLimit
from aigc.server.login import router as login
from aigc.server.metrics import Metrics
from aigc.server.models import router as models
from aigc.server.observe import Observe
from aigc.server.ports import Runtime
from aigc.server.realtime.router import Realtime
from aigc.server.speech import router as speech
from aigc.server.spool import Spooler
from aigc.server.stored import router as stored
from aigc.server.system import router as system
from aigc.server.tokenize import router as tokenize
from aigc.server.transcripts import router as transcripts
from aigc.settings import Settings


def create_app(settings: Settings, runtime: Runtime, keys: Keys, *, page: bool = True) -> FastAPI:
    """The application.

    Args:
        settings: limits, host names, origins; its ``api_key`` is accepted besides those of ``keys``.
        runtime: answers the requests; started and closed with the application.
        keys: who may ask, and the database of all that is kept; closed by whoever opened it.
        page: whether ``/`` is the chat page; otherwise it is a short description in JSON.

    ``app.state`` holds ``sessions`` (`aigc.db.sessions.Sessions`) and ``closing`` (`aigc.server.limits.Closing`).
    """
    if settings.api_key is not None:
        keys.accept(settings.api_key, "AIGC_API_KEY")
    kept = Completions(
        keys.database,
        days=settings.stored_days,
        most=settings.stored_completions,
        most_bytes=settings.stored_bytes,
    )
    replies = Replies(keys.database)
    sessions = Sessions(keys.database, settings.api_key or "")
    pictures = Pictures(keys.database)
    jobs = Jobs(runtime, pictures)
    spooler = Spooler(settings.home)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await runtime.start()
        except AigcError as error:
            app.state.start_error = error
            raise
        try:
            async with housekeeping.regularly(kept.purge, replies.purge, sessions.purge, pictures.purge):
                yield
        finally:
            await jobs.close()
            await runtime.close()
            spooler.close()

    app = FastAPI(
        title="aigc",
        version=_version(),
        summary="The OpenAI API on models of this machine.",
        lifespan=lifespan,
        docs_url=None,  # both pages load their scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.start_error = None
    app.state.sessions = sessions
    app.state.closing = closing = Closing()
    metrics = Metrics(runtime.status)
    files = static.load(static.FOLDER) if page else {}
    errors.install(app)
    for router in (
        chat.create(runtime, metrics, kept),
        stored.create(kept, runtime),
        completions.create(runtime, metrics),
        embeddings.create(runtime),
        images.create(runtime, pictures, jobs),
        speech.create(runtime),
        transcripts.create(runtime, settings.max_sound_seconds),
        tokenize.create(runtime),
        models.create(runtime),  # after those whose paths begin with /v1/engines/{engine}
        system.create(runtime, metrics, app.version),
        login.create(keys, sessions),
    ):
        app.include_router(router)
    openapi.install(app)
    app.router.routes.append(Realtime(runtime, settings, kept).route())
    app.router.routes.append(Route("/", _root(files.get("/index.html"), sessions, app.version), methods=["GET"]))
    app.router.routes.extend(static.routes(files))

    # The last one added is the outermost.
    public = PUBLIC | files.keys()
    app.add_middleware(Idempotency, replies=replies)
    app.add_middleware(
        BodyLimit,
        settings=settings,
        closing=closing,
        public=public,
        uploads=images.UPLOADS,
        spooled=transcripts.UPLOADS,
        spooler=spooler,
    )
    app.add_middleware(Auth, keys=keys, sessions=sessions, public=public, origins=settings.cors_origins)
    app.add_middleware(HostCheck, settings=settings)
    app.add_middleware(HeaderLimit)
    app.add_middleware(Observe, metrics=metrics)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "x-request-id", "idempotency-key"],
            expose_headers=["x-request-id", "retry-after", "idempotent-replayed", "x-voice"],
        )
    return app


def _root(
    index: static.File | None, sessions: Sessions, version: str
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def root(request: Request) -> Response:
        token = request.query_params.get("token")
        # A HEAD is a look (of a chat program that previews links, say): it must not use the token up.
        if token is not None and trace.of(request.scope).method == "GET":
            trace.of(request.scope).route = "/"
            answer = RedirectResponse("/", status_code=303)
            if (cookie := await sessions.redeem(token)) is not None:
                login.set_cookie(request, answer, cookie)
            return answer
        if index is not None:
            return index.answer(request)
        return JSONResponse({"name": "aigc", "version": version, "base_path": "/v1", "openapi": "/openapi.json"})

    return root


def _version() -> str:
    try:
        return version("aigc-studio")
    except PackageNotFoundError:  # run from a source tree that isn't installed
        return "0"
