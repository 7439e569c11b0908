"""Weights that travel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from aigc.errors import InvalidModelFile  # noqa: E402
from aigc.training.pack import grow, read, shrink, write  # noqa: E402

ROOT = Path(__file__).parents[3]


def test_eight_bits_are_wrong_by_at_most_half_a_step() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 3, 3, 3)
    found = grow(shrink({"x": x, "bias": torch.tensor([0.5, 1.0])}, 8))
    step = x.flatten(1).abs().amax(1) / 127
    assert bool(((found["x"] - x).flatten(1).abs() <= step[:, None] / 2 + 1e-6).all())
    torch.testing.assert_close(found["bias"], torch.tensor([0.5, 1.0]))


def test_parts_come_back_as_one_and_a_missing_one_is_noticed(tmp_path: Path) -> None:
    tensors = {f"t{i}": torch.full((4, 64), float(i)) for i in range(6)}
    paths = write(tensors, tmp_path, "net", 16, limit=1600)
    assert [p.name for p in paths][:1] == ["net-00001-of-00003.safetensors"]
    assert all(torch.equal(read(tmp_path, "net")[n], x) for n, x in tensors.items())
    paths[1].unlink()
    with pytest.raises(InvalidModelFile, match="holds 2 of 3 parts of net"):
        read(tmp_path, "net")


def test_all_stages_run_with_one_command_and_begin_from_what_came_back(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "train_image.py"), "--device", "cpu", "--workers", "1"]
    toy, steps = ["--size", "toy"], ["--set", "train.steps=2"]

    def run(*more: str) -> str:
        done = subprocess.run([*command, *steps, *more], capture_output=True, text=True, check=False, timeout=250)
        assert done.returncode == 0, done.stderr
        return done.stdout

    out = run(*toy, "--runs", str(tmp_path / "a"), "--out", str(tmp_path / "out"))
    assert "== flow: step 2, finished" in out
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"vae-run.json", "flow-curves.png", "restorer-samples.png", "vae-00001-of-00001.safetensors"} <= names
    out = run(*toy, "flow", "--runs", str(tmp_path / "b"), "--from", str(tmp_path / "out"))
    assert "== flow: step 2, finished" in out
    out = run("flow", "--runs", str(tmp_path / "c"), "--from", str(tmp_path / "a" / "flow"))
    assert "== flow: step 2, finished" in out
    assert '"from": {' in (tmp_path / "c" / "flow" / "run.json").read_text("utf-8")
