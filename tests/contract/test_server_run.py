"""`serve` in a process of its own: start, files, signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

PROGRAM = """
import json, sys
from dataclasses import asdict
from pathlib import Path
sys.path.insert(0, {tests!r})
from scripted_runtime import ScriptedRuntime
from aigc.errors import AigcError
from aigc.server.run import serve
from aigc.settings import Settings
from aigc.types import Delta, Finished, Started, Usage

settings = Settings(home=Path({home!r}), **{settings!r})
runtime = ScriptedRuntime(settings)
END = Usage(prompt_tokens=1, completion_tokens=1, fingerprint="f")
runtime.script = lambda request: [
    Started(prompt_tokens=1), Delta(index=0, text="a"), {pause}, Delta(index=0, text="b"),
    Finished(index=0, reason="stop"), END,
]
try:
    serve(settings, runtime=runtime, on_ready=lambda info: print(json.dumps(asdict(info), default=str), flush=True))
except AigcError as error:
    print(json.dumps({{"error": type(error).__name__, "message": error.message, "hint": error.hint}}), flush=True)
    sys.exit(1)
print("closed", runtime.closed, flush=True)
"""


def start(home: Path, *, pause: float = 0.0, **settings: Any) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    code = PROGRAM.format(
        tests=str(Path(__file__).parents[1]), home=str(home), settings={"port": 0} | settings, pause=pause
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    return process, json.loads(line)


def finish(process: subprocess.Popen[str], seconds: float = 15) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def ask(info: dict[str, Any], key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{info['base_url']}/models", headers=headers, trust_env=False).status_code


def test_the_first_start_makes_a_key_and_the_second_does_not(tmp_path: Path) -> None:
    process, info = start(tmp_path)
    assert info["new_key"].startswith("sk-aigc-")
    assert info["base_url"] == info["url"] + "/v1"
    assert ask(info, info["new_key"]) == 200
    with httpx.Client(trust_env=False) as browser:
        assert browser.get(info["link"]).status_code == 303
        assert browser.get(info["url"] + "/auth/me").status_code == 200

    left = json.loads((tmp_path / "run/server.json").read_text())
    assert (left["base_url"], left["pid"]) == (info["base_url"], process.pid)
    assert ask(info, left["key"]) == 200
    assert stat.S_IMODE(os.stat(tmp_path / "run/server.json").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "aigc.db").st_mode) == 0o600

    process.send_signal(signal.SIGTERM)
    code, out, err = finish(process)
    assert (code, out) == (0, "closed 1\n"), err
    assert not (tmp_path / "run/server.json").exists()
    assert info["new_key"] not in err

    process, again = start(tmp_path)
    assert again["new_key"] is None
    assert ask(again, info["new_key"]) == 200
    assert ask(again, left["key"]) == 401
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 0


def stream(info: dict[str, Any]) -> socket.socket:
    body = b'{"model":"default","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    host, _, port = info["url"].removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {info['new_key']}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    received = b""
    while b'"content":"a"' not in received:
        received += connection.recv(65536)
    return connection


def rest(connection: socket.socket) -> bytes:
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionResetError:
        pass
    connection.close()
    return received


def test_a_running_stream_finishes_after_sigterm(tmp_path: Path) -> None:
    process, info = start(tmp_path, pause=1.0)
    connection = stream(info)
    process.send_signal(signal.SIGTERM)
    assert b"[DONE]" in rest(connection)
    assert finish(process)[0] == 0


def test_the_grace_period_ends(tmp_path: Path) -> None:
    process, info = start(tmp_path, pause=60.0, grace_seconds=1.0)
    connection = stream(info)
    started = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    end = rest(connection)
    assert b'"code":"shutting_down"' in end
    assert b"the server is stopping" in end
    assert end.endswith(b"0\r\n\r\n")
    assert b"[DONE]" not in end
    assert process.stdout is not None
    assert process.stdout.readline() == "closed 1\n"
    assert time.perf_counter() - started < 4
    code, _, err = finish(process)
    assert code == 0
    assert "Traceback" not in err


ASKS: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "tokenize": {"input": "hi"},
}


@pytest.mark.parametrize("path", ASKS)
def test_a_whole_answer_that_needs_longer_than_the_grace_period_is_a_503(tmp_path: Path, path: str) -> None:
    process, info = start(tmp_path, pause=60.0, grace_seconds=1.0)
    threading.Timer(0.5, process.send_signal, (signal.SIGTERM,)).start()
    answer = httpx.post(
        f"{info['base_url']}/{path}",
        json={"model": "default"} | ASKS[path],
        headers={"Authorization": f"Bearer {info['new_key']}"},
        trust_env=False,
        timeout=20,
    )
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5"), answer.text
    assert answer.json()["error"]["code"] == "shutting_down"
    code, _, err = finish(process)
    assert code == 0
    assert "Traceback" not in err


def test_a_request_that_never_ends_does_not_hold_up_the_end(tmp_path: Path) -> None:
    process, info = start(tmp_path, grace_seconds=1.0)
    host, _, port = info["url"].removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = f"POST /v1/tokenize HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {info['new_key']}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{".encode())
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        code, _, err = finish(process)
    assert code == 0
    assert "Traceback" not in err


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    process, info = start(tmp_path, pause=60.0)
    connection = stream(info)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    started = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    assert b"[DONE]" not in rest(connection)
    assert process.stdout is not None
    assert process.stdout.readline() == "closed 1\n"
    # Until `serve` returns. How long the interpreter then takes to end depends on what else the machine does.
    assert time.perf_counter() - started < 2
    assert finish(process)[0] == 0
    assert not (tmp_path / "run/server.json").exists()


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process, said = start(tmp_path, port=taken.getsockname()[1])
        assert finish(process)[0] == 1
    assert said["error"] == "Conflict"
    assert "--port 0" in said["hint"]


def test_another_address_than_loopback_needs_a_key(tmp_path: Path) -> None:
    process, said = start(tmp_path, host="0.0.0.0")
    assert finish(process)[0] == 1
    assert said["error"] == "UserError"
    assert "0.0.0.0" in said["message"]
    process, info = start(tmp_path, host="0.0.0.0", api_key="sk-test-0123456789")
    assert info["url"].startswith("http://127.0.0.1:")
    assert ask(info, "sk-test-0123456789") == 200
    process.terminate()
    assert finish(process)[0] == 0


@pytest.mark.parametrize("host", ["no.such.host.invalid"])
def test_an_address_that_is_not_here_is_a_clear_error(tmp_path: Path, host: str) -> None:
    process, said = start(tmp_path, host=host, api_key="sk-test-0123456789")
    assert finish(process)[0] == 1
    assert host in said["message"]
