from __future__ import annotations

import subprocess
import sys

import pytest

import aigc
from aigc import errors


def test_the_public_names_are_sorted_and_all_there() -> None:
    assert aigc.__all__ == sorted(aigc.__all__)
    for name in aigc.__all__:
        assert hasattr(aigc, name), name
    assert set(aigc.__all__) <= set(dir(aigc))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'aigc' has no attribute 'nope'"):
        _ = aigc.nope


def test_importing_is_light() -> None:
    code = "import sys; import aigc; print(sorted(m for m in sys.modules if m.startswith('aigc') or m == 'httpx'))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "['aigc']\n"


def test_errors_are_reached_through_the_package() -> None:
    assert aigc.errors is errors
    assert aigc.AigcError is errors.AigcError


def test_the_module_functions_use_what_the_module_says(server, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    import uvicorn

    config = uvicorn.Config(server.app(), port=0, log_level="error", ws="none", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        pass
    port = running.servers[0].sockets[0].getsockname()[1]
    monkeypatch.setattr(aigc, "base_url", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setattr(aigc, "api_key", "your-api-key")
    assert aigc.chat("hi").text == "you said hi"
    assert "".join(delta.text for delta in aigc.chat("hi", stream=True)) == "one two three"
    assert aigc.embed("a").vectors[0] == (1.0, -2.0)
    assert server.headers[0]["authorization"] == "Bearer your-api-key"
    monkeypatch.setattr(aigc, "api_key", "another-key")
    aigc.chat("hi")
    assert server.headers[-1]["authorization"] == "Bearer another-key"
    aigc.client.simple.default_client().close()
    running.should_exit = running.force_exit = True
    thread.join(5)
