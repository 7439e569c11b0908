"""Runs the server in this process until a signal ends it.

Knows: uvicorn, signals, the file that tells programs of the same user where the server is. Does not know: how a start
is shown; the caller formats `StartInfo`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aigc.errors import Conflict, StorageFull, UserError
from aigc.server import logs
from aigc.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from aigc.db.keys import Keys
    from aigc.server.ports import Runtime

RUN_FILE = "server.json"
_RUN_KEY = "this run"


@dataclass(frozen=True, slots=True)
class StartInfo:
    """What the one who started the server wants to know."""

    url: str
    """Of the page, e.g. ``http://127.0.0.1:8400``."""
    base_url: str
    """For OpenAI clients: ``url`` + ``/v1``."""
    link: str
    """Opens the page logged in, once, for 15 minutes."""
    new_key: str | None
    """The key that this first start made; shown now or never."""
    run_file: Path
    """Address and one-run key for programs of the same user."""


def serve(
    settings: Settings,
    *,
    on_ready: Callable[[StartInfo], None],
    runtime: Runtime | None = None,
    page: bool = True,
) -> None:
    """Serve until SIGINT or SIGTERM; answers that run may go on for ``settings.grace_seconds``.

    Args:
        settings: address, limits, folders.
        on_ready: called once requests are accepted.
        runtime: who answers; None: the installed models.
        page: whether ``/`` is the chat page.
    Raises:
        UserError: an address other than loopback without a key.
        Conflict: the port is taken.
        StorageFull: the home folder can't be written.
    """
    logs.configure(settings.log_level)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(_listen(settings)))
        _make_home(settings)
        if runtime is None:
            # Before all that is imported for the server: the model loads meanwhile, in its own process.
            runtime = _launched(settings, stack)
        from aigc.db.keys import Keys
        from aigc.server.app import create_app
        from aigc.server.uvicorn_server import Server

        keys = stack.enter_context(contextlib.closing(Keys(settings.database)))
        new_key = _first_key(settings, keys)
        app = create_app(settings, runtime, keys, page=page)
        info = _start_info(settings, keys, app, listener, new_key)
        stack.callback(_forget_run_file, info.run_file)  # whichever way it ends: nobody must find a dead address
        server = Server(app, grace_seconds=settings.grace_seconds, on_ready=lambda: on_ready(info))
        server.run_on(listener)


def _launched(settings: Settings, stack: contextlib.ExitStack) -> Runtime:
    from aigc.runtime.runtime import Runtime as InstalledModels
    from aigc.store import Store
    from aigc.store.builtin import builtin
    from aigc.store.memory import available_memory_bytes

    free = available_memory_bytes()  # now: a loaded model lowers it, and the default must not change with that
    runtime = InstalledModels(settings, Store(settings, free_memory=lambda: free), builtin())
    stack.callback(runtime.abandon)
    runtime.launch()
    return runtime


def _make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(f"AIGC_HOME {settings.home} can't be made: {error.strerror}") from error


def _first_key(settings: Settings, keys: Keys) -> str | None:
    """A key for whoever has none. Raises: UserError: the address is open to others and nobody has a key."""
    if settings.api_key is not None or keys.usable():
        return None
    if not _is_loopback(settings.host):
        raise UserError(
            f"host is {settings.host!r}, which others can reach, and there is no key",
            hint="make one with `aigc keys create`, or set AIGC_API_KEY",
        )
    if keys.list():
        return None  # all were revoked on purpose
    return keys.create("first start")[1]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(settings: Settings) -> socket.socket:
    """The bound socket; bound before anything is loaded, so that a taken port is told at once."""
    try:
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise UserError(f"host is {settings.host!r}, which is no address of this machine") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere this would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)  # a second server's bind would succeed until somebody listens
    except OSError as error:
        listener.close()
        raise Conflict(
            f"port {settings.port} of {settings.host} can't be used: {error.strerror}",
            hint="is aigc running already? `aigc serve --port 0` takes a free port",
        ) from error
    return listener


def _start_info(
    settings: Settings, keys: Keys, app: FastAPI, listener: socket.socket, new_key: str | None
) -> StartInfo:
    from aigc.db.keys import Identity

    port = listener.getsockname()[1]
    host = "127.0.0.1" if settings.host in ("", "0.0.0.0", "::") else settings.host  # noqa: S104 - compared with
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    run_key = f"sk-aigc-run-{secrets.token_urlsafe(32)}"
    keys.accept(run_key, _RUN_KEY)
    run_file = settings.run_dir / RUN_FILE
    _write_run_file(run_file, {"base_url": f"{url}/v1", "pid": os.getpid(), "key": run_key})
    token = app.state.sessions.issue_token(Identity("local", _RUN_KEY))
    return StartInfo(url, f"{url}/v1", f"{url}/?token={token}", new_key, run_file)


def _write_run_file(path: Path, content: dict[str, str | int]) -> None:
    """Whole or not at all, and for nobody else's eyes."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(half, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)
        half.replace(path)
    except OSError as error:
        raise StorageFull(f"{path} can't be written: {error.strerror}") from error


def _forget_run_file(path: Path) -> None:
    """Remove it, unless another server has put its own there meanwhile."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads(path.read_text())["pid"] == os.getpid():
            path.unlink()
