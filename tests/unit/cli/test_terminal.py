"""The command line as people meet it: real processes, a pseudo-terminal, signals, pipes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from terminal import Terminal

AIGC = [sys.executable, "-m", "aigc"]


def soon(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_conversation_from_the_first_question_to_the_end(api, home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "talk.json"
    with Terminal("chat", "--system", "be brief") as terminal:
        terminal.expect("A conversation with default.")
        terminal.expect(">")
        terminal.type("hello\r")
        terminal.expect("you said hello\n")
        terminal.expect(">")
        terminal.type('"""first\r')
        terminal.type('second"""\r')
        terminal.expect("you said first\nsecond\n")
        terminal.type("/params temperature=0.5\r")
        terminal.expect("temperature=0.5\n")
        terminal.type("/regenerate\r")
        terminal.expect("you said first\nsecond\n")
        terminal.type("/nope\r")
        terminal.expect("error: there is no command /nope\n")
        terminal.expect("hint: /help lists the commands\n")
        terminal.type("/help\r")
        terminal.expect("/load FILE")
        terminal.type("/model\r")
        terminal.expect("  tiny\n")
        terminal.type(f"/save {kept}\r")
        terminal.expect("4 messages")
        terminal.type("/clear\r")
        terminal.type(f"/load {kept}\r")
        terminal.expect("4 messages")
        terminal.type("/exit\r")
        assert terminal.wait() == 0

    assert [m["role"] for m in api.bodies[2]["messages"]] == ["system", "user", "assistant", "user"]
    assert api.bodies[2]["messages"][-1]["content"] == "first\nsecond"
    assert api.bodies[2]["temperature"] == 0.5
    assert [m["content"] for m in json.loads(kept.read_text())["messages"]] == [
        "hello",
        "you said hello",
        "first\nsecond",
        "you said first\nsecond",
    ]
    for private in (kept, home / "chat_history"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_ctrl_c_stops_the_answer_and_not_the_conversation(api) -> None:
    with Terminal("chat") as terminal:
        terminal.expect(">")
        terminal.type("wait\r")
        terminal.expect("you said wait")
        terminal.interrupt()
        terminal.expect("(stopped)")
        assert soon(lambda: api.left == 1)
        terminal.expect(">")
        terminal.type("\x03")
        terminal.expect("(Ctrl-D leaves)")
        terminal.expect(">")
        terminal.type("on\r")
        terminal.expect("you said on\n")
        terminal.expect(">")
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert api.bodies[1]["messages"] == [
        {"role": "user", "content": "wait"},
        {"role": "assistant", "content": "you said wait"},
        {"role": "user", "content": "on"},
    ]


def test_an_error_in_a_conversation_leaves_it_usable(api) -> None:
    with Terminal("chat", "-m", "nope") as terminal:
        terminal.expect(">")
        terminal.type("hello\r")
        terminal.expect("error: no model is called 'nope'")
        terminal.type("/model tiny\r")
        terminal.type("again\r")
        terminal.expect("you said again\n")
        terminal.type("/exit\r")
        assert terminal.wait() == 0
    assert api.bodies[1]["messages"] == [{"role": "user", "content": "again"}]


def test_ctrl_c_keeps_the_half_answer_and_exits_with_130(api) -> None:
    process = subprocess.Popen(
        [*AIGC, "chat", "wait"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), True)
    assert process.stdout.read(len("you said wait")) == "you said wait"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (130, "\n", "")
    assert soon(lambda: api.left == 1)


def test_the_first_words_come_while_the_model_still_works(api) -> None:
    process = subprocess.Popen([*AIGC, "chat", "wait"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(4) == b"you "
    process.kill()
    process.communicate(timeout=10)


def test_a_closed_pipe_is_quiet(api) -> None:
    command = f"{sys.executable} -m aigc chat 'count 20000' < /dev/null | head -c 4"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert (found.stdout, found.stderr) == ("0 1 ", "")


def test_a_terminal_gets_colour_unless_no_color_is_set(home: Path) -> None:
    def shown(**environ: str) -> bytes:
        master, slave = os.openpty()
        found = subprocess.run(
            [*AIGC, "rm", "nope"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", **environ},
            check=False,
        )
        assert found.returncode == 1
        os.close(slave)
        text = os.read(master, 65536)
        os.close(master)
        return text

    assert b"\x1b[31;1merror:\x1b[0m" in shown()
    assert b"\x1b" not in shown(NO_COLOR="1")


def test_a_terminal_that_can_not_show_a_character_gets_its_number(api) -> None:
    found = subprocess.run(
        [*AIGC, "chat", "法国"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=30,
        check=True,
    )
    assert found.stdout == rb"you said \u6cd5\u56fd" + b"\n"


def test_a_missing_model_is_offered_and_can_be_declined(home: Path) -> None:
    with Terminal("chat", "hi", "-m", "tiny") as terminal:
        terminal.expect(
            "smollm2-135m-instruct is not installed: SmolLM2 135M Instruct, 98 MB, licence Apache-2.0\n", 30
        )
        terminal.expect("Fetch it now? [Y/n] ")
        terminal.type("n\n")
        assert terminal.wait() == 1
        terminal.expect("error: ")
