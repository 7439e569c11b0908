"""The renderer as a source."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from aigc.errors import UserError
from aigc.recipes.base import open_source
from aigc.recipes.image.scenes import Scenes
from aigc.training.pool import Pictures, Pool


def test_scenes_come_in_three_kinds_with_captions_in_both_languages() -> None:
    source = Scenes(32)
    shapes = {k.name: source.sample(k.name, 5, False) for k in source.kinds}
    assert {name: s.pixels.shape for name, s in shapes.items()} == {
        "perspective": (32, 32, 3),
        "sticker": (32, 32, 3),
        "panorama": (32, 64, 3),
    }
    assert all(len(s.english) > 1 and len(s.chinese) > 1 for s in shapes.values())


def test_one_kind_of_scenes_has_the_pictures_that_all_of_them_have() -> None:
    stickers = open_source("scenes:sticker", 32)
    assert [kind.name for kind in stickers.kinds] == ["sticker"]
    assert (stickers.sample("sticker", 5, False).pixels == Scenes(32).sample("sticker", 5, False).pixels).all()
    with pytest.raises(UserError, match="scenes have no kind 'meme'; accepted: perspective, sticker, panorama"):
        open_source("scenes:meme", 32)


def test_a_batch_of_stickers_is_drawn_from_the_pool(tmp_path: Path) -> None:
    pool = Pool(tmp_path, open_source("scenes:sticker", 32))
    pool.fill(64)
    assert Pictures([pool], 64, 2, 0, 32).batch(1)["pixels"].shape == (2, 3, 32, 32)
