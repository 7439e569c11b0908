"""`aigc train` as a person meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigc.cli.main import run


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    code = run(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_without_a_recipe_it_lists_them(capsys) -> None:
    code, out, _ = call(capsys, "train")
    assert code == 0
    assert out.splitlines()[1].split("\t")[0] == "image/vae"


def test_an_unknown_recipe_is_one_line_and_a_hint(capsys) -> None:
    code, out, err = call(capsys, "train", "image/vax")
    assert (code, out) == (1, "")
    assert err.startswith("error: no recipe is called 'image/vax'\nhint: there are: image/vae")


def test_a_toy_run_ends_with_its_folder_and_goes_on(capsys, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    command = ["train", "image/vae", "--run", str(tmp_path / "run"), "--pool", str(tmp_path / "pool")]
    command += ["--device", "cpu", "--workers", "1"]
    code, out, err = call(capsys, *command, "--size", "toy", "--set", "train.steps=2")
    assert (code, out) == (0, f"{tmp_path / 'run'}\n"), err
    assert "finished after 2 steps" in err
    code, _, err = call(capsys, *command, "--set", "train.steps=3")
    assert code == 0
    assert "finished after 3 steps" in err
    code, _, err = call(capsys, *command, "--set", "kl=1")
    assert code == 1
    assert "begin another run with --run" in err


def test_a_source_that_does_not_exist_is_named(capsys, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    code, _, err = call(capsys, "train", "image/vae", "--run", str(tmp_path / "run"), "--data", "photoz")
    assert code == 1
    assert "no source of pictures is called 'photoz'" in err
