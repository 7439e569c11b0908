"""Fixtures for every test: no network but loopback, a home of its own, real models where a test asks for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")
_watching = True


def _no_network(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: a connection or look-up beyond this machine is an error, whoever asks for it."""
    if not _watching or event not in ("socket.connect", "socket.getaddrinfo"):
        return
    target = arguments[1] if event == "socket.connect" else arguments[0]
    host = target[0] if isinstance(target, tuple) else target
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if isinstance(host, str) and host and not host.startswith((*_LOOPBACK, "/")):
        raise AssertionError(f"a test reached for {host!r}; only loopback is allowed")


sys.addaudithook(_no_network)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings, models or servers of the person who runs it."""
    for name in [name for name in os.environ if name.startswith("AIGC_") and name != "AIGC_TEST_HOME"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIGC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIGC_LANG", "en")


@pytest.fixture(scope="session")
def models_home() -> Path:
    """An AIGC_HOME in which ``tiny`` and ``multilingual-e5-small`` are installed; `make test` sets it up."""
    given = os.environ.get("AIGC_TEST_HOME")
    home = Path(given) if given else Path(__file__).parents[1] / ".test-models"
    if not (home / "models" / "smollm2-135m-instruct").is_dir():
        if given:
            pytest.fail(f"AIGC_TEST_HOME={given} holds no models")
        pytest.skip("no models here: `make models` fetches them")
    return home
