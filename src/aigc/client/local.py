"""The server's application in this process, shared by all clients of one home folder.

It starts with the first request and ends with the last client, at the latest with the interpreter. Nothing listens on a
network; a key that exists only in memory keeps the application's own rules in force.

Knows: how to build the application. Does not know: how requests reach it.
"""

from __future__ import annotations

import dataclasses
import secrets
import threading
from dataclasses import dataclass

from aigc.client.app_thread import App, AppThread
from aigc.settings import Settings


@dataclass
class _Shared:
    thread: AppThread
    key: str
    users: int = 0


_lock = threading.Lock()
_shared: dict[str, _Shared] = {}


def acquire(settings: Settings) -> tuple[AppThread, str]:
    """The application for these settings, and the key that it accepts. Starts nothing yet."""
    with _lock:
        found = _shared.get(repr(settings))
        if found is None:
            key = secrets.token_urlsafe(32)
            # Nothing is preloaded: what is asked next may be another model.
            inner = dataclasses.replace(settings, api_key=key, host="127.0.0.1", preload=False)
            found = _shared[repr(settings)] = _Shared(AppThread(lambda: _application(inner)), key)
        found.users += 1
        return found.thread, found.key


def release(settings: Settings) -> None:
    """One client less; the last one ends the application."""
    with _lock:
        found = _shared[repr(settings)]
        found.users -= 1
        if found.users:
            return
        del _shared[repr(settings)]
    found.thread.close()


def _application(settings: Settings) -> App:
    from aigc.db.keys import Keys
    from aigc.runtime.runtime import Runtime
    from aigc.server.app import create_app
    from aigc.store import Store
    from aigc.store.builtin import builtin

    runtime = Runtime(settings, Store(settings), builtin())
    app: App = create_app(settings, runtime, Keys(settings.database), page=False)
    return app
