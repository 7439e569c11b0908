from __future__ import annotations

import dataclasses
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import aigc
from aigc.client.address import locate, running_server
from aigc.errors import UserError
from aigc.settings import Settings


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def running(settings: Settings) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def leave(settings: Settings, base_url: str, pid: int) -> None:
    settings.run_dir.mkdir(exist_ok=True)
    (settings.run_dir / "server.json").write_text(json.dumps({"base_url": base_url, "pid": pid, "key": "one-run-key"}))


def test_the_nearest_word_wins(settings: Settings, running: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(None, None, settings).source == "process"
    leave(settings, running, os.getpid())
    found = locate(None, None, settings)
    assert (found.source, found.base_url, found.api_key) == ("server", running, "one-run-key")
    settings = dataclasses.replace(settings, base_url="http://c/v1", api_key="0123456789abcdef")
    found = locate(None, None, settings)
    assert (found.source, found.base_url, found.api_key) == ("settings", "http://c/v1", "0123456789abcdef")
    monkeypatch.setattr(aigc, "base_url", "http://b/v1/")
    monkeypatch.setattr(aigc, "api_key", "your-api-key")
    found = locate(None, None, settings)
    assert (found.source, found.base_url, found.api_key) == ("module", "http://b/v1", "your-api-key")
    found = locate("http://a/v1", "mine", settings)
    assert (found.source, found.base_url, found.api_key) == ("argument", "http://a/v1", "mine")


def test_a_server_that_ended_is_not_used(settings: Settings, running: str) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    leave(settings, running, ended.pid)
    assert running_server(settings) is None


def test_a_server_that_does_not_answer_is_not_used(settings: Settings) -> None:
    leave(settings, "http://127.0.0.1:9/v1", os.getpid())
    assert running_server(settings) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"base_url": 1, "pid": 1, "key": ""}', "\x00", '{"base_url": "ftp:"']
)
def test_a_damaged_file_is_no_server(settings: Settings, text: str) -> None:
    settings.run_dir.mkdir()
    (settings.run_dir / "server.json").write_text(text)
    assert running_server(settings) is None


def test_an_address_needs_a_scheme(settings: Settings) -> None:
    with pytest.raises(UserError, match="base_url is 'localhost:8400'; accepted: an address like http"):
        locate("localhost:8400", None, settings)


def test_keys_do_not_show_in_what_is_printed(settings: Settings) -> None:
    assert "secret" not in repr(locate("http://a/v1", "secret", settings))
