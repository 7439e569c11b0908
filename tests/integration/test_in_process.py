"""Without a server: the real application, runtime and a worker process under this process, with the echo engine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aigc import errors
from aigc.client import local
from aigc.client.sync import Client
from aigc.settings import Settings, load

MODELS = '''
from aigc.types import EngineFile, ModelSpec

class Models:
    """A store with one model, on the echo engine."""

    def __init__(self, settings): ...

    def list(self):
        engine = EngineFile(engine="echo", path="echo:?delay=0.01", memory_bytes=1)
        return [ModelSpec(id="echo", capabilities=("chat", "completion"), engines=(engine,), context_tokens=8192,
                          created=0, digest="d", licence="MIT")]

    def default_id(self):
        return "echo"
'''
exec(MODELS)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    settings = load()
    settings.models_dir.mkdir(parents=True)
    monkeypatch.setattr("aigc.store.Store", globals()["Models"])
    with Client(settings=settings) as client:
        assert client.address.source == "process"
        yield client
    assert psutil.Process().children(recursive=True) == [], "no worker outlives the last client"


def test_the_same_api_answers_without_a_server(client: Client) -> None:
    answer = client.chat("hello there")
    assert (answer.text, answer.model, answer.finish_reason) == ("hello there", "echo", "stop")
    assert answer.usage.completion_tokens == 12
    assert "echo" in {m.id for m in client.models()}
    assert client.complete("on", max_tokens=2).text == "on"


def test_pieces_come_one_by_one_and_leaving_stops_the_model(client: Client) -> None:
    with client.chat("a" * 2000, stream=True) as stream:
        start = time.monotonic()
        assert next(stream).text.startswith("a")
        next(stream)
        assert time.monotonic() - start < 5, "the whole answer takes 20 s"
    end = time.monotonic() + 3
    while client.request("GET", "status")["workers"][0]["running"] and time.monotonic() < end:
        time.sleep(0.05)
    assert client.request("GET", "status")["workers"][0]["running"] == 0


def test_errors_of_the_server_keep_their_class(client: Client) -> None:
    with pytest.raises(errors.UnknownModel, match="nope"):
        client.chat("hi", model="nope")
    with pytest.raises(errors.UserError, match="made_up") as caught:
        client.chat("hi", made_up=1)
    assert caught.value.param == "made_up"
    assert caught.value.request_id
    with pytest.raises(errors.UserError) as caught:
        client.chat("hi", temperature=5)
    assert caught.value.param == "temperature"


def test_two_clients_share_one_runtime_until_the_last_closes(client: Client) -> None:
    with Client(settings=load()) as second:
        assert second.chat("a").text == "a"
        assert len(local._shared) == 1
    assert client.chat("b").text == "b"
    assert client.request("GET", "status")["workers"][0]["restarts"] == 0


def test_any_key_will_do_where_nobody_checks(client: Client) -> None:
    with Client(settings=load(), api_key="your-api-key") as second:
        assert second.chat("a").text == "a"


EXIT = (
    MODELS
    + """
import aigc, aigc.store, psutil, sys
aigc.store.Store = Models
stream = aigc.chat("a" * 1000, stream=True)
print(next(iter(stream)).text, *(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
if sys.argv[1] == "raise":
    raise SystemExit(3)
if sys.argv[1] == "interrupt":
    import os, signal, time
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
"""
)


@pytest.mark.parametrize(("way", "code"), [("return", 0), ("raise", 3), ("interrupt", -2)])
def test_the_interpreter_ends_quickly_and_takes_the_workers_along(way: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "home" / "models").mkdir(parents=True)
    start = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-c", EXIT, way],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "AIGC_HOME": str(tmp_path / "home")},
        check=False,
    )
    text, *pids = found.stdout.split()
    assert (text, found.returncode) == ("a", code)
    assert len(pids) >= 1
    assert time.monotonic() - start < 45  # not at its end by itself, which is a minute away
    end = time.monotonic() + 20
    while any(map(_lives, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(_lives, pids))
    if way == "return":
        assert found.stderr == ""


def _lives(pid: str) -> bool:
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_settings_are_what_tells_runtimes_apart(tmp_path: Path) -> None:
    one, _ = local.acquire(Settings(home=tmp_path / "a"))
    two, _ = local.acquire(Settings(home=tmp_path / "b"))
    assert one is not two
    local.release(Settings(home=tmp_path / "a"))
    local.release(Settings(home=tmp_path / "b"))
    assert local._shared == {}
