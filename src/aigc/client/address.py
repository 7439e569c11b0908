"""Where requests go: an address that was given, a server of this user on this machine, or the process itself.

Order: the argument, ``aigc.base_url``, ``AIGC_BASE_URL`` (or ``base_url`` in aigc.toml), a running server, the process.

Knows: the settings, the file that a server leaves in its run folder. Does not know: the API behind the address.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aigc.errors import UserError
from aigc.settings import Settings

HEALTH_SECONDS = 2.0
"""A server on this machine that takes longer to say that it lives is not used."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go and with which key."""

    base_url: str | None
    """``None``: a runtime in this process."""
    api_key: str | None = field(repr=False)
    source: Literal["argument", "module", "settings", "server", "process"]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What a server left for programs of the same user."""

    base_url: str
    pid: int
    key: str = field(repr=False)


def locate(base_url: str | None, api_key: str | None, settings: Settings) -> Address:
    """Decide where requests go; see the module's docstring for the order.

    Raises: UserError for an address that is not one.
    """
    import aigc

    key = api_key or aigc.api_key or settings.api_key
    if base_url is not None:
        return Address(_checked(base_url, "base_url"), key, "argument")
    if aigc.base_url is not None:
        return Address(_checked(aigc.base_url, "aigc.base_url"), key, "module")
    if settings.base_url is not None:
        return Address(_checked(settings.base_url, "AIGC_BASE_URL"), key, "settings")
    if (server := running_server(settings)) is not None:
        return Address(server.base_url, key or server.key, "server")
    return Address(None, key, "process")


def _checked(text: str, name: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise UserError(f"{name} is {text!r}; accepted: an address like http://127.0.0.1:8400/v1")
    return text.rstrip("/")


def server_file(settings: Settings) -> Path:
    """Where a running server leaves its address and one-run key."""
    return settings.run_dir / "server.json"


def running_server(settings: Settings) -> RunningServer | None:
    """The server of this user and home folder that runs and answers, or None."""
    server = _read(server_file(settings))
    if server is None or not _lives(server.pid) or not healthy(server.base_url):
        return None
    return server


def _read(path: Path) -> RunningServer | None:
    # Left behind by a crash, or being written: whatever can't be read is no running server.
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, UserError):
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        found = json.loads(path.read_text("utf-8"))
        return RunningServer(_checked(str(found["base_url"]), str(path)), int(found["pid"]), str(found["key"]))
    return None


def _lives(pid: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(pid))


def healthy(base_url: str) -> bool:
    """Whether ``/health`` of that server answers."""
    import httpx

    # No proxy may stand between a program and its own machine: trust_env is off.
    try:
        return httpx.get(httpx.URL(base_url).join("/health"), timeout=HEALTH_SECONDS, trust_env=False).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
