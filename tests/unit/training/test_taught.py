"""A run knows the concepts of its captions, and whose pictures it learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigc.errors import InvalidModelFile
from aigc.recipes.image.stickers.credits import credits
from aigc.recipes.image.taught import taught, teach


def test_a_run_has_met_what_its_captions_name_and_what_it_began_with(tmp_path: Path) -> None:
    assert taught(tmp_path) == list(range(1, 142))
    teach(tmp_path, [-1, 7, 3])
    teach(tmp_path, [150])
    assert taught(tmp_path) == [3, 7, 150]
    assert [path.name for path in tmp_path.iterdir()] == ["concepts.json"]


def test_a_damaged_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "concepts.json").write_text("{")
    with pytest.raises(InvalidModelFile, match=r"concepts\.json can't be read"):
        taught(tmp_path)


def test_who_learned_from_stickers_names_every_set_and_nobody_else_does() -> None:
    told = credits(("scenes", "stickers"))
    assert all(word in told for word in ("Noto Emoji", "Microsoft", "Twemoji", "EmojiOne", "Streamline", "CC-BY-4.0"))
    assert credits(("stickers:/packs",)) == told
    assert credits(("scenes", "photos:stickers")) == ""
