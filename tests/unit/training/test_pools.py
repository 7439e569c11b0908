"""Pictures by number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
image = pytest.importorskip("PIL.Image")

from aigc.errors import UserError  # noqa: E402
from aigc.recipes.image.shapes import Shapes  # noqa: E402
from aigc.training.pool import Pictures, Pool  # noqa: E402
from aigc.training.source import Photographs  # noqa: E402


def test_batches_are_the_same_from_any_start(tmp_path: Path) -> None:
    pool = Pool(tmp_path, Shapes(16))
    pool.fill(64)
    data = Pictures([pool], 64, 4, seed=3, side=8)
    all_of_them = [b["pixels"] for b in data.stream(range(12))]
    later = [b["pixels"] for b in data.stream(range(7, 12))]
    assert all(torch.equal(a, b) for a, b in zip(all_of_them[7:], later, strict=True))
    assert all_of_them[0].shape == (4, 3, 8, 8)


def test_worker_processes_make_the_same_pictures(tmp_path: Path) -> None:
    here, there = Pool(tmp_path / "a", Shapes(8)), Pool(tmp_path / "b", Shapes(8))
    here.fill(128)
    there.fill(128, workers=2)
    assert np.array_equal(here.rows("shape", range(128)), there.rows("shape", range(128)))
    assert there.captions("shape", 1) == here.captions("shape", 1)


def test_a_pool_of_other_pictures_is_refused(tmp_path: Path) -> None:
    Pool(tmp_path, Shapes(8))
    with pytest.raises(UserError, match="holds pictures of 'shapes 1, 8', not of 'shapes 1, 16'"):
        Pool(tmp_path, Shapes(16))


def test_a_shape_stands_on_the_ground_that_its_caption_names() -> None:
    seen = set()
    for index in range(40):
        sample = Shapes(48).sample("shape", index, False)
        red, green, blue = sample.pixels[0, 0].astype(int)
        ground = sample.english[0].split(" on a ")[1].split()[0]
        seen.add(ground)
        assert {"red": red > 2 * blue, "blue": blue > 2 * red, "green": green > red, "black": red < 50}.get(
            ground, True
        )
    assert {"red", "blue", "green", "black"} < seen


def test_held_out_photographs_never_occur_in_training(tmp_path: Path) -> None:
    for number in range(5):
        image.fromarray(np.full((40, 50, 3), number * 50, np.uint8)).save(tmp_path / f"{number}.png")
    source = Photographs(tmp_path, 16)
    held = {int(source.sample("photo", i, True).pixels[0, 0, 0]) for i in range(0, 640, 64)}
    seen = {int(source.sample("photo", i, False).pixels[0, 0, 0]) for i in range(0, 640, 64)}
    assert (held, seen) == ({200}, {0, 50, 100, 150})


def test_captions_lie_beside_photographs_and_keep_them_whole(tmp_path: Path) -> None:
    wide = np.zeros((16, 16, 3), np.uint8)
    wide[:, :8] = 255
    for number in range(5):
        image.fromarray(wide).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.txt").write_text("a white house left of a rock\n\n 石头左边的白房子 \n", "utf-8")
    before = Photographs(tmp_path, 8).identity
    for index in range(8):
        sample = Photographs(tmp_path, 8).sample("photo", index, False)
        assert sample.english == ("a white house left of a rock",)
        assert sample.chinese == ("石头左边的白房子",)
        assert sample.pixels[:, :4].min() > 240
        assert sample.pixels[:, 4:].max() < 15
    (tmp_path / "0.txt").write_text("a black house", "utf-8")
    assert Photographs(tmp_path, 8).identity != before


def test_too_few_photographs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds 0 photographs; accepted: at least 5"):
        Photographs(tmp_path, 16).identity  # noqa: B018
