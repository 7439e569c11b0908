from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from terminal import Terminal
from test_commands import Piped, call

from aigc.cli.pictures import slug


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", Piped(""))
    return folder


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def said(err: str) -> list[str]:
    """Lines on standard error without the last one, which tells the time."""
    *lines, seconds = err.splitlines()
    assert seconds.endswith(" s")
    return lines


def test_the_file_is_on_stdout_and_how_it_was_made_on_stderr(api, capsys, here: Path) -> None:
    code, out, err = call(capsys, "image", "a red fox", "-o", "fox.png")
    assert (code, out, names(here)) == (0, "fox.png\n", ["fox.png"])
    assert said(err) == [
        "  aigc-v1, seed 7, 2 steps",
        "understood: fox = kind:fox",
        "not understood: zeppelin",
        "understood, and not to be seen: weather:rain",
    ]


def test_options_reach_the_server_under_the_names_of_the_api(api, capsys) -> None:
    options = "-m m --n 2 --seed 3 --steps 4 --guidance 1.5 --size 512x256 --style flat --transparent".split()
    assert call(capsys, "image", "a fox", *options, "-f", "webp", "--quality", "80")[0] == 0
    assert api.bodies == [
        {
            "path": "/v1/images/generations",
            "response_format": "b64_json",
            "prompt": "a fox",
            "model": "m",
            "n": 2,
            "size": "512x256",
            "seed": 3,
            "steps": 4,
            "guidance": 1.5,
            "style": "flat",
            "background": "transparent",
            "output_format": "webp",
            "output_compression": 80,
            "stream": True,
            "progress": True,
        }
    ]


def test_without_o_prompt_and_seed_name_the_file_and_none_is_overwritten(api, capsys, here: Path) -> None:
    assert (
        call(capsys, "image", "A red fox, at night!", "--n", "2")[1]
        == "a-red-fox-at-night-7.png\na-red-fox-at-night-8.png\n"
    )
    assert call(capsys, "image", "A red fox, at night!")[1] == "a-red-fox-at-night-7-2.png\n"
    assert call(capsys, "image", "雪山下的湖，日落", "-f", "jpeg")[1] == "雪山下的湖-日落-7.jpg\n"
    assert len(names(here)) == 4


@pytest.mark.parametrize(
    ("text", "name"), [("../../etc/passwd", "etc-passwd"), ("!?", "picture"), ("湖" * 50, "湖" * 20)]
)
def test_a_prompt_can_t_lead_out_of_the_folder_or_grow_too_long(text: str, name: str) -> None:
    assert slug(text) == name


def test_several_pictures_get_numbers_and_the_name_says_the_format(api, capsys, here: Path) -> None:
    call(capsys, "image", "a fox", "-n", "2", "-o", "fox.jpg")
    assert names(here) == ["fox-1.jpg", "fox-2.jpg"]
    with Image.open("fox-1.jpg") as opened:
        assert opened.format == "JPEG"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "512"], "'512' is no size; accepted: WIDTHxHEIGHT, like 512x512"),
        (["-f", "bmp"], "'bmp' is no format; accepted: png, jpeg, webp"),
        (["-o", "fox.bmp"], "'fox.bmp' ends like no picture; accepted: .png, .jpg, .jpeg, .webp"),
        (["-o", "fox.png", "-f", "webp"], "--format says webp, and the file's name png"),
    ],
)
def test_wrong_use_is_said_before_anything_is_asked(api, capsys, options: list[str], message: str) -> None:
    code, out, err = call(capsys, "image", "a fox", *options)
    assert (code, out, err.splitlines()[0]) == (2, "", f"error: {message}")
    assert api.bodies == []


def test_a_prompt_may_be_piped_in(api, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Piped("a fox\n"))
    call(capsys, "image")
    assert api.bodies[0]["prompt"] == "a fox"
    monkeypatch.setattr(sys, "stdin", Piped(""))
    assert call(capsys, "image")[0] == 2


def test_json_has_files_and_facts(api, capsys) -> None:
    found = json.loads(call(capsys, "panorama", "a fox", "--size", "1024x512", "--json")[1])
    assert [(one["file"], one["seed"], one["model"]) for one in found["pictures"]] == [("a-fox-7.png", 7, "aigc-v1")]
    assert (api.bodies[0]["path"], api.bodies[0]["size"]) == ("/v1/images/panoramas", "1024x512")


def test_an_edit_sends_photo_mask_and_words(api, capsys, here: Path) -> None:
    for name, colour in (("photo.png", "red"), ("mask.png", "#0000")):
        Image.new("RGBA", (2, 1), colour).save(name)
    code, out, _ = call(capsys, "edit", "photo.png", "a castle", "--mask", "mask.png", "--strength", "0.5")
    assert (code, out) == (0, "photo-edited-7.png\n")
    form = api.bodies[0]["form"]
    for part in (b'name="image"', b'name="mask"', b'name="strength"\r\n\r\n0.5', b'name="prompt"\r\n\r\na castle'):
        assert part in form
    assert call(capsys, "edit", "no-such.png", "x") == (
        1,
        "",
        "error: image: 'no-such.png' can't be read: No such file or directory\n",
    )


def test_a_reference_measures_before_and_after(api, capsys, here: Path) -> None:
    # The server answers pixels of 100: 20 log10(255 / 10) = 28.13 dB; before, 20 log10(255 / 40) = 16.09 dB.
    for name, grey in (("old.png", 50), ("clean.png", 90)):
        Image.fromarray(np.full((1, 2), grey, np.uint8)).save(name)
    code, out, err = call(
        capsys, "restore", "old.png", "--task", "denoise", "--reference", "clean.png", "-o", "new.png"
    )
    assert (code, out) == (0, "new.png\n")
    assert err.splitlines()[-1] == "likeness to clean.png: 16.09 dB before, 28.13 dB now"
    assert b'name="task"\r\n\r\ndenoise' in api.bodies[0]["form"]


def test_show_reads_what_stands_in_a_picture(api, capsys, here: Path) -> None:
    call(capsys, "image", "a fox", "-o", "fox.webp")
    shown = json.loads(call(capsys, "show", "fox.webp", "--json")[1])
    assert (shown["prompt"], shown["seed"], shown["model"], shown["format"]) == ("a fox", 7, "aigc-v1", "webp")
    lines = call(capsys, "show", "fox.webp")[1].splitlines()
    assert "prompt\ta fox" in lines
    assert "grounded\tfox = kind:fox" in lines
    Path("note.txt").write_text("hello")
    assert "this is no picture of a known kind" in call(capsys, "show", "note.txt")[2]
    assert "'none.png' can't be read: No such file or directory" in call(capsys, "show", "none.png")[2]
    assert call(capsys, "show", "nothing.png")[0] == 1


def test_ctrl_c_ends_the_work_and_leaves_no_file(api, here: Path) -> None:
    with Terminal("image", "wait", "-o", "fox.png", COLUMNS="80") as terminal:
        terminal.expect("picture 1 of 1")
        terminal.interrupt()
        assert terminal.wait() == 130
    end = time.monotonic() + 30
    while api.left == 0:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert names(here) == []
