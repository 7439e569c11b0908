"""The program of the first page, as it is, without a server: application, runtime and worker below this process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import aigc
aigc.api_key = "your-api-key"
response = aigc.generate(prompt="A beautiful landscape", model="aigc-v1", width=512, height=512, batch_size=1)
image = response.images[0]
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With the renderer under the model's name: what is tried is the way, not the model."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "aigc.toml").write_text('[aliases]\n"aigc-v1" = "aigc-scenes"\n')
    return {**os.environ, "AIGC_HOME": str(home)}


def test_the_program_of_the_first_page_runs_as_it_is(environment: dict[str, str]) -> None:
    more = "print(type(image).__module__, image.size, response.metadata['model'], response.metadata['prompt'])"
    command = [sys.executable, "-c", PROGRAM + more]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (found.stdout, found.stderr) == ("PIL.PngImagePlugin (512, 512) aigc-scenes A beautiful landscape\n", "")


def test_the_same_seed_is_the_same_file_on_the_command_line(environment: dict[str, str], tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "aigc", *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    ask = ["image", "a red fox at night, zzyzx", "-m", "aigc-scenes", "--seed", "7", "--size", "64x64"]
    found = run(*ask, "-o", "a.png")
    assert (found.returncode, found.stdout) == (0, "a.png\n")
    assert "aigc-scenes, seed 7" in found.stderr
    assert "red = colour:red, fox = kind:fox, at night = time:night" in found.stderr
    assert "not understood: zzyzx" in found.stderr
    assert run(*ask, "-o", "b.png").returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert "seed\t7\n" in run("show", "a.png").stdout
