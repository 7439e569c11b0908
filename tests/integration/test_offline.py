"""The cable is unplugged: a network namespace with loopback only, whose kernel counts every attempt to get out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.models, pytest.mark.slow]

INSIDE = """
import fcntl, json, re, socket, struct, subprocess, sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:  # loopback up: IFF_UP | IFF_RUNNING
    fcntl.ioctl(sock, 0x8914, struct.pack("16sh", b"lo", 0x41))

def attempts():
    names, values = [line.split() for line in open("/proc/self/net/snmp") if line.startswith("Ip:")]
    return int(values[names.index("OutNoRoutes")])

def run(*command):
    quiet = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    return subprocess.run([sys.executable, "-m", "aigc", *command], **quiet)

question = "What is the capital of France?"
chat = run("chat", "-m", "tiny", "--temperature", "0", "--max-tokens", "20", question)
vector = run("embed", "--json", "red fox")
doctor = run("doctor", "--json")
tried = attempts()
try:  # the control: an attempt is counted
    socket.create_connection(("192.0.2.1", 9), timeout=1)
except OSError:
    pass
print(json.dumps({"chat": chat.stdout, "errors": chat.stderr + vector.stderr, "vector": vector.stdout,
                  "doctor": doctor.returncode, "tried": tried, "control": attempts() - tried}))
"""


def _unshare() -> list[str]:
    program = shutil.which("unshare")
    for options in (["--net"], ["--user", "--map-root-user", "--net"]):
        if program and subprocess.run([program, *options, "true"], capture_output=True, check=False).returncode == 0:
            return [program, *options]
    pytest.skip("this machine lets nobody make a network namespace")


def test_everything_works_without_a_network_and_nothing_tries_to_reach_one(models_home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_")}
    environment |= {"AIGC_HOME": str(models_home), "AIGC_LANG": "en"}
    answer = subprocess.run(
        [*_unshare(), sys.executable, "-c", INSIDE], env=environment, capture_output=True, text=True, check=True
    )
    seen = json.loads(answer.stdout)
    assert "Paris" in seen["chat"], seen["errors"]
    assert json.loads(seen["vector"])
    assert seen["doctor"] == 0
    assert seen["control"] > 0, "the kernel does not count what this test relies on"
    assert seen["tried"] == 0
